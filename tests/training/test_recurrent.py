"""Recurrent networks on sequences of unequal length: each is read to its own end, and is learned from."""

import numpy as np
import pytest
import torch
from torch import nn

import unstuck
from unstuck.data import load
from unstuck.data.sequences import lengths_of
from unstuck.errors import DataError, RecipeError
from unstuck.recipe.data import Data
from unstuck.recipe.spec import Recipe
from unstuck.training.task import task_of_recipe

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def recipe(**fields):
    given = {"data": "pulses", "model": {"name": "gru", "hidden": 24}, "epochs": 8, "optimizer": {"lr": 0.01}}
    return Recipe(**(given | fields))


@pytest.fixture(scope="module")
def sequences():
    return load(Data(name="pulses"))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_a_padded_batch_gives_the_same_as_torchs_own_cells_on_each_sequence_alone(
    sequences, cell, directions, layers
):
    model = {"name": cell, "hidden": 7, "directions": directions, "layers": layers}
    task = task_of_recipe(recipe(model=model), sequences)
    ours = task.engine.evaluate(task.rows["test"]).outputs
    weights = {name: torch.from_numpy(value) for name, value in task.engine.weights().items()}
    reader = CELLS[cell](1, 7, layers, batch_first=True, bidirectional=directions == 2)
    reader.load_state_dict({name: weights[f"1.cells.{name}"] for name in reader.state_dict()})
    last = nn.Linear(7 * directions, 2)
    last.load_state_dict({name: weights[f"2.{name}"] for name in ("weight", "bias")})
    lengths = lengths_of(sequences.test.x)
    assert len(set(lengths)) > 10
    with torch.no_grad():
        for x, length, said in zip(sequences.test.x[:40], lengths, ours, strict=False):
            state = reader(torch.from_numpy(x[None, :length]))[1]
            state = state[0] if cell == "lstm" else state
            alone = last(state[-directions:].permute(1, 0, 2).flatten(1))[0]
            np.testing.assert_allclose(said, alone, atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_order_of_the_steps_is_learned(cell):
    run = unstuck.train(recipe(model={"name": cell, "hidden": 24}))
    assert run.scores["test"]["accuracy"] > 0.95


def test_what_was_trained_answers_for_shorter_sequences_and_refuses_longer_ones(sequences):
    run = unstuck.train(recipe(epochs=1))
    raw = sequences.inputs.undo(sequences.test.x)
    some = raw[lengths_of(raw) <= 12]
    np.testing.assert_allclose(run.probabilities(some[:, :12]), run.probabilities(some), atol=1e-6)
    with pytest.raises(DataError, match="at most 24 steps, got 25"):
        run.predict(np.zeros((2, 25, 1)))
    with pytest.raises(DataError, match="step 2, holds NaN"):
        run.predict(np.array([[[1.0], [np.nan], [1.0]]]))
    with pytest.raises(DataError, match=r"x must be sequences \(rows, steps, 1\)"):
        run.predict(np.zeros((2, 24)))


@pytest.mark.parametrize("model", ["mlp", "lenet", "autoencoder"])
def test_networks_that_know_no_end_are_refused(model):
    with pytest.raises(RecipeError, match=r"model.name must be rnn, lstm (or|and) gru"):
        task_of_recipe(recipe(model=model))


def test_sequences_take_noise_and_neither_mixup_nor_changes_of_pictures(sequences):
    with pytest.raises(RecipeError, match="^augment must be noise or mixup, got 'shift'"):
        task_of_recipe(recipe(augment="shift"), sequences)
    with pytest.raises(RecipeError, match="^augment.mixup must be 0"):
        task_of_recipe(recipe(augment="mixup"), sequences)
    task = task_of_recipe(recipe(augment="noise"), sequences)
    losses = task.engine.advance(np.arange(64), np.ones(2), 0)
    assert np.isfinite(losses).all()
