"""Programs whose steps the dense engine takes: as the torch engine would, to rounding, or not at all."""

from collections import deque
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from unstuck.engine import StopReason
from unstuck.rng import stream
from unstuck.training.program import Program
from unstuck.training.run import conclude
from unstuck.training.task import lowered_task, task_of_program
from unstuck.training.training import Training

ROWS, FEATURES, CLASSES, BATCH, EPOCHS = 83, 6, 3, 16, 20
LOSSES, WEIGHTS = 1e-5, 1e-4


def inputs(rows=ROWS):
    return stream(0, "data").normal(size=(rows, FEATURES)).astype(np.float32)


def classes(rows=ROWS):
    return np.abs(inputs(rows)).argmax(axis=1) % CLASSES


def numbers(rows=ROWS):
    return np.sin(inputs(rows)[:, :2])


def marks(rows=ROWS):
    return (inputs(rows)[:, :2] > 0).astype(np.float32)


def perceptron(*between, outputs=CLASSES, then=()):
    def make():
        return nn.Sequential(nn.Linear(FEATURES, 8), *(part() for part in between), nn.Linear(8, outputs), *then)

    return make


def optimizer(kind, lr, **settings):
    return lambda parameters: kind(parameters, lr=lr, **settings)


SGD, ADAM = optimizer(torch.optim.SGD, 0.05), optimizer(torch.optim.Adam, 0.002)


def program(**changes):
    usual = {
        "model": perceptron(nn.ReLU),
        "train": (inputs(), classes()),
        "test": (inputs(40), classes(40)),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": SGD,
        "batch_size": BATCH,
        "epochs": EPOCHS,
    }
    return Program(**usual | changes)


def of_numbers(**changes):
    usual = {"train": (inputs(), numbers()), "test": None, "model": perceptron(nn.Tanh, outputs=2)}
    return program(**usual | {"loss": nn.MSELoss()} | changes)


PROGRAMS = {
    "classes by gradient descent": program(),
    "a nested model, normalized by the batch": program(
        model=perceptron(lambda: nn.Sequential(nn.BatchNorm1d(8), nn.ReLU()))
    ),
    "rows normalized, nesterov": program(
        model=perceptron(nn.GELU, lambda: nn.LayerNorm(8)),
        optimizer=optimizer(torch.optim.SGD, 0.02, momentum=0.9, nesterov=True, weight_decay=1e-3),
    ),
    "momentum, weights of classes, smoothing": program(
        loss=nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 0.5]), label_smoothing=0.1),
        optimizer=optimizer(torch.optim.SGD, 0.02, momentum=0.8),
    ),
    "softmax twice": program(model=perceptron(nn.Sigmoid, then=[nn.Softmax(dim=1)]), optimizer=ADAM),
    "a function as the loss": program(loss=functional.cross_entropy, optimizer=ADAM),
    "a model that is copied": program(model=perceptron(nn.SELU)()),
    "pictures": program(
        model=lambda: nn.Sequential(nn.Flatten(), nn.Linear(FEATURES, 8), nn.ELU(), nn.Linear(8, CLASSES)),
        train=(inputs().reshape(ROWS, 2, 3), classes()),
        test=None,
    ),
    "numbers by adam": of_numbers(optimizer=ADAM),
    "absolute errors by adamw": of_numbers(
        loss=nn.L1Loss(), optimizer=optimizer(torch.optim.AdamW, 0.002, betas=(0.8, 0.99))
    ),
    "huber by rmsprop": of_numbers(
        loss=nn.HuberLoss(delta=0.5), optimizer=optimizer(torch.optim.RMSprop, 1e-3, alpha=0.9, eps=1e-7)
    ),
    "smooth errors by adagrad": of_numbers(
        loss=nn.SmoothL1Loss(), optimizer=optimizer(torch.optim.Adagrad, 0.02, weight_decay=1e-3)
    ),
    "labels": of_numbers(train=(inputs(), marks()), loss=nn.BCEWithLogitsLoss(), optimizer=ADAM),
    "a line": of_numbers(model=lambda: nn.Linear(FEATURES, 2)),
}


def through(task):
    training = Training(task)
    deque(training, maxlen=0)
    return training


def plainly(given, seed=3):
    return task_of_program(given, seed=seed, device="cpu")


@pytest.mark.parametrize("given", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_the_dense_engine_trains_a_program_as_torch_does(given):
    task = lowered_task(given, seed=3)
    assert task.engine.name == "dense"
    ours, theirs = through(task), through(plainly(given))
    np.testing.assert_allclose(ours.record["step_loss"], theirs.record["step_loss"], rtol=LOSSES)
    own, other = task.engine.weights(), theirs.task.engine.weights()
    assert own.keys() == other.keys()
    for name, value in own.items():
        np.testing.assert_allclose(value, other[name], rtol=WEIGHTS, atol=WEIGHTS * np.abs(other[name]).max())
    ours, theirs = conclude(ours), conclude(theirs)
    for split, scores in ours.scores.items():
        assert dict(scores) == pytest.approx(dict(theirs.scores[split]), rel=1e-4, abs=1e-6)


def test_both_engines_say_the_same_in_the_same_shapes():
    given = PROGRAMS["a nested model, normalized by the batch"]
    ours, theirs = through(lowered_task(given, seed=3)).task, through(plainly(given)).task
    for name in ("train", "test"):
        said, expected = ours.engine.evaluate(ours.rows[name]), theirs.engine.evaluate(theirs.rows[name])
        np.testing.assert_allclose(said.outputs, expected.outputs, rtol=1e-3, atol=1e-4)
        np.testing.assert_array_equal(said.targets, expected.targets)
    np.testing.assert_allclose(
        ours.engine.outputs(inputs()), theirs.engine.outputs(inputs()), rtol=1e-3, atol=1e-4
    )


def test_a_training_that_breaks_breaks_at_the_same_step():
    given = of_numbers(optimizer=optimizer(torch.optim.SGD, 1e4), model=perceptron(nn.ReLU, outputs=2))
    task = lowered_task(given, seed=0)
    assert task.engine.name == "dense"
    ours, theirs = through(task), through(plainly(given, seed=0))
    assert ours.stop is not None
    assert ours.stop.reason is StopReason.NOT_FINITE
    assert ours.stop == theirs.stop


def test_the_users_module_is_not_touched():
    module = perceptron(nn.ReLU)()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    through(lowered_task(program(model=module)))
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])


def test_going_on_from_copies_gives_the_same_bits():
    given = PROGRAMS["numbers by adam"]
    first, second = lowered_task(given), lowered_task(given)
    order, factors = first.plan.order(0), np.ones(first.plan.steps)
    first.engine.advance(order, factors, 0)
    second.engine.restore(first.engine.weights(), first.engine.memory())
    ours, theirs = (task.engine.advance(order, factors, first.plan.steps) for task in (first, second))
    np.testing.assert_array_equal(ours, theirs)


def stepping(model, x, y, loss, rule):
    rule.zero_grad()
    value = loss(model(x), y)
    value.backward()
    rule.step()
    return value


def clipped(parameters):
    rule = torch.optim.SGD(parameters, lr=0.1)
    rule.register_step_pre_hook(lambda *_: None)
    return rule


def scheduled(parameters):
    rule = torch.optim.SGD(parameters, lr=0.1)
    torch.optim.lr_scheduler.LambdaLR(rule, lambda step: 0.5)
    return rule


def in_groups(parameters):
    return torch.optim.SGD([{"params": [parameter]} for parameter in parameters], lr=0.1)


def of_some(parameters):
    return torch.optim.SGD([*parameters][:2], lr=0.1)


OTHERS = {
    "a step of one's own": program(step=stepping),
    "a schedule": program(schedule=lambda step: 1.0),
    "dropout": program(model=perceptron(nn.ReLU, lambda: nn.Dropout(0.2))),
    "a loss of one's own": program(loss=lambda outputs, targets: functional.cross_entropy(outputs, targets)),
    "a sum": program(loss=nn.CrossEntropyLoss(reduction="sum")),
    "rows of no class": program(train=(inputs(), np.where(classes() == 0, -100, classes()))),
    "targets that are broadcast": of_numbers(train=(inputs(), numbers()[:, :1])),
    "shares of classes": program(train=(inputs(), np.eye(CLASSES, dtype=np.float32)[classes()]), test=None),
    "weights of labels": of_numbers(
        train=(inputs(), marks()), loss=nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 2.0]))
    ),
    "a hook before the step": program(optimizer=clipped),
    "a scheduler inside": program(optimizer=scheduled),
    "groups": program(optimizer=in_groups),
    "some parameters": program(optimizer=of_some),
    "damping": program(optimizer=optimizer(torch.optim.SGD, 0.1, momentum=0.9, dampening=0.5)),
    "going up": program(optimizer=optimizer(torch.optim.Adam, 0.1, maximize=True)),
    "amsgrad": program(optimizer=optimizer(torch.optim.Adam, 0.1, amsgrad=True)),
    "adam without eps": program(optimizer=optimizer(torch.optim.Adam, 0.1, eps=0.0)),
    "centred rmsprop": program(optimizer=optimizer(torch.optim.RMSprop, 0.1, centered=True)),
    "adagrad with a start": program(optimizer=optimizer(torch.optim.Adagrad, 0.1, initial_accumulator_value=0.1)),
    "an optimizer that is not known": program(optimizer=optimizer(torch.optim.Rprop, 0.1)),
    "a bias that only rounding moves": program(model=perceptron(lambda: nn.BatchNorm1d(8)), optimizer=ADAM),
    "few steps": program(epochs=2),
}


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("given", OTHERS.values(), ids=OTHERS.keys())
def test_what_the_dense_engine_would_not_do_alike_stays_with_torch(given):
    task = lowered_task(given, seed=3)
    assert task.engine.name == "torch"
    short = replace(given, epochs=1)
    ours, theirs = through(lowered_task(short, seed=3)), through(plainly(short))
    np.testing.assert_array_equal(ours.record["step_loss"], theirs.record["step_loss"])
