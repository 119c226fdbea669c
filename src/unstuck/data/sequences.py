"""Sequences of unequal length in one array: (N, T, F) floating, NaN in the steps after a sequence's end.

The convention is tslearn's, Tavenard et al. 2020, jmlr.org/papers/v21/20-091.html.
"""

import numpy as np

from unstuck.errors import DataError

LENGTHS = "lengths"
"""The usual name of the array that says how long each sequence is."""


def lengths_of(x: np.ndarray) -> np.ndarray:
    """Steps of each sequence (N,), as far as its first NaN; of x (N, T, F)."""
    ended = np.isnan(x).any(axis=-1)
    return np.where(ended.any(axis=-1), ended.argmax(axis=-1), x.shape[1])


def steps_of(x: np.ndarray) -> np.ndarray:
    """All steps of all sequences, one below the other: (N, T, F) → (S, F)."""
    return x[_within(lengths_of(x), x.shape[1])]


def padded(x: np.ndarray, lengths: np.ndarray | None, where: str) -> np.ndarray:
    """A floating copy of (N, T, F), or (N, T) with one feature, with NaN after each sequence's end; checked.

    Args:
        x: may be padded by NaN already.
        lengths: steps of each sequence, (N,) whole numbers in 1 … T; None where x says it.
        where: what x is, to begin a message with.
    """
    if x.ndim == 2 and lengths is not None:
        x = x[:, :, None]
    if x.ndim != 3 or x.dtype.kind not in "biuf":
        raise DataError(f"{where} must be sequences (rows, steps, features), got {x.dtype} of shape {x.shape}.")
    x = x.copy() if x.dtype.kind == "f" else x.astype(np.float64)
    if lengths is not None:
        x[~_within(_checked(lengths, x, where), x.shape[1])] = np.nan
        check(x, lengths, where)
    else:
        check(x, lengths_of(x), where)
    return x


def stacked(steps: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Steps (S, F), sequence after sequence, as sequences (N, T, F) as long as the longest."""
    x = np.full((len(lengths), int(lengths.max()), steps.shape[1]), np.nan)
    x[_within(lengths, x.shape[1])] = steps
    return x


def lengthened(x: np.ndarray, steps: int, where: str) -> np.ndarray:
    """Sequences (N, T', F) with NaN after them up to so many steps."""
    if x.shape[1] > steps and not np.isnan(x[:, steps:]).all():
        raise DataError(f"{where} must have at most {steps} steps, got {lengths_of(x).max()}.")
    more = np.full((len(x), max(steps - x.shape[1], 0), x.shape[2]), np.nan, x.dtype)
    return np.concatenate([x[:, :steps], more], axis=1)


def check(x: np.ndarray, lengths: np.ndarray, where: str) -> None:
    """Raise a `DataError` unless sequences have a step, and numbers in all their steps and nothing after."""
    if (lengths == 0).any():
        row = int((lengths == 0).argmax())
        raise DataError(f"{where} row {row + 1} has NaN in its first step; each sequence must have a step.")
    within = _within(lengths, x.shape[1])
    with np.errstate(over="ignore"):  # beyond float32 is infinite to every engine
        finite = np.isfinite(x.astype(np.float32, copy=False)).all(axis=2)
    wrong = np.where(within, ~finite, ~np.isnan(x).all(axis=2))
    if not wrong.any():
        return
    row, step = (int(place) for place in np.unravel_index(wrong.argmax(), wrong.shape))
    step = step if within[row, step] else int(lengths[row])  # a number after the NaN tells on the NaN
    raise DataError(
        f"{where} row {row + 1}, step {step + 1}, holds NaN or "
        "infinite numbers within a sequence; NaN may stand after its end alone. Fill it in, or leave the row out."
    )


def _within(lengths: np.ndarray, steps: int) -> np.ndarray:
    """Which steps belong to their sequence, (N, T)."""
    return np.arange(steps) < lengths[:, None]


def _checked(lengths: np.ndarray, x: np.ndarray, where: str) -> np.ndarray:
    if lengths.shape != (len(x),):
        raise DataError(f"{where} has {len(x)} sequences and lengths of shape {lengths.shape}; give one for each.")
    if lengths.dtype.kind not in "iu":
        raise DataError(f"{where} has lengths of type {lengths.dtype}; they must be whole numbers.")
    wrong = (lengths < 1) | (lengths > x.shape[1])
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"{where} row {row + 1} has length {lengths[row]}; it must be in 1 … {x.shape[1]}.")
    return lengths
