"""The loss on a plane through a point of its surface, along two random directions as long as its filters."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from unstuck.landscape.surface import Surface

POINTS = 31
"""Along each side of a plane, unless asked otherwise; odd, so that one of them is the centre."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Plane:
    """Losses around a point of a loss surface.

    Args:
        across: coordinates (K,), in lengths of the filters; 0 is the point itself.
        up: likewise (L,).
        losses: (L, K), one at each up and across; not finite where the loss is not.
        rows: that the loss is the mean of.
    """

    across: np.ndarray
    up: np.ndarray
    losses: np.ndarray
    rows: int

    @property
    def here(self) -> float:
        """The loss at the point itself."""
        return float(self.losses[len(self.up) // 2, len(self.across) // 2])

    @property
    def bent_down(self) -> float:
        """Share of the inner places where the plane curves downwards in some direction: a convex one has none.

        By second differences over the neighbours; places beside a loss that is not finite do not count.
        """
        f, inner = self.losses, self.losses[1:-1, 1:-1]
        with np.errstate(invalid="ignore", over="ignore"):
            xx = f[1:-1, 2:] - 2 * inner + f[1:-1, :-2]
            yy = f[2:, 1:-1] - 2 * inner + f[:-2, 1:-1]
            xy = (f[2:, 2:] - f[2:, :-2] - f[:-2, 2:] + f[:-2, :-2]) / 4
            smallest = (xx + yy) / 2 - np.hypot((xx - yy) / 2, xy)
        known = np.isfinite(smallest)
        rounding = 1e-6 * np.abs(inner[known])
        return float((smallest[known] < -rounding).mean()) if known.any() else np.nan


@np.errstate(over="ignore", invalid="ignore")  # far away, and where training has diverged
def plane(
    surface: "Surface", generator: np.random.Generator, *, points: int = POINTS, reach: float = 1.0
) -> Plane:
    """The losses on a square of `points` by `points` places, up to `reach` lengths of the filters away.

    Two random directions show two of P. Where they show a bend the surface has one; that they show none proves
    nothing of the other directions.

    Args:
        surface: at whose parameters the plane has its centre.
        generator: draws the directions.
        points: along each side, an odd number, 3 or more.
        reach: at 1 the corners' weights are the network's and random ones of the same lengths, added.
    """
    right, upward = (direction(surface, generator) for _ in range(2))
    places = np.linspace(-reach, reach, points)
    losses = [[surface.moved(x * right + y * upward) for x in places] for y in places]
    return Plane(across=places, up=places, losses=np.array(losses), rows=surface.rows)


def direction(surface: "Surface", generator: np.random.Generator) -> np.ndarray:
    """A random direction (P,) in which each filter is as long as the network's own.

    A filter is what makes one output: a row of a matrix, the kernel of one channel. Weights ten times larger
    before a ReLU that is divided by ten behind it are the same function, and its surface looks ten times flatter
    along directions of one length; along these it looks the same. Parameters of one dimension (biases, the scales
    and shifts of normalization) stay where they are, as in the paper.

    Source: Li et al. 2018, Visualizing the Loss Landscape of Neural Nets, arXiv:1712.09913, section 4.
    """
    return np.concatenate([_alike(part, generator) for part in surface.parts()])


def _alike(part: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Drawn anew, filter by filter of the length of the part's own, flat."""
    if part.ndim < 2:
        return np.zeros(part.size)
    filters = part.reshape(len(part), -1)
    drawn = generator.normal(size=filters.shape)
    own, theirs = (np.linalg.norm(each, axis=1, keepdims=True) for each in (filters, drawn))
    return (drawn * own / theirs).ravel()
