"""Folds: each row held out once, by class, or whole groups; and no training row that is a held-out row's copy.

Written here because scikit-learn's splitters cost 0.8 s of import, and shuffle otherwise from release to release.
"""

import numpy as np

from unstuck.data.source import Source
from unstuck.errors import DataError, RecipeError
from unstuck.recipe.data import Fold


def kinds(y: np.ndarray) -> np.ndarray:
    """What rows are drawn by, (N,): class numbers; of numbers (N, O) to predict, all rows are of one kind."""
    return y if y.ndim == 1 else np.zeros(len(y), dtype=np.int64)


def count(y: np.ndarray, groups: np.ndarray | None, fold: Fold) -> int:
    """How many folds there are: as many as asked for, a `RecipeError` if too many; or one per row, or group."""
    most, what = (len(y), "rows") if groups is None else (len(np.unique(groups)), "groups")
    if fold.folds is None:
        return most
    if fold.folds > most:
        hint = f"Give fewer folds, or more {what}."
        raise RecipeError("data.fold.folds", f"be at most {most}, the number of {what}", fold.folds, hint=hint)
    if groups is None and fold.stratified and y.ndim == 1:
        sizes = np.bincount(y)
        smallest = int(sizes[sizes > 0].min())
        if fold.folds > smallest:
            hint = "Give fewer folds, or set data.fold.stratified = false."
            must = f"be at most {smallest}, the rows of the smallest class"
            raise RecipeError("data.fold.folds", must, fold.folds, hint=hint)
    return fold.folds


def deal(y: np.ndarray, groups: np.ndarray | None, fold: Fold, generator: np.random.Generator) -> np.ndarray:
    """The number of the fold that holds each row out, (N,).

    Sizes differ by one row at most, and where stratified the rows of each class do so too. Groups stay whole, and
    folds are then as even as `_deal_groups` makes them. One by one, folds are numbered as the rows are, or as the
    groups in the order of their numbers.
    """
    by_class = kinds(y) if fold.stratified else np.zeros(len(y), dtype=np.int64)
    if groups is None:
        return np.arange(len(y)) if fold.folds is None else _deal_rows(by_class, fold.folds, generator)
    numbers = np.unique(groups, return_inverse=True)[1]
    return numbers if fold.folds is None else _deal_groups(by_class, numbers, fold.folds, generator)


def _deal_rows(by_class: np.ndarray, folds: int, generator: np.random.Generator) -> np.ndarray:
    """Class after class, each shuffled, one row to each fold in turn, as cards are dealt."""
    order = generator.permutation(len(by_class))
    order = order[np.argsort(by_class[order], kind="stable")]
    dealt = np.empty(len(order), dtype=np.int64)
    dealt[order] = np.arange(len(order)) % folds
    return dealt


def _deal_groups(
    by_class: np.ndarray, groups: np.ndarray, folds: int, generator: np.random.Generator
) -> np.ndarray:
    """The largest group first, each to the fold with the least rows of its classes, and of such the least rows.

    Each step adds the least to the sum over folds and classes of h²/n, where a fold holds h of a class's n rows.
    Of one class, no two folds then differ by more than the largest group: the fuller had its last group when it
    was the emptier.

    Source: list scheduling, longest first, Graham 1969, doi:10.1137/0117039.
    """
    sizes = _sizes(by_class, groups)
    rows = sizes.sum(axis=1)
    rarity = rows.sum() // np.maximum(sizes.sum(axis=0), 1)  # 1/n in whole numbers: the same on every machine
    order = generator.permutation(len(sizes))
    held = np.zeros((folds, sizes.shape[1]), dtype=np.int64)
    taken_by = np.empty(len(sizes), dtype=np.int64)
    for group in order[np.argsort(-rows[order], kind="stable")]:
        alike = (held * (sizes[group] * rarity)).sum(axis=1)
        taken_by[group] = fold = np.lexsort((held.sum(axis=1), alike))[0]
        held[fold] += sizes[group]
    return taken_by[groups]


def _sizes(by_class: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Rows of each group and class, (G, C)."""
    shape = int(groups.max()) + 1, int(by_class.max()) + 1
    return np.bincount(groups * shape[1] + by_class, minlength=shape[0] * shape[1]).reshape(shape)


def hold_out_groups(
    y: np.ndarray, groups: np.ndarray, wanted: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Positions that stay and positions held out, both ascending: whole groups, about `wanted` rows.

    Groups are looked at in a drawn order. One is held out if that brings the rows held of each class nearer to
    their share, measured by the sum over classes of the squared distance over the class's rows, and if every class
    keeps a row. If none does, it is the smallest that may.

    Raises:
        DataError: if every group has all rows of some class.
    """
    numbers = np.unique(groups, return_inverse=True)[1]
    sizes = _sizes(kinds(y), numbers)
    rows, total = sizes.sum(axis=1), sizes.sum(axis=0)
    share = total * (wanted / len(y))
    held = np.zeros_like(total)
    taken = np.zeros(len(sizes), dtype=bool)
    drawn = generator.permutation(len(sizes))

    def may_go(group: int) -> bool:
        return bool(((held + sizes[group] < total) | (total == 0)).all())

    def distance(held: np.ndarray) -> float:
        return float((np.square(held - share) / np.maximum(total, 1)).sum())

    for group in drawn:
        if may_go(group) and distance(held + sizes[group]) < distance(held):
            taken[group] = True
            held += sizes[group]
    if not taken.any():
        smallest = [group for group in drawn[np.argsort(rows[drawn], kind="stable")] if may_go(group)]
        if not smallest:
            raise DataError(f"none of {len(sizes)} groups can be held out: each class needs a row to train on")
        taken[smallest[0]] = True
    return np.flatnonzero(~taken[numbers]), np.flatnonzero(taken[numbers])


def trainable(source: Source, train: np.ndarray, test: np.ndarray, fold: Fold) -> np.ndarray:
    """Of the rows that are not held out those to train on: not the twins of held-out rows, if those are dropped.

    Raises:
        DataError: if a class, or everything, is left without a row.
    """
    there = np.unique(kinds(source.train.y)[np.concatenate([train, test])])
    kept = train
    if fold.twins == "drop":
        kept = train[~np.isin(source.copies[train], source.copies[test])]
    before, after = (np.isin(there, kinds(source.train.y)[rows]) for rows in (train, kept))
    if after.all():
        return kept
    number = int(there[~after][0])
    whom = f"class {source.classes[number]!r}" if source.classes else "the data"
    if before[~after][0]:
        raise DataError(
            f"data.fold.number = {fold.number}: {whom} would have no training row, for all that are left are "
            'twins of held-out rows. Set data.fold.twins = "keep" to train on rows with equal inputs.'
        )
    raise DataError(
        f"data.fold.number = {fold.number}: {whom} would have no training row, for the fold holds out all of "
        "them. Give other folds, or more rows, or leave the class out."
    )
