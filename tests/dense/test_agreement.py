"""The dense engine against the torch engine, and against torch written out plainly here."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from cases import (
    CLASS_WEIGHTS,
    OPTIMIZERS,
    agreement_cases,
    distance,
    images,
    label,
    recipe,
    table,
    trained,
    undetermined,
)
from unstuck.data.dataset import Dataset
from unstuck.recipe.spec import Recipe
from unstuck.training.task import Task, task_of_recipe

LOSSES, WEIGHTS = 1e-5, 1e-4  # relative distances within which two float32 trainings are the same


def both(case: Recipe, dataset: Dataset) -> tuple[Task, Task]:
    dense, other = (task_of_recipe(case.edit("engine", name), dataset) for name in ("dense", "torch"))
    assert (dense.engine.name, other.engine.name) == ("dense", "torch")
    return dense, other


def check(ours: Task, theirs: Task, steps: int | None = None, *, entries: bool = True) -> None:
    np.testing.assert_allclose(trained(ours, steps), trained(theirs, steps), rtol=LOSSES)
    expected = theirs.engine.weights()
    assert ours.engine.weights().keys() == expected.keys()
    for name, weight in ours.engine.weights().items():
        if name in undetermined(ours):
            continue
        assert distance(weight, expected[name]) < WEIGHTS, name
        if not entries:
            continue
        typical = np.abs(expected[name]).mean()  # an entry that happens to be near 0 is held to its fellows' size
        np.testing.assert_allclose(weight, expected[name], rtol=WEIGHTS, atol=WEIGHTS * typical, err_msg=name)


@pytest.mark.parametrize("case", agreement_cases(), ids=label)
def test_both_engines_train_the_same_network(case):
    dense, other = both(case, images())
    assert dense.plan.steps * dense.plan.epochs == 300
    assert dense.plan.rows % dense.plan.batch_size != 0  # so that an epoch ends with a short batch
    # Some entries have a gradient that is all rounding, and optimizers that scale it make a whole step of it
    check(dense, other, entries=case.optimizer.name in ("sgd", "momentum", "nesterov"))


SHAPES = {
    "no hidden layer": {"model": {"hidden": []}},
    "eight layers": {"model": {"hidden": [24, 20, 18, 16, 14, 12, 10], "normalization": "layer"}},
    "one unit wide": {"model": {"hidden": [1, 7], "activation": "tanh"}},
    "batches of one row": {"batch_size": 1},
    "one batch of all rows": {"batch_size": 394, "epochs": 60},
    "one epoch": {"epochs": 1},
    "a last batch of one row": {"batch_size": 3},
    "a warm-up and a falling rate": {"schedule": {"name": "cosine", "warmup": 1.5, "final": 0.1}},
    "a rate that drops": {"schedule": {"name": "step", "every": 2, "gamma": 0.3}},
}


@pytest.mark.parametrize("change", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("data", [images, table], ids=["bytes to classes", "numbers to numbers"])
def test_both_engines_agree_on_every_shape(data, change):
    dense, other = both(recipe(**{"optimizer": {"name": "momentum", "lr": 0.002}, **change}), data())
    check(dense, other, steps=min(300, dense.plan.steps * dense.plan.epochs))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_both_engines_agree_on_layers_wider_than_a_block_of_a_product(optimizer):
    """Widths that the blocks of `dense/blas.py` do not divide, for whole and for short batches."""
    case = recipe(
        model={"hidden": [130, 67]}, batch_size=100, epochs=8, optimizer={"name": optimizer, "lr": 0.001}
    )
    # Of 10⁵ entries some have a gradient that is all rounding, and Adam makes a whole step of it
    check(*both(case, images(features=790)), entries=optimizer != "adam")


def test_both_engines_agree_where_numbers_in_0_to_1_are_learnt_with_bce():
    data = table()
    values = 1 / (1 + np.exp(-data.train.y))
    data.train.y[:] = values
    check(*both(recipe(loss="bce", optimizer={"name": "momentum", "lr": 0.01}), data))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loss", ["cross-entropy", "bce", "mse"])
def test_dense_does_as_torch_written_out_plainly(loss, optimizer):
    lr, decay, longest = OPTIMIZERS[optimizer], 1e-3, {"cross-entropy": 1.5, "bce": 0.3, "mse": 0.5}[loss]
    data = images()
    rule = {"name": optimizer, "lr": lr, "weight_decay": decay, "clip_norm": longest}
    model = {"hidden": [16, 12], "activation": "tanh", "normalization": "batch", "normalization_place": "after"}
    case = recipe(model=model, loss=loss, optimizer=rule, schedule="constant", engine="dense", epochs=4)
    task = task_of_recipe(case, data)
    module = plain_module()
    module.load_state_dict({name: torch.from_numpy(value) for name, value in task.engine.weights().items()})
    rule = plain_optimizer(optimizer, module, lr, decay)
    x, y = torch.from_numpy(data.train.x).float() / 255, torch.from_numpy(data.train.y)
    measure = {
        "cross-entropy": lambda out, rows: functional.cross_entropy(out, y[rows]),
        "bce": lambda out, rows: functional.binary_cross_entropy_with_logits(out, torch.eye(4)[y[rows]]),
        "mse": lambda out, rows: functional.mse_loss(out, torch.eye(4)[y[rows]]),
    }[loss]
    expected = []
    for epoch in range(4):
        for rows in torch.from_numpy(task.plan.order(epoch)).split(16):
            rule.zero_grad()
            value = measure(module(x[rows]), rows)
            value.backward()
            nn.utils.clip_grad_norm_(module.parameters(), longest)
            rule.step()
            expected.append(value.item())
    np.testing.assert_allclose(trained(task), expected, rtol=LOSSES)
    for name, value in module.state_dict().items():
        assert distance(task.engine.weights()[name], value.numpy()) < WEIGHTS
    module.eval()
    np.testing.assert_allclose(task.engine.outputs(data.train.x), module(x).detach(), rtol=1e-3, atol=1e-4)


def plain_module() -> nn.Module:
    hidden = (nn.Linear(24, 16), nn.Tanh(), nn.BatchNorm1d(16), nn.Linear(16, 12), nn.Tanh(), nn.BatchNorm1d(12))
    return nn.Sequential(*hidden, nn.Linear(12, 4))


def plain_optimizer(name: str, module: nn.Module, lr: float, decay: float) -> torch.optim.Optimizer:
    return {
        "sgd": lambda p: torch.optim.SGD(p, lr, weight_decay=decay),
        "momentum": lambda p: torch.optim.SGD(p, lr, momentum=0.9, weight_decay=decay),
        "nesterov": lambda p: torch.optim.SGD(p, lr, momentum=0.9, nesterov=True, weight_decay=decay),
        "adam": lambda p: torch.optim.Adam(p, lr, weight_decay=decay),
        "adamw": lambda p: torch.optim.AdamW(p, lr, weight_decay=decay),
        "adagrad": lambda p: torch.optim.Adagrad(p, lr, weight_decay=decay),
        "rmsprop": lambda p: torch.optim.RMSprop(p, lr, weight_decay=decay),
    }[name](module.parameters())


NOISY = {"hidden": [16, 12], "normalization": "batch", "dropout": 0.3, "input_dropout": 0.1}


@pytest.mark.parametrize("data", [images, table], ids=["bytes to classes", "numbers to numbers"])
def test_both_engines_say_the_same_of_rows_that_they_did_not_train_on(data):
    dataset = data(test=0.5, validation=0.0)
    dense, other = both(recipe(batch_size=8, model=NOISY, optimizer={"name": "sgd", "lr": 0.03}), dataset)
    check(dense, other, steps=40)
    ours, theirs = (task.engine.evaluate(task.rows["test"]) for task in (dense, other))
    np.testing.assert_allclose(ours.outputs, theirs.outputs, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(ours.targets, theirs.targets)
    assert ours.loss == pytest.approx(theirs.loss, rel=LOSSES)


def test_evaluation_changes_nothing_and_does_not_depend_on_its_blocks():
    dataset = images(rows=700)
    loss = {"name": "cross-entropy", "class_weights": CLASS_WEIGHTS, "label_smoothing": 0.1}
    task = task_of_recipe(recipe(engine="dense", model=NOISY, loss=loss), dataset)
    trained(task, 10)
    before = task.engine.weights()
    whole = task.engine.evaluate(dataset.train)
    parts = [task.engine.evaluate(dataset.train.take(np.arange(k, k + 100))) for k in range(0, 700, 100)]
    np.testing.assert_allclose(
        whole.outputs, np.concatenate([part.outputs for part in parts]), rtol=1e-5, atol=1e-6
    )
    shares = [np.array(CLASS_WEIGHTS)[dataset.train.y[k : k + 100]].sum() for k in range(0, 700, 100)]
    losses = [part.loss for part in parts]
    assert whole.loss == pytest.approx(np.average(losses, weights=shares), rel=1e-6)
    for name, value in task.engine.weights().items():
        np.testing.assert_array_equal(value, before[name])


def test_outputs_are_those_of_evaluation_for_bytes_and_for_numbers():
    for data in (images(), table()):
        task = task_of_recipe(recipe(engine="dense", model=NOISY), data)
        trained(task, 10)
        expected = task.engine.evaluate(data.train).outputs
        np.testing.assert_array_equal(task.engine.outputs(data.train.x), expected)
