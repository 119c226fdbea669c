"""How far a search came for the epochs it spent, beside another if there is one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from unstuck.study.search import Search
from unstuck.study.trial import Outcome, rank

# Of the distance from the median of the finished trials to the best one: what lies further below is not worth
# the height it takes.
_WORTH = 4.0


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchCurve:
    """One search's trials. Shapes: all (T,)."""

    name: str
    epochs: np.ndarray
    """Spent by all trials up to this one."""
    scores: np.ndarray
    """On the validation rows; NaN where there is none: it diverged, or was not possible."""
    finished: np.ndarray
    """Whether it was trained to its end."""
    diverged: np.ndarray
    best: np.ndarray
    """Score of the best finished trial so far; NaN before there is one."""

    @classmethod
    def of(cls, name: str, search: Search) -> Self:
        """The curve of a search as far as it has come."""
        scores = np.array([np.nan if trial.score is None else trial.score for trial in search.trials])
        finished = np.array([trial.outcome is Outcome.FINISHED for trial in search.trials], bool)
        best = np.maximum.accumulate(np.where(finished & np.isfinite(scores), scores, -np.inf))
        return cls(
            name=name,
            epochs=np.cumsum([trial.epochs for trial in search.trials]),
            scores=scores,
            finished=finished,
            diverged=np.array([trial.outcome is Outcome.DIVERGED for trial in search.trials], bool),
            best=np.where(np.isfinite(best), best, np.nan),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchView:
    """Searches of one space, by what they spent."""

    curves: tuple[SearchCurve, ...]
    score: str
    unit: str
    low: float
    high: float
    """The scores worth drawing."""
    title: str
    note: str

    @classmethod
    def of(cls, searches: Sequence[Search], *, test: float | None = None) -> Self:
        """The view of one search or of two; `test` is the best recipe's score on test rows."""
        first = searches[0]
        names = [first.sampler, *(f"{other.sampler}, as many epochs" for other in searches[1:])]
        curves = tuple(SearchCurve.of(name, search) for name, search in zip(names, searches, strict=True))
        low, high = _span(curves)
        best = leading(searches).best
        if best is None:
            title = "No trial was trained to its end"
        else:
            values = ", ".join(f"{key} {shown(value)}" for key, value in best.values.items())
            title = f"Best validation {first.score.name} {best.score:.4f}: {values}"
        note = "Chosen by that score, so it is optimistic"
        note += "" if test is None else f"; on test rows, which no trial saw: {test:.4f}"
        return cls(
            curves=curves,
            score=first.score.name,
            unit=first.score.unit,
            low=low,
            high=high,
            title=title,
            note=f"{note}." if best else "",
        )


def leading(searches: Sequence[Search]) -> Search:
    """The search with the best trial, the first of equals."""
    return max(searches, key=lambda search: rank(search.best))


def shown(value: object) -> str:
    """A value as it is read: numbers to three digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _span(curves: Sequence[SearchCurve]) -> tuple[float, float]:
    scores = np.concatenate([curve.scores for curve in curves])
    known = scores[np.isfinite(scores)]
    ends = np.concatenate([curve.scores[curve.finished] for curve in curves])
    ends = ends[np.isfinite(ends)]
    if not ends.size:
        return 0.0, 1.0
    best = float(ends.max())
    low = max(float(known.min()), best - _WORTH * (best - float(np.median(ends))))
    air = 0.06 * (best - low) or 0.05
    return low - air, best + air
