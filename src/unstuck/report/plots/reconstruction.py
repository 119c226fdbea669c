"""Painter of an autoencoder's copies, below the pictures that they are of."""

from typing import TYPE_CHECKING

import numpy as np

from unstuck.report.picture import fitted, mosaic, pixels
from unstuck.report.plots.canvas import DPI, TOP, page, show
from unstuck.report.view.reconstruction import ReconstructionView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TILE, GAP = 64, 5
"""Pixels of a picture at most, and between two."""


def draw_reconstructions(view: ReconstructionView) -> "Figure":
    """Originals in the upper row, copies in the lower, all on one scale of brightness."""
    tiles = fitted(pixels(np.concatenate([view.originals, view.copies])), TILE)
    picture = mosaic(tiles, len(view.originals), (GAP, GAP))
    wide, tall = picture.shape[1] / DPI, picture.shape[0] / DPI
    figure = page(wide + 0.3, tall + TOP + 0.2, view.title, "above: test pictures; below: what came back")
    show(figure, picture, 0.15, 0.15)
    return figure
