"""A graph as SVG, and as one page of HTML to step through: values forward, then gradients back."""

import html
import json
from importlib import resources

from unstuck.report.view.graph import ACROSS, DOWN, GraphView

_WIDE, _HIGH = ACROSS - 26, DOWN - 18
_LETTERS = 17  # that a box has room for
_FILL = {"weight": "#FDE9D9", "given": "#EEF1F4", "made": "#FFFFFF"}
_EDGE = {"weight": "#D55E00", "given": "#B8C4CE", "made": "#0072B2"}


def svg(view: GraphView) -> str:
    """The picture: an edge for each input, a box for each node, whose id is its number."""
    places = {mark.number: mark for mark in view.marks}
    left, top = _WIDE / 2, _HIGH / 2
    edges = [
        f'<path class="edge" data-to="{mark.number}" data-from="{number}" '
        f'd="{_curve(places[number].x + left, places[number].y, mark.x - left, mark.y)}"/>'
        for mark in view.marks
        for number in mark.inputs
    ]
    boxes = [
        f'<g class="node {mark.kind}" id="n{mark.number}" tabindex="0">'
        f'<rect x="{mark.x - left:.1f}" y="{mark.y - top:.1f}" width="{_WIDE:.0f}" height="{_HIGH:.0f}" '
        f'rx="5" fill="{_FILL[mark.kind]}" stroke="{_EDGE[mark.kind]}"/>'
        f'<text x="{mark.x:.1f}" y="{mark.y - 4:.1f}" font-weight="600">{_cut(mark.name)}</text>'
        f'<text x="{mark.x:.1f}" y="{mark.y + 11:.1f}">{_cut(mark.says)}</text></g>'
        for mark in view.marks
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {view.width:.0f} {view.height:.0f}" '
        f'width="{view.width:.0f}" height="{view.height:.0f}" font-family="system-ui, sans-serif" font-size="11" '
        f'text-anchor="middle"><g fill="none" stroke="#9AA7B2">{"".join(edges)}</g>{"".join(boxes)}</svg>'
    )


def page(view: GraphView) -> str:
    """The whole page, which needs no network."""
    template = resources.files("unstuck.report").joinpath("graph_page.html").read_text(encoding="utf-8")
    told = json.dumps(view.as_json(), ensure_ascii=False).replace("<", "\\u003c")
    for mark, text in (("{{title}}", html.escape(view.title)), ("{{svg}}", svg(view)), ("{{told}}", told)):
        template = template.replace(mark, text)
    return template


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    middle = (x + to_x) / 2
    return f"M{x:.1f},{y:.1f} C{middle:.1f},{y:.1f} {middle:.1f},{to_y:.1f} {to_x:.1f},{to_y:.1f}"


def _cut(text: str) -> str:
    """As much of a text as a box has room for."""
    return html.escape(text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…")
