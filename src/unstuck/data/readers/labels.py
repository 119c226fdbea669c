"""From a column of raw targets to class numbers with names, or to numbers."""

from collections.abc import Mapping

import numpy as np

from unstuck.errors import DataError, RecipeError

MOST_CLASSES = 20
"""Whole numbers of at most so many kinds are classes. Ours: more than ten digits, fewer than ages or prices."""

Encoded = tuple[dict[str, np.ndarray], tuple[str, ...] | None]


def encode(raw: Mapping[str, np.ndarray], task: str, where: str, *, pictures: bool = False) -> Encoded:
    """Targets as class numbers with the names of the classes, or as numbers to predict.

    With the task auto, words and booleans are classes, and so are whole numbers that label pictures or that
    are of at most `MOST_CLASSES` kinds; other numbers are predicted as numbers.

    Args:
        raw: the targets of each part of the source, (N,), or (N, O) for numbers.
        task: auto, classification or regression; overrides the rule.
        where: what the targets are, to begin a message with.
        pictures: the inputs are pictures.

    Returns:
        For each part (N,) int64 and the names of the classes, in the order of their values; or (N, O) float64
        and None. The classes are those of all parts together.
    """
    raw = {part: _column(values, where) for part, values in raw.items()}
    together = np.concatenate(list(raw.values()))
    if _are_classes(together, task, where, pictures):
        values, numbers = np.unique(together, return_inverse=True)
        cuts = np.cumsum([len(part) for part in raw.values()])[:-1]
        y = dict(zip(raw, np.split(numbers.astype(np.int64), cuts), strict=True))
        return y, tuple(_name(value) for value in values.tolist())
    return {part: values.reshape(len(values), -1).astype(np.float64) for part, values in raw.items()}, None


def numbered(values: np.ndarray, where: str) -> np.ndarray:
    """Groups of rows (N,) int64 from what they are called: the same number for the same value."""
    if values.ndim != 1 or values.dtype.kind not in "biufU":
        raise DataError(f"{where} is {values.dtype} of shape {values.shape}; it must be (rows,) numbers or words.")
    if values.dtype.kind == "f" and (missing := int(np.isnan(values).sum())):
        raise DataError(f"{where} has {missing} of {len(values)} values NaN; say which group each row is of.")
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _column(values: np.ndarray, where: str) -> np.ndarray:
    if values.dtype.kind not in "biufU":
        raise DataError(f"{where} are of type {values.dtype}; they must be numbers, words or booleans.")
    if values.ndim not in (1, 2):
        raise DataError(f"{where} have shape {values.shape}; they must be (rows,) or (rows, outputs).")
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def _are_classes(values: np.ndarray, task: str, where: str, pictures: bool) -> bool:
    words, whole = values.dtype.kind == "U", values.dtype.kind in "biu"
    if task == "regression":
        if words:
            raise RecipeError("data.task", f"be classification, for {where} are words", task)
        return False
    if values.ndim == 2:
        _refuse_columns(values, task, where)
        return False
    if task == "classification":
        if values.dtype.kind == "f" and not (values == np.round(values)).all():
            raise RecipeError("data.task", f"be regression or auto, for {where} are fractional numbers", task)
        return True
    return words or values.dtype == bool or (whole and (pictures or len(np.unique(values)) <= MOST_CLASSES))


def _refuse_columns(values: np.ndarray, task: str, where: str) -> None:
    """Several columns are several numbers to predict, unless they look like or are meant as one-hot classes."""
    one_hot = ((values == 0) | (values == 1)).all() and (values.sum(axis=1) == 1).all()
    if one_hot or task == "classification":
        raise DataError(
            f"{where} have {values.shape[1]} columns; classes must be (rows,) class numbers. "
            "Store y.argmax(axis=1), or say data.task = 'regression'."
        )


def _name(value: object) -> str:
    return str(int(value)) if isinstance(value, float) else str(value)
