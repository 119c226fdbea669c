"""Pictures drawn on an even background, such as MNIST's: what is usual of the drawing, fitted to a sample.

Everything here is in levels of grey from 0 to 255, and in pixels from the upper left corner, edge to edge.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

ALIKE = 8
"""Levels that a background may differ by: JPEG's and scanners' noise. Ours."""

EDGE = 1 / 8
"""Share of the contrast above which a pixel belongs to the drawing: the outermost ring of an anti-aliased
stroke is in, noise is out. Ours; of 1000 training pictures of MNIST all but 1 % are then 20 pixels long."""

_EVEN = 0.5  # of a picture's border; pictures that fill their frame, as Fashion-MNIST's do, reach it in places
_MOST = 0.9  # of the pictures have an even border; of photographs, next to none
_LINES = 1 / 8  # of a drawing's extent, up to which its breadth is a pen's: MNIST has 0.12, Fashion-MNIST 0.15
_ONE_SIDED = 0.95  # of all ink is darker than the background, or lighter: a drawing


class Usual(NamedTuple):
    """The 1st, 50th and 99th percentile over the training pictures."""

    low: float
    median: float
    high: float


class Drawing(NamedTuple):
    """What was measured of N pictures."""

    ends: np.ndarray
    """Of the box around the drawing, (N, 2, 2): of rows and of columns the first edge and the last; 0 if none."""
    mass: np.ndarray
    """Row and column of the drawing's centre of mass, (N, 2)."""
    peak: np.ndarray
    """The strongest ink, (N,)."""

    @property
    def extent(self) -> np.ndarray:
        """The longer side of the box, (N,)."""
        return (self.ends[:, :, 1] - self.ends[:, :, 0]).max(axis=1)

    @property
    def box(self) -> np.ndarray:
        """Row and column of the middle of the box, (N, 2)."""
        return self.ends.mean(axis=2)


@dataclass(frozen=True, kw_only=True)
class Paper:
    """An even background, and how the training pictures are drawn on it."""

    level: float
    """Of the background."""
    contrast: Usual
    """Peak of the ink above the background, in levels; below it where `dark`."""
    dark: bool
    """Whether ink is darker than the background."""
    extent: Usual
    """The longer side of the box around the drawing, in pixels."""
    centre: tuple[float, float]
    """Where the drawing's middle is, as row and column."""
    by_mass: bool
    """Whether `centre` is of the mass, as with MNIST, or of the box: of the two, what varies less."""
    drift: float
    """99th percentile of the distance from that centre, in pixels."""
    stroke: Usual
    """Breadth of the strokes, in pixels."""

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "Paper":
        """From its fields, also after JSON has made lists of its tuples."""
        tuples: dict[str, Any] = {name: Usual(*facts[name]) for name in ("contrast", "extent", "stroke")}
        tuples["centre"] = tuple(facts["centre"])
        return cls(**{**facts, **tuples})

    @property
    def lined(self) -> bool:
        """Whether drawings are of lines, as digits are, and not of surfaces, as clothes are."""
        return self.stroke.median <= _LINES * self.extent.median

    def ink(self, levels: np.ndarray) -> np.ndarray:
        """Levels above the background, or below it where ink is dark; none is negative."""
        return (self.level - levels if self.dark else levels - self.level).clip(0)

    def levels(self, ink: np.ndarray) -> np.ndarray:
        """Ink as a share of the usual contrast, in [0, 1], put on the background."""
        signed = -self.contrast.median if self.dark else self.contrast.median
        return (self.level + signed * ink).clip(0, 255)

    def fits(self, levels: np.ndarray) -> bool:
        """Whether one picture (H, W) is as the training pictures are, by background, contrast, size and place."""
        if (np.abs(border(levels) - self.level) <= ALIKE).mean() <= _EVEN:
            return False
        drawing = measure(self.ink(levels)[None], EDGE * self.contrast.median)
        middle = (drawing.mass if self.by_mass else drawing.box)[0]
        return bool(
            self.contrast.low - ALIKE <= drawing.peak[0] <= self.contrast.high + ALIKE
            and self.extent.low - 1 <= drawing.extent[0] <= self.extent.high + 1
            and np.hypot(*(middle - self.centre)) <= self.drift + 0.5
        )


def fit(pictures: np.ndarray) -> Paper | None:
    """The background that pictures (N, H, W) share, and what is usual on it; None if they share none."""
    levels = pictures.astype(np.float32)
    rim = border(levels)  # (N, border)
    level = float(np.median(rim))
    even = (np.abs(rim - level) <= ALIKE).mean(axis=1) > _EVEN
    darker, lighter = (level - levels).clip(0).sum(), (levels - level).clip(0).sum()
    if even.mean() < _MOST or max(darker, lighter) <= _ONE_SIDED * (darker + lighter):
        return None
    dark = bool(darker > lighter)
    ink = (level - levels if dark else levels - level).clip(0)
    drawing = measure(ink, EDGE * float(np.median(ink.max(axis=(1, 2)))))
    drawn = drawing.extent > 0
    by_mass = bool(drawing.mass[drawn].std(axis=0).sum() <= drawing.box[drawn].std(axis=0).sum())
    middle = (drawing.mass if by_mass else drawing.box)[drawn]
    centre = np.median(middle, axis=0)
    return Paper(
        level=level,
        contrast=_usual(drawing.peak[drawn]),
        dark=dark,
        extent=_usual(drawing.extent[drawn]),
        centre=(round(float(centre[0]), 2), round(float(centre[1]), 2)),
        by_mass=by_mass,
        drift=round(float(np.quantile(np.hypot(*(middle - centre).T), 0.99)), 2),
        stroke=_usual(breadth(ink[drawn])),
    )


def border(levels: np.ndarray) -> np.ndarray:
    """The outermost pixels of pictures (…, H, W), as (…, border)."""
    rim = np.ones(levels.shape[-2:], dtype=bool)
    rim[1:-1, 1:-1] = False
    return levels[..., rim]


def measure(ink: np.ndarray, edge: float) -> Drawing:
    """Where the drawing is in pictures (N, H, W), and how strong; pixels with ink above `edge` belong to it."""
    return Drawing(
        ends=np.stack([_ends(ink.max(axis=axis) > edge) for axis in (2, 1)], axis=1),
        mass=np.stack([_middle(ink.sum(axis=axis)) for axis in (2, 1)], axis=1),
        peak=ink.max(axis=(1, 2)),
    )


def breadth(ink: np.ndarray) -> np.ndarray:
    """Breadth of the strokes of pictures (N, H, W), in pixels.

    A stroke of breadth b and length l has an area of b l and edges of 2 l together. Ink sums to the area, and
    the length of its gradient to that of the edges, however blurred they are.
    """
    padded = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    down, right = np.diff(padded, axis=1)[:, :, :-1], np.diff(padded, axis=2)[:, :-1]
    return 2 * ink.sum(axis=(1, 2)) / np.hypot(down, right).sum(axis=(1, 2))


def _ends(on: np.ndarray) -> np.ndarray:
    """Edges before the first and after the last that is on, (N, 2), of each row (N, L); 0 and 0 if none is."""
    first, last = on.argmax(axis=1), on.shape[1] - on[:, ::-1].argmax(axis=1)
    return np.stack([first, np.where(on.any(axis=1), last, 0)], axis=1)


def _middle(ink: np.ndarray) -> np.ndarray:
    """Centre of mass of each row (N, L); 0 where there is none."""
    total = ink.sum(axis=1)
    return np.divide(ink @ (np.arange(ink.shape[1]) + 0.5), total, out=np.zeros(len(ink)), where=total > 0)


def _usual(values: np.ndarray) -> Usual:
    return Usual(*(round(float(value), 2) for value in np.quantile(values, (0.01, 0.5, 0.99))))
