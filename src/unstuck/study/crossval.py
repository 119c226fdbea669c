"""Cross-validation: every row held out once, and answered for by a network that never saw it."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from unstuck.data import count_folds
from unstuck.data.splits import Choice, choose
from unstuck.engine import StopReason
from unstuck.errors import RecipeError
from unstuck.interval import Interval
from unstuck.recipe.edit import edited
from unstuck.recipe.spec import Recipe
from unstuck.study import design
from unstuck.study.answers import tested
from unstuck.study.member import Member
from unstuck.study.runner import Runner
from unstuck.study.shelf import Shelf
from unstuck.study.statistics import corrected_interval
from unstuck.training.run import Run
from unstuck.training.scores import POOLED_R2, R2, Score, score_of

USUAL_FOLDS = 10


@dataclass(frozen=True, kw_only=True, eq=False)
class Folds:
    """What a cross-validation found.

    Where a fold holds a single row of numbers, its R² is not defined. Its score is then what the row adds to that
    of all: 1 - (y - ŷ)² / Var(y), with the variance over all rows. The mean of these is the pooled R².

    Args:
        scores: (F,) of each fold's held-out rows; of repeated folds one repeat after the other.
        interval: of their mean, corrected for folds that share most of their training rows.
        predictions: (N, O) out of fold: probabilities, or numbers in their unit, by the network that had the row
            held out; of repeated folds their mean. Of a program its outputs as they are.
        targets: (N,) class numbers or (N, O) numbers in their unit, of the same rows.
        rows: (N,) where they stand among the source's training rows.
        fold_of: (N,) number of the fold that held the row out, in the first repeat.
        pooled: the score of all rows' predictions together; of repeated folds the mean over the repeats.
        score: what is measured, such as accuracy or r2.
        folds: in one repeat.
        repeats: how often the rows were dealt out.
        classes: their names; None for numbers and for a program.
        runs: one for each fold.
        trained: how many were trained now, and not found in the folder.
        seconds: that these took together.
    """

    scores: np.ndarray
    interval: Interval
    predictions: np.ndarray
    targets: np.ndarray
    rows: np.ndarray
    fold_of: np.ndarray
    pooled: float
    score: str
    folds: int
    repeats: int
    classes: tuple[str, ...] | None
    runs: tuple[Run, ...]
    trained: int
    seconds: float

    def __repr__(self) -> str:
        return f"Folds({self.sentence})"

    @property
    def sentence(self) -> str:
        """The result, and how its interval was made."""
        low, mean, high = self.interval
        name = "R²" if self.score == "r2" else self.score
        times = f", dealt out {self.repeats} times" if self.repeats > 1 else ""
        return (
            f"{name} {mean:.4f}, 95 % [{low:.4f}, {high:.4f}] over {self.folds} folds{times}; corrected t, "
            "for folds share training rows (Nadeau and Bengio 2003)"
        )

    @property
    def diverged(self) -> int:
        """How many of the trainings ended because the loss was no number any more."""
        return sum(run.stop.reason is StopReason.NOT_FINITE for run in self.runs)


class Held(NamedTuple):
    """A fold that was held out, and what its network says of it."""

    choice: Choice
    run: Run
    outputs: np.ndarray
    """(K, O), for the rows `choice.test`, in the unit of the targets."""


def asked(folds: int | None, repeats: int, *, leave_one_out: bool) -> int | None:
    """How many folds there are to be, None for one by row; `RecipeError` for what cannot be."""
    if leave_one_out and folds is not None:
        raise RecipeError("folds", "be left out where rows are held out one by one", folds)
    if leave_one_out and repeats != 1:
        raise RecipeError("repeats", "be 1 where rows are held out one by one, without chance", repeats)
    if folds is not None and folds < 2:
        hint = "One fold would hold out all rows, and leave none to train on."
        raise RecipeError("folds", "be 2 or more", folds, hint=hint)
    if repeats < 1:
        raise RecipeError("repeats", "be 1 or more", repeats)
    return None if leave_one_out else folds or USUAL_FOLDS


def members(recipe: Recipe, folds: int | None, repeats: int, shelf: Shelf) -> list[Member]:
    """A training for each fold, all with the recipe's seed; `folds` is as `asked` gives it."""
    first = edited(recipe, design.fold(folds, 0))
    count = count_folds(shelf.source(first.data), first.data)
    return [
        Member(arm="fold", number=number, recipe=edited(first, design.fold(folds, fold, repeat)))
        for number, (repeat, fold) in enumerate(itertools.product(range(repeats), range(count)))
    ]


def concluded(runner: Runner) -> Folds:
    """What the trainings of `members` come to; the runner keeps them with their weights."""
    recipes = [member.recipe for member in runner.members]
    source = runner.shelf.source(recipes[0].data)
    learns_itself = recipes[0].model.name == "autoencoder"
    x, y = source.train
    held = [
        Held(choose(source, member.recipe.data), runner.runs[member], tested(runner.runs[member])[0])
        for member in runner.members
    ]
    return put_together(
        held,
        x.reshape(len(x), -1) if learns_itself else y,
        score=score_of(recipes[0], source.classes),
        repeats=len({recipe.data.fold.repeat for recipe in recipes if recipe.data.fold}),
        classes=None if learns_itself else source.classes,
        trained=runner.trained,
        seconds=runner.seconds,
    )


def put_together(
    held: Sequence[Held],
    targets: np.ndarray,
    *,
    score: Score,
    repeats: int,
    classes: tuple[str, ...] | None,
    trained: int,
    seconds: float,
) -> Folds:
    """The folds of all repeats, one repeat after the other, as one result.

    Args:
        held: (F,) folds.
        targets: of all the rows that their choices count from, class numbers or numbers in their unit.
        score: what is measured.
        repeats: how often the rows were dealt out.
        classes: their names, if they have any.
        trained: how many were trained now.
        seconds: that these took.
    """
    tests = [_rows(fold.choice) for fold in held]
    rows, folds = np.unique(np.concatenate(tests)), len(held) // repeats
    places = [np.searchsorted(rows, test) for test in tests]
    targets, fold_of = targets[rows], np.zeros(len(rows), dtype=np.int64)
    by_repeat = np.zeros((repeats, len(rows), *held[0].outputs.shape[1:]))
    for number, (fold, place) in enumerate(zip(held, places, strict=True)):
        by_repeat[number // folds, place] = fold.outputs
        if number < folds:
            fold_of[place] = number
    if score in (R2, POOLED_R2) and min(map(len, tests)) < 2:
        explained = [_explained(one, targets, together=score is POOLED_R2) for one in by_repeat]
        scores = [float(explained[number // folds][place].mean()) for number, place in enumerate(places)]
    else:
        scores = [fold.run.scores["test"][score.name] for fold in held]
    return Folds(
        scores=np.array(scores),
        interval=corrected_interval(scores, test_share=float(np.mean([_share(fold.choice) for fold in held]))),
        predictions=by_repeat.mean(axis=0),
        targets=targets,
        rows=rows,
        fold_of=fold_of,
        pooled=float(np.mean([score.measure(one, targets) for one in by_repeat])),
        score=score.name,
        folds=folds,
        repeats=repeats,
        classes=classes,
        runs=tuple(fold.run for fold in held),
        trained=trained,
        seconds=seconds,
    )


def _rows(choice: Choice) -> np.ndarray:
    assert choice.test is not None
    return choice.test


def _share(choice: Choice) -> float:
    """Rows held out for each that is trained on or chosen by."""
    chosen_by = 0 if choice.validation is None else len(choice.validation)
    return len(_rows(choice)) / (len(choice.train) + chosen_by)


def _explained(predictions: np.ndarray, targets: np.ndarray, *, together: bool) -> np.ndarray:
    """What each row adds to R², (N,): 1 - (y - ŷ)² / Var(y), of all outputs together or as their mean.

    An output that does not vary counts as in R², 1 if all its rows are predicted exactly, else 0.
    """
    targets = targets.reshape(len(targets), -1).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # a diverged network's outputs
        left = (targets - predictions.reshape(targets.shape)) ** 2
        spread = ((targets - targets.mean(axis=0)) ** 2).mean(axis=0)
        if together:
            return 1 - left.sum(axis=1) / spread.sum()
        of_steady = np.where((left == 0).all(axis=0), 1.0, 0.0)
        return np.where(spread > 0, 1 - left / np.where(spread > 0, spread, 1), of_steady).mean(axis=1)
