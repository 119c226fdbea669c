"""Painter of what each change does: its difference from the base with its interval, and the scores beside it."""

from typing import TYPE_CHECKING, Any

import numpy as np

from unstuck.report.plots.canvas import (
    BLUE,
    INK,
    LABEL,
    MUTED,
    ORANGE,
    RULE,
    SMALL,
    TOP,
    inches,
    label,
    page,
    panel,
    plain,
)
from unstuck.report.view.forest import ForestRow, ForestView
from unstuck.report.wording import shortened
from unstuck.study.judgement import Judgement

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {Judgement.BETTER: BLUE, Judgement.WORSE: ORANGE, Judgement.UNDECIDED: MUTED, None: INK}
LONGEST_NAME = 46
"""Letters of an arm's name that fit beside its row."""
BESIDE = 0.27
"""How far below its bar the dots of an arm stand, in rows."""
MANY = 16
"""Rows from which they stand closer."""
LEGEND, BELOW, GAP = 0.3, 0.55, 0.2
"""Heights above and below the panels, and widths between their parts, in inches."""
WIDE, NARROW = 3.6, 2.2
"""Widths of the differences' and of the scores' panel, in inches."""


def draw_forest(view: ForestView) -> "Figure":
    """A row per arm: seeds as dots, the mean and its interval as a bar, coloured by judgement; then the scores."""
    lines = [line for group in view.groups for line in ((group.title,) if group.title else ()) + group.rows]
    rows = [line for line in lines if isinstance(line, ForestRow)]
    names = [plain(shortened(line if isinstance(line, str) else line.name, LONGEST_NAME)) for line in lines]
    tall = len(lines) * (0.3 if len(lines) < MANY else 0.23)
    left = GAP + 1.15 * max(map(inches, names)) + 0.1  # a short name may have wide letters alone: momentum
    said = 0.1 + max(inches(row.said) for row in rows) + GAP
    mean = 0.1 + max(inches(row.mean) for row in rows) + 0.1
    width, height = left + WIDE + said + NARROW + mean, TOP + LEGEND + tall + BELOW
    figure = page(width, height, view.title, view.note)
    differences = panel(figure, left, BELOW, WIDE, tall)
    scores = panel(figure, left + WIDE + said, BELOW, NARROW, tall)
    for axes in (differences, scores):
        axes.set_ylim(len(lines) - 0.5, -0.5)
        axes.set_yticks([])
        axes.grid(axis="x", color=RULE, lw=0.6)
    _scale(differences, view)
    scores.set_xlim(view.score_span)
    for place, (line, name) in enumerate(zip(lines, names, strict=True)):
        weight = "bold" if isinstance(line, str) else "normal"
        _write(differences, -0.1 / WIDE, place, name, ha="right", weight=weight)
        if isinstance(line, ForestRow):
            _draw_difference(differences, place, line)
            _draw_scores(scores, place, line, view.score_span)
            _write(differences, 1 + 0.1 / WIDE, place, line.said)
            _write(scores, 1 + 0.1 / NARROW, place, line.mean)
    _legend(differences, rows)
    label(differences, view.difference + _beyond(view))
    label(scores, view.score)
    return figure


def _write(axes: "Axes", x: float, place: int, text: str, **looks: Any) -> None:
    """Beside the panel, at a share of its width."""
    at = axes.get_yaxis_transform()
    axes.text(x, place, text, transform=at, size=LABEL, color=INK, va="center_baseline", **looks)


def _scale(axes: "Axes", view: ForestView) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    low, high = view.span
    axes.axvline(0, color=MUTED, lw=0.8, zorder=1)
    if view.linear_within is None:
        axes.set_xlim(low, high)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    else:
        axes.set_xscale("symlog", linthresh=view.linear_within, linscale=0.6)
        axes.set_xlim(low, high)
        axes.set_xticks(_ticks(view.linear_within, low, high))
        axes.minorticks_off()
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}" if value else "0"))


def _ticks(within: float, low: float, high: float) -> list[float]:
    """Zero and powers of ten on both sides, every second or so of them where there are many."""
    decades = [int(np.log10(max(abs(end), within) / within)) for end in (low, high)]
    every = max(-(-sum(decades) // 6), 1)
    first = 0 if sum(decades) < 5 else 1  # the ends of the middle stand too near to zero
    below, above = ([within * 10.0**power for power in range(first, count + 1, every)] for count in decades)
    return [*(-tick for tick in reversed(below)), 0.0, *above]


def _beyond(view: ForestView) -> str:
    return "" if view.linear_within is None else f", logarithmic beyond ±{view.linear_within:g}"


def _draw_difference(axes: "Axes", place: int, row: ForestRow) -> None:
    if row.judgement is None:
        return
    colour = COLOURS[row.judgement]
    low, mean, high = row.interval
    beside = np.full(len(row.differences), place + BESIDE)
    axes.plot(row.differences, beside, "o", ms=3, mew=0, color=colour, alpha=0.5)
    axes.plot([low, high], [place, place], color=colour, lw=2, solid_capstyle="butt")
    at, marker = _inside(mean, axes.get_xlim(), "o")
    axes.plot([at], [place], marker, ms=6, mew=0, color=colour, clip_on=False)


def _draw_scores(axes: "Axes", place: int, row: ForestRow, span: tuple[float, float]) -> None:
    """Seeds as dots and their mean as a stroke; an arrow where they lie outside, published figures hollow."""
    colour = COLOURS[row.judgement]
    at, marker = _inside(float(row.scores.mean()), span, "|")
    looks = (11, 1.6) if marker == "|" else (6, 0)
    axes.plot(row.scores, np.full(len(row.scores), place), "o", ms=3.6, mew=0, color=colour, alpha=0.5)
    axes.plot([at], [place], marker, ms=looks[0], mew=looks[1], color=colour, clip_on=False)
    for figure, marker in ((row.published, "D"), (row.rebuilt, "s")):
        if figure is not None:
            axes.plot([figure], [place], marker, ms=6.5, mfc="none", mec=INK, mew=1.0)


def _inside(value: float, span: tuple[float, float], marker: str) -> tuple[float, str]:
    """Where a value is marked, and how: at the edge, by an arrow, if it lies beyond."""
    if value < span[0]:
        return span[0], "<"
    return (span[1], ">") if value > span[1] else (value, marker)


def _legend(axes: "Axes", rows: list[ForestRow]) -> None:
    """What colours and shapes stand for, of those that occur."""
    from matplotlib.lines import Line2D

    found = {row.judgement for row in rows}
    handles = [
        Line2D([], [], color=COLOURS[judgement], marker="o", ms=5, mew=0, lw=2, label=judgement.value)
        for judgement in Judgement
        if judgement in found
    ]
    hollow: dict[str, Any] = {"ls": "", "ms": 5.5, "mfc": "none", "mec": INK}
    if any(row.published is not None for row in rows):
        handles.append(Line2D([], [], marker="D", label="published", **hollow))
    if any(row.rebuilt is not None for row in rows):
        handles.append(Line2D([], [], marker="s", label="published, rebuilt", **hollow))
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=len(handles),
        frameon=False,
        fontsize=SMALL + 0.5,
        labelcolor=INK,
        handlelength=1.6,
        columnspacing=1.4,
        borderaxespad=0.2,
    )
