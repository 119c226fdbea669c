"""Small data sets and recipes that many contracts are tested on."""

from itertools import product

import numpy as np

from unstuck.data.dataset import Dataset
from unstuck.data.loading import arrange
from unstuck.data.source import Pairs, Source
from unstuck.network.layers import BatchNorm, Linear
from unstuck.recipe.data import Data
from unstuck.recipe.spec import Recipe
from unstuck.training.task import Task

ACTIVATIONS = ("identity", "sigmoid", "tanh", "relu", "leaky-relu", "elu", "selu", "gelu")
CLASS_WEIGHTS = (0.5, 1.0, 2.0, 3.0)  # of the four classes
OBJECTIVES = (
    ({"name": "cross-entropy"}, "auto"),
    ({"name": "cross-entropy", "label_smoothing": 0.1}, "auto"),
    ({"name": "cross-entropy", "class_weights": CLASS_WEIGHTS}, "auto"),
    ({"name": "cross-entropy", "label_smoothing": 0.2, "class_weights": CLASS_WEIGHTS}, "auto"),
    ({"name": "bce"}, "auto"),
    ({"name": "bce", "label_smoothing": 0.1, "class_weights": CLASS_WEIGHTS}, "auto"),
    ({"name": "mse"}, "identity"),
    ({"name": "mse"}, "sigmoid"),
    ({"name": "mse", "class_weights": CLASS_WEIGHTS}, "softmax"),
    ({"name": "mae"}, "identity"),
    ({"name": "huber", "delta": 0.3}, "tanh"),
)
# Rates at which 300 steps do not amplify roundings: torch, started one rounding away, stays as near to itself.
OPTIMIZERS = {
    "sgd": 0.03,
    "momentum": 0.005,
    "nesterov": 0.005,
    "adam": 0.001,
    "adamw": 0.001,
    "adagrad": 0.002,
    "rmsprop": 0.0001,
}
NORMALIZATIONS = (
    ("none", "before"),
    ("layer", "before"),
    ("batch", "before"),
    ("group", "before"),
    ("layer", "after"),
    ("batch", "after"),
    ("group", "after"),
)


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


# Where torch, started one rounding away, is no nearer to itself than the dense engine is to it
SENSITIVE = {"relu-cross-entropy-auto-adam-decay-dropout", "selu-mse-identity-adagrad-batch-after"}


def agreement_cases() -> list[Recipe]:
    """Every activation with every objective; each optimizer meets each of them, and all else goes around."""
    cases = []
    for (a, activation), (o, (loss, output)) in product(enumerate(ACTIVATIONS), enumerate(OBJECTIVES)):
        optimizer = tuple(OPTIMIZERS)[(a + o) % len(OPTIMIZERS)]
        normalization, place = NORMALIZATIONS[(2 * a + o + 1) % len(NORMALIZATIONS)]
        model = {
            "hidden": [74, 111] if normalization == "group" else [16, 12],  # groups of 37: few units amplify
            "activation": activation,
            "slope": 0.1,
            "output": output,
            "normalization": normalization,
            "normalization_place": place,
            "dropout": (0.0, 0.3)[(a + o) % 2],
            "input_dropout": (0.0, 0.0, 0.1)[(a + o) % 3],
        }
        rule = {
            "name": optimizer,
            "lr": OPTIMIZERS[optimizer],
            "weight_decay": (0.0, 1e-3)[a % 2],
            "clip_norm": (None, 0.5)[o % 2],
        }
        cases.append(recipe(model=model, loss=loss, optimizer=rule))
    return [case for case in cases if label(case) not in SENSITIVE]


def label(case: Recipe) -> str:
    """A recipe's name among the tests."""
    model, loss, rule = case.model, case.loss, case.optimizer
    marks = {
        "smoothed": loss.label_smoothing,
        "weighed": loss.class_weights != "none",
        "decay": rule.weight_decay,
        "clipped": rule.clip_norm,
        "dropout": model.dropout,
        "noisy": model.input_dropout,
        f"{model.normalization}-{model.normalization_place}": model.normalization != "none",
    }
    names = [model.activation, loss.name, model.output, rule.name]
    return "-".join(names + [mark for mark, is_on in marks.items() if is_on])


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


def undetermined(task: Task) -> set[str]:
    """Biases that batch norm takes off again with the mean, at once or after linear layers. Their gradient is all
    rounding, of which some optimizers make whole steps, and the running mean follows them."""
    assert task.network is not None
    names, is_taken_off = set[str](), False
    for number, layer in reversed([*enumerate(task.network.layers)]):
        if is_taken_off and isinstance(layer, Linear | BatchNorm):
            names |= {f"{number}.bias", f"{number + 1}.running_mean"}
        is_taken_off = isinstance(layer, BatchNorm) or (is_taken_off and isinstance(layer, Linear))
    return names


def distance(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Length of the difference as a share of the length."""
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))
