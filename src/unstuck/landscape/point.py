"""The verdict on a point of the loss surface: minimum, saddle or plateau, or undecided, each with its reason."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from unstuck.interval import Interval
from unstuck.landscape.spectrum import Eigenvalue, ends, newton_gain
from unstuck.landscape.survey import Spectrum, survey

if TYPE_CHECKING:
    from unstuck.landscape.surface import Surface

Kind = Literal["minimum", "saddle", "plateau", "undecided"]

NEGLIGIBLE = 1e-3
"""Share of the loss that Newton's step may still win at a critical point; ours, docs/thresholds.md."""
FLAT = 1e-6
"""Share of the loss by which it may change along a flat direction over the parameters' length, or 1; likewise."""
_ROUNDED = 2.0**-24  # share of a float32 number by which it is rounded, at most
_STEPS = 10.0 ** np.arange(-3, 1.5, 0.25)  # lengths tried along a descent direction, in norms of the parameters


class Escape(NamedTuple):
    """What a step along the direction of most negative curvature does to the loss."""

    length: float
    """Of the step, in the parameters' unit."""
    before: float
    after: float
    direction: np.ndarray
    """(P,), of length 1, signed so that it descends."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Point:
    """A point of a loss surface.

    Args:
        kind: minimum, saddle, plateau or undecided.
        reason: a sentence.
        loss: there.
        gradient_norm: there.
        gain: what Newton's step would win on the local quadratic, as a share of the loss; 0 if no more than
            rounding the weights to float32 may cost.
        smallest: eigenvalue of the Hessian, between its error bounds.
        largest: likewise.
        escape: at a saddle.
        products: Hessian products spent on the eigenvalues.
        spectrum: trace, density and the Gauss–Newton's largest eigenvalue, where it was asked for.
    """

    kind: Kind
    reason: str
    loss: float
    gradient_norm: float
    gain: float
    smallest: Interval
    largest: Interval
    escape: Escape | None
    products: int
    spectrum: Spectrum | None = None

    @property
    def highest_stable_rate(self) -> float:
        """2 / λ: above it gradient descent at a fixed rate is unstable on the local quadratic.

        Source: Cohen et al. 2021, arXiv:2103.00065.
        """
        return 2 / self.largest.mean if self.largest.mean > 0 else np.inf


@np.errstate(over="ignore", invalid="ignore")  # where training has diverged, which is undecided
def examine(
    surface: "Surface", generator: np.random.Generator, *, tolerance: float = 1e-4, spectrum: bool = False
) -> Point:
    """The verdict on where a surface's parameters are, and, if asked for, the spectrum there."""
    gradient = surface.slope()
    loss, norm = surface.moved(np.zeros(surface.size)), float(np.linalg.norm(gradient))
    if not np.isfinite([loss, norm, *surface.product(gradient)]).all():
        return _nowhere(loss, norm)
    flat = 2 * FLAT * max(abs(loss), 1e-12) / max(surface.length, 1.0) ** 2
    found = ends(surface.product, surface.size, generator, tolerance=tolerance, nought=flat)
    smallest, largest = found.smallest, found.largest
    gain = _gain(surface, gradient, max(abs(smallest.value), abs(largest.value)), loss, flat)
    kind, reason = _judged(smallest, largest, gain, flat)
    escape = _escape(surface, smallest, gradient, loss) if kind == "saddle" else None
    return Point(
        kind=kind,
        reason=reason,
        loss=loss,
        gradient_norm=norm,
        gain=gain,
        smallest=_between(smallest),
        largest=_between(largest),
        escape=escape,
        products=found.products,
        spectrum=survey(surface, generator) if spectrum else None,
    )


def _nowhere(loss: float, norm: float) -> Point:
    """Where training has diverged there is nothing to tell apart."""
    nothing, why = Interval(np.nan, np.nan, np.nan), "the loss or its derivatives are not finite"
    return Point(
        kind="undecided",
        reason=why,
        loss=loss,
        gradient_norm=norm,
        gain=np.nan,
        smallest=nothing,
        largest=nothing,
        escape=None,
        products=1,
    )


def _gain(surface: "Surface", gradient: np.ndarray, steepest: float, loss: float, flat: float) -> float:
    won = newton_gain(surface.product, gradient, nought=flat)
    if won <= steepest / 2 * (_ROUNDED * surface.length) ** 2:
        return 0.0
    return won / abs(loss) if loss else np.inf


def _judged(smallest: Eigenvalue, largest: Eigenvalue, gain: float, flat: float) -> tuple[Kind, str]:
    """By the gradient first, then by where the eigenvalues lie, each with its error."""
    low, high = smallest.value, largest.value
    if gain > NEGLIGIBLE:
        return "undecided", f"no critical point: Newton's step would still win {_share(gain)} of the loss"
    reach = max(abs(low), abs(high))
    if reach <= flat and max(smallest.error, largest.error) <= flat:
        return "plateau", f"no gradient, and no curvature above {flat:.2g} in any direction"
    if low + smallest.error < -flat:
        return "saddle", f"curvature {low:.3g} in one direction, {high:.3g} in another"
    if low - smallest.error > flat:
        return "minimum", f"every curvature is at least {low - smallest.error:.3g}"
    return "undecided", f"the smallest curvature, {low:.2g}, is flat or within its error, {smallest.error:.1g}"


def _share(gain: float) -> str:
    """The local quadratic may promise more than there is."""
    return f"{gain:.2g}" if gain < 0.99 else "all"


def _between(found: Eigenvalue) -> Interval:
    return Interval(found.value - found.error, found.value, found.value + found.error)


def _escape(surface: "Surface", found: Eigenvalue, gradient: np.ndarray, loss: float) -> Escape:
    """The best of some steps along the direction of most negative curvature, on the side that descends."""
    direction = found.vector if found.vector @ gradient <= 0 else -found.vector
    unit = max(surface.length, 1.0)
    tried = [
        (surface.moved(side * step * unit * direction), side * step * unit) for step in _STEPS for side in (1, -1)
    ]
    after, length = min(one for one in ((loss, 0.0), *tried) if np.isfinite(one[0]))
    return Escape(abs(length), loss, after, np.sign(length) * direction)
