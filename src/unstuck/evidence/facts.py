"""What a program is, in plain words and numbers: its kind of targets, its loss, its settings, its data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

Kind = Literal["classes", "binary", "labels", "numbers", "other"]
Takes = Literal["logits", "log-probabilities", "probabilities", "numbers"]


class Split(NamedTuple):
    """Rows in memory; `x` is None where rows are asked for one by one."""

    x: np.ndarray | None
    """(N, …)."""
    y: np.ndarray
    """(N, …)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Facts:
    """What is known of a program before it is trained.

    Args:
        kind: classes, of which a row has one (numbers of classes, or rows that sum to 1); binary, one number per
            row that is 0 or 1; labels, several such; numbers; or other, where outputs and targets do not pair.
        classes: how many there are to choose between; of labels how many labels; 0 for numbers.
        is_one_hot: whether classes are written as rows that sum to 1.
        class_axis: of the outputs that runs over the classes; 0 where there is none.
        loss: cross-entropy, nll, bce, bce-logits, mse, mae, huber, or own.
        reduction: mean or sum over rows, or own.
        scale: the loss as a multiple of its namesake's mean: 0.5 of half the mean square; NaN of a sum.
        takes: what the loss wants outputs to be.
        score: what is measured of held-out rows, its name.
        batch_size: rows per step.
        steps_per_epoch: of training.
        epochs: of training.
        optimizer: name of its class.
        rates: of learning, one per group of parameters.
        momentum: 0 where there is none; of Adam its first beta.
        weight_decay: the largest of any group.
        parameters: how many numbers are learned, or could be.
        input_shape: of a row.
        input_dtype: as the model gets it.
        output_shape: of a row.
        target_shape: of a row.
        target_dtype: as the loss gets it.
        is_token: whether inputs are whole numbers that stand for something.
        has_step: whether the training step is the user's own.
        rows: of each split that there is.
        train: its rows.
        validation: likewise, or None where there is none.
        test: likewise.
    """

    kind: Kind
    classes: int
    is_one_hot: bool
    class_axis: int
    loss: str
    reduction: Literal["mean", "sum", "own"]
    scale: float
    takes: Takes
    score: str
    batch_size: int
    steps_per_epoch: int
    epochs: int
    optimizer: str
    rates: tuple[float, ...]
    momentum: float
    weight_decay: float
    parameters: int
    input_shape: tuple[int, ...]
    input_dtype: str
    output_shape: tuple[int, ...]
    target_shape: tuple[int, ...]
    target_dtype: str
    is_token: bool
    has_step: bool
    rows: Mapping[str, int]
    train: Split
    validation: Split | None
    test: Split | None

    @property
    def outputs(self) -> int:
        """Numbers per row that come out."""
        return int(np.prod(self.output_shape))


def kind_of(outputs: np.ndarray, targets: np.ndarray) -> tuple[Kind, int]:
    """The kind of targets, and the axis of the outputs that runs over classes, or 0.

    Shapes: outputs (N, …); targets (N, …).
    """
    are_whole = targets.dtype.kind in "biu" or bool((targets == np.round(targets)).all())
    if axis := _class_axis(outputs.shape, targets.shape):
        if are_whole and targets.size and targets.min() >= min(0, _ignored(targets)):
            return "classes", axis
        return "other", 0
    if outputs.size != targets.size:
        return "other", 0
    values = np.unique(targets)
    if targets.ndim > 1 and (axis := _summed_axis(targets)) and outputs.shape == targets.shape:
        return "classes", axis
    if set(values.tolist()) <= {0, 1}:
        return ("binary" if targets.size == len(targets) else "labels"), 0
    return "numbers", 0


def _class_axis(outputs: tuple[int, ...], targets: tuple[int, ...]) -> int:
    """Where outputs have one axis more than targets, of more than one entry: after the rows, or the last."""
    if len(outputs) != len(targets) + 1:
        return 0
    if (outputs[0], *outputs[2:]) == targets and outputs[1] > 1:
        return 1
    return len(targets) if outputs[:-1] == targets and outputs[-1] > 1 else 0


def _summed_axis(targets: np.ndarray) -> int:
    """The axis, the second or the last, along which targets are shares of 1; 0 if there is none."""
    for axis in (1, targets.ndim - 1):
        is_long = targets.shape[axis] > 1 and targets.dtype.kind == "f"
        if is_long and targets.min() >= 0 and np.allclose(targets.sum(axis=axis), 1, atol=1e-4):
            return axis
    return 0


def _ignored(targets: np.ndarray) -> int:
    """A number below 0 that stands for no class, torch's ignore_index and the usual padding, if it is there."""
    return next((number for number in (-100, -1) if (targets == number).any()), 0)


def chance_loss(facts: Facts, targets: np.ndarray) -> float:
    """Mean loss of the best outputs that are the same for all rows; NaN where it is not known.

    Of classes that is the entropy of their shares, of squares the variance: what a network that starts well has.
    """
    if facts.loss in ("cross-entropy", "nll"):
        return facts.scale * _entropy(facts, targets)
    if facts.kind == "classes" and not facts.is_one_hot:
        targets = np.eye(facts.classes)[targets.astype(np.int64).ravel()]
    values = targets.reshape(len(targets), -1).astype(np.float64)
    match facts.loss:
        case "bce" | "bce-logits":
            share = np.clip(values.mean(axis=0), 1e-12, 1 - 1e-12)
            return facts.scale * float((-share * np.log(share) - (1 - share) * np.log(1 - share)).mean())
        case "mse":
            return facts.scale * float(values.var(axis=0).mean())
        case "mae":
            return facts.scale * float(np.abs(values - np.median(values, axis=0)).mean())
        case _:
            return np.nan


def _entropy(facts: Facts, targets: np.ndarray) -> float:
    if facts.kind != "classes":
        return np.nan
    if facts.is_one_hot:
        others = tuple(axis for axis in range(targets.ndim) if axis != facts.class_axis)
        shares = targets.mean(axis=others, dtype=np.float64)
    else:
        kept = targets[targets >= 0].astype(np.int64)
        shares = np.bincount(kept.ravel(), minlength=facts.classes) / max(kept.size, 1)
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())
