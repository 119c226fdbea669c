"""The loss, step by step and epoch by epoch. A step's number is its place in the record, from 0."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from unstuck.report.view.thinning import running_mean, thinned, window
from unstuck.report.wording import grouped

LARGEST = 1e100
"""Losses beyond it are shown as if they were it: axes do not reckon near the end of float64."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LossView:
    """How the loss went: each step as a point, its running mean, and the two losses of each epoch.

    Shapes: steps, losses (P,); line_steps, line (L,); train, validation (E,), NaN where not measured.
    """

    steps: np.ndarray
    losses: np.ndarray
    """In `unit`, at `steps`; thinned, and moved to the ends of `span` where they lie outside."""
    line_steps: np.ndarray
    line: np.ndarray
    window: int
    """Steps that each point of the line is the mean of."""
    total: int
    """Steps taken."""
    steps_per_epoch: int
    train: np.ndarray
    """Measured at the end of each epoch, like validation."""
    validation: np.ndarray
    """Measured at the end of each epoch."""
    best: int | None
    """Epoch of the least validation loss, the earliest of equals."""
    not_finite: int
    """Steps whose loss is NaN or infinite."""
    first_not_finite: int | None
    logarithmic: bool
    """Whether the loss fell or rose tenfold, without reaching zero."""
    span: tuple[float, float]
    """Least and largest loss to show."""
    unit: str

    @classmethod
    def of(
        cls,
        losses: np.ndarray,
        *,
        steps_per_epoch: int,
        train: np.ndarray | None = None,
        validation: np.ndarray | None = None,
        unit: str = "nats",
    ) -> Self:
        """The view of a run, from its losses (S,) by step and train and validation losses (E,) by epoch."""
        losses = np.asarray(losses, np.float64)
        train = np.asarray([] if train is None else train, np.float64)
        validation = np.asarray([] if validation is None else validation, np.float64)
        bad = np.flatnonzero(~np.isfinite(losses))
        steps = thinned(losses)
        line_steps, line = running_mean(losses)
        smooth = np.concatenate([line, train, validation])
        logarithmic, span = _scale(smooth[np.isfinite(smooth)], losses[steps])
        known = np.isfinite(validation)
        return cls(
            steps=steps,
            losses=np.clip(losses[steps], *span),
            line_steps=line_steps,
            line=np.clip(line, *span),
            window=window(len(losses)),
            total=len(losses),
            steps_per_epoch=steps_per_epoch,
            train=train,
            validation=validation,
            best=int(np.where(known, validation, np.inf).argmin()) + 1 if known.any() else None,
            not_finite=len(bad),
            first_not_finite=int(bad[0]) if len(bad) else None,
            logarithmic=logarithmic,
            span=span,
            unit=unit,
        )

    @property
    def epochs(self) -> float:
        """Epochs trained, the last perhaps in part."""
        return max(self.total / self.steps_per_epoch, len(self.validation), len(self.train))

    @property
    def title(self) -> str:
        """The result in a sentence."""
        if self.first_not_finite is not None:
            first = grouped(self.first_not_finite)
            if self.not_finite == self.total - self.first_not_finite:
                return f"Diverged: the loss is not finite from step {first} on"
            return f"The loss was not finite at {grouped(self.not_finite)} steps, first at step {first}"
        if self.best is not None:
            best = self.validation[self.best - 1]
            return f"Lowest validation loss {best:.4g} {self.unit}, after epoch {self.best}"
        last = self.train[-1] if len(self.train) else self.line[-1] if len(self.line) else np.nan
        return f"Training loss {last:.4g} {self.unit} at the end"


def _scale(smooth: np.ndarray, points: np.ndarray) -> tuple[bool, tuple[float, float]]:
    """Whether to show tenfold steps as equal, and the range to show, with a little air.

    Single batches that happen to be easy reach far lower than any mean, so the lowest 1 % of the points do
    not stretch the range. The highest do: a spike is news.
    """
    if not smooth.size:
        return False, (0.0, 1.0)
    smooth, points = np.clip(smooth, -LARGEST, LARGEST), np.clip(points, -LARGEST, LARGEST)
    low = min(smooth.min(), np.quantile(points, 0.01) if points.size else np.inf)
    high = max(smooth.max(), points.max(initial=-np.inf))
    if smooth.min() > 0 and smooth.max() >= 10 * smooth.min():
        low = max(low, smooth.min() / 10)
        return True, (float(low) / 1.2, float(high) * 1.2)
    air = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    floor = 0.0 if 0 <= low <= 0.5 * high else low - air
    return False, (float(floor), float(high + air))
