"""The picture of a learning-rate range test."""

from typing import TYPE_CHECKING

from unstuck.report.plots.canvas import BLUE, LABEL, ORANGE, label, page, panel
from unstuck.report.view.rates import RatesView

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_rates(view: RatesView) -> "Figure":
    """A curve for each seed on a logarithmic axis, and the proposal as a line across."""
    figure = page(7.2, 4.0, view.title, view.note)
    width, height = figure.get_size_inches()
    axes = panel(figure, 0.75, 0.65, width - 1.0, height - 1.4)
    axes.set_xscale("log")
    for losses in view.losses:
        axes.plot(view.rates, losses, color=BLUE, lw=1.2, alpha=0.7)
    room = 0.05 * (view.high - view.low)
    axes.set_ylim(view.low - room, view.high + room)
    if view.proposal is not None:
        axes.axvline(view.proposal, color=ORANGE, lw=1.4)
        axes.text(
            view.proposal * 1.15, view.high, f"{view.proposal:.2g}", size=LABEL, color=ORANGE, ha="left", va="top"
        )
    label(axes, "learning rate at the step", f"loss of the batches, running mean ({view.unit})")
    return figure
