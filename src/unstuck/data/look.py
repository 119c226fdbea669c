"""What a data set looks like before it is trained on, as plain data; pictures of it are made in report."""

import hashlib
import math
from dataclasses import dataclass

import numpy as np

from unstuck.data.dataset import Dataset, Scaling, Split
from unstuck.data.sequences import lengths_of, steps_of


@dataclass(frozen=True, kw_only=True)
class Range:
    """Lowest and highest number, in the unit of the source and as the network sees it."""

    raw: tuple[float, float]
    seen: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class SplitLook:
    """One split of a data set."""

    rows: int
    inputs: Range
    targets: Range | None
    """Of numbers to predict; None for classes."""
    balance: tuple[int, ...] | None
    """Rows of each class, by number; None where numbers are predicted."""
    repeated: int
    """Rows whose inputs stand in the training split too; within it, rows that repeat an earlier one."""
    steps: tuple[int, float, int] | None
    """Of the shortest, the median and the longest sequence; None where rows are no sequences."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A data set at a glance."""

    name: str
    shape: tuple[int, ...]
    """Of one example."""
    dtype: str
    """As stored: uint8, or float32 (scaled already)."""
    classes: tuple[str, ...] | None
    features: tuple[str, ...] | None
    splits: dict[str, SplitLook]
    constant: int
    """Features that are the same in every training row, from which nothing can be learned."""
    fingerprint: str


def look(dataset: Dataset) -> Look:
    """Count, measure and compare the splits of a data set."""
    known = _hashes(dataset.train)
    return Look(
        name=dataset.name,
        shape=dataset.shape,
        dtype=str(dataset.train.x.dtype),
        classes=dataset.classes,
        features=dataset.features,
        splits={name: _look(split, dataset, known) for name, split in dataset.splits.items()},
        constant=int(np.equal(*_extremes(dataset.train, dataset)).sum()),
        fingerprint=dataset.fingerprint,
    )


def _look(split: Split, dataset: Dataset, known: list[bytes]) -> SplitLook:
    training = split is dataset.train
    hashes = known if training else _hashes(split)
    distinct = set(known)
    return SplitLook(
        rows=len(split),
        inputs=_range(_extremes(split, dataset), dataset.inputs),
        targets=_range(np.stack([split.y.min(axis=0), split.y.max(axis=0)]), dataset.targets)
        if dataset.targets
        else None,
        balance=tuple(np.bincount(split.y, minlength=dataset.outputs).tolist()) if dataset.classes else None,
        repeated=len(hashes) - len(distinct) if training else sum(row in distinct for row in hashes),
        steps=_steps(split) if dataset.sequence else None,
    )


def _steps(split: Split) -> tuple[int, float, int]:
    lengths = lengths_of(split.x)
    return int(lengths.min()), float(np.median(lengths)), int(lengths.max())


def _extremes(split: Split, dataset: Dataset) -> np.ndarray:
    """Least and largest number of each feature (2, …); of sequences over all their steps."""
    x = steps_of(split.x) if dataset.sequence else split.x
    return np.stack([x.min(axis=0), x.max(axis=0)])


def _range(extremes: np.ndarray, scaling: Scaling) -> Range:
    """Only extremes are scaled or unscaled: factors are positive, so that they stay extremes of their feature."""
    is_raw = extremes.dtype == np.uint8
    raw = extremes if is_raw else _rounded(scaling.undo(extremes))
    seen = scaling.apply(extremes) if is_raw else extremes
    return Range(raw=(float(raw.min()), float(raw.max())), seen=(float(seen.min()), float(seen.max())))


def _rounded(extremes: np.ndarray) -> np.ndarray:
    """To a millionth of the span: what scaling to float32 and back adds below that is noise (0 as -5e-7)."""
    span = float(extremes.max() - extremes.min())
    return extremes.astype(np.float64).round(6 - math.ceil(math.log10(span))) if span > 0 else extremes


def _hashes(split: Split) -> list[bytes]:
    """A digest of each row's inputs. 16 bytes: among 10⁶ rows two differing ones agree with odds of 10⁻²⁷."""
    rows = np.ascontiguousarray(split.x)
    return [hashlib.blake2b(row.data, digest_size=16).digest() for row in rows]
