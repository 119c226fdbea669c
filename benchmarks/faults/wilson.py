"""A share with its 95 % interval by Wilson's score."""

import math
from typing import NamedTuple

QUANTILE = 1.959963984540054  # of the normal distribution at 0.975


class Share(NamedTuple):
    """So many of so many, and the ends of the interval."""

    count: int
    of: int
    low: float
    high: float

    def __str__(self) -> str:
        if not self.of:
            return "–"
        return f"{self.count} of {self.of}, {self.count / self.of:.0%} [{self.low:.0%}, {self.high:.0%}]"


def share(count: int, of: int) -> Share:
    """Shares p that a count as far from p · n as this one would not surprise.

    Source: Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    if not of:
        return Share(0, 0, 0.0, 1.0)
    found, squared = count / of, QUANTILE**2
    centre = (found + squared / (2 * of)) / (1 + squared / of)
    reach = QUANTILE / (1 + squared / of) * math.sqrt(found * (1 - found) / of + squared / (4 * of**2))
    return Share(count, of, max(0.0, min(found, centre - reach)), min(1.0, max(found, centre + reach)))
