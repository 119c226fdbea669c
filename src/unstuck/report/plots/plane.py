"""The picture of a loss surface from above."""

from typing import TYPE_CHECKING

import numpy as np

from unstuck.report.plots.canvas import BLUE, INK, ORANGE, SMALL, TOP, label, page, panel
from unstuck.report.view.plane import PlaneView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE = 4.2
"""Of the square, in inches."""


def draw_plane(view: PlaneView) -> "Figure":
    """Contours with their losses, the higher the darker; the network is the dot."""
    figure = page(SIDE + 1.0, SIDE + TOP + 0.65, view.title, view.note)
    paint_plane(panel(figure, 0.75, 0.55, SIDE, SIDE), view)
    return figure


def paint_plane(axes: "Axes", view: PlaneView, *, named: bool = True) -> None:
    """One plane on axes; grey where the loss is not finite."""
    from matplotlib.colors import LinearSegmentedColormap

    axes.set_facecolor("#DDDDDD")
    shades = LinearSegmentedColormap.from_list("losses", ["#F7FAFC", BLUE])
    places = (view.across, view.up, np.ma.masked_invalid(view.losses))
    if len(view.levels):
        colours = shades(np.linspace(0, 0.75, len(view.levels) + 1))
        axes.contourf(*places, levels=view.levels, colors=colours, extend="both")
        lines = axes.contour(*places, levels=view.levels, colors=INK, linewidths=0.5)
        axes.clabel(lines, fontsize=SMALL, fmt=lambda level: f"{level:.6g}", colors=INK)
    axes.plot(0, 0, "o", color=ORANGE, ms=5)
    axes.spines["bottom"].set_visible(False)
    ends = np.array([view.across[0], 0, view.across[-1]])
    axes.set_xticks(ends)
    axes.set_yticks(ends)
    if named:
        unit = f", loss in {view.unit}" if view.unit else ""
        label(axes, f"first direction, in lengths of the filters{unit}", "second direction")
