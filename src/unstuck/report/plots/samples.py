"""Painter of a look at the data: pictures by class or histograms by feature, beside the rows of each class."""

from typing import TYPE_CHECKING

import numpy as np

from unstuck.report.picture import fitted, mosaic
from unstuck.report.plots.canvas import (
    BLUE,
    DPI,
    INK,
    LABEL,
    MUTED,
    SERIES,
    SMALL,
    TOP,
    inches,
    page,
    panel,
    plain,
    show,
)
from unstuck.report.view import SamplesView
from unstuck.report.view.samples import MOST_CLASSES, Histogram
from unstuck.report.wording import grouped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TILE = 64
"""Pixels of an example's picture at most."""
BALANCE = 2.0
"""Length of the longest bar of rows by class, in inches."""
LONGEST_NAME = 18
"""Letters of a class name that fit beside a bar."""


def draw_samples(view: SamplesView) -> "Figure":
    """A page: what examples look like on the left, how many rows each class has on the right."""
    return _draw_histograms(view) if view.images is None else _draw_pictures(view, view.images)


def _draw_pictures(view: SamplesView, images: np.ndarray) -> "Figure":
    """A strip of pictures per class under its name, as many strips in a row as fit."""
    tiles = fitted(images, TILE)
    strips = max(10 // view.per_class, 1)
    gap = (20 if view.classes else 5, 5)
    picture = mosaic(_by_class(view, tiles), strips * view.per_class if view.classes else 10, gap)
    names = [plain(name, 10 if view.per_class == 1 else LONGEST_NAME) for name in view.classes or ()]
    wide, tall = picture.shape[1] / DPI, picture.shape[0] / DPI
    height = max(tall + 0.25, 2.5) + TOP
    figure, right = _page(view, 0.15 + wide, height)
    axes = show(figure, picture, 0.15, height - TOP - 0.2 - tall)
    for number in range(len(names) if view.class_counts is not None else 0):
        down, across = divmod(number, strips)
        x, y = across * view.per_class * (tiles.shape[2] + gap[1]), down * (tiles.shape[1] + gap[0])
        axes.text(x, y - 3, names[number], size=SMALL, color=INK, va="bottom")
    _draw_spread(figure, view, right, height)
    return figure


def _by_class(view: SamplesView, tiles: np.ndarray) -> np.ndarray:
    """The tiles with white ones put in where a class has fewer examples, so that each strip is as long."""
    if view.classes is None or view.image_classes is None:
        return tiles
    shown = min(len(view.classes), MOST_CLASSES)
    full = np.full((shown, view.per_class, *tiles.shape[1:]), 255, np.uint8)
    for number in range(shown):
        own = tiles[view.image_classes == number]
        full[number, : len(own)] = own
    return full.reshape(-1, *tiles.shape[1:])


def _page(view: SamplesView, left: float, height: float) -> tuple["Figure", float]:
    """The page with `left` inches for examples, and where what stands at the right begins, if anything does."""
    if view.classes is None and view.images is None:
        return page(left + 0.1, height, view.title), left
    names = max((inches(plain(name, LONGEST_NAME)) for name in view.classes or ()), default=0.0)
    right = left + 0.25 + names
    return page(right + BALANCE + 0.75, height, view.title, _note(view)), right


def _note(view: SamplesView) -> str:
    if view.class_counts is None or not view.class_counts.sum():
        return ""
    least, most = int(view.class_counts.min()), int(view.class_counts.max())
    cut = f"; the first {MOST_CLASSES} classes shown" if len(view.class_counts) > MOST_CLASSES else ""
    return f"rows per class: {grouped(least)} to {grouped(most)}{cut}"


def _draw_spread(figure: "Figure", view: SamplesView, left: float, height: float) -> None:
    """Rows per class as bars, or the histogram of the number to predict."""
    if view.classes is None or view.class_counts is None:
        _draw_histogram(panel(figure, left, height - TOP - 1.9, BALANCE + 0.4, 1.4), view.histograms[-1])
        return
    count = len(view.classes)
    tall = min(0.26 * count, height - TOP - 0.35)
    axes = panel(figure, left, height - TOP - 0.2 - tall, BALANCE, tall)
    colours = SERIES[:count] if view.stacked else BLUE
    axes.barh(np.arange(count), view.class_counts, height=0.72, color=colours)
    axes.set_ylim(count - 0.4, -0.6)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    every = -(-count // int(max(tall / 0.15, 1)))  # a line of small type is 0.15 inches high
    names = [plain(name, LONGEST_NAME) for name in view.classes]
    size = LABEL if count * 0.2 <= tall else SMALL - 0.5
    axes.set_yticks(np.arange(0, count, every), names[::every], size=size, color=INK)
    for place in range(0, count, every):
        number = int(view.class_counts[place])
        axes.text(number, place, f" {grouped(number)}", size=min(size, SMALL), color=MUTED, va="center")


def _draw_histograms(view: SamplesView) -> "Figure":
    """A small panel per column; where classes are told apart, in the colours of the bars beside."""
    shown = view.histograms
    columns = min(int(np.ceil(np.sqrt(len(shown)))), 4)
    rows = -(-len(shown) // columns)
    height = TOP + 0.1 + max(1.55 * rows, 0.3 * len(view.classes or ()))
    left = 0.2 + 2.0 * columns
    figure, right = _page(view, left, height)
    for place, histogram in enumerate(shown):
        down, across = divmod(place, columns)
        axes = panel(figure, 0.15 + 2.0 * across, height - TOP - 1.55 * down - 1.25, 1.7, 0.95)
        _draw_histogram(axes, histogram)
    if view.classes:
        _draw_spread(figure, view, right, height)
    return figure


def _draw_histogram(axes: "Axes", histogram: Histogram) -> None:
    from matplotlib.ticker import MaxNLocator

    below = np.zeros(histogram.counts.shape[1])
    for counts, colour in zip(histogram.counts, SERIES, strict=False):
        axes.stairs(below + counts, histogram.edges, baseline=below, fill=True, color=colour)
        below = below + counts
    axes.set_yticks([])
    axes.set_ylim(0, 1.05 * max(below.max(), 1))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    missing = f"  ({grouped(histogram.not_finite)} not finite)" if histogram.not_finite else ""
    axes.set_title(plain(histogram.name, 24) + missing, size=SMALL + 0.5, color=INK, loc="left", pad=3)
