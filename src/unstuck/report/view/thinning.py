"""Fewer points that look the same: what is drawn of a long series or a large cloud."""

import numpy as np

MOST_POINTS = 4000
"""Points drawn of a cloud; more neither show on 900 pixels nor fit in a small file."""


def thinned(values: np.ndarray, most: int = MOST_POINTS) -> np.ndarray:
    """Numbers of the points to draw: all, or an even three quarters and the extremes of each stretch.

    Even steps keep the look of the cloud, and least and largest keep every outlier that matters.

    Shapes: values (N,) -> (K,) int64, rising, K <= most; points that are not finite are left out.
    """
    finite = np.flatnonzero(np.isfinite(values))
    if len(finite) <= most:
        return finite
    even = finite[np.linspace(0, len(finite) - 1, most * 3 // 4).astype(np.int64)]
    stretches = np.array_split(finite, most // 8)
    extremes = [(s[values[s].argmin()], s[values[s].argmax()]) for s in stretches]
    return np.unique(np.concatenate([even, np.ravel(extremes)]))


def window(length: int) -> int:
    """Width of the running mean: 1 % of the series, or up to 21 values where that is but a tenth of it."""
    return 1 + 2 * max(length // 200, min(length // 20, 10))


def running_mean(values: np.ndarray, points: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Means over a centred window, cut off at both ends, of the finite values in it.

    Each window is summed by itself: a difference of running sums would drown 0.1 in a spike of 1e30 before it.

    Shapes: values (N,) -> places (K,) int64 of the centres and means (K,), K <= points; NaN marks a gap.
    """
    half = window(len(values)) // 2
    centres = np.unique(np.linspace(0, len(values) - 1, min(points, len(values))).astype(np.int64))
    means = np.full(len(centres), np.nan)
    for place, centre in enumerate(centres):
        near = values[max(centre - half, 0) : centre + half + 1]
        known = near[np.isfinite(near)]
        if known.size:
            means[place] = (known / known.size).sum()  # divided first, so that no sum overflows
    return centres, means
