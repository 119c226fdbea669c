"""The loss on a plane through a network's weights."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from unstuck.landscape.plane import Plane
from unstuck.report.wording import grouped

LEVELS = 11
"""Contours of a picture, at most."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PlaneView:
    """Losses (L, K) at up (L,) and across (K,), NaN where there is nothing to draw, and where contours lie."""

    across: np.ndarray
    up: np.ndarray
    losses: np.ndarray
    levels: np.ndarray
    """(M,), rising; none where the plane is level."""
    title: str
    note: str
    unit: str

    @classmethod
    def of(cls, plane: Plane, unit: str = "") -> Self:
        """The view of a plane; `unit` is the loss's, where it is known."""
        losses = np.where(np.isfinite(plane.losses), plane.losses, np.nan)
        wild = int(np.isnan(losses).sum())
        notes = [
            "two random directions, each filter's as long as its weights",
            f"{grouped(plane.rows)} training rows",
        ]
        if wild:
            notes.append(f"not finite at {grouped(wild)} of {grouped(losses.size)} places")
        return cls(
            across=plane.across,
            up=plane.up,
            losses=losses,
            levels=levels(losses),
            title=_title(plane, losses),
            note="; ".join(notes),
            unit=unit,
        )


def levels(losses: np.ndarray, most: int = LEVELS) -> np.ndarray:
    """Where contours lie: round numbers, in equal ratios where losses differ by more than tenfold."""
    known = losses[np.isfinite(losses)]
    if not known.size or known.min() == known.max():
        return np.zeros(0)
    low, high = float(known.min()), float(known.max())
    if low > 0 and high > 10 * low:
        decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        for steps in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
            found = _within((10.0 ** decades[:, None] * np.array(steps)).ravel(), low, high)
            if len(found) <= most:
                break
        return found[-most:]
    step = 10 ** np.floor(np.log10((high - low) / most))
    step = next(step * factor for factor in (1, 2, 5, 10, 20) if (high - low) / (step * factor) <= most)
    return _within(step * np.arange(np.floor(low / step), np.ceil(high / step) + 1), low, high)


def _within(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return values[(values > low) & (values < high)]


def _title(plane: Plane, losses: np.ndarray) -> str:
    here = f"Loss {plane.here:.4g} at the network"
    if not np.isfinite(plane.here):
        return "The loss is not finite at the network"
    row, column = np.unravel_index(np.nanargmin(losses), losses.shape)
    lowest = float(losses[row, column])
    if lowest >= plane.here:
        return f"{here}, and nowhere lower in this plane"
    return f"{here}, {lowest:.4g} at ({plane.across[column]:.2g}, {plane.up[row]:.2g})"
