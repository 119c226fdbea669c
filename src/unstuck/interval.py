"""A number with the two ends between which it is known to lie."""

import math
from typing import NamedTuple


class Interval(NamedTuple):
    """A mean between the ends of its 95 % interval, or a number between its error bounds; NaN: cannot be told."""

    low: float
    mean: float
    high: float

    def __str__(self) -> str:
        low, mean, high = map(_signed, self)
        return f"{mean} [{low}, {high}]"


def _signed(number: float) -> str:
    if math.isnan(number):
        return "?"
    return f"{number:+.3f}" if abs(number) < 1e5 else f"{number:+.3g}"
