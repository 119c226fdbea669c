"""A training: the same bits again, however it is watched, cut, killed or resumed; and its failure, a value."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from cases import OPTIMIZERS, images, recipe, table, trained
from unstuck.data import Split
from unstuck.engine import StopReason
from unstuck.errors import RecipeError
from unstuck.training import training as module
from unstuck.training.checkpoint import Best
from unstuck.training.folder import Folder
from unstuck.training.program import Program
from unstuck.training.run import conclude
from unstuck.training.task import task_of_program, task_of_recipe
from unstuck.training.training import Training

HELD_OUT = {"validation": 0.2, "test": 0.2}


def dense(optimizer="adam", **fields):
    data = {"name": "digits", "validation": 0.2}
    case = recipe(optimizer=optimizer, engine="dense", epochs=3, data=data, keep="best", **fields)
    return task_of_recipe(case, images(**HELD_OUT))


def on_torch(optimizer="adam", **fields):
    """With dropout, so that there is a random stream to go on with."""
    data = {"name": "digits", "validation": 0.2}
    model = {"hidden": [16, 12], "dropout": 0.3, "normalization": "layer"}
    case = recipe(optimizer=optimizer, engine="torch", epochs=3, model=model, data=data, keep="best", **fields)
    return task_of_recipe(case, images(**HELD_OUT))


def pictures(optimizer="momentum", **fields):
    """Of three colors, through convolutions, batch normalization and random shifts."""
    data = {"name": "digits", "validation": 0.2}
    model = {"name": "resnet", "depth": 8, "width": 4}
    case = recipe(
        optimizer=optimizer, epochs=3, model=model, data=data, keep="best", augment={"shift": 0.2}, **fields
    )
    return task_of_recipe(case, reshaped(images(rows=96, features=192, **HELD_OUT), 3, 8, 8))


def sequences(optimizer="rmsprop", **fields):
    """Read in both directions, with dropout between the layers and clipped gradients."""
    data = {"name": "digits", "validation": 0.2}
    model = {"name": "lstm", "hidden": 6, "layers": 2, "directions": 2, "dropout": 0.3}
    rule = {"name": optimizer, "clip_norm": 0.5}
    case = recipe(optimizer=rule, epochs=3, model=model, data=data, keep="best", **fields)
    return task_of_recipe(case, reshaped(images(**HELD_OUT), 6, 4))


def reshaped(data, *shape):
    """The same rows as pictures or sequences."""
    parts = {name: Split(part.x.reshape(-1, *shape), part.y, part.rows) for name, part in data.splits.items()}
    return replace(data, **parts)


def program(optimizer="adam"):
    """With batch normalization, whose statistics are no parameters."""
    data = images(**HELD_OUT)
    x, y = (torch.from_numpy(part) for part in (data.train.x / np.float32(255), data.train.y))
    rule = {"sgd": torch.optim.SGD, "adam": torch.optim.AdamW}.get(optimizer, torch.optim.RMSprop)
    return task_of_program(
        Program(
            model=lambda: nn.Sequential(
                nn.Linear(24, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 4)
            ),
            train=(x[:200], y[:200]),
            validation=(x[200:], y[200:]),
            loss=nn.CrossEntropyLoss(),
            optimizer=lambda parameters: rule(parameters, lr=0.01),
            schedule=lambda step: 0.99**step,
            batch_size=16,
            epochs=3,
        )
    )


MAKERS = [dense, on_torch, pictures, sequences, program]
TASKS = pytest.mark.parametrize("make", MAKERS, ids=[make.__name__ for make in MAKERS])


def through(training):
    for _ in training:
        pass
    return training


def same(ours, theirs):
    """Bit for bit: what was measured, but for the clock, and all that the next step depends on."""
    for name in theirs.record:
        if name != "seconds":
            np.testing.assert_array_equal(ours.record[name], theirs.record[name], err_msg=name)
    pairs = [(getattr(t.task.engine, part)() for t in (ours, theirs)) for part in ("weights", "memory")]
    for mine, other in [*pairs, (ours.best_weights, theirs.best_weights)]:
        assert mine.keys() == other.keys()
        for name, value in other.items():
            np.testing.assert_array_equal(mine[name], value, err_msg=name)
    assert (ours.stop, ours.done, ours.best) == (theirs.stop, theirs.done, theirs.best)


@TASKS
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_one_recipe_and_seed_give_the_same_bits_twice(make, optimizer):
    same(through(Training(make(optimizer))), through(Training(make(optimizer))))


@pytest.mark.parametrize("make", [dense, on_torch], ids=["dense", "torch"])
def test_another_seed_gives_another_training(make):
    first, second = (through(Training(make(seed=seed))) for seed in (0, 1))
    assert (first.record["step_loss"] != second.record["step_loss"]).all()


@TASKS
def test_a_training_gives_the_same_bits_however_it_is_cut(make):
    whole, cut = make(), make()
    np.testing.assert_array_equal(trained(whole), trained(cut, cut=1))
    for name, value in whole.engine.memory().items():
        np.testing.assert_array_equal(cut.engine.memory()[name], value, err_msg=name)


@TASKS
def test_watching_a_training_does_not_change_it(make):
    alone, watched = make(), make()
    losses = trained(alone)
    seen = []
    for step in range(watched.plan.steps * watched.plan.epochs):
        epoch, place = divmod(step, watched.plan.steps)
        rows = watched.plan.order(epoch)[place * 16 : place * 16 + 16]
        seen.append(watched.engine.advance(rows, watched.plan.factors(np.array([step])), step))
        watched.engine.evaluate(watched.rows["validation"])
        watched.engine.weights()
        watched.engine.memory()
        torch.rand(3)  # whoever watches may draw numbers
    np.testing.assert_array_equal(np.concatenate(seen), losses)


@TASKS
def test_training_leaves_the_global_random_streams_and_threads_as_they_were(make):
    before, numpys, threads = torch.get_rng_state(), np.random.get_state()[1].copy(), torch.get_num_threads()
    through(Training(make()))
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(np.random.get_state()[1], numpys)
    assert torch.get_num_threads() == threads


@TASKS
@pytest.mark.parametrize("kill_after", [1, 2, 4, 9])
def test_a_run_killed_anywhere_resumes_to_the_same_bits(tmp_path, monkeypatch, make, kill_after):
    monkeypatch.setattr(module, "_LATEST", 0.0)  # a checkpoint after every stretch
    folder = Folder.create(tmp_path / "run")
    stretches = iter(Training(make(), folder))
    for _ in range(kill_after):
        if next(stretches, None) is None:
            break
    del stretches  # it never hears of it
    resumed = through(Training.resumed(make(), folder))
    same(resumed, through(Training(make())))
    assert len(resumed.record["step_loss"]) == resumed.task.plan.steps * 3


@TASKS
def test_a_finished_run_resumed_is_finished(tmp_path, make):
    folder = Folder.create(tmp_path / "run")
    first = through(Training(make(), folder))
    same(through(Training.resumed(make(), folder)), first)


@TASKS
def test_the_best_weights_are_those_of_the_least_validation_loss(make):
    training = through(Training(make()))
    losses = training.record["validation_loss"]
    assert training.best == Best(epoch=int(losses.argmin()) + 1, validation_loss=losses.min())
    assert training.keep() == "best"
    measured, _ = training.measure(training.task.rows["validation"])
    assert measured["loss"] == losses.min()


def test_the_last_weights_are_kept_where_the_recipe_says_so():
    task = task_of_recipe(recipe(engine="dense", epochs=2, keep="last"), images(**HELD_OUT))
    training = through(Training(task))
    before = task.engine.weights()
    assert training.keep() == "last"
    for name, value in task.engine.weights().items():
        np.testing.assert_array_equal(value, before[name])


def test_losses_are_means_over_rows_not_over_batches():
    training = through(Training(dense()))
    rows = training.task.rows["train"]
    assert len(rows) % 16 != 0
    model = nn.Sequential(nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 4))
    weights = training.task.engine.weights()
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    with torch.no_grad():
        x, y = torch.from_numpy(rows.x) / 255, torch.from_numpy(rows.y)
        expected = nn.functional.cross_entropy(model(x), y).item()
    assert training.record["train_loss"][-1] == pytest.approx(expected, rel=1e-5)


# failure is a value


@pytest.mark.parametrize("engine", ["dense", "torch"])
@pytest.mark.parametrize("data", [images, table], ids=["classes", "numbers"])
def test_a_rate_that_is_far_too_high_ends_the_run_with_step_and_layer(tmp_path, engine, data):
    case = recipe(optimizer={"name": "sgd", "lr": 1e30}, engine=engine, schedule="constant")
    training = through(Training(task_of_recipe(case, data(test=0.2)), Folder.create(tmp_path / "run")))
    losses = training.record["step_loss"]
    assert training.stop.reason is StopReason.NOT_FINITE
    assert (training.stop.epoch, training.stop.step) == divmod(len(losses) - 1, training.task.plan.steps)
    assert training.stop.layer.startswith("layer ")
    assert training.done == len(losses) - 1
    assert np.isfinite(losses[:-1]).all()
    assert not np.isfinite(losses[-1])

    again = task_of_recipe(case, data(test=0.2))
    trained(again, training.done)
    for part in ("weights", "memory"):  # what they were before the step that failed
        for name, value in getattr(again.engine, part)().items():
            np.testing.assert_array_equal(getattr(training.task.engine, part)()[name], value, err_msg=name)
    run = conclude(training)
    assert run.stop == training.stop
    assert run.kept == "last"


def test_both_engines_fail_at_the_same_step_and_layer():
    stops = []
    for engine in ("dense", "torch"):
        case = recipe(optimizer={"name": "sgd", "lr": 1e30}, engine=engine, schedule="constant")
        stops.append(through(Training(task_of_recipe(case, images()))).stop)
    ours, theirs = stops
    assert ours == theirs


def failing():
    """A program with batch normalization and dropout, of which one row is not a number."""
    x, y = torch.randn(64, 5, generator=torch.Generator().manual_seed(0)), torch.arange(64) % 2
    x[40] = float("nan")
    return task_of_program(
        Program(
            model=lambda: nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Dropout(), nn.Linear(6, 2)),
            train=(x, y),
            loss=nn.CrossEntropyLoss(),
            optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
            batch_size=8,
        )
    )


def test_a_failed_step_of_a_program_leaves_statistics_and_random_stream_as_they_were():
    task, until = failing(), failing()
    training = through(Training(task))
    assert training.stop.reason is StopReason.NOT_FINITE
    assert training.stop.layer == "layer 0 (Linear)"
    trained(until, training.done)
    for part in ("weights", "memory"):
        for name, value in getattr(until.engine, part)().items():
            np.testing.assert_array_equal(getattr(task.engine, part)()[name], value, err_msg=name)


def test_a_failed_run_that_is_resumed_fails_again_and_its_record_is_the_same(tmp_path):
    folder = Folder.create(tmp_path / "run")
    first = through(Training(failing(), folder))
    second = through(Training.resumed(failing(), folder))
    assert second.stop == first.stop
    np.testing.assert_array_equal(second.record["step_loss"], first.record["step_loss"])


def test_the_weights_of_the_best_epoch_outlive_a_failure():
    task = dense(optimizer={"name": "sgd", "lr": 0.1})
    training = Training(task)
    for stretch in training:
        if stretch.epoch == 1 and training.best is not None:
            weights = task.engine.weights()
            weights["0.weight"][:] = np.nan
            task.engine.restore(weights)
    assert training.stop.reason is StopReason.NOT_FINITE
    assert training.keep() == "best"
    assert all(np.isfinite(value).all() for value in task.engine.weights().values())


def test_without_any_finite_validation_loss_the_last_weights_are_kept():
    task = dense()
    training = Training(task)
    training.measure = lambda rows: ({"loss": np.nan, "accuracy": 0.0}, None)
    through(training)
    last = task.engine.weights()
    assert training.keep() == "last"
    for name, value in task.engine.weights().items():
        np.testing.assert_array_equal(value, last[name])


# Ctrl-C


@TASKS
def test_ctrl_c_ends_a_run_after_the_stretch_in_hand_and_it_resumes_to_the_same_bits(tmp_path, make):
    folder, before = Folder.create(tmp_path / "run"), signal.getsignal(signal.SIGINT)
    training = Training(make(), folder)
    for number, _ in enumerate(training):
        if number == 2:
            os.kill(os.getpid(), signal.SIGINT)
    assert training.stop.reason is StopReason.INTERRUPTED
    assert (training.stop.epoch, training.stop.step) == divmod(training.done, training.task.plan.steps)
    assert signal.getsignal(signal.SIGINT) is before
    same(through(Training.resumed(make(), folder)), through(Training(make())))


def test_a_second_ctrl_c_is_pythons_own():
    stretches = iter(Training(dense()))
    next(stretches)
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_a_run_that_is_left_gives_ctrl_c_back():
    before = signal.getsignal(signal.SIGINT)
    for _ in Training(dense()):
        break
    assert signal.getsignal(signal.SIGINT) is before


# a recipe that does not fit the data


@pytest.mark.parametrize(("size", "fits"), [(394, True), (395, False)])
def test_a_batch_may_not_be_larger_than_the_data(size, fits):
    case = recipe(batch_size=size)
    if fits:
        task_of_recipe(case, images())
    else:
        with pytest.raises(
            RecipeError, match="batch_size must be at most 394, the number of training rows, got 395"
        ):
            task_of_recipe(case, images())


@pytest.mark.parametrize(("loss", "words"), [("cross-entropy", "be mse or bce"), ("bce", "where targets leave")])
def test_a_loss_that_does_not_suit_the_targets_is_one_line(loss, words):
    with pytest.raises(RecipeError, match=words):
        task_of_recipe(recipe(loss=loss), table())


def test_a_network_that_dense_cannot_train_is_trained_on_torch_and_one_line_if_dense_is_asked_for():
    case = recipe(model={"name": "gru", "hidden": 8})
    assert task_of_recipe(case).engine.name == "torch"
    with pytest.raises(RecipeError, match="engine must be torch or auto for this network, got 'dense'"):
        task_of_recipe(case.edit("engine", "dense"))


@pytest.mark.parametrize(
    ("data", "loss", "output", "score"),
    [(images, "cross-entropy", "softmax", "accuracy"), (table, "mse", "identity", "r2")],
)
def test_auto_is_decided_by_the_targets(data, loss, output, score):
    task = task_of_recipe(recipe(keep="auto"), data())
    assert (task.recipe.loss.name, task.recipe.model.output, task.score.name) == (loss, output, score)
    assert "auto" not in (task.recipe.engine, task.recipe.keep, task.recipe.data.scaling, task.recipe.data.task)
    assert task.engine.name == "dense"


def test_settings_of_the_loss_outlive_the_choice_of_it():
    task = task_of_recipe(recipe(loss={"label_smoothing": 0.1, "class_weights": [1.0, 2.0, 3.0, 4.0]}), images())
    assert task.recipe.loss.name == "cross-entropy"
    assert (task.recipe.loss.label_smoothing, task.recipe.loss.class_weights) == (0.1, (1.0, 2.0, 3.0, 4.0))
