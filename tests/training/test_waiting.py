"""Trainings that wait for the validation loss: they stop early or lower the rate, and go on to the same bits."""

import numpy as np
import pytest
import torch
from test_training import HELD_OUT, same, through
from torch import nn

from cases import images, recipe
from unstuck.engine import StopReason
from unstuck.errors import ProgramError, RecipeError
from unstuck.training import training as module
from unstuck.training.folder import Folder
from unstuck.training.program import Program
from unstuck.training.run import conclude
from unstuck.training.task import task_of_program, task_of_recipe
from unstuck.training.training import Training

ENGINES = pytest.mark.parametrize("engine", ["dense", "torch"])
PLATEAU = {"name": "plateau", "factor": 0.5, "patience": 1, "min_improvement": 0.0}


def task(engine, **fields):
    """At a rate so high that the validation loss goes up and down."""
    usual = {"optimizer": {"name": "adam", "lr": 0.1}, "schedule": "constant", "keep": "auto", "epochs": 14}
    data = {"name": "digits", "validation": 0.2}
    return task_of_recipe(recipe(engine=engine, data=data, **usual | fields), images(**HELD_OUT))


def expected_end(losses, patience, least):
    """The number of epochs after which patience has run out, or all."""
    best, since = np.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        best, since = (loss, 0) if loss < best - least else (best, since + 1)
        if since == patience:
            return epoch
    return len(losses)


@ENGINES
@pytest.mark.parametrize("patience", [1, 2, 3, 50])
@pytest.mark.parametrize("least", [0.0, 0.05])
def test_training_ends_once_patience_has_run_out(engine, patience, least):
    losses = through(Training(task(engine))).record["validation_loss"]
    stopping = {"patience": patience, "min_improvement": least}
    early = through(Training(task(engine, stopping=stopping)))
    end = expected_end(losses, patience, least)
    np.testing.assert_array_equal(early.record["validation_loss"], losses[:end])
    reason = StopReason.STOPPED_EARLY if end < len(losses) else StopReason.FINISHED
    assert early.stop == (reason, end, 0, None)


@ENGINES
def test_stopping_early_keeps_the_best_weights(engine):
    training = through(Training(task(engine, stopping={"patience": 2})))
    assert training.stop.reason is StopReason.STOPPED_EARLY
    run = conclude(training)
    assert run.kept == "best"
    assert run.scores["validation"]["loss"] == training.record["validation_loss"].min()


def test_at_the_last_epoch_nothing_is_left_to_stop():
    losses = through(Training(task("dense"))).record["validation_loss"]
    end = expected_end(losses, 1, 0.0)
    training = through(Training(task("dense", epochs=end, stopping={"patience": 1})))
    assert training.stop.reason is StopReason.FINISHED


@ENGINES
def test_the_rate_is_lowered_as_torch_lowers_it(engine):
    ours, theirs = task(engine, schedule=PLATEAU), task(engine, schedule=PLATEAU)
    through(Training(ours))
    oracle = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        oracle, factor=0.5, patience=1, threshold=0.0, threshold_mode="abs", eps=0.0
    )
    for epoch in range(theirs.plan.epochs):
        factors = np.full(theirs.plan.steps, oracle.param_groups[0]["lr"])
        theirs.engine.advance(theirs.plan.order(epoch), factors, epoch * theirs.plan.steps)
        plateau.step(theirs.engine.evaluate(theirs.rows["validation"]).loss)
    assert oracle.param_groups[0]["lr"] < 1
    for name, value in theirs.engine.weights().items():
        np.testing.assert_array_equal(ours.engine.weights()[name], value, err_msg=name)


@ENGINES
@pytest.mark.parametrize("kill_after", [1, 9, 16, 25])
def test_what_was_waited_outlives_a_kill(tmp_path, monkeypatch, engine, kill_after):
    monkeypatch.setattr(module, "_LATEST", 0.0)  # a checkpoint after every stretch
    waiting = {"schedule": PLATEAU, "stopping": {"patience": 4}}
    whole = through(Training(task(engine, **waiting)))
    folder = Folder.create(tmp_path / "run")
    stretches = iter(Training(task(engine, **waiting), folder))
    for _ in range(kill_after):
        next(stretches, None)
    del stretches  # it never hears of it
    same(through(Training.resumed(task(engine, **waiting), folder)), whole)


@ENGINES
def test_a_run_that_stopped_early_does_not_go_on_when_it_is_resumed(tmp_path, engine):
    folder = Folder.create(tmp_path / "run")
    first = through(Training(task(engine, stopping={"patience": 1}), folder))
    assert first.stop.reason is StopReason.STOPPED_EARLY
    same(through(Training.resumed(task(engine, stopping={"patience": 1}), folder)), first)


def test_a_run_whose_loss_is_nan_after_its_last_step_does_not_go_on_when_it_is_resumed(tmp_path):
    def measured(training):
        training.measure = lambda rows: ({"loss": np.nan, "accuracy": 0.0}, None)
        return training

    folder = Folder.create(tmp_path / "run")
    first = through(measured(Training(task("dense"), folder)))
    again = through(measured(Training.resumed(task("dense"), folder)))
    assert first.stop.reason is StopReason.NOT_FINITE
    assert (again.stop, again.done) == (first.stop, first.done)


# without validation rows there is nothing to wait for


@pytest.mark.parametrize(
    ("waiting", "words"),
    [
        ({"stopping": {"patience": 3}}, "stopping.patience must"),
        ({"schedule": "plateau"}, "schedule.name must be another"),
    ],
)
def test_waiting_is_refused_where_the_data_leave_no_validation_rows(waiting, words):
    with pytest.raises(RecipeError, match=words) as caught:
        task_of_recipe(recipe(data={"name": "digits", "validation": 0.2}, keep="auto", **waiting), images())
    assert "\n" not in str(caught.value)


def test_a_program_stops_early():
    x, y = torch.randn(64, 5, generator=torch.Generator().manual_seed(0)), torch.arange(64) % 2

    def make(**fields):
        return Program(
            model=lambda: nn.Linear(5, 2),
            train=(x, y),
            loss=nn.CrossEntropyLoss(),
            optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1.0),
            epochs=30,
            **fields,
        )

    losses = through(Training(task_of_program(make(validation=(x, 1 - y))))).record["validation_loss"]
    training = through(Training(task_of_program(make(validation=(x, 1 - y), patience=2))))
    assert training.stop.epoch == expected_end(losses, 2, 0.0)
    assert training.stop.reason is StopReason.STOPPED_EARLY
    with pytest.raises(ProgramError, match="patience must be None where there is no validation data, got 2."):
        task_of_program(make(patience=2))
    with pytest.raises(ProgramError, match="patience must be a whole number, 1 or more, got 0."):
        task_of_program(make(validation=(x, y), patience=0))
