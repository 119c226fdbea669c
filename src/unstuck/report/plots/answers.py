"""Painters of what a network answers: one example's outputs, the classes it confuses, its surest mistakes."""

from typing import TYPE_CHECKING

import numpy as np

from unstuck.report.picture import fitted, mosaic
from unstuck.report.plots.canvas import (
    BLUE,
    DPI,
    FAINT,
    GREEN,
    INK,
    LABEL,
    MUTED,
    ORANGE,
    SMALL,
    TOP,
    inches,
    label,
    page,
    panel,
    plain,
    show,
)
from unstuck.report.view import ConfusionView, MistakesView, OutputsView
from unstuck.report.wording import grouped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST_NAME = 18
"""Letters of a class name that fit beside a picture."""
NUMBERED_CLASSES = 16
"""Classes up to which each count of a confusion matrix is written in its cell."""
TILE = 84
"""Pixels of a mistake's picture at most."""


def draw_outputs(view: OutputsView) -> "Figure":
    """The example beside one bar per class; the predicted and the true one are coloured and named."""
    names = [plain(name, LONGEST_NAME) for name in view.names]
    beside = 0.3 if view.image is None else 2.5
    left = beside + max(inches(name) for name in names) + 0.1
    height = TOP + 0.6 + max(0.24 * len(names), 1.6)
    shown = f"the {len(names)} largest of {view.classes} outputs" if len(names) < view.classes else ""
    width = left + 4.6
    figure = page(max(width, 6.4), height, view.title, shown)
    if view.image is not None:
        picture = fitted(view.image[None], 230)[0]
        show(figure, picture, 0.15, height - TOP - picture.shape[0] / DPI)
    axes = panel(figure, left, 0.5, max(width, 6.4) - left - 1.35, height - TOP - 0.55)
    _draw_bars(axes, view, names)
    label(axes, view.unit)
    return figure


def _draw_bars(axes: "Axes", view: OutputsView, names: list[str]) -> None:
    places = np.arange(len(names))
    lengths = np.nan_to_num(view.outputs, nan=0.0, posinf=0.0, neginf=0.0)
    right = view.predicted == view.truth or view.truth is None
    roles = {view.truth: (GREEN, "true"), view.predicted: (ORANGE, "predicted")}
    if right:
        roles = {view.predicted: (BLUE, "predicted, true" if view.truth else "predicted")}
    colours, words = zip(*(roles.get(name, (FAINT, "")) for name in view.names), strict=True)
    axes.barh(places, lengths, height=0.72, color=colours)
    probability = view.unit == "probability"
    low, high = min(lengths.min(), 0), max(lengths.max(), 0)
    axes.set_xlim((0, 1) if probability else (1.08 * low, 1.08 * high) if high > low else (0, 1))
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_yticks(places, names, size=LABEL, color=INK)
    for place, (value, length, word) in enumerate(zip(view.outputs, lengths, words, strict=True)):
        text = f"{value:.3f}" if probability else f"{value:.4g}"
        axes.text(max(length, 0), place, f" {text}  {word}", size=SMALL + 0.5, color=INK, va="center")


def draw_confusion(view: ConfusionView) -> "Figure":
    """True classes down, predicted across: right in blue, wrong in orange, the darker the larger the share."""
    count = len(view.classes)
    numbered = count <= NUMBERED_CLASSES
    side = max(0.42 * count, 2.4) if numbered else 5.6
    names = [plain(name, LONGEST_NAME) for name in view.classes]
    wide = max(inches(name) for name in names)
    turned = wide > side / count - 0.08
    left, below = 0.5 + wide, 0.55 + (wide if turned else 0.1)
    width, height = max(left + side + 0.9, 5.2), below + side + TOP + 0.1
    figure = page(width, height, view.title, f"lowest recall: {view.weakest}" if view.weakest else "")
    axes = panel(figure, left, below, side, side)
    axes.imshow(_colours(view), interpolation="nearest", aspect="auto")
    every = max(count // 25, 1)
    ticks = np.arange(0, count, every)
    size = LABEL if every == 1 and count <= 30 else SMALL - 0.5
    axes.set_yticks(ticks, names[::every], size=size, color=INK)
    axes.set_xticks(ticks, names[::every], size=size, color=INK, rotation=90 if turned else 0)
    axes.spines["bottom"].set_visible(False)
    label(axes, "predicted", "true")
    if numbered:
        _write_counts(axes, view, count / side)
    return figure


def _colours(view: ConfusionView) -> np.ndarray:
    """Colour of each cell (C, C, 3): a right cell by recall, a wrong one by the root of its share of the row.

    The root lifts a mistake in a hundred out of the white. The largest share is darkest, if it is above 0.16:
    few mistakes shall look few.
    """
    from matplotlib.colors import to_rgb

    rows = view.counts.sum(axis=1, keepdims=True)
    share = view.counts / np.maximum(rows, 1)
    wrong = np.sqrt(share * (1 - np.eye(len(share))))
    wrong = 0.85 * wrong / max(wrong.max(), 0.4)
    right = 0.75 * np.nan_to_num(view.recall)
    white = np.full(3, 0.97)  # a breath of grey, so that empty cells still belong to the matrix
    cells = white + wrong[..., None] * (np.array(to_rgb(ORANGE)) - white)
    diagonal = np.arange(len(share))
    cells[diagonal, diagonal] = white + right[:, None] * (np.array(to_rgb(BLUE)) - white)
    return cells


def _write_counts(axes: "Axes", view: ConfusionView, cells: float) -> None:
    """The number in each cell that has any, and recall at the end of each row; `cells` are in an inch."""
    count = len(view.classes)
    dark = _colours(view).mean(axis=2) < 0.6
    for true, predicted in np.argwhere(view.counts):
        colour = "white" if dark[true, predicted] else INK
        number = str(view.counts[true, predicted])
        axes.text(predicted, true, number, size=SMALL, color=colour, ha="center", va="center")
    right = count - 0.5 + 0.06 * cells
    axes.text(right, -0.5 - 0.1 * cells, "recall", size=SMALL, color=MUTED, va="center")
    for true, recall in enumerate(view.recall):
        text = f"{recall:.3f}" if np.isfinite(recall) else "no rows"
        axes.text(right, true, text, size=SMALL, color=MUTED, va="center")


def draw_mistakes(view: MistakesView) -> "Figure":
    """The pictures of the surest mistakes in one mosaic, or a table of their numbers."""
    if not len(view.rows):
        return page(6.4, 1.0, view.title, "There is nothing to show here.")
    return _draw_rows(view) if view.images is None else _draw_pictures(view, view.images)


def _draw_pictures(view: MistakesView, images: np.ndarray) -> "Figure":
    tiles = fitted(images, TILE)
    columns = min(len(tiles), 8)
    gap = (58, max(14, 116 - tiles.shape[2]))  # room for three lines of text under each
    picture = mosaic(tiles, columns, gap)
    height = picture.shape[0] / DPI + TOP + 0.1
    note = f"said: the predicted class; then its {view.unit}, and where the row stood in its source"
    figure = page(max(picture.shape[1] / DPI + 0.3, 5.2), height, view.title, note)
    axes = show(figure, picture, 0.15, height - TOP - picture.shape[0] / DPI)
    cell_height, cell_width = tiles.shape[1] + gap[0], tiles.shape[2] + gap[1]
    for place, (row, true, said, confidence) in enumerate(_answers(view, 12)):
        down, across = divmod(place, columns)
        x, y = across * cell_width, down * cell_height + tiles.shape[1] + 4
        text = f"true {true}\nsaid {said}\n{confidence}, row {row}"
        axes.text(x, y, text, size=SMALL - 0.5, color=INK, va="top", linespacing=1.25)
    return figure


def _answers(view: MistakesView, most: int) -> list[tuple[str, str, str, str]]:
    """Row, true class, predicted class and confidence, in words."""
    names = [plain(name, most) for name in view.classes]
    columns = zip(view.rows, view.truth, view.predicted, view.confidence, strict=True)
    return [(grouped(int(row)), names[true], names[said], f"{sure:.3f}") for row, true, said, sure in columns]


def _draw_rows(view: MistakesView) -> "Figure":
    values = np.zeros((len(view.rows), 0)) if view.values is None else view.values[:, :6]
    heads = ["row", "true", "predicted", view.unit, *(plain(name, 14) for name in view.features[:6])]
    numbers = [[f"{value:.4g}" for value in row] for row in values]
    cells = [[*answer, *row] for answer, row in zip(_answers(view, LONGEST_NAME), numbers, strict=True)]
    lines = [heads, *cells]
    widths = [max(inches(line[column]) for line in lines) + 0.25 for column in range(len(heads))]
    height = TOP + 0.26 * len(lines) + 0.15
    more = len(view.features) - 6
    note = f"and {more} more features" if more > 0 else ""
    figure = page(max(sum(widths) + 0.3, 6.4), height, view.title, note)
    axes = panel(figure, 0.15, 0.15, sum(widths), 0.26 * len(lines))
    axes.set_axis_off()
    axes.set_xlim(0, sum(widths))
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.axhline(0.5, color=MUTED, lw=0.6)
    starts = np.cumsum([0, *widths[:-1]])
    for down, line in enumerate(lines):
        for start, text in zip(starts, line, strict=True):
            axes.text(start, down, text, size=LABEL, color=INK if down else MUTED, va="center")
    return figure
