"""The picture of a search: its trials, and the best so far, over the epochs spent."""

from typing import TYPE_CHECKING, Any

import numpy as np

from unstuck.report.plots.canvas import INK, SERIES, SMALL, TOP, label, page, panel
from unstuck.report.view.search import SearchCurve, SearchView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_search(view: SearchView) -> "Figure":
    """A dot for each trial, hollow where it was stopped before its end; a line for the best one so far."""
    figure = page(8, 4.4, view.title, view.note)
    width, height = figure.get_size_inches()
    axes = panel(figure, 0.8, 0.52, width - 1.0, height - TOP - 0.86)
    axes.set_ylim(view.low, view.high)
    most = max((int(curve.epochs[-1]) for curve in view.curves if len(curve.epochs)), default=1)
    axes.set_xlim(0, most * 1.02)
    for place, curve in reversed(list(enumerate(view.curves))):  # the first is on top, and slim: both begin alike
        _draw_curve(axes, curve, place, view.low)
    _legend(axes, view)
    label(axes, "epochs spent, all trials together", f"validation {view.score} ({view.unit})")
    return figure


def _draw_curve(axes: "Axes", curve: SearchCurve, place: int, low: float) -> None:
    colour, order, known = SERIES[place], 9 - 2 * place, np.isfinite(curve.scores)
    below = curve.diverged | (known & (curve.scores < low))
    dots: dict[str, Any] = {"ms": 4.5 + 3 * place, "mec": colour, "mew": 1.1, "ls": "", "zorder": order}
    axes.step(curve.epochs, curve.best, where="post", color=colour, lw=1.6 + 1.6 * place, zorder=order - 1)
    for chosen, face in ((curve.finished, colour), (~curve.finished, "white")):
        inside = chosen & known & ~below
        axes.plot(curve.epochs[inside], curve.scores[inside], "o", mfc=face, **dots)
    axes.plot(curve.epochs[below], np.full(below.sum(), low), "v", mfc="white", clip_on=False, **dots)


def _legend(axes: "Axes", view: SearchView) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, lw=1.8, label=f"best so far, {curve.name}")
        for curve, colour in zip(view.curves, SERIES, strict=False)
    ]
    for face, shape, said in (
        (INK, "o", "finished"),
        ("white", "o", "pruned, or cut short"),
        ("white", "v", "below, or diverged"),
    ):
        handles.append(Line2D([], [], ls="", marker=shape, ms=5, mfc=face, mec=INK, mew=1.1, label=said))
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=5,
        frameon=False,
        fontsize=SMALL + 0.5,
        labelcolor=INK,
        handlelength=1.4,
        columnspacing=1.4,
    )
