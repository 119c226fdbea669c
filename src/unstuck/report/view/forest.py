"""What each change does to the score, with its interval, and the scores themselves: one row per arm."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from unstuck.interval import Interval
from unstuck.report.wording import Measure, between, measure_of, number, score_name
from unstuck.study.compare import Arm, Comparison
from unstuck.study.judgement import Judgement
from unstuck.study.statistics import subtract

LARGE = 30.0
"""How many times farther than others an arm may reach before the scale becomes logarithmic: beyond, those others
have less than a thirtieth of the width, in which no interval is legible."""
FARTHEST = 1e6
"""Times the linear middle that a logarithmic scale goes to; an arrow stands for what is beyond."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ForestRow:
    """An arm. Shapes: differences, scores (S,), NaN where a training has no finite score."""

    name: str
    judgement: Judgement | None
    """None for the base."""
    interval: Interval
    """Of the difference from the base, in the view's unit; NaN where it cannot be told."""
    differences: np.ndarray
    """From the base, pair by pair, in the view's unit."""
    said: str
    """The interval in words."""
    scores: np.ndarray
    mean: str
    """Of the scores, in words, and how many trainings diverged."""
    published: float | None
    rebuilt: float | None

    @property
    def reach(self) -> float:
        """How far from zero the arm's mean or interval comes; 0 if there is none."""
        ends = np.abs(self.interval)
        return float(ends[np.isfinite(ends)].max(initial=0.0))


@dataclass(frozen=True, kw_only=True, eq=False)
class ForestGroup:
    """The rows of a comparison, its base first, under a title if there are several comparisons."""

    title: str
    rows: tuple[ForestRow, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class ForestView:
    """Differences from the base on one scale, and the scores on another."""

    groups: tuple[ForestGroup, ...]
    title: str
    """The result in a sentence."""
    note: str
    """What the differences are of, and how they were judged."""
    difference: str
    """Name of the differences' scale, with its unit."""
    score: str
    """Name of the scores' scale."""
    linear_within: float | None
    """Distance from zero up to which the scale is linear; beyond it is logarithmic. None: linear throughout."""
    span: tuple[float, float]
    """Least and largest difference to show."""
    score_span: tuple[float, float]
    """Least and largest score to show; those of arms far off are left out where the scale is logarithmic."""

    @classmethod
    def of(cls, *comparisons: Comparison) -> Self:
        """The view of one comparison, or of several beside each other."""
        first = comparisons[0]
        groups = tuple(
            ForestGroup(title=one.study.title if len(comparisons) > 1 else "", rows=_rows(one))
            for one in comparisons
        )
        rows = [row for group in groups for row in group.rows]
        linear_within = _linear_within([row.reach for row in rows])
        scores = list(dict.fromkeys(f"{one.split} {score_name(one.score)}" for one in comparisons))
        unit = _measure(first).unit if len(scores) == 1 else ""
        return cls(
            groups=groups,
            title=_title(
                [row for row in rows if row.judgement],
                len(first.base.scores),
                "fold" if first.study.folds else "seed",
            ),
            note=_note(comparisons),
            difference=f"difference of {' or '.join(scores)}{f' in {unit}' if unit else ''}",
            score=" or ".join(scores),
            linear_within=linear_within,
            span=_span(rows, linear_within),
            score_span=_score_span(rows, linear_within),
        )


def _rows(comparison: Comparison) -> tuple[ForestRow, ...]:
    return tuple(_row(comparison, arm) for arm in comparison.everyone)


def _row(comparison: Comparison, arm: Arm) -> ForestRow:
    measure, study = _measure(comparison), comparison.study
    interval = Interval(*(measure.factor * end for end in arm.difference))
    scores = np.where(np.isfinite(arm.scores), arm.scores, np.nan)
    diverged = f", {arm.diverged} of {len(arm.scores)} diverged" if arm.diverged else ""
    return ForestRow(
        name=arm.name,
        judgement=arm.judged.judgement if arm.judged else None,
        interval=interval,
        differences=measure.factor * subtract(scores, comparison.base.scores),
        said=_said(arm, interval, measure),
        scores=scores,
        mean=number(float(scores.mean()), 3) + diverged,
        published=study.published.get(arm.name),
        rebuilt=study.rebuilt.get(arm.name),
    )


def _measure(comparison: Comparison) -> Measure:
    return measure_of(comparison.base.runs[0].record.units[f"train_{comparison.score}"])


def _said(arm: Arm, interval: Interval, measure: Measure) -> str:
    judged = arm.judged
    if judged is None:
        return ""
    if math.isnan(interval.mean):
        missing = judged.unfinished or judged.base_unfinished
        return f"{missing} of {judged.n} {'' if judged.unfinished else 'of the base '}not finite"
    return between(*interval, places=measure.places)


def _linear_within(reaches: Sequence[float]) -> float | None:
    """Where a logarithmic scale begins, if a quarter of the arms would be too small to see on a linear one."""
    seen = [reach for reach in reaches if reach > 0]
    if not seen:
        return None
    small = float(np.quantile(seen, 0.25, method="lower"))
    return 10.0 ** math.floor(math.log10(small)) if max(seen) > LARGE * small else None


def _span(rows: Sequence[ForestRow], linear_within: float | None) -> tuple[float, float]:
    shown = np.concatenate([[0.0], *((*row.interval, *row.differences) for row in rows)])
    known = shown[np.isfinite(shown)]
    if linear_within is None:
        return _with_air(known)
    low, high = np.clip((known.min(), known.max()), -FARTHEST * linear_within, FARTHEST * linear_within)
    return min(1.5 * float(low), -linear_within), max(1.5 * float(high), linear_within)


def _score_span(rows: Sequence[ForestRow], linear_within: float | None) -> tuple[float, float]:
    """All scores; where the differences are on a logarithmic scale, those of arms that are within its middle."""
    far = math.inf if linear_within is None else 10 * LARGE * linear_within
    near = [row.scores for row in rows if row.judgement is None or not row.reach > far]
    known = [figure for row in rows for figure in (row.published, row.rebuilt) if figure is not None]
    shown = np.concatenate([*near, known])
    return _with_air(shown[np.isfinite(shown)])


def _with_air(shown: np.ndarray) -> tuple[float, float]:
    if not shown.size:
        return 0.0, 1.0
    low, high = float(shown.min()), float(shown.max())
    air = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    return low - air, high + air


def _title(rows: Sequence[ForestRow], pairs: int, pair: str) -> str:
    """The result in a sentence."""
    better, worse, undecided = (
        sum(row.judgement is judgement for row in rows)
        for judgement in (Judgement.BETTER, Judgement.WORSE, Judgement.UNDECIDED)
    )
    if pairs == 1:
        asked = "Whether the change helps" if len(rows) == 1 else "Which changes help"
        return f"{asked}, one training cannot tell"
    if len(rows) == 1:
        verdicts = "helps", "harms", "is undecided"
        return f"{rows[0].name} {verdicts[(better, worse, undecided).index(1)]}"
    if undecided == len(rows):
        return f"None of {len(rows)} changes makes a difference that {pairs} {pair}s can tell"
    said = [
        f"{count} {verb if count == 1 else plural}"
        for count, verb, plural in ((worse, "harms", "harm"), (undecided, "is undecided", "are undecided"))
        if count
    ]
    helps = f"{better or 'None'} of {len(rows)} changes help{'s' if better < 2 else ''}"
    return ", ".join([helps, *said])


def _note(comparisons: Sequence[Comparison]) -> str:
    """How the differences came about."""
    study, counts = comparisons[0].study, sorted({len(one.base.scores) for one in comparisons})
    pair = "fold" if study.folds else "seed"
    pairs = f"{counts[0]} {pair}s" if counts[0] > 1 else f"one {pair}"
    if len(counts) > 1:
        pairs = f"{counts[0]} to {counts[-1]} {pair}s"
    interval = f", 95 % intervals by {METHODS[_method(comparisons[0])]}; colours: after Holm"
    return f"each less the base, paired by {pairs}{interval if counts[-1] > 1 else ''}; dots: single {pair}s"


METHODS = {"t": "Student's t", "bootstrap": "the bootstrap", "corrected t": "t, corrected for overlapping folds"}
"""What intervals are made by, in words."""


def _method(comparison: Comparison) -> str:
    return next(arm.judged.method for arm in comparison.arms.values() if arm.judged)
