"""Codes of targets: what the values stand for, and how a loss wants them written."""

from typing import NamedTuple

import numpy as np

from unstuck.diagnosis.treatments.torch_losses import Between, Code, Marked, Numbered
from unstuck.evidence.torch_objective import Objective

# Whole numbers of so many kinds, at most, may be classes
_MOST = 200


class Written(NamedTuple):
    """A way to write targets: None where they are so already; along which axis of the outputs classes lie."""

    code: Code | None
    classes: int
    axis: int = 1
    says: str = ""


def classes_in(y: np.ndarray, outputs: tuple[int, ...]) -> Written | None:
    """Targets as classes numbered from 0, if that is what they may be; shares of classes stay."""
    if y.ndim > 1 and y.shape[1] > 1 and _is_one_hot(y):
        if y.dtype.kind == "f":
            return Written(None, y.shape[1])
        return Written(Numbered(axis=1), y.shape[1], says="  # of y.argmax(dim=1)")
    if y.ndim > 1 and y.shape[1:] != (1,) and len(outputs) != y.ndim + 1:
        return None  # several labels per row
    values = np.unique(y)
    if not np.isfinite(values).all() or (values != np.round(values)).any() or not 2 <= len(values) <= _MOST:
        return None
    if len(values) > max(2, len(y) // 2):
        return None
    axis = len(outputs) - 1 if y.ndim > 1 and outputs[1:-1] == y.shape[1:] else 1
    count, contiguous = int(values.max()) + 1, values.min() >= 0 and values.max() < 2 * len(values)
    is_plain = y.dtype.kind in "iu" and y.ndim == max(len(outputs) - 1, 1)
    if contiguous and is_plain and (axis >= len(outputs) or outputs[axis] >= count or values.min() == 0):
        return Written(None, count, axis)
    known = tuple(float(value) for value in values)
    return Written(
        Numbered(known), len(values), axis, f"  # of classes 0 to {len(values) - 1} for {_shown(values)}"
    )


def two_values(y: np.ndarray) -> Written | None:
    """Targets of two values as 0 and 1."""
    values = np.unique(y)
    if len(values) != 2 or not np.isfinite(values).all():
        return None
    if values.tolist() == [0, 1]:
        return Written(None, 2)
    return Written(Between(float(values.mean())), 2, says=f"  # of 0 and 1 for {_shown(values)}")


def opposites(y: np.ndarray) -> Written | None:
    """Targets of two values as -1 and 1; None where they are so."""
    values = np.unique(y)
    if len(values) != 2 or not np.isfinite(values).all() or values.tolist() == [-1, 1]:
        return None
    return Written(Between(float(values.mean()), -1.0, 1.0), 2, says=f"  # of -1 and 1 for {_shown(values)}")


def best_code(y: np.ndarray, outputs: tuple[int, ...], objective: Objective, ending: str) -> Written | None:
    """What the loss expects, where targets are classes and may be written otherwise."""
    pair, width = two_values(y), int(np.prod(outputs[1:]))
    numbers = classes_in(y, outputs) if y.ndim == 1 or y.shape[1:] in ((1,), outputs[1:-1]) else None
    if objective.loss in ("cross-entropy", "nll"):
        return classes_in(y, outputs)
    if numbers and outputs[-1] > 1 and y.size == len(y) and numbers.classes <= outputs[-1]:
        known = tuple(float(value) for value in np.unique(y))
        if len(known) < outputs[-1]:
            known = tuple(float(value) for value in range(outputs[-1]))
        return Written(Marked(known), len(known), says="  # of one column of 0 and 1 per class")
    if pair is None or width != int(np.prod(y.shape[1:])):
        return None
    if objective.takes in ("logits", "probabilities") or ending in ("sigmoid", "softmax", "hardsigmoid"):
        return pair
    if ending in ("tanh", "hardtanh", "softsign") or objective.loss == "own":
        return opposites(y)
    return None


def _is_one_hot(y: np.ndarray) -> bool:
    return bool(((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())


def _shown(values: np.ndarray) -> str:
    return ", ".join(f"{value:g}" for value in values[:4]) + (", …" if len(values) > 4 else "")
