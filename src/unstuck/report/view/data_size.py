"""What more data bring: score on new rows and on those trained on, over the number of training rows."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from unstuck.interval import Interval
from unstuck.report.view.bands import Band, lines_and_bands
from unstuck.report.wording import Measure, between, grouped, measure_of, score_name
from unstuck.study.compare import Comparison


@dataclass(frozen=True, kw_only=True, eq=False)
class DataSizeView:
    """A learning curve. Shapes: rows (K,), rising; new, trained (K, S), NaN where a score is not finite."""

    rows: np.ndarray
    """Trained on; the mean over folds, whose sizes may differ by one."""
    new: np.ndarray
    """Scores on the rows that are compared by."""
    trained: np.ndarray
    """Scores on the rows trained on."""
    split: str
    score: str
    is_folds: bool
    span: tuple[float, float]
    title: str
    """What the last rows brought, in a sentence."""
    note: str

    @classmethod
    def of(cls, comparison: Comparison) -> Self | None:
        """The view of a study with `fractions`; None if none of those, or no facts of their data, are there."""
        names = [name for name in _names(comparison) if name in comparison.arms]
        arms = [comparison.base, *(comparison.arms[name] for name in names)]
        if not names or any(run.facts is None for arm in arms for run in arm.runs):
            return None
        counts = {
            arm.name: float(np.mean([run.facts.rows["train"] for run in arm.runs if run.facts])) for arm in arms
        }
        arms.sort(key=lambda arm: counts[arm.name])
        score, name = comparison.score, score_name(comparison.score)
        new = np.array([arm.scores for arm in arms])
        trained = np.array([[run.scores["train"][score] for run in arm.runs] for arm in arms])
        new, trained = (np.where(np.isfinite(values), values, np.nan) for values in (new, trained))
        rows = np.array([counts[arm.name] for arm in arms])
        measure = measure_of(comparison.base.runs[0].record.units[f"train_{score}"])
        below = next(arm for arm in reversed(arms) if arm is not comparison.base)
        return cls(
            rows=rows,
            new=new,
            trained=trained,
            split=comparison.split,
            score=name,
            is_folds=comparison.study.folds is not None,
            span=_span(np.concatenate([new, trained]), score),
            title=_title(rows, below.difference, f"{comparison.split} {name}", measure),
            note=_note(comparison),
        )

    @property
    def bands(self) -> tuple[Band, Band]:
        """Means over the trainings, as `Band.over` has them: of new rows, and of those trained on."""
        new, trained = (Band.over(list(scores.T), folds=self.is_folds) for scores in (self.new, self.trained))
        return new, trained


def _names(comparison: Comparison) -> list[str]:
    """What the study calls its fractions."""
    return [f"{100 * fraction:g} % of the rows" for fraction in comparison.study.fractions]


def _span(scores: np.ndarray, score: str) -> tuple[float, float]:
    known = scores[np.isfinite(scores)]
    if not known.size:
        return 0.0, 1.0
    least = 0.0 if score == "accuracy" else -1.0  # R² has no bound below, and says nothing there
    low, high = max(float(known.min()), least), max(float(known.max()), least)
    air = 0.08 * (high - low) or 0.05
    return low - air, high + air


def _title(rows: np.ndarray, last: Interval, score: str, measure: Measure) -> str:
    """What the last step brought; `last` is what the score loses without it."""
    before, after = (grouped(round(count)) for count in rows[-2:])
    if not math.isfinite(last.mean):
        return f"From {before} to {after} rows: not all trainings have a finite {score}"
    gained = (-measure.factor * end for end in reversed(last))
    words = f"{between(*gained, places=measure.places)} {measure.unit}".rstrip()
    return f"From {before} to {after} rows the {score} changes by {words}"


def _note(comparison: Comparison) -> str:
    pair = "fold" if comparison.study.folds else "seed"
    return f"{lines_and_bands(comparison)}; dots: single {pair}s"
