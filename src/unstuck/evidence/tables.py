"""Each split by itself: sizes of inputs and targets, what is constant or not finite, rows of each class."""

from collections.abc import Mapping

import numpy as np

from unstuck.evidence.evidence import Column
from unstuck.evidence.sample import MOST_ROWS, Sample, flat, has_tokens

_MOST_NAMED = 1024  # features that are called by their number
_CHUNK = 4096  # rows that are looked through at a time
FAR = 3.0
"""Ranges of a column's other numbers, by which one that is repeated lies beyond them, if it means "missing"."""
REPEATED = 3
"""Places where it stands, in rows that differ."""


def of_inputs(splits: Mapping[str, Sample], *, seed: int) -> dict[str, Column]:
    """Columns of the inputs: what is not finite in every split, the rest of the training rows.

    Tokens are numbers of things. They have no size, and no columns of it.
    """
    train = splits["train"]
    held = {name: split.x for name, split in splits.items() if split.x is not None}
    if train.x is None or not train.x.size:
        return {}
    shares = np.array([_not_finite(x) for x in held.values()])
    columns = {"inputs_not_finite_rows": Column(shares, "share of rows", along=tuple(held))}
    drawn = train.draw(MOST_ROWS, seed, 0)
    assert drawn.x is not None
    x = flat(drawn.x)  # (N, F)
    names = tuple(f"feature {number}" for number in range(x.shape[1])) if x.shape[1] <= _MOST_NAMED else ()
    finite = np.isfinite(x)
    mean, spread = _moments(x, finite)
    constant = spread == 0
    columns |= {
        "inputs_not_finite": Column((~finite).mean(axis=0), "share of rows", along=names),
        "inputs_constant": Column(constant.astype(np.float64), "0 or 1", along=names),
        "inputs_constant_share": Column(np.array(constant.mean()), "share of features"),
    }
    if has_tokens(drawn.x):
        return columns
    coded = x == codes(x)
    columns["inputs_coded"] = Column(coded.mean(axis=0), "share of rows", along=names)
    columns["inputs_coded_rows"] = Column(np.array(coded.any(axis=1).mean()), "share of rows")
    return columns | {
        "inputs_mean": Column(mean, "unit of the feature", along=names),
        "inputs_spread": Column(spread, "unit of the feature", along=names),
        "inputs_size": Column(np.array(_root_mean(mean, spread)), "root mean square of all inputs"),
        "inputs_reach": Column(np.array(_length(spread)), "distance of a row from the mean row"),
        "inputs_spread_ratio": Column(np.array(_ratio(spread)), "largest spread per median spread"),
    }


def codes(x: np.ndarray) -> np.ndarray:
    """Of each column of x (N, F) the number that stands for what is missing, -999 say; NaN (F,) where none does.

    It is the column's most extreme one, is repeated, there or in other columns, and lies as far beyond all others
    as a heavy tail does not. It is not 0, which means none, and not what most rows have; nor has a column such a
    code of which half is one other number: one of two, the border of a picture.
    """
    none = np.full(x.shape[1], np.nan)
    if x.dtype.kind != "f" or len(x) < REPEATED:
        return none
    numbers = np.where(np.isfinite(x), x, np.nan)
    known = np.isfinite(x).any(axis=0)
    numbers[0, ~known] = 0.0
    low, high = np.nanmin(numbers, axis=0), np.nanmax(numbers, axis=0)
    found = none.copy()
    for code in (low, high):
        others = np.where(numbers == code, np.nan, numbers)
        varied = (np.isfinite(others).mean(axis=0) > 0.5) & (code != 0)
        others[:2, ~varied] = 0.0
        ends = np.nanmin(others, axis=0), np.nanmax(others, axis=0)
        gap = np.maximum(ends[0] - code, code - ends[1])
        far = varied & (ends[1] > ends[0]) & (gap > FAR * (ends[1] - ends[0]))
        for column in np.flatnonzero(far):
            quarters = np.nanquantile(others[:, column], (0.25, 0.75))
            if quarters[1] > quarters[0]:
                found[column] = code[column]
    hits = np.unique(numbers[(numbers == found).any(axis=1)], axis=0) == found  # rows that differ
    values, counts = np.unique(np.broadcast_to(found, hits.shape)[hits], return_counts=True)
    return np.where(np.isin(found, values[counts >= REPEATED]), found, np.nan)


def of_targets(splits: Mapping[str, Sample]) -> dict[str, Column]:
    """Columns of the targets: rows and bad ones of every split, the rest of the training rows."""
    names = tuple(splits)
    bad = np.array([split.bad.mean() if len(split) else 0.0 for split in splits.values()])
    columns = {
        "rows": Column(np.array([len(split) for split in splits.values()], dtype=np.float64), "rows", along=names),
        "targets_bad": Column(bad, "share of rows", along=names),
    }
    train = splits["train"].sound
    if not len(train):
        return columns
    distinct = max(len(np.unique(output)) for output in train.y.reshape(len(train), -1).T)
    columns["targets_distinct"] = Column(np.array(float(distinct)), "values of the output that has most")
    if train.kind == "numbers":
        return columns | _of_numbers(train.y)
    if train.kind == "labels":
        share = np.clip(train.y.astype(np.float64).mean(axis=0), 0, 1)  # (L,)
        rarer = np.minimum(share, 1 - share)
        ratio = float(np.median((1 - rarer) / np.maximum(rarer, 1 / len(train))))
        return columns | {
            "label_shares": Column(share, "share of rows", along=_numbered("label", len(share))),
            "imbalance": Column(np.array(ratio), "rows of the commonest per row of the rarest"),
        }
    return columns | _of_classes(splits) if train.kind == "classes" else columns


def _of_classes(splits: Mapping[str, Sample]) -> dict[str, Column]:
    """Counts by class number; a number that no training row has is a gap, and in another split unseen."""
    y = splits["train"].sound.y.ravel().astype(np.int64)
    present, counts = np.unique(y, return_counts=True)
    others = [np.unique(split.sound.y.astype(np.int64)) for name, split in splits.items() if name != "train"]
    unseen = np.setdiff1d(np.concatenate(others), present) if others else np.array(())
    gaps = int(present.max()) + 1 - len(present)
    return {
        "class_rows": Column(counts.astype(np.float64), "rows", along=tuple(f"class {one}" for one in present)),
        "imbalance": Column(np.array(counts.max() / counts.min()), "rows of the commonest per row of the rarest"),
        "class_gaps": Column(np.array(float(gaps)), "class numbers without a training row"),
        "classes_unseen": Column(np.array(float(len(unseen))), "classes of other splits without a training row"),
    }


def _of_numbers(y: np.ndarray) -> dict[str, Column]:
    y = y.astype(np.float64)
    mean, spread = _moments(y, np.isfinite(y))
    names = _numbered("output", len(mean))
    return {
        "targets_mean": Column(mean, "unit of the target", along=names),
        "targets_spread": Column(spread, "unit of the target", along=names),
        "targets_size": Column(np.array(_root_mean(mean, spread)), "root mean square of all targets"),
        "targets_reach": Column(np.array(_length(spread)), "distance of a target from the mean target"),
    }


def _moments(x: np.ndarray, finite: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread (F,) of what is finite; a feature whose numbers are all equal has a spread of exactly 0."""
    largest = np.where(finite, np.abs(x), 0).max(axis=0)  # scaled by it, since squares of huge numbers overflow
    size = np.where(largest > 0, largest, 1)
    scaled = np.where(finite, x, 0) / size
    count = np.maximum(finite.sum(axis=0), 1)
    mean = scaled.sum(axis=0) / count
    spread = np.sqrt((np.where(finite, scaled - mean, 0) ** 2).sum(axis=0) / count)
    low, high = (np.where(finite, x, end).T for end in (np.inf, -np.inf))
    equal = low.min(axis=1) >= high.max(axis=1)
    return mean * size, np.where(equal, 0.0, spread * size)


def _root_mean(mean: np.ndarray, spread: np.ndarray) -> float:
    return float(np.hypot(_length(mean), _length(spread)) / np.sqrt(len(mean)))


def _length(vector: np.ndarray) -> float:
    largest = float(np.abs(vector).max())
    return largest * float(np.linalg.norm(vector / largest)) if largest > 0 else 0.0


def _ratio(spread: np.ndarray) -> float:
    """The largest spread, in units of the median of those that are not 0; of an even number the lower one."""
    varying = np.sort(spread[spread > 0])
    return float(varying[-1] / varying[(len(varying) - 1) // 2]) if len(varying) else 1.0


def _not_finite(x: np.ndarray) -> float:
    """Share of rows that hold a number that is not finite."""
    if x.dtype.kind != "f" or not len(x):
        return 0.0
    chunks = (x[start : start + _CHUNK] for start in range(0, len(x), _CHUNK))
    return sum(int((~np.isfinite(chunk.reshape(len(chunk), -1)).all(axis=1)).sum()) for chunk in chunks) / len(x)


def _numbered(what: str, count: int) -> tuple[str, ...]:
    return tuple(f"{what} {number}" for number in range(count))
