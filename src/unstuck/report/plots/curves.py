"""Painters of what goes over steps, and of numbers predicted against true ones."""

from typing import TYPE_CHECKING, Any

import numpy as np

from unstuck.report.plots.canvas import (
    BLUE,
    FAINT,
    INK,
    LABEL,
    MUTED,
    ORANGE,
    RULE,
    SMALL,
    TOP,
    label,
    page,
    panel,
)
from unstuck.report.view import LossView, PredictionView
from unstuck.report.wording import grouped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_MARKED = 40
"""Epochs whose values are marked by dots; more of them run into a band."""


def draw_loss(view: LossView) -> "Figure":
    """Every step as a faint point, its running mean as a line, validation by epoch as dots."""
    figure = page(8, 4.2, view.title, _note(view))
    axes = panel(figure, 0.75, 0.52, 7.05, 4.2 - TOP - 0.82)
    _scale(axes, view)
    per_epoch = view.steps_per_epoch
    few = len(view.steps) <= 1000
    dots: dict[str, Any] = {"ms": 3 if few else 1.6, "mew": 0, "clip_on": not few}
    axes.plot(view.steps / per_epoch, view.losses, "o", color=FAINT, zorder=1, **dots)
    axes.plot(view.line_steps / per_epoch, view.line, color=BLUE, lw=1.6, label="training, running mean")
    _draw_epochs(axes, view)
    if view.first_not_finite is not None:
        first = view.first_not_finite / per_epoch
        axes.axvline(first, color=INK, lw=1.2, ls=(0, (2, 2)), label="first not finite")
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=4,
        frameon=False,
        fontsize=SMALL + 0.5,
        labelcolor=INK,
        handlelength=1.4,
        columnspacing=1.6,
    )
    label(axes, "epoch", f"loss ({view.unit})")
    return figure


def _note(view: LossView) -> str:
    steps = "1 step" if view.total == 1 else f"{grouped(view.total)} steps"
    line = f"; line: mean of {grouped(view.window)} steps" if view.window > 1 else ""
    return f"{steps}, {grouped(view.steps_per_epoch)} per epoch; faint: single steps{line}"


def _scale(axes: "Axes", view: LossView) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    axes.set_xlim(0, view.epochs or 1)
    if view.epochs >= 2:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
    axes.grid(axis="y", color=RULE, lw=0.6)
    if view.logarithmic:
        axes.set_yscale("log")
        decades = np.log10(view.span[1]) - np.log10(view.span[0])
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 3 else (1,), numticks=9))
        axes.yaxis.set_minor_formatter(NullFormatter())
    # The default would write powers as formulas, whose parser takes a tenth of a second to load, and would set
    # a factor such as 1e6 above the axis, where the legend is.
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:g}".replace("e+0", "e").replace("e+", "e"))
    )
    axes.set_ylim(*view.span)


def _draw_epochs(axes: "Axes", view: LossView) -> None:
    """Validation at the end of each epoch, and a ring around the best."""
    epochs = len(view.validation)
    if not epochs:
        return
    ends = np.arange(1, epochs + 1)
    marker = "o" if epochs <= MOST_MARKED else None
    values = np.clip(view.validation, *view.span)
    axes.plot(ends, values, marker=marker, ms=4, color=ORANGE, lw=1.4, label="validation", clip_on=False)
    if view.best is not None:
        ring: dict[str, Any] = {"ms": 10, "mfc": "none", "mec": ORANGE, "mew": 1.4, "clip_on": False}
        axes.plot([view.best], [values[view.best - 1]], "o", label=f"best, epoch {view.best}", **ring)


def draw_predictions(view: PredictionView) -> "Figure":
    """A point per row; on the line, predicted is true."""
    figure = page(5.6, 5.4, view.title, f"each point is a row of {view.split}; on the line, predicted is true")
    axes = panel(figure, 0.8, 0.55, 4.6, 5.4 - TOP - 0.65)
    axes.grid(color=RULE, lw=0.6)
    label(axes, f"true {view.target}", f"predicted {view.target}")
    if not len(view.truth):
        axes.text(0.5, 0.5, "nothing finite to show", size=LABEL, color=MUTED, ha="center")
        return figure
    low = min(view.truth.min(), view.predicted.min())
    high = max(view.truth.max(), view.predicted.max())
    axes.plot([low, high], [low, high], color=INK, lw=0.8, zorder=1)
    few = len(view.truth) <= 300
    axes.plot(view.truth, view.predicted, "o", ms=4 if few else 2.5, mew=0, color=BLUE, alpha=0.6 if few else 0.35)
    return figure
