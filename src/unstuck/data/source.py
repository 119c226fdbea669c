"""What readers and the catalogue hand over, before it is split and scaled, and the checks that it must pass."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from unstuck.data import sequences
from unstuck.errors import DataError


class Pairs(NamedTuple):
    """Inputs and what to predict from them, row by row.

    Shapes: x (N, …), uint8 or floating; y (N,) int64 class numbers, or (N, O) float64.
    """

    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """A data set as it was found. A part that the source does not bring is None, and is split off `train`.

    Pictures are (N, H, W) if grey and (N, 3, H, W) if coloured.
    """

    name: str
    train: Pairs
    validation: Pairs | None = None
    test: Pairs | None = None
    classes: tuple[str, ...] | None = None
    """Names of the classes, by number; None where numbers are predicted."""
    features: tuple[str, ...] | None = None
    """Names of the columns of a table, else None."""
    sequence: str | None = None
    """Where rows are sequences (N, T, F), floating, NaN after each one's end: the column or array that says so."""
    groups: np.ndarray | None = None
    """Which training rows belong together, (N,) int64: those with the same number; None where each is its own."""

    @cached_property
    def copies(self) -> np.ndarray:
        """A number for each training row, (N,): the same for rows whose inputs are the same, bit by bit."""
        numbers: dict[bytes, int] = {}
        return np.array([numbers.setdefault(row.tobytes(), len(numbers)) for row in self.train.x])

    @property
    def parts(self) -> dict[str, Pairs]:
        """The parts that there are, by name."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: pairs for name, pairs in named.items() if pairs is not None}


def check(source: Source) -> None:
    """Raise a `DataError` unless a network could learn from the source."""
    for part, (x, y) in source.parts.items():
        where = f"{source.name}: {part}"
        if len(x) != len(y):
            raise DataError(f"{where} has {len(x)} rows of inputs and {len(y)} of targets; they must be as many.")
        if x.shape[1:] != source.train.x.shape[1:]:
            raise DataError(
                f"{where} rows have shape {x.shape[1:]}, train rows {source.train.x.shape[1:]}; make them alike."
            )
        if x.dtype != source.train.x.dtype:
            raise DataError(f"{where} inputs are {x.dtype}, train inputs {source.train.x.dtype}; make them alike.")
        if x.size == 0:
            raise DataError(
                f"{where} has {len(x)} rows of shape {x.shape[1:]}; give at least one row and feature."
            )
        if source.sequence:
            sequences.check(x, sequences.lengths_of(x), where)
        else:
            _check_finite(where, "input", x, source.features)
        _check_finite(where, "target", y, None)
    if len(source.train.x) < 2:
        raise DataError(f"{source.name}: {len(source.train.x)} training rows are too few; give at least 2.")
    if source.groups is not None and source.groups.shape != source.train.y.shape[:1]:
        shape, rows = source.groups.shape, len(source.train.y)
        raise DataError(f"{source.name}: groups have shape {shape}; they must be one for each of {rows} rows.")
    if source.classes is None:
        _check_spread(source)
    else:
        _check_classes(source, source.classes)


def _check_finite(where: str, role: str, values: np.ndarray, names: tuple[str, ...] | None) -> None:
    if values.dtype.kind != "f":
        return
    with np.errstate(over="ignore"):  # beyond float32 is infinite to every engine
        finite = np.isfinite(values.astype(np.float32, copy=False))
    if finite.all():
        return
    counts = (~finite).sum(axis=0)
    worst = int(counts.argmax())
    index = ", ".join(str(int(i)) for i in np.unravel_index(worst, counts.shape))
    place = f"column {names[worst]!r}" if names else f"{role} {index}".rstrip()
    others = int((counts > 0).sum()) - 1
    more = f" ({others} more such {'columns' if names else role + 's'})" if others else ""
    raise DataError(
        f"{where} has {counts.flat[worst]} of {len(values)} values NaN or infinite in {place}{more}. "
        "Fill them in, or leave the rows out."
    )


def _check_spread(source: Source) -> None:
    y = source.train.y
    if (y.min(axis=0) == y.max(axis=0)).all():
        raise DataError(
            f"{source.name}: every training target is {y[0].tolist()}, so there is nothing to learn; "
            "give targets that differ."
        )


def _check_classes(source: Source, classes: tuple[str, ...]) -> None:
    counts = np.bincount(source.train.y, minlength=len(classes))
    if len(classes) < 2:
        raise DataError(
            f"{source.name} has one class only, {', '.join(classes)}, with nothing to learn; give at least 2."
        )
    missing = [classes[number] for number in np.flatnonzero(counts == 0)]
    if missing:
        raise DataError(
            f"{source.name}: class {missing[0]!r} has no training row ({len(missing)} of {len(classes)} classes "
            "have none); add rows, or leave the class out."
        )
