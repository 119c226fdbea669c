"""Painter of a cross-validation: a dot for each fold, and the interval of their mean."""

from typing import TYPE_CHECKING

import numpy as np

from unstuck.report.plots.canvas import BLUE, FAINT, INK, SERIES, TOP, label, page, panel
from unstuck.report.view.folds import FoldsView

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_folds(view: FoldsView) -> "Figure":
    """Folds side by side, a colour for each repeat; the line is their mean, the band its interval."""
    repeats, folds = view.scores.shape
    note = "band: interval of the mean, by a t test corrected for folds that share training rows"
    figure = page(max(6.4, 0.25 * folds), 3.8, view.title, note)
    width, height = figure.get_size_inches()
    axes = panel(figure, 0.85, 0.52, width - 1.05, height - TOP - 0.62)
    if np.isfinite(view.interval).all():
        axes.axhspan(view.interval.low, view.interval.high, color=FAINT, alpha=0.4, lw=0)
        axes.axhline(view.interval.mean, color=INK, lw=1.0)
    apart = 0.5 / repeats
    for repeat, scores in enumerate(view.scores):
        places = np.arange(folds) + (repeat - (repeats - 1) / 2) * apart
        axes.plot(places, scores, "o", color=BLUE if repeats == 1 else SERIES[repeat % len(SERIES)], ms=5)
    axes.set_xlim(-0.6, folds - 0.4)
    if folds <= 30:
        axes.set_xticks(range(folds))
    label(axes, "fold", view.score)
    return figure
