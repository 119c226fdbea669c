"""A network as a row of boxes: heights are pixels or steps, widths are channels, features or units."""

import math
from typing import TYPE_CHECKING

from unstuck.report.plots.canvas import BLUE, FAINT, INK, MUTED, RULE, SMALL, page, plain
from unstuck.report.view.network import Block, NetworkView
from unstuck.report.wording import grouped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PER_ROW = 8  # blocks side by side, at most
SLOT, TALLEST, WIDEST = 1.3, 1.25, 0.85
"""Inches: a block's place, its tallest box, its widest."""
ROW = 2.5
"""Height of a row of blocks with the words below it, in inches."""


def draw_network(view: NetworkView) -> "Figure":
    """Boxes from left to right, row after row; below each what it is, what it puts out and its parameters."""
    from matplotlib.patches import Rectangle

    rows = math.ceil(len(view.blocks) / PER_ROW)
    across = math.ceil(len(view.blocks) / rows)
    width, height = 0.3 + SLOT * across, 0.6 + ROW * rows
    figure = page(width, height, view.title, "height: pixels or steps; width: channels or units; on a log scale")
    full_width, full_height = figure.get_size_inches()
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, full_width)
    axes.set_ylim(0, full_height)
    tallest = max(_sides(block)[0] for block in view.blocks)
    widest = max(_sides(block)[1] for block in view.blocks)
    for number, block in enumerate(view.blocks):
        row, column = divmod(number, across)
        center, base = 0.15 + SLOT * (column + 0.5), full_height - 0.65 - ROW * row - TALLEST
        if column:
            axes.plot((center - SLOT * 0.55, center - SLOT * 0.45), (base + TALLEST / 2,) * 2, color=MUTED, lw=0.8)
        high, wide = (_scaled(side, most) for side, most in zip(_sides(block), (tallest, widest), strict=True))
        box = Rectangle(
            (center - wide * WIDEST / 2, base + (TALLEST - high * TALLEST) / 2),
            wide * WIDEST,
            high * TALLEST,
            facecolor=BLUE if block.parameters else FAINT,
            edgecolor=RULE,
            alpha=0.85,
        )
        axes.add_patch(box)
        _words(axes, block, center, base - 0.1)
    return figure


def _words(axes: "Axes", block: Block, x: float, y: float) -> None:
    lines = [(part, INK) for part in _wrapped(block.label)]
    lines.append((" x ".join(map(grouped, block.shape)), INK))
    lines += [(f"{grouped(block.parameters)} weights", BLUE)] if block.parameters else []
    lines += [(f"+ {name}", MUTED) for name in block.then[:4]]
    for number, (text, color) in enumerate(lines):
        axes.text(x, y - 0.145 * number, plain(text, 24), size=SMALL - 0.5, color=color, ha="center", va="top")


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 18)


def _sides(block: Block) -> tuple[int, int]:
    """Height and width: pixels and channels, steps and features, or one and units."""
    match block.shape:
        case (channels, height, width):
            return max(height, width), channels
        case (steps, features):
            return steps, features
        case _:
            return 1, math.prod(block.shape)


def _scaled(side: int, most: int) -> float:
    """In (0, 1], on a logarithmic scale, so that 1 and 4096 fit one picture."""
    return (1 + math.log2(side)) / (1 + math.log2(most))
