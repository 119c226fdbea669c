"""A data set in numbers: how many rows, of what, between which limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np


class SplitSummary(NamedTuple):
    """One split in numbers. Low, high and mean are of its finite values, NaN if there are none."""

    name: str
    rows: int
    low: float
    high: float
    mean: float
    not_finite: int
    """Values, not rows, that are NaN or infinite."""

    @classmethod
    def of(cls, name: str, x: np.ndarray) -> Self:
        """Of examples (N, …)."""
        finite = np.isfinite(x) if x.dtype.kind == "f" else None
        values = x if finite is None or finite.all() else x[finite]
        if not values.size:
            return cls(name, len(x), np.nan, np.nan, np.nan, x.size)
        mean = float(values.mean(dtype=np.float64))
        return cls(name, len(x), float(values.min()), float(values.max()), mean, x.size - values.size)


@dataclass(frozen=True, kw_only=True, eq=False)
class DataSummary:
    """What a data set holds, for the terminal."""

    name: str
    shape: tuple[int, ...]
    """Of one example."""
    kind: str
    """Of its numbers, such as uint8."""
    megabytes: float
    splits: tuple[SplitSummary, ...]
    classes: tuple[str, ...] | None
    class_counts: Mapping[str, np.ndarray]
    """Rows (C,) of each class, by split; empty without classes."""

    @classmethod
    def of(
        cls,
        name: str,
        splits: Mapping[str, tuple[np.ndarray, np.ndarray]],
        *,
        classes: tuple[str, ...] | None,
    ) -> Self:
        """The summary of named splits, each of examples x (N, …) and class numbers (N,) or numbers (N, O)."""
        some = next(iter(splits.values()))[0]
        counts = {split: np.bincount(y, minlength=len(classes)) for split, (_, y) in splits.items() if classes}
        return cls(
            name=name,
            shape=some.shape[1:],
            kind=str(some.dtype),
            megabytes=sum(x.nbytes + y.nbytes for x, y in splits.values()) / 1e6,
            splits=tuple(SplitSummary.of(split, x) for split, (x, _) in splits.items()),
            classes=classes,
            class_counts=counts,
        )
