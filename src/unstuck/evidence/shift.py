"""Splits side by side: rows that stand in both, labels that contradict, and how well the two are told apart."""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import special, stats

from unstuck.evidence.evidence import Column
from unstuck.evidence.models import Coding, deal, forest, out_of_fold
from unstuck.evidence.sample import Sample, flat, has_tokens

_MOST_HASHED = 200_000  # rows of a split that are compared one by one
_CHUNK = 4096  # rows that are converted at a time
_MOST_TOLD_APART = 700  # rows of either split that the classifier sees


def digests(x: np.ndarray) -> np.ndarray:
    """16 bytes (N,) for the inputs of each row, equal where all its numbers are, of whatever type.

    Among 10⁶ rows two differing ones agree with odds of 10⁻²⁷.
    """
    return np.array([hashlib.blake2b(row.data, digest_size=16).digest() for row in _rows(x)], dtype="S16")


def _rows(x: np.ndarray) -> Iterator[np.ndarray]:
    """Each row as 64-bit numbers, some at a time, since all may not fit into memory."""
    for start in range(0, len(x), _CHUNK):
        yield from flat(x[start : start + _CHUNK]) + 0.0  # minus zero is zero


def twins(x: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Which rows (N,) have inputs that a known row has too."""
    return np.isin(digests(x), digests(known))


def twins_within(x: np.ndarray) -> np.ndarray:
    """Which rows (N,) have inputs that another one has too."""
    _, number, count = np.unique(digests(x), return_inverse=True, return_counts=True)
    return count[number] > 1


def of_twins(train: Sample, held: Sample | None) -> dict[str, Column]:
    """Columns of rows with equal inputs: across splits, within training rows, and with different targets.

    Rows that are drawn alike find a twin among the training rows as often as these do among each other: the
    share that few values give by chance.
    """
    assert train.x is not None
    train = train.draw(_MOST_HASHED, 0, 4)
    assert train.x is not None
    within = twins_within(train.x)
    columns = {
        "twins_within": Column(np.array(within.mean()), "share of training rows"),
        "contradictions": Column(np.array(_contradictions(train.sound)), "share of rows, or of variance"),
    }
    if held is None or held.x is None or held.x.shape[1:] != train.x.shape[1:]:
        return columns
    across = twins(held.x[:_MOST_HASHED], train.x)
    share, count = float(within.mean()), len(across)
    variance = share * (1 - share) * (1 / count + 1 / len(within))
    error = np.sqrt(variance + 1 / count**2)  # one row at least
    return columns | {
        "twins": Column(np.array(across.mean()), "share of held-out rows"),
        "twins_beyond_chance": Column(np.array(across.mean() - share), "share of held-out rows"),
        "twins_error": Column(np.array(error), "standard error of the share"),
    }


def _contradictions(train: Sample) -> float:
    """What no function of the inputs gets right: the share of rows, or of variance, that differs among twins."""
    if train.x is None or not len(train) or train.kind == "other" or train.y.ndim > 2:
        return 0.0
    _, number = np.unique(digests(train.x), return_inverse=True)
    y = train.y.reshape(len(train), -1)
    if train.kind != "numbers":
        y = np.unique(y, axis=0, return_inverse=True)[1]
        pairs, counts = np.unique(np.stack([number, y.ravel()]), axis=1, return_counts=True)
        most = np.zeros(number.max() + 1)
        np.maximum.at(most, pairs[0], counts)
        return float(1 - most.sum() / len(train))
    y = y.astype(np.float64) / max(float(np.abs(y).max()), np.finfo(np.float64).tiny)
    counts = np.bincount(number)
    means = np.stack([np.bincount(number, output) / counts for output in y.T], axis=1)  # (distinct rows, O)
    total = ((y - y.mean(axis=0)) ** 2).sum()
    return float(((y - means[number]) ** 2).sum() / total) if total > 0 else 0.0


class Apart(NamedTuple):
    """How well two sets of rows are told apart: area under the ROC curve, 0.5 is not at all, and its error."""

    auc: float
    error: float


def tell_apart(first: Sample, second: Sample, *, seed: int) -> Apart | None:
    """A forest that is asked, for rows it has not seen, which set they are from. None of fewer than 20 rows.

    The error is of the rows for one forest; of fewer than 100 rows forests themselves vary as much again.

    Source: classifier two-sample tests, Lopez-Paz & Oquab 2017, ICLR, arXiv:1610.06545; the error of the area,
        Hanley & McNeil 1982, doi:10.1148/radiology.143.1.7063747.
    """
    most = min(len(first), len(second), _MOST_TOLD_APART)
    if most < 20:
        return None
    both = [one.draw(most, seed, 5, number) for number, one in enumerate((first, second))]
    x = np.concatenate([one.x for one in both if one.x is not None])
    side = np.repeat((0, 1), most)
    coding = Coding.of(Sample(x=x, y=side, kind="classes"), seed)
    asked = out_of_fold(forest(seed, "classes"), coding.inputs(x), coding.targets(side), deal(side, seed))
    ranks = stats.rankdata(asked[:, 1])
    auc = float((ranks[side == 1].sum() - most * (most + 1) / 2) / most**2)
    top, low = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (auc * (1 - auc) + (most - 1) * (top - auc**2 + low - auc**2)) / most**2
    return Apart(auc, float(np.sqrt(max(variance, 1 / most**2))))


def of_shift(train: Sample, held: Sample | None, *, seed: int) -> dict[str, Column]:
    """Columns of how the held-out rows differ from the training rows, in inputs and in targets."""
    if held is None or not len(held):
        return {}
    columns = _of_targets(train.sound, held.sound)
    if train.x is None or held.x is None or train.x.shape[1:] != held.x.shape[1:]:
        return columns
    if (apart := tell_apart(train, held, seed=seed)) is not None:
        columns["two_sample_auc"] = Column(np.array(apart.auc), "area under the ROC curve; 0.5 is alike")
        columns["two_sample_error"] = Column(np.array(apart.error), "standard error of the area")
    if not has_tokens(train.x):
        first, second = (one.draw(_MOST_TOLD_APART, seed, 5, n).x for n, one in enumerate((train, held)))
        assert first is not None
        assert second is not None
        coding = Coding.of(Sample(x=first, y=np.zeros(len(first)), kind="numbers"), seed)
        moved = np.abs(coding.inputs(second).mean(axis=0) - coding.inputs(first).mean(axis=0))
        along = tuple(f"feature {number}" for number in coding.features)
        columns["feature_shift"] = Column(moved, "difference of means per spread in training rows", along=along)
    return columns


def _of_targets(train: Sample, held: Sample) -> dict[str, Column]:
    """How far apart the targets lie, in [0, 1], and how often rows of one source are as far.

    Of classes half the sum of the differences of shares, by the χ² test; of numbers the largest difference of the
    shares below a number, by the test of Kolmogorov and Smirnov, of the output that differs most.
    """
    if not len(train) or not len(held) or train.y.ndim != held.y.ndim or train.kind == "other":
        return {}
    if train.kind == "numbers":
        pairs = list(zip(train.y.astype(np.float64).T, held.y.astype(np.float64).T, strict=False))
        distance = max(_numbers_apart(one, other) for one, other in pairs)
        pooled = len(train) * len(held) / (len(train) + len(held))
        p = len(pairs) * float(special.kolmogorov(np.sqrt(pooled) * distance))
    elif train.kind == "labels":
        distance, p = 0.0, 1.0
        for one, other in zip(train.y.T, held.y.T, strict=False):
            shift, chance = _classes_apart(one, other)
            distance, p = max(distance, shift), min(p, chance * train.y.shape[1])
    else:
        distance, p = _classes_apart(train.y.ravel(), held.y.ravel())
    return {
        "targets_shift": Column(np.array(distance), "total variation, or Kolmogorov's distance"),
        "targets_shift_p": Column(np.array(min(p, 1.0)), "probability by chance"),
    }


def _classes_apart(train: np.ndarray, held: np.ndarray) -> tuple[float, float]:
    classes = np.unique(np.concatenate([train, held]))
    table = np.array([[(side == one).sum() for one in classes] for side in (train, held)], dtype=np.float64)
    shares = table / table.sum(axis=1, keepdims=True)
    expected = table.sum(axis=0) * table.sum(axis=1, keepdims=True) / table.sum()
    p = float(special.chdtrc(max(len(classes) - 1, 1), ((table - expected) ** 2 / expected).sum()))
    return float(np.abs(shares[0] - shares[1]).sum() / 2), p


def _numbers_apart(train: np.ndarray, held: np.ndarray) -> float:
    """The largest difference between the shares of either side that lie at or below a number."""
    at = np.concatenate([train, held])
    below = [np.searchsorted(np.sort(side), at, side="right") / len(side) for side in (train, held)]
    return float(np.abs(below[0] - below[1]).max())
