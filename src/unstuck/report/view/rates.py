"""The loss over the rising learning rate, seed by seed."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from unstuck.training.rate_test import RateTest


@dataclass(frozen=True, kw_only=True, eq=False)
class RatesView:
    """Curves of a range test. Shapes: rates (S,), losses (seeds, S), NaN where there is nothing to draw."""

    rates: np.ndarray
    losses: np.ndarray
    low: float
    high: float
    """Limits of the loss worth drawing: beyond, training has failed."""
    proposal: float | None
    note: str
    unit: str

    @classmethod
    def of(cls, test: RateTest) -> Self:
        """The view of a test; losses far above those at the start are left out."""
        known = test.losses[np.isfinite(test.losses)]
        start, least = (float(test.starts.mean()), float(known.min())) if known.size else (1.0, 0.0)
        start = start if np.isfinite(start) else least
        high = start + max(start - least, 0.1 * abs(start), 1e-6)
        losses = np.where(test.losses <= high, test.losses, np.nan)
        return cls(
            rates=test.rates,
            losses=losses,
            low=least,
            high=high,
            proposal=test.proposal,
            note=test.reason,
            unit=test.unit,
        )

    @property
    def title(self) -> str:
        """The result in a sentence."""
        return "No learning rate to propose" if self.proposal is None else f"Proposed: lr = {self.proposal:.2g}"
