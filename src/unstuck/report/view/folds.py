"""The scores of a cross-validation, fold by fold."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from unstuck.interval import Interval
from unstuck.report.wording import score_name
from unstuck.study.crossval import Folds


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldsView:
    """A score for each fold, and the interval of their mean. Shapes: scores (repeats, folds)."""

    scores: np.ndarray
    interval: Interval
    score: str
    title: str

    @classmethod
    def of(cls, found: Folds) -> Self:
        """The view of what was found."""
        low, mean, high = found.interval
        name = score_name(found.score)
        name = name[0].upper() + name[1:]
        times = f", dealt out {found.repeats} times" if found.repeats > 1 else ""
        return cls(
            scores=found.scores.reshape(found.repeats, -1),
            interval=found.interval,
            score=score_name(found.score),
            title=f"{name} {mean:.4f}, 95 % [{low:.4f}, {high:.4f}], over {found.folds} folds{times}",
        )
