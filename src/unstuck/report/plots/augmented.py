"""Painter of what augmentation does: pictures as they are on the left, versions of each beside it."""

from typing import TYPE_CHECKING

from unstuck.report.picture import fitted, mosaic
from unstuck.report.plots.canvas import DPI, INK, MUTED, SMALL, TOP, inches, page, plain, show
from unstuck.report.view.augmented import AugmentedView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TILE = 64
"""Pixels of a picture at most."""
LONGEST_NAME = 18
"""Letters of a label that fit beside a row."""
APART = 0.2
"""Between the originals and their versions, in inches."""


def draw_augmented(view: AugmentedView) -> "Figure":
    """A row per picture: its label, the picture, and its versions."""
    count, times = view.versions.shape[:2]
    is_mixed = any(any(row) for row in view.mixed_in)
    gap = (16 if is_mixed else 5, 5)
    originals = mosaic(fitted(view.originals, TILE), 1, gap)
    tiles = fitted(view.versions.reshape(-1, *view.versions.shape[2:]), TILE)
    versions = mosaic(tiles, times, gap)
    names = [plain(name, LONGEST_NAME) for name in view.labels]
    left = 0.25 + max(map(inches, names))
    right = left + originals.shape[1] / DPI + APART
    tall = versions.shape[0] / DPI
    note = "left: as they are; right: versions, drawn anew for each picture and epoch"
    note += "; below them, what was mixed in" * is_mixed
    figure = page(right + versions.shape[1] / DPI + 0.1, TOP + tall + 0.1, view.title, note)
    axes = show(figure, originals, left, 0.1)
    high, wide = tiles.shape[1] + gap[0], tiles.shape[2] + gap[1]
    for row, name in enumerate(names):
        axes.text(-8, row * high + tiles.shape[1] / 2, name, size=SMALL + 1, color=INK, ha="right", va="center")
    axes = show(figure, versions, right, 0.1)
    letters = int(tiles.shape[2] / DPI / inches("x", SMALL - 0.5)) - 1
    for row in range(count):
        for column, word in enumerate(view.mixed_in[row]):
            below = row * high + tiles.shape[1] + 2
            axes.text(column * wide, below, plain(word, letters), size=SMALL - 0.5, color=MUTED, va="top")
    return figure
