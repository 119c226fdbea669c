"""Finite differences: what a gradient is by its definition, to check the rules by."""

from collections.abc import Callable

import numpy as np

from unstuck.graph.node import Array

STEP = 6e-6
"""The third root of float64's rounding, at which central differences err least: Nocedal & Wright 2006, 8.1."""


def differences(function: Callable[[Array], float], at: Array, *, step: float = STEP) -> Array:
    """The gradient of a function of an array by central differences, number by number."""
    at, gradient = np.array(at, dtype=np.float64), np.zeros(np.shape(at))
    for place in np.ndindex(at.shape):
        middle = at[place]
        reach = step * max(1.0, abs(middle))
        for side in (1, -1):
            at[place] = middle + side * reach
            gradient[place] += side * function(at) / (2 * reach)
        at[place] = middle
    return gradient
