"""Painter of loss and score over epochs: a line and a band for each arm."""

from typing import TYPE_CHECKING

import numpy as np

from unstuck.report.plots.canvas import FAINT, INK, RULE, SERIES, SMALL, TOP, inches, label, page, panel, plain
from unstuck.report.view.bands import BandsView, Course, Panel
from unstuck.report.wording import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (INK, *SERIES)
LONGEST_NAME = 40
"""Letters of an arm's name that fit into the legend."""
MOST_MARKED = 12
"""Epochs whose means are marked by dots."""


def draw_bands(view: BandsView) -> "Figure":
    """Loss and score beside each other: the base dark, six arms coloured, the others pale."""
    coloured = [course for course in view.loss.courses if course.place is not None]
    names = [plain(shortened(course.name, LONGEST_NAME)) for course in coloured]
    width = 10.4
    widest = max(inches(name, SMALL + 0.5) for name in names)
    columns = max(min(len(names), int((width - 0.8) / (widest + 0.5))), 1)
    legend = 0.1 + 0.19 * -(-len(names) // columns)
    height = TOP + legend + 3.6
    figure = page(width, height, view.title, view.note)
    half = figure.get_figwidth() / 2  # which a long note makes wider
    for left, part in ((0.0, view.loss), (half, view.score)):
        axes = panel(figure, left + 0.8, 0.52, half - 1.0, height - TOP - legend - 0.6)
        _scale(axes, part, view.epochs)
        for course in part.courses:
            _draw(axes, course, part.span, is_marked=view.epochs <= MOST_MARKED)
        label(axes, "epoch", part.label)
    _legend(figure, names, columns)
    return figure


def _draw(axes: "Axes", course: Course, span: tuple[float, float], *, is_marked: bool) -> None:
    is_pale = course.place is None
    colour = FAINT if course.place is None else COLOURS[course.place]
    mean, low, high = course.band
    epochs = np.arange(1, len(mean) + 1)
    # What lies beyond the scale runs along its edge, but its band does not: that would fill the panel.
    shown = (mean >= span[0]) & (mean <= span[1])
    line = np.clip(mean, *span)
    if not is_pale:
        axes.fill_between(epochs, np.clip(low, *span), high, where=shown, color=colour, alpha=0.15, lw=0)
        if len(mean) == 1:  # a band over one epoch has no width
            axes.vlines(epochs, low, high, color=colour, alpha=0.4, lw=2)
    marker = "o" if is_marked and (not is_pale or len(mean) == 1) else None
    axes.plot(epochs, line, color=colour, lw=0.9 if is_pale else 1.6, marker=marker, ms=3.5, mew=0)
    for tail in course.tails:
        ends = np.arange(tail.epoch, tail.epoch + len(tail.values))
        values = np.clip(tail.values, *span)
        axes.plot(ends, values, color=colour, lw=0.7, alpha=0.7)
        known = np.flatnonzero(np.isfinite(values))
        if tail.diverged and len(known):
            axes.plot(ends[known[-1:]], values[known[-1:]], "x", ms=6, mew=1.4, color=colour, clip_on=False)


def _scale(axes: "Axes", part: Panel, epochs: int) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    air = 0.03 * max(epochs - 1, 1)
    axes.set_xlim(1 - min(air, 0.9), max(epochs, 1) + air)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    axes.grid(axis="y", color=RULE, lw=0.6)
    if part.logarithmic:
        axes.set_yscale("log")
        decades = np.log10(part.span[1]) - np.log10(part.span[0])
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 3 else (1,), numticks=9))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axes.set_ylim(*part.span)


def _short(value: float) -> str:
    return f"{value:g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")


def _legend(figure: "Figure", names: list[str], columns: int) -> None:
    from matplotlib.lines import Line2D

    width, height = figure.get_size_inches()
    figure.legend(
        handles=[Line2D([], [], color=colour, lw=2) for colour, _ in zip(COLOURS, names, strict=False)],
        labels=names,
        loc="upper left",
        bbox_to_anchor=(0.65 / width, 1 - (TOP - 0.04) / height),
        ncols=columns,
        frameon=False,
        fontsize=SMALL + 0.5,
        labelcolor=INK,
        handlelength=1.4,
        columnspacing=1.6,
        borderpad=0,
    )
