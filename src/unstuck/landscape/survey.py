"""The whole spectrum of the Hessian at a point, as far as random vectors tell it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unstuck.interval import Interval
from unstuck.landscape.spectrum import Density, density, largest, trace

if TYPE_CHECKING:
    from unstuck.landscape.surface import Surface


@dataclass(frozen=True, kw_only=True, eq=False)
class Spectrum:
    """How the curvatures at a point are spread.

    Args:
        trace: of the Hessian, the sum of all curvatures, between one standard error below and above.
        density: where the Hessian's eigenvalues lie, and the share of them there.
        gauss_newton: the largest eigenvalue of the Gauss–Newton matrix, between its error bounds.
    """

    trace: Interval
    density: Density
    gauss_newton: Interval

    def shares(self, edges: np.ndarray) -> np.ndarray:
        """Of the eigenvalues between consecutive edges (K,), the last closed: (K - 1,)."""
        return np.histogram(self.density.places, edges, weights=self.density.shares)[0]


def survey(surface: "Surface", generator: np.random.Generator) -> Spectrum:
    """The spectrum where a surface's parameters are, by some 500 products."""
    estimates = trace(surface.product, surface.size, generator)
    mean, error = float(estimates.mean()), float(estimates.std(ddof=1) / np.sqrt(len(estimates)))
    top = largest(surface.convex_product, surface.size, generator)
    return Spectrum(
        trace=Interval(mean - error, mean, mean + error),
        density=density(surface.product, surface.size, generator),
        gauss_newton=Interval(top.value - top.error, top.value, top.value + top.error),
    )
