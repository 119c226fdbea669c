"""Which rows are trained on, chosen by, and scored: seeded, by class, disjoint.

Written in a few lines of NumPy because scikit-learn's splitters cost 0.8 s of import, in a job of 4 s.
"""

from typing import NamedTuple

import numpy as np

from unstuck.data import folds
from unstuck.data.source import Pairs, Source, check
from unstuck.errors import DataError, RecipeError
from unstuck.recipe.data import Data, Fold
from unstuck.rng import stream

# Positions in the stream "splits", so that one choice moves no other
_TEST, _VALIDATION, _ROWS, _FOLD, _BOOTSTRAP = range(5)


class Choice(NamedTuple):
    """Row numbers of each split, ascending. Each counts from 0 in the part of the source that it is taken from.

    A source's own validation and test rows are numbered apart from its training rows; rows split off keep
    their number among the training rows. In a bootstrap sample, rows drawn more than once stand there as often.
    """

    train: np.ndarray
    validation: np.ndarray | None
    test: np.ndarray | None


def choose(source: Source, spec: Data) -> Choice:
    """Split off what the source does not bring: first the test rows, then, of the rest, the validation rows.

    `spec.test` is a share of all rows, `spec.validation` of those that are left; `spec.rows` then thins out
    the training rows. Every split is drawn by class, as far as whole rows allow; numbers are drawn as they come.
    Groups stay whole. With a fold, the rows are thinned out first, the fold is the test rows, and the source must
    bring none of its own. A bootstrap sample is drawn last, so that no copy of its rows is held out.
    """
    if spec.fold:
        train, validation, test = _choose_fold(source, spec, spec.fold)
    else:
        train, validation, test = _choose_once(source, spec)
    if spec.bootstrap is not None:
        drawn = draw(source.train.y[train], stream(spec.seed, "splits", _BOOTSTRAP, spec.bootstrap))
        train = train[drawn]
    return Choice(train, validation, test)


def count_folds(source: Source, spec: Data) -> int:
    """How many folds the source's rows make: `data.fold.folds`, or, where not given, one per row or group."""
    check(source)
    if spec.fold is None:
        raise RecipeError("data.fold", "be given", None, hint="Try data.fold.folds = 10 and data.fold.number = 0.")
    rows = _pool(source, spec)
    return folds.count(source.train.y[rows], _groups(source, rows), spec.fold)


def draw(y: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Positions of a bootstrap sample, ascending: of each class as many as it has, with replacement."""
    by_class = folds.kinds(y)
    order = np.argsort(by_class, kind="stable")
    sizes = np.bincount(by_class)
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(order[first + generator.integers(np.repeat(sizes, sizes))])


def hold_out(y: np.ndarray, count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Positions that stay and positions held out, both ascending; every class keeps at least one that stays.

    Args:
        y: class numbers (N,), to draw by class; or numbers (N, O), to draw regardless of them.
        count: how many are held out, at least 0.
        generator: draws.

    Raises:
        DataError: if not every class (not any row, where y are numbers) could stay.
    """
    by_class = folds.kinds(y)
    sizes = np.bincount(by_class)
    quota = _apportion(sizes, count)
    order = generator.permutation(len(by_class))
    order = order[np.argsort(by_class[order], kind="stable")]  # class by class, shuffled within each
    rank = np.arange(len(by_class)) - np.repeat(np.cumsum(sizes) - sizes, sizes)  # position within its class
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


def _choose_once(source: Source, spec: Data) -> Choice:
    train = np.arange(len(source.train.y))
    test, validation = _own(source.test), _own(source.validation)
    if source.test is None and spec.test > 0:
        train, test = _split_off(source, train, spec, "test", _TEST)
    if source.validation is None and spec.validation > 0:
        train, validation = _split_off(source, train, spec, "validation", _VALIDATION)
    if spec.rows is not None:
        train = _thin_out(train, source.train.y, spec, spec.rows)
    return Choice(train, validation, test)


def _choose_fold(source: Source, spec: Data, fold: Fold) -> Choice:
    rows = _pool(source, spec)
    y, groups = source.train.y[rows], _groups(source, rows)
    there = folds.count(y, groups, fold)
    if fold.number >= there:
        raise RecipeError("data.fold.number", f"be less than {there}, the number of folds", fold.number)
    held = folds.deal(y, groups, fold, stream(spec.seed, "splits", _FOLD, fold.repeat)) == fold.number
    test = rows[held]
    train, validation = folds.trainable(source, rows[~held], test, fold), None
    if spec.validation > 0:
        train, validation = _split_off(source, train, spec, "validation", _VALIDATION)
    return Choice(train, validation, test)


def _pool(source: Source, spec: Data) -> np.ndarray:
    """The rows that folds are made of."""
    rows = np.arange(len(source.train.y))
    return rows if spec.rows is None else _thin_out(rows, source.train.y, spec, spec.rows)


def _groups(source: Source, rows: np.ndarray) -> np.ndarray | None:
    return None if source.groups is None else source.groups[rows]


def _split_off(
    source: Source, rows: np.ndarray, spec: Data, part: str, index: int
) -> tuple[np.ndarray, np.ndarray]:
    share = getattr(spec, part)
    count = max(1, round(share * len(rows)))
    y, groups, generator = source.train.y[rows], _groups(source, rows), stream(spec.seed, "splits", index)
    try:
        if groups is None:
            stay, held = hold_out(y, count, generator)
        else:
            stay, held = folds.hold_out_groups(y, groups, count, generator)
    except DataError as error:
        raise DataError(f"data.{part} = {share}: {error}. Give more rows, or set data.{part} = 0.") from error
    return rows[stay], rows[held]


def _thin_out(rows: np.ndarray, y: np.ndarray, spec: Data, wanted: int | float) -> np.ndarray:
    wanted = round(wanted * len(rows)) if isinstance(wanted, float) else wanted
    if wanted > len(rows):
        raise RecipeError("data.rows", f"be at most the number of training rows ({len(rows)})", wanted)
    classes = len(np.unique(y)) if y.ndim == 1 else 1
    if wanted < classes:
        raise RecipeError("data.rows", f"be at least the number of classes ({classes})", wanted)
    stay, _ = hold_out(y[rows], len(rows) - wanted, stream(spec.seed, "splits", _ROWS))
    return rows[stay]
