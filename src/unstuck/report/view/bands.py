"""How loss and score went, epoch by epoch: each arm's mean over its trainings, in a band."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np

from unstuck.engine import StopReason
from unstuck.report.wording import number, score_name
from unstuck.study.compare import Arm, Comparison
from unstuck.study.statistics import t_interval
from unstuck.training.run import Run

MOST_COLOURED = 6
"""Arms beside the base that have a colour; more are not told apart by eye."""
LEAST_R2 = -1.0
"""R² shown: it has no bound below, and far below zero it says only that nothing was learned."""
TINY = 1e-12
"""Losses below it are shown as if they were it on a logarithmic scale, which has no zero."""
DEEPEST = 1e-9
"""Share of the largest loss down to which a logarithmic scale goes; less is shown as if it were that."""
LARGEST = 1e100
"""Losses beyond it are shown as if they were it: axes do not reckon near the end of float64."""


class Band(NamedTuple):
    """A mean over trainings with the ends of its band, at epochs 1, 2, …: all (E,); NaN where there is no band."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def over(cls, columns: Sequence[np.ndarray], *, folds: bool = False, geometric: bool = False) -> Self:
        """Of one value per epoch of each training, as far as all of them go.

        The band is the 95 % interval of the mean by Student's t. Of folds, which are not independent, and of two
        trainings, whose interval would be wider than any picture, it goes from the least to the greatest. Of one
        training there is none. A geometric mean, of positive values on a logarithmic scale, has that of the
        logarithms, which never reaches zero.
        """
        if geometric:
            logarithms = [np.log(np.maximum(column, TINY)) for column in columns]
            return cls(*map(np.exp, cls.over(logarithms, folds=folds)))
        epochs = min(map(len, columns), default=0)
        values = np.array([column[:epochs] for column in columns]).reshape(len(columns), epochs)  # (S, E)
        if len(columns) > 1 and (folds or len(columns) == 2):
            return cls(values.mean(axis=0), values.min(axis=0), values.max(axis=0))
        intervals = np.array([t_interval(column) for column in values.T]).reshape(epochs, 3)
        return cls(intervals[:, 1], intervals[:, 0], intervals[:, 2])

    def below(self, most: float) -> Self:
        """The same, its ends cut where no value can be."""
        return self._replace(low=np.minimum(self.low, most), high=np.minimum(self.high, most))


class Tail(NamedTuple):
    """One training's values (E,), of which the first stands at `epoch`: drawn singly, where it goes."""

    epoch: int
    values: np.ndarray
    diverged: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Course:
    """An arm's course in one panel: its band, and what no mean can be taken of."""

    name: str
    """With how many of its trainings diverged."""
    place: int | None
    """Its number among the coloured arms, 0 for the base; None for a pale one."""
    band: Band
    tails: tuple[Tail, ...]
    """Trainings that diverged, and of the others what comes after the first of them has ended."""


class Panel(NamedTuple):
    """Loss or score of all arms, pale ones first."""

    label: str
    courses: tuple[Course, ...]
    logarithmic: bool
    span: tuple[float, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class BandsView:
    """Loss and score over epochs."""

    loss: Panel
    score: Panel
    epochs: int
    """The most that any training finished."""
    title: str
    """The result in a sentence."""
    note: str

    @classmethod
    def of(cls, comparison: Comparison) -> Self:
        """The view of a comparison: of the validation rows, or where there are none of those trained on."""
        runs = [run for arm in comparison.everyone for run in arm.runs]
        split = "validation" if any("validation_loss" in run.record for run in runs) else "train"
        places = _places(comparison)
        loss, score = (_courses(comparison, f"{split}_{name}", places) for name in ("loss", comparison.score))
        if logarithmic := _falls_tenfold(loss):
            loss = _courses(comparison, f"{split}_loss", places, geometric=True)
        first = comparison.base.runs[0]
        loss_label, score_label = f"{split} loss ({first.loss_unit})", f"{split} {score_name(comparison.score)}"
        score = tuple(replace(one, band=one.band.below(1.0)) for one in score)
        span = _score_span(score, comparison.score)
        return cls(
            loss=Panel(loss_label, loss, logarithmic, _loss_span(loss, logarithmic)),
            score=Panel(score_label, score, False, span),
            epochs=max((len(_column(run, f"{split}_loss")) for run in runs), default=0),
            title=_title(score, score_label),
            note=_note(comparison, loss, is_geometric=logarithmic, is_cut=bool((_means(score) < span[0]).any())),
        )


def _places(comparison: Comparison) -> dict[str, int | None]:
    """The base, and the arms of the best scores if there are too many to colour all; then in their own order."""
    arms = list(comparison.arms.values())
    best = sorted(arms, key=lambda arm: -np.nan_to_num(arm.scores.mean(), nan=-np.inf, neginf=-np.inf))
    coloured = {arm.name for arm in best[:MOST_COLOURED]}
    in_order = [comparison.base.name, *(arm.name for arm in arms if arm.name in coloured)]
    return {arm.name: in_order.index(arm.name) if arm.name in in_order else None for arm in comparison.everyone}


def _courses(
    comparison: Comparison, column: str, places: dict[str, int | None], *, geometric: bool = False
) -> tuple[Course, ...]:
    is_folds = comparison.study.folds is not None
    courses = [_course(arm, column, places[arm.name], is_folds, geometric) for arm in comparison.everyone]
    return tuple(sorted(courses, key=lambda course: (course.place is not None, course.place or 0)))


def _course(arm: Arm, column: str, place: int | None, is_folds: bool, geometric: bool) -> Course:
    diverged = [_column(run, column) for run in arm.runs if run.stop.reason is StopReason.NOT_FINITE]
    whole = [_column(run, column) for run in arm.runs if run.stop.reason is not StopReason.NOT_FINITE]
    band = Band.over(whole, folds=is_folds, geometric=geometric)
    last = max(len(band.mean), 1)  # a tail begins where the mean ends, so that no gap is between them
    tails = [Tail(last, values[last - 1 :], False) for values in whole if len(values) > last]
    tails += [Tail(1, values, True) for values in diverged if len(values)]
    name = f"{arm.name}, {arm.diverged} of {len(arm.runs)} diverged" if arm.diverged else arm.name
    return Course(name=name, place=place, band=band, tails=tuple(tails))


def _column(run: Run, name: str) -> np.ndarray:
    """The values of the epochs that the run finished, none too large for an axis; perhaps there are none."""
    values = run.record[name] if name in run.record else np.zeros(0)
    return np.where(np.isfinite(values), np.clip(values, -LARGEST, LARGEST), np.nan)


def _means(courses: Sequence[Course]) -> np.ndarray:
    """Finite values that the axis must hold: means, and what goes on after them; what diverged only if alone."""
    tails = [tail for course in courses for tail in course.tails]
    found = np.concatenate(
        [*(course.band.mean for course in courses), *(tail.values for tail in tails if not tail.diverged)]
    )
    if not np.isfinite(found).any():
        found = np.concatenate([np.zeros(0), *(tail.values for tail in tails)])
    return found[np.isfinite(found)]


def _ends(courses: Sequence[Course], means: np.ndarray) -> tuple[float, float]:
    """The means, with what bands add to them, a quarter of their range at most: some bands are very wide."""
    ends = np.concatenate([np.concatenate(course.band) for course in courses])
    ends = np.concatenate([means, ends[np.isfinite(ends)]])
    more = 0.25 * float(np.ptp(means))
    low, high = np.clip((ends.min(), ends.max()), means.min() - more, means.max() + more)
    air = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    return float(low - air), float(high + air)


def _falls_tenfold(courses: Sequence[Course]) -> bool:
    """Whether the loss falls or rises tenfold, and is a loss that cannot be negative."""
    means = _means(courses)
    positive = means[means > 0]
    return bool(positive.size and means.min() >= 0 and means.max() >= 10 * positive.min())


def _loss_span(courses: Sequence[Course], logarithmic: bool) -> tuple[float, float]:
    means = _means(courses)
    if not means.size:
        return 0.0, 1.0
    if not logarithmic:
        low, high = _ends(courses, means)
        return max(low, 0.0) if means.min() >= 0 else low, high
    positive = means[means > 0]
    return max(float(positive.min()) / 1.5, DEEPEST * float(means.max())), float(means.max()) * 1.5


def _score_span(courses: Sequence[Course], score: str) -> tuple[float, float]:
    """No accuracy is above 1 or below 0, nor is R² above 1; far below zero it says nothing more."""
    means = _means(courses)
    if not means.size:
        return 0.0, 1.0
    least = 0.0 if score == "accuracy" else LEAST_R2
    low, high = _ends(courses, np.clip(means, least, 1.0))
    low, high = max(low, least), min(high, 1.0)
    return low - 0.02 * (high - low), high + 0.02 * (high - low)  # so that a line at the end is seen


def _title(courses: Sequence[Course], score: str) -> str:
    """Which arm's mean score was highest, and when first; of equals it is one that has a colour."""
    coloured_first = sorted(courses, key=lambda course: course.place is None)
    means = {one.name: one.band.mean for one in coloured_first if np.isfinite(one.band.mean).any()}
    if not means:
        return "No arm was trained to the end of an epoch with a finite loss"
    name = max(means, key=lambda name: float(np.nanmax(means[name])))
    epoch = int(np.nanargmax(means[name]))
    return f"Highest mean {score}: {number(means[name][epoch])} by {name}, after epoch {epoch + 1}"


def _note(comparison: Comparison, courses: Sequence[Course], *, is_geometric: bool, is_cut: bool) -> str:
    """What lines and bands are."""
    tails = [tail for course in courses for tail in course.tails]
    diverged = sum(arm.diverged for arm in comparison.everyone)
    drawn = any(tail.diverged for tail in tails)
    pale = sum(course.place is None for course in courses)
    said = {
        lines_and_bands(comparison, "while all go on"): True,
        "loss: geometric means": is_geometric and len(comparison.base.runs) > 1,
        "thin: a single training": any(not tail.diverged for tail in tails),
        f"{diverged} diverged {'(thin, to a cross)' if drawn else 'in the first epoch'}": diverged,
        f"pale: {pale} other arms": pale,
        "at the edge: off the scale": is_cut,
    }
    return "; ".join(words for words, is_so in said.items() if is_so)


def lines_and_bands(comparison: Comparison, so_far: str = "") -> str:
    """What `Band.over` makes of this comparison's trainings, in words."""
    count, is_folds = len(comparison.base.runs), comparison.study.folds is not None
    pair = "fold" if is_folds else "seed"
    if count == 1:
        return f"one {pair}: there is no band"
    band = "95 % intervals of the mean (Student's t)"
    if is_folds or count == 2:
        band = "from the least to the greatest"
    return f"lines: mean of {count} {pair}s{so_far and f', {so_far}'}; bands: {band}"
