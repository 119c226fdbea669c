"""Small data sets and recipes that many contracts are tested on."""

from itertools import product

import numpy as np

from unstuck.data.dataset import Dataset
from unstuck.data.loading import arrange
from unstuck.data.source import Pairs, Source
from unstuck.recipe.data import Data
from unstuck.recipe.spec import Recipe
from unstuck.training.task import Task

ACTIVATIONS = ("identity", "sigmoid", "tanh", "relu", "leaky-relu")
OBJECTIVES = (
    ("cross-entropy", "auto"),
    ("bce", "auto"),
    ("mse", "identity"),
    ("mse", "sigmoid"),
    ("mse", "softmax"),
)
# Rates at which 300 steps do not amplify roundings: torch, started one rounding away, stays as near to itself.
OPTIMIZERS = {"sgd": 0.03, "momentum": 0.005, "nesterov": 0.005, "adam": 0.001}


def images(rows: int = 394, features: int = 24, classes: int = 4, *, seed: int = 0, **data: object) -> Dataset:
    """Bytes whose class is the quartile that a weighted sum falls in."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (rows, features), dtype=np.uint8)
    total = x @ rng.normal(size=features)
    y = np.searchsorted(np.quantile(total, np.arange(1, classes) / classes), total).astype(np.int64)
    names = tuple(map(str, range(classes)))
    return arranged(Source(name="images", train=Pairs(x, y), classes=names), **data)


def table(rows: int = 394, features: int = 6, outputs: int = 2, *, seed: int = 0, **data: object) -> Dataset:
    """Numbers to predict from numbers: a smooth function, and noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(3, 5, (rows, features))
    y = np.tanh(x @ rng.normal(size=(features, outputs)) / 5) + 0.1 * rng.normal(size=(rows, outputs))
    return arranged(Source(name="table", train=Pairs(x, y)), **data)


def arranged(source: Source, **data: object) -> Dataset:
    """Split and scaled; without anything held out, unless asked for."""
    return arrange(source, Data(**{"name": source.name, "validation": 0.0, "test": 0.0, **data}))


def recipe(**fields: object) -> Recipe:
    """A small recipe; the data set is handed over apart from it."""
    small = {
        "data": {"name": "digits", "validation": 0.0},
        "model": {"hidden": [16, 12]},
        "batch_size": 16,
        "epochs": 12,
        "keep": "last",
    }
    return Recipe.model_validate(small | fields)


def agreement_cases() -> list[Recipe]:
    """Every activation with every objective and optimizer; normalization and weight decay go around."""
    cases = []
    choices = product(enumerate(ACTIVATIONS), enumerate(OBJECTIVES), enumerate(OPTIMIZERS))
    for (a, activation), (o, (loss, output)), (m, optimizer) in choices:
        model = {"hidden": [16, 12], "activation": activation, "slope": 0.1, "output": output}
        if place := (None, "before", "after")[(a + o + m) % 3]:
            model |= {"normalization": "layer", "normalization_place": place}
        decay = (0.0, 1e-3)[(a + m) % 2]
        rule = {"name": optimizer, "lr": OPTIMIZERS[optimizer], "weight_decay": decay}
        cases.append(recipe(model=model, loss=loss, optimizer=rule))
    return cases


def label(case: Recipe) -> str:
    """A recipe's name among the tests."""
    model, rule = case.model, case.optimizer
    place = "" if model.normalization == "none" else f"-norm-{model.normalization_place}"
    decay = "-decay" if rule.weight_decay else ""
    return f"{model.activation}-{case.loss.name}-{model.output}-{rule.name}{decay}{place}"


def trained(task: Task, steps: int | None = None, cut: int | None = None) -> np.ndarray:
    """The losses of a task's first steps (all, unless said), in calls of `cut` steps (an epoch, unless said)."""
    plan, losses, done = task.plan, [], 0
    steps = plan.steps * plan.epochs if steps is None else steps
    while done < steps:
        epoch, step = divmod(done, plan.steps)
        stop = min(step + (cut or plan.steps), plan.steps, step + steps - done)
        rows = plan.order(epoch)[step * plan.batch_size : stop * plan.batch_size]
        losses.append(task.engine.advance(rows, plan.factors(np.arange(done, done + stop - step)), done))
        done += stop - step
    return np.concatenate(losses)


def distance(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Length of the difference as a share of the length."""
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))
