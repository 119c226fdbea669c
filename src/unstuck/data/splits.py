"""Which rows are trained on, chosen by, and scored: seeded, by class, disjoint.

Written in a few lines of NumPy because scikit-learn's splitters cost 0.8 s of import, in a job of 4 s.
"""

from typing import NamedTuple

import numpy as np

from unstuck.data.source import Pairs, Source
from unstuck.errors import DataError, RecipeError
from unstuck.recipe.data import Data
from unstuck.rng import stream

_TEST, _VALIDATION, _ROWS = range(3)  # positions in the stream "splits", so that one choice moves no other


class Choice(NamedTuple):
    """Row numbers of each split, ascending. Each counts from 0 in the part of the source that it is taken from.

    A source's own validation and test rows are numbered apart from its training rows; rows split off keep
    their number among the training rows.
    """

    train: np.ndarray
    validation: np.ndarray | None
    test: np.ndarray | None


def choose(source: Source, spec: Data) -> Choice:
    """Split off what the source does not bring: first the test rows, then, of the rest, the validation rows.

    `spec.test` is a share of all rows, `spec.validation` of those that are left; `spec.rows` then thins out
    the training rows. Every split is drawn by class, as far as whole rows allow; numbers are drawn as they come.
    """
    y = source.train.y
    train = np.arange(len(y))
    test, validation = _own(source.test), _own(source.validation)
    if source.test is None and spec.test > 0:
        train, test = _split_off(train, y, spec, "test", _TEST)
    if source.validation is None and spec.validation > 0:
        train, validation = _split_off(train, y, spec, "validation", _VALIDATION)
    if spec.rows is not None:
        train = _thin_out(train, y, spec, spec.rows)
    return Choice(train, validation, test)


def hold_out(y: np.ndarray, count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Positions that stay and positions held out, both ascending; every class keeps at least one that stays.

    Args:
        y: class numbers (N,), to draw by class; or numbers (N, O), to draw regardless of them.
        count: how many are held out, at least 0.
        generator: draws.

    Raises:
        DataError: if not every class (not any row, where y are numbers) could stay.
    """
    group = y if y.ndim == 1 else np.zeros(len(y), dtype=np.int64)
    sizes = np.bincount(group)
    quota = _apportion(sizes, count)
    order = generator.permutation(len(group))
    order = order[np.argsort(group[order], kind="stable")]  # class by class, shuffled within each
    rank = np.arange(len(group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)  # position within its class
    held = rank < np.repeat(quota, sizes)
    return np.sort(order[~held]), np.sort(order[held])


def _apportion(sizes: np.ndarray, count: int) -> np.ndarray:
    """How many of each class are held out: in proportion, rounded by largest remainder, never the last one."""
    room = np.maximum(sizes - 1, 0)
    if count > room.sum():
        raise DataError(f"{count} of {sizes.sum()} rows cannot be held out: each class needs a row to train on")
    exact = count * sizes / sizes.sum()
    quota = np.minimum(np.floor(exact).astype(np.int64), room)
    while (left := count - quota.sum()) > 0:
        open_ = np.flatnonzero(quota < room)
        first = open_[np.argsort((quota - exact)[open_], kind="stable")][:left]
        quota[first] += 1
    return quota


def _own(pairs: Pairs | None) -> np.ndarray | None:
    return None if pairs is None else np.arange(len(pairs.x))


def _split_off(
    rows: np.ndarray, y: np.ndarray, spec: Data, part: str, index: int
) -> tuple[np.ndarray, np.ndarray]:
    share = getattr(spec, part)
    count = max(1, round(share * len(rows)))
    try:
        stay, held = hold_out(y[rows], count, stream(spec.seed, "splits", index))
    except DataError as error:
        raise DataError(f"data.{part} = {share}: {error}. Give more rows, or set data.{part} = 0.") from error
    return rows[stay], rows[held]


def _thin_out(rows: np.ndarray, y: np.ndarray, spec: Data, wanted: int) -> np.ndarray:
    if wanted > len(rows):
        raise RecipeError("data.rows", f"be at most the number of training rows ({len(rows)})", wanted)
    classes = len(np.unique(y)) if y.ndim == 1 else 1
    if wanted < classes:
        raise RecipeError("data.rows", f"be at least the number of classes ({classes})", wanted)
    stay, _ = hold_out(y[rows], len(rows) - wanted, stream(spec.seed, "splits", _ROWS))
    return rows[stay]
