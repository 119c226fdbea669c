"""How good predictions are: a number that is higher when they are better."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from unstuck.recipe.spec import Recipe


class Score(NamedTuple):
    """A named measure: (predictions (N, O), targets (N,) or (N, O)) → float, higher is better."""

    name: str
    unit: str
    measure: Callable[[np.ndarray, np.ndarray], float]


def accuracy(predictions: np.ndarray, labels: np.ndarray) -> float:
    """Share of rows whose largest prediction is that of their class, in [0, 1]."""
    return float((predictions.argmax(axis=1) == labels).mean())


def r2(predictions: np.ndarray, targets: np.ndarray) -> float:
    """Share of the targets' variance that is explained, 1 - Σ(y - ŷ)² / Σ(y - ȳ)², at most 1; mean over outputs.

    An output whose targets do not vary counts 1 if it is predicted exactly, else 0, as scikit-learn has it.
    """
    predictions, targets = predictions.reshape(len(predictions), -1), targets.reshape(len(targets), -1)
    targets = targets.astype(np.float64)
    total = ((targets - targets.mean(axis=0)) ** 2).sum(axis=0)
    with np.errstate(over="ignore", invalid="ignore"):  # a diverged network's score is -infinity, or NaN
        left = ((targets - predictions) ** 2).sum(axis=0)
        explained = 1 - left / np.where(total > 0, total, 1)
        return float(np.where(total > 0, explained, np.where(left == 0, 1.0, 0.0)).mean())


def pooled_r2(outputs: np.ndarray, targets: np.ndarray) -> float:
    """Share of all outputs' variance together that is explained, at most 1; steady ones hardly count."""
    targets = targets.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # as for `r2`
        left = ((targets - outputs) ** 2).sum()
        return float(1 - left / ((targets - targets.mean(axis=0)) ** 2).sum())


def threshold_accuracy(limit: float) -> Callable[[np.ndarray, np.ndarray], float]:
    """Share of numbers on the same side of the limit as their 0-or-1 target is of one half."""

    def measure(predictions: np.ndarray, targets: np.ndarray) -> float:
        return float(((predictions.ravel() > limit) == (targets.ravel() > 0.5)).mean())

    return measure


ACCURACY = Score("accuracy", "share of rows", accuracy)
POOLED_R2 = Score("r2", "share of variance", pooled_r2)
R2 = Score("r2", "share of variance", r2)


def score_of(recipe: Recipe, classes: Sequence[str] | None) -> Score:
    """Accuracy for classes, R² for numbers; of an autoencoder's many outputs R² of all together."""
    if recipe.model.name == "autoencoder":
        return POOLED_R2
    return ACCURACY if classes else R2
