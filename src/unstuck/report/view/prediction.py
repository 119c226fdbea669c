"""Predicted numbers against true ones."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from unstuck.report.view.thinning import thinned
from unstuck.report.wording import grouped


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictionView:
    """Predicted against true numbers, in the target's own unit.

    Shapes: truth, predicted (P,), thinned, pairs that are not finite left out.
    """

    truth: np.ndarray
    predicted: np.ndarray
    rows: int
    not_finite: int
    r2: float
    """Share of the variance explained, 1 - Σ(y - ŷ)² / Σ(y - ȳ)²; NaN if all true numbers are equal, or if
    any prediction is not finite."""
    typical_error: float
    """Root of the mean squared error, in the target's unit."""
    target: str
    split: str

    @classmethod
    def of(cls, truth: np.ndarray, predicted: np.ndarray, *, target: str = "target", split: str = "test") -> Self:
        """The view of one target column, truth (N,) and predicted (N,)."""
        truth, predicted = np.asarray(truth, np.float64), np.asarray(predicted, np.float64)
        known = np.isfinite(truth) & np.isfinite(predicted)
        error = predicted - truth if known.all() else np.full(len(truth), np.nan)
        squares = ((truth - truth.mean()) ** 2).sum() if known.all() and len(truth) else 0.0
        shown = thinned(np.where(known, predicted - truth, np.nan))
        return cls(
            truth=truth[shown],
            predicted=predicted[shown],
            rows=len(truth),
            not_finite=int((~known).sum()),
            r2=float(1 - (error**2).sum() / squares) if squares > 0 else float("nan"),
            typical_error=float(np.sqrt((error**2).mean())) if len(truth) else float("nan"),
            target=target,
            split=split,
        )

    @property
    def title(self) -> str:
        """The result in a sentence."""
        split, rows = self.split.capitalize(), grouped(self.rows)
        if self.not_finite:
            return f"{split}: {grouped(self.not_finite)} of {rows} predictions are not finite"
        return f"{split} R² {self.r2:.4f} on {rows} rows, typical error {self.typical_error:.4g}"
