"""How numbers are written for people, in pictures and in the terminal alike."""

import math
from typing import NamedTuple

from unstuck.training.scores import ACCURACY


def size(count: int) -> str:
    """Bytes in the unit that suits them: 528 MB."""
    power = min(max(len(str(count)) - 1, 0) // 3, 3)
    return f"{count / 1000**power:.3g} {('B', 'kB', 'MB', 'GB')[power]}"


def grouped(number: int) -> str:
    """A count with its thousands set apart: 10 000."""
    return f"{number:,}".replace(",", " ")


def shortened(name: str, most: int) -> str:
    """A long name without its middle, since arms of a sweep begin alike."""
    half = most // 2
    return name if len(name) <= most else f"{name[: half - 1].rstrip()}…{name[-half:].lstrip()}"


def score_name(name: str) -> str:
    """A score as people write it."""
    return "R²" if name == "r2" else name


class Measure(NamedTuple):
    """How differences of a score are told: times `factor`, in `unit`, to so many decimal places at least."""

    factor: float
    unit: str
    places: int


def measure_of(unit: str) -> Measure:
    """Differences of a share of rows are told in percent points, of any other score as they are."""
    return Measure(100.0, "points", 1) if unit == ACCURACY.unit else Measure(1.0, "", 3)


def between(low: float, mean: float, high: float, *, places: int) -> str:
    """A mean and its interval, to the first digit of the interval's half width or finer: +9.8 [9.5, 10.1]."""
    width = (high - low) / 2
    size = width if width > 0 else abs(mean)
    if 0 < size < math.inf:
        places = min(max(places, -math.floor(math.log10(size))), 9)
    said = number(mean, places, sign="+")
    return f"{said} [{number(low, places)}, {number(high, places)}]" if math.isfinite(width) else said


def number(value: float, places: int = 4, *, sign: str = "-") -> str:
    """Written out below 100 000, a dash where there is none, and never as minus zero."""
    if math.isnan(value):
        return "–"
    return f"{value:{sign}z.{places}f}" if abs(value) < 1e5 else f"{value:{sign}.3g}"
