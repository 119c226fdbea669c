"""Rows to measure: as many as seconds allow, drawn by the seed, flat, with targets as one column per output."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unstuck.errors import RecipeError, did_you_mean
from unstuck.rng import stream

Kind = Literal["classes", "binary", "labels", "numbers", "other"]
KINDS: tuple[Kind, ...] = ("classes", "binary", "labels", "numbers", "other")
Splits = Mapping[str, tuple[np.ndarray | None, np.ndarray]]

IGNORED = -100  # the class number that torch's losses pass over by default
REPEATS = 0.7
"""Correlation of targets with the inputs in the same places, from which inputs are to be rebuilt."""
MOST_ROWS = 4000  # of which means and spreads are taken; their error is then 1.6 % of a spread


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """A split, or some rows of it, for measuring.

    Args:
        x: (N, …) as given, or None where inputs cannot be had.
        y: class numbers (N,), whole where all are finite; else (N, O) targets.
        kind: what is predicted; "binary" and one-hot rows have become "classes".
    """

    x: np.ndarray | None
    y: np.ndarray
    kind: Kind

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: np.ndarray) -> "Sample":
        """Some rows, by number or by mask."""
        return Sample(x=None if self.x is None else self.x[rows], y=self.y[rows], kind=self.kind)

    def draw(self, most: int, seed: int, *index: int) -> "Sample":
        """At most so many rows, in their order."""
        if len(self) <= most:
            return self
        return self.take(np.sort(stream(seed, "probe", *index).choice(len(self), most, replace=False)))

    @property
    def bad(self) -> np.ndarray:
        """Which rows (N,) have a target that nothing can be learned from: not finite, or a negative class."""
        y = self.y.reshape(len(self), -1)
        bad = ~np.isfinite(y)
        if self.kind == "classes":
            bad |= (y < 0) & (y != IGNORED)
        return np.asarray(bad.any(axis=1))

    @property
    def sound(self) -> "Sample":
        """Rows whose targets can be learned from; a class to pass over is none."""
        keep = ~self.bad
        if self.kind == "classes" and self.y.ndim == 1:
            keep &= self.y != IGNORED
        return self.take(keep)


def sample(split: tuple[np.ndarray | None, np.ndarray], kind: str) -> Sample:
    """A split's rows with targets in one of two forms: class numbers (N,), or one column per output.

    Raises:
        RecipeError: if the kind is unknown, or inputs and targets are not equally many.
    """
    if kind not in KINDS:
        raise RecipeError("kind", "be a known one", kind, hint=did_you_mean(kind, KINDS))
    x, y = split[0], np.asarray(split[1])
    if x is not None and len(x) != len(y):
        raise RecipeError("inputs", f"be as many as the targets ({len(y)})", len(x))
    if kind == "binary" or (kind == "classes" and y.ndim == 2 and y.shape[1] == 1):
        y = y.reshape(len(y), -1)[:, 0] if y.ndim < 3 else y
        kind = "classes"
    elif kind == "classes" and _is_one_hot(y):
        y = y.argmax(axis=1)
    if kind in ("labels", "numbers"):
        y = y.reshape(len(y), -1)
    return Sample(x=x, y=y, kind=kind)


def _is_one_hot(y: np.ndarray) -> bool:
    if y.ndim != 2 or y.shape[1] < 2:
        return False
    return bool(np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all())


def has_tokens(x: np.ndarray) -> bool:
    """Whether inputs are numbers of things, to be looked up: whole ones, but not bytes, which pictures are of."""
    return x.dtype.kind in "iu" and x.dtype != np.uint8


def flat(x: np.ndarray) -> np.ndarray:
    """Rows (N, F) as 64-bit numbers."""
    return x.reshape(len(x), -1).astype(np.float64)


def is_reconstruction(x: np.ndarray | None, y: np.ndarray) -> bool:
    """Whether targets are the inputs, or these without noise: what an autoencoder is for, through a narrow layer.

    Others need no narrow layer, and repeat them all: no yardstick.

    Args:
        x: (N, …) inputs, or None.
        y: (N, …) targets.
    """
    if x is None or x.size != y.size or y.size <= len(y) or has_tokens(x):
        return False
    pair = [part[:MOST_ROWS].reshape(-1).astype(np.float64) for part in (x, y)]
    known = np.isfinite(pair[0]) & np.isfinite(pair[1])
    first, second = (part[known] - part[known].mean() if known.any() else part[known] for part in pair)
    size = float(np.linalg.norm(first) * np.linalg.norm(second))
    return size > 0 and float(first @ second) / size > REPEATS
