"""How far the gradient reaches with one activation or another: a small chart of a page."""

import math
from collections.abc import Iterator, Mapping, Sequence

_COLOURS = ("#0072B2", "#D55E00", "#009E73")  # told apart by all kinds of sight: Okabe & Ito 2008
_WIDE, _HIGH, _LEFT, _RIGHT, _TOP, _BELOW = 620.0, 260.0, 64.0, 110.0, 14.0, 46.0
_MOST_NAMES = 14


def section(series: Mapping[str, Sequence[float]], places: Sequence[str]) -> str:
    """The chart under its headline; nothing where there are not two layers to compare.

    Args:
        series: the gradient after each layer with weights, by activation.
        places: these layers' names.
    """
    sizes = [size for one in series.values() for size in one if size > 0]
    if not sizes or len(places) < 2:
        return ""
    parts = "".join(_Chart(series, places, sizes).parts())
    return (
        "<h2>How far the gradient reaches</h2>"
        '<p class="about">The root mean square of the gradient after each layer with weights, the input on the '
        "left, with three activations from the same seed. Each step of the scale is ten times.</p>"
        f'<svg class="fading" viewBox="0 0 {_WIDE:.0f} {_HIGH:.0f}" width="{_WIDE:.0f}" role="img" '
        f'aria-label="gradient by layer">{parts}</svg>'
    )


class _Chart:
    """Its scales, and what stands in it."""

    def __init__(
        self, series: Mapping[str, Sequence[float]], places: Sequence[str], sizes: Sequence[float]
    ) -> None:
        self.series, self.places = series, places
        self.low = math.floor(math.log10(min(sizes)))
        self.high = max(math.ceil(math.log10(max(sizes))), self.low + 1)

    def parts(self) -> Iterator[str]:
        """Grid, lines, and names."""
        for power in range(self.low, self.high + 1, max(1, (self.high - self.low) // 8)):
            y = self._y(power)
            yield f'<path class="rule" d="M{_LEFT:.0f},{y:.1f} H{_WIDE - _RIGHT:.0f}"/>'
            yield self._word(_LEFT - 8, y + 4, f"{10.0**power:g}", "end")
        for place in range(0, len(self.places), -(-len(self.places) // _MOST_NAMES)):
            yield self._word(self._x(place), _HIGH - _BELOW + 20, self.places[place], "middle")
        yield self._word(_LEFT, _HIGH - 8, "layer", "start")
        for row, (colour, (name, sizes)) in enumerate(zip(_COLOURS, self.series.items(), strict=False)):
            yield from self._line(colour, sizes)
            y = _TOP + 14 + 24 * row
            yield f'<circle fill="{colour}" r="5" cx="{_WIDE - _RIGHT + 22:.0f}" cy="{y - 4:.0f}"/>'
            yield f'<text font-weight="600" x="{_WIDE - _RIGHT + 34:.0f}" y="{y:.0f}">{name}</text>'

    def _line(self, colour: str, sizes: Sequence[float]) -> Iterator[str]:
        """What is 0 has no place on the scale."""
        points = [(self._x(place), self._y(math.log10(size))) for place, size in enumerate(sizes) if size > 0]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline fill="none" stroke="{colour}" stroke-width="2.5" points="{path}"/>'
        for x, y in points:
            yield f'<circle fill="{colour}" r="4" cx="{x:.1f}" cy="{y:.1f}"/>'

    def _x(self, place: int) -> float:
        return _LEFT + 12 + (_WIDE - _LEFT - _RIGHT - 24) * place / (len(self.places) - 1)

    def _y(self, power: float) -> float:
        return _TOP + (_HIGH - _TOP - _BELOW) * (self.high - power) / (self.high - self.low)

    def _word(self, x: float, y: float, text: str, anchor: str) -> str:
        return f'<text class="legend" text-anchor="{anchor}" x="{x:.1f}" y="{y:.1f}">{text}</text>'
