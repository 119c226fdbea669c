"""Painter of a reliability diagram: confidence against accuracy, with how many rows there are of each."""

from typing import TYPE_CHECKING

from unstuck.report.plots.canvas import BLUE, FAINT, INK, MUTED, SMALL, TOP, label, page, panel
from unstuck.report.view.reliability import ReliabilityView
from unstuck.report.wording import grouped

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_reliability(view: ReliabilityView) -> "Figure":
    """A line for all together and pale ones for each alone, about the diagonal; below, where the rows are."""
    figure = page(6.4, 6.2, view.title, view.note)
    width, height = figure.get_size_inches()
    across = width - 1.0
    axes = panel(figure, 0.75, 1.65, across, height - TOP - 1.95)
    axes.plot((0, 1), (0, 1), color=INK, lw=0.8, ls=(0, (3, 3)), label="as often right as sure")
    for number, (confidence, accuracy) in enumerate(view.members):
        name = f"each of {len(view.members)} alone" if number == 0 else None
        axes.plot(confidence, accuracy, color=FAINT, lw=1.0, label=name, zorder=1)
    axes.plot(view.confidence, view.accuracy, "o-", color=BLUE, lw=1.8, ms=4, label="together")
    axes.set_ylim(-0.02, 1.02)
    axes.legend(loc="lower right", frameon=False, fontsize=SMALL + 0.5, labelcolor=INK)
    label(axes, "", "share that is right")
    below = panel(figure, 0.75, 0.55, across, 0.85)
    below.vlines(view.confidence, 0, view.share, color=BLUE, lw=7)
    below.set_ylim(0, None)
    label(below, "confidence: the probability of the answer given", "share of rows")
    for each in (axes, below):
        each.set_xlim(-0.02, 1.02)
    below.text(
        0.0, 0.95, f"{grouped(view.rows)} test rows", size=SMALL, color=MUTED, transform=below.transAxes, va="top"
    )
    return figure
