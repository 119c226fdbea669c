"""The graph as an engine: what it trains beside dense and torch, what it refuses, and that it resumes."""

import os
import signal

import numpy as np
import pytest
from sklearn.datasets import load_digits

import unstuck
from cases import (
    OPTIMIZERS,
    agreement_cases,
    arranged,
    distance,
    images,
    label,
    recipe,
    table,
    trained,
    undetermined,
)
from unstuck import files
from unstuck.data import load
from unstuck.data.source import Pairs, Source
from unstuck.errors import RecipeError
from unstuck.network.graphed import graphed
from unstuck.recipe import file
from unstuck.recipe.data import Data
from unstuck.recipe.spec import Recipe
from unstuck.training.folder import Folder
from unstuck.training.run import conclude, seal
from unstuck.training.task import task_of_recipe
from unstuck.training.training import Training

STEPS = 40  # beyond an epoch of 25, whose last batch is short
LOSSES, WEIGHTS = 1e-5, 1e-4  # relative distances within which float32 is the same as float64


def tasks(case, dataset, *names):
    return [task_of_recipe(case.edit("engine", name), dataset) for name in names]


def alike(ours, theirs, steps=STEPS):
    """The same losses, weights, running statistics, and outputs for rows in evaluation mode."""
    np.testing.assert_allclose(trained(ours, steps), trained(theirs, steps), rtol=LOSSES)
    expected = theirs.engine.weights()
    found = ours.engine.weights()
    assert found.keys() == expected.keys()
    for name in found.keys() - undetermined(ours):
        assert distance(found[name], expected[name]) < WEIGHTS, name
    if undetermined(ours) and ours.recipe.optimizer.name not in ("sgd", "momentum", "nesterov"):
        return  # the others make whole steps of rounding, which the running mean follows late
    rows = [task.engine.evaluate(task.rows["train"]) for task in (ours, theirs)]
    np.testing.assert_allclose(rows[0].outputs, rows[1].outputs, rtol=1e-3, atol=1e-4)
    assert rows[0].loss == pytest.approx(rows[1].loss, rel=LOSSES)


@pytest.mark.parametrize("case", agreement_cases()[::4], ids=label)
def test_all_three_engines_train_the_same_perceptron(case):
    ours, dense, torch = tasks(case, images(), "graph", "dense", "torch")
    alike(dense, ours)
    ours = tasks(case, images(), "graph")[0]
    alike(torch, ours)


def test_the_cases_hold_every_optimizer():
    assert {case.optimizer.name for case in agreement_cases()[::4]} == {*OPTIMIZERS}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("data", [images, table], ids=["classes", "numbers"])
def test_all_three_engines_take_the_same_steps(data, optimizer):
    rule = {"name": optimizer, "lr": OPTIMIZERS[optimizer]}
    case = recipe(optimizer=rule, model={"hidden": [16, 12], "activation": "tanh"})
    for other in ("dense", "torch"):
        alike(*tasks(case, data(), other, "graph"))


def pictures():
    digits = load_digits()
    x = np.kron(digits.images[:200], np.ones((3, 3))) * 15
    train = Pairs(x.astype(np.uint8), digits.target[:200].astype(np.int64))
    return arranged(Source(name="enlarged", train=train, classes=tuple("0123456789")))


def pulses():
    return load(Data(name="pulses", rows=400))


BEYOND = {
    "lenet": ({"name": "lenet", "activation": "tanh", "pooling": "average", "dropout": 0.2}, pictures),
    "resnet": ({"name": "resnet", "depth": 8, "width": 4, "activation": "gelu"}, pictures),
    "rnn": ({"name": "rnn", "hidden": 6, "layers": 2}, pulses),
    "lstm": ({"name": "lstm", "hidden": 6}, pulses),
    "gru": ({"name": "gru", "hidden": 6, "directions": 2}, pulses),
}


@pytest.mark.parametrize("name", BEYOND)
def test_torch_trains_the_same_where_dense_cannot(name):
    model, data = BEYOND[name]
    case = recipe(model=model, optimizer={"name": "momentum", "lr": 0.005})
    alike(*tasks(case, data(), "torch", "graph"), steps=15)


def test_a_training_that_is_cut_anywhere_goes_on_to_the_same_bits():
    model = {"hidden": [12], "normalization": "batch", "dropout": 0.3}
    case = recipe(engine="graph", model=model)
    whole, first, second = (task_of_recipe(case, images()) for _ in range(3))
    losses = trained(whole, 30)
    np.testing.assert_array_equal(trained(first, 11, cut=2), losses[:11])
    second.engine.restore(first.engine.weights(), first.engine.memory())
    plan = second.plan
    rest = plan.order(0)[11 * plan.batch_size :], plan.factors(np.arange(11, plan.steps)), 11
    np.testing.assert_array_equal(second.engine.advance(*rest), losses[11 : plan.steps])


def test_an_interrupted_run_is_resumed_to_the_same_bits(tmp_path):
    case = Recipe(data="digits", engine="graph", epochs=3, model={"hidden": [16], "normalization": "batch"})
    whole = unstuck.train(case, out=tmp_path / "whole")
    folder = Folder.create(tmp_path / "part")
    files.write(folder.recipe, file.dumps(task_of_recipe(case).recipe))
    training = Training(task_of_recipe(case), folder)
    for _ in training:
        os.kill(os.getpid(), signal.SIGINT)
    seal(conclude(training))
    resumed = Training.resumed(task_of_recipe(case), folder)
    for _ in resumed:
        pass
    again = conclude(resumed)
    np.testing.assert_array_equal(again.record["train_loss"], whole.record["train_loss"])
    assert again.scores == whole.scores
    for name, value in whole.weights.items():
        np.testing.assert_array_equal(again.weights[name], value)


def test_digits_are_learned():
    run = unstuck.train(Recipe(data="digits", engine="graph", epochs=20, model={"hidden": [64]}))
    assert run.recipe.device == "cpu"
    assert run.scores["test"]["accuracy"] > 0.93
    losses = run.record["train_loss"]
    assert losses[-1] < 0.1 * losses[0]


def test_a_loss_that_is_not_finite_ends_the_training_before_its_step():
    case = recipe(engine="graph", loss="mse", optimizer={"name": "sgd", "lr": 1e12}, schedule="constant")
    task = task_of_recipe(case, table())
    losses, before = [0.0], {}
    for done in range(60):
        before = task.engine.weights()
        losses = task.engine.advance(np.arange(16), np.ones(1), done)
        if not np.isfinite(losses[-1]):
            break
    assert not np.isfinite(losses[-1])
    for name, value in task.engine.weights().items():
        np.testing.assert_array_equal(value, before[name])
    assert task.engine.trouble() is None or task.engine.trouble().startswith("layer ")


@pytest.mark.parametrize(
    ("fields", "lacking"),
    [
        ({"augment": "noise"}, "augmentation"),
        ({"precision": "bf16"}, "bf16"),
        ({"compile": True}, "torch.compile"),
        ({"model": {"name": "own", "function": "mine:net"}}, "model of your own"),
    ],
)
def test_what_it_lacks_is_said_in_one_line(fields, lacking):
    with pytest.raises(RecipeError) as caught:
        task_of_recipe(recipe(engine="graph", **fields), images(), make=lambda shape, outputs: None)
    assert str(caught.value).startswith("engine must be torch or auto for this network, got 'graph'.")
    assert f"The graph engine has no {lacking}." in str(caught.value)


def test_dropout_between_recurrent_layers_is_refused():
    with pytest.raises(RecipeError, match="The graph engine has no dropout between recurrent layers"):
        task_of_recipe(recipe(engine="graph", model={"name": "lstm", "layers": 2, "dropout": 0.5}), pulses())


def test_it_knows_no_gpu():
    with pytest.raises(RecipeError, match="engine must be torch or auto where the device is cuda, got 'graph'"):
        task_of_recipe(recipe(engine="graph", device="cuda"), images())


@pytest.mark.parametrize("model", [{"hidden": [4]}, {"name": "gru"}])
def test_auto_never_takes_it(model):
    data = images() if "hidden" in model else pulses()
    assert task_of_recipe(recipe(model=model), data).engine.name in ("dense", "torch")


def test_a_graph_in_training_mode_must_be_told_what_dropout_keeps():
    task = task_of_recipe(recipe(engine="graph", model={"hidden": [4], "dropout": 0.5}), images())
    weights, x = task.engine.weights(), np.ones((2, 24))
    with pytest.raises(RecipeError, match="none of them dropout"):
        graphed(task.network, weights, x)
    dropped = graphed(task.network, weights, x, kept=lambda place, size, share: np.zeros(size, bool))
    np.testing.assert_array_equal(dropped.outputs.value, np.tile(weights["3.bias"], (2, 1)))
