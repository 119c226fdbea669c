"""Painter of the score over the number of training rows."""

from typing import TYPE_CHECKING

import numpy as np

from unstuck.report.plots.canvas import BLUE, INK, MUTED, RULE, SMALL, TOP, label, page, panel
from unstuck.report.view.data_size import DataSizeView
from unstuck.report.wording import grouped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_data_size(view: DataSizeView) -> "Figure":
    """New rows in blue, those trained on in grey, each with its band; rows go tenfold by equal steps."""
    figure = page(7.2, 4.2, view.title, view.note)
    axes = panel(figure, 0.8, 0.55, 6.2, 4.2 - TOP - 0.85)
    axes.set_xscale("log")
    names = (f"{view.split} rows", "rows trained on")
    for band, scores, colour, name in zip(view.bands, (view.new, view.trained), (BLUE, MUTED), names, strict=True):
        axes.fill_between(view.rows, band.low, band.high, color=colour, alpha=0.15, lw=0)
        dots = np.broadcast_to(view.rows[:, None], scores.shape)
        axes.plot(dots.ravel(), scores.ravel(), "o", ms=3, mew=0, color=colour, alpha=0.4)
        axes.plot(view.rows, band.mean, color=colour, lw=1.6, marker="o", ms=5, mew=0, label=name)
    axes.set_ylim(*view.span)
    axes.grid(axis="y", color=RULE, lw=0.6)
    _ticks(axes, view.rows)
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=2,
        frameon=False,
        fontsize=SMALL + 0.5,
        labelcolor=INK,
        handlelength=1.4,
        columnspacing=1.6,
    )
    label(axes, "training rows", view.score)
    return figure


def _ticks(axes: "Axes", rows: np.ndarray) -> None:
    """At the sizes themselves; of those that would run into each other, the larger."""
    kept: list[float] = []
    apart = (np.log(rows[-1]) - np.log(rows[0])) / 12
    for count in rows[::-1]:
        if not kept or np.log(kept[-1]) - np.log(count) > apart:
            kept.append(float(count))
    axes.set_xticks(kept, [grouped(round(count)) for count in kept])
    axes.minorticks_off()
