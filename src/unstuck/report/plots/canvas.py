"""The page that every picture is painted on: colours, type, margins, and how it becomes a file.

Places are given in inches from the lower left corner. Margins are reckoned from the text instead of by
matplotlib's layout engines, which draw everything twice to find them.
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unstuck import files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito, Color Universal Design, 2008, https://jfly.uni-koeln.de/color/: told apart by all kinds of sight.
BLUE, ORANGE, GREEN, PURPLE, SKY, AMBER = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, AMBER)
INK, MUTED, RULE, FAINT = "#222222", "#6B6B6B", "#E4E4E4", "#B8C4CE"

DPI = 110
TITLE, LABEL, SMALL = 11.5, 9.0, 7.5
"""Type sizes, in points."""
WIDEST = 12.0
"""Width, in inches, that no title makes a picture exceed."""
TOP = 0.62
"""Height of the title and the note under it, in inches."""


def inches(text: str, size: float = LABEL) -> float:
    """Width of a text, in inches: letters of DejaVu Sans are 0.57 of their size wide on average."""
    return 0.57 * size / 72 * len(text)


def plain(text: str, most: int = 200) -> str:
    """A name as it stands, cut to `most` letters, and with no dollar sign taken for a formula's.

    Letters that the font lacks become □, as matplotlib would draw them, but without a warning for each.
    """
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return (cut if cut.isascii() else _drawable(cut)).replace("$", r"\$")


def _drawable(text: str) -> str:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties()))
    return "".join(letter if font.get_char_index(ord(letter)) else "□" for letter in text)


def page(width: float, height: float, title: str, note: str = "") -> "Figure":
    """An empty figure with its title, which states the result, and a note in a smaller type.

    It is at least `width` inches wide, and wider, up to a limit, where the title or the note is.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    small = SMALL + 0.5
    width = max(width, min(0.3 + max(inches(title, TITLE), inches(note, small)), WIDEST))
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    left = 0.15 / width
    for text, down, size, colour in ((title, 0.14, TITLE, INK), (note, 0.38, small, MUTED)):
        if text:
            most = int((width - 0.3) / inches("x", size) + 1e-6)
            figure.text(left, 1 - down / height, plain(text, most), size=size, color=colour, va="top")
    return figure


def panel(figure: "Figure", left: float, bottom: float, width: float, height: float) -> "Axes":
    """Quiet axes at a place in inches: no box, a pale grid behind, muted numbers."""
    full_width, full_height = figure.get_size_inches()
    place = (left / full_width, bottom / full_height, width / full_width, height / full_height)
    axes = figure.add_axes(place, facecolor="white")
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(MUTED)
        spine.set_linewidth(0.6)
    axes.tick_params(which="both", colors=MUTED, labelsize=SMALL + 0.5, length=0, pad=4)
    return axes


def label(axes: "Axes", x: str = "", y: str = "") -> None:
    """Name both axes, with units."""
    axes.set_xlabel(plain(x), size=LABEL, color=INK)
    axes.set_ylabel(plain(y), size=LABEL, color=INK)


def show(figure: "Figure", picture: np.ndarray, left: float, bottom: float) -> "Axes":
    """Paint pixels (H, W, 3) uint8 one to one, none blurred; the axes count pixels from the top left."""
    height, width = picture.shape[:2]
    # Whole dots: a picture that starts between two would be resampled.
    left, bottom = round(left * DPI) / DPI, round(bottom * DPI) / DPI
    axes = panel(figure, left, bottom, width / DPI, height / DPI)
    axes.set_axis_off()
    axes.imshow(picture, interpolation="nearest", aspect="auto", extent=(0, width, height, 0))
    return axes


def save(figure: "Figure", path: str | Path) -> None:
    """Write the picture as PNG, all or nothing; equal pictures give equal bytes.

    It is written beside its place and then renamed, so that a run killed in between leaves no half picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    path, picture = Path(path), io.BytesIO()
    # matplotlib would write its version, which tells equal pictures of two machines apart.
    FigureCanvasAgg(figure).print_png(picture, metadata={"Software": None})
    with files.said(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, picture.getvalue())
