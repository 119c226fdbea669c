"""A graph as SVG, and as one page of HTML to step through: values forward, then gradients back."""

import html
import json
from importlib import resources

from unstuck.report import fading_chart
from unstuck.report.view.graph import LINE, PADDING, GraphView, Mark, Place

_LIFT = 16.0  # pixels that an edge past other nodes rises above them


def svg(view: GraphView) -> str:
    """The picture: an arrow for each input, a box for each node, whose id is its number."""
    places = {mark.number: mark.place for mark in view.marks}
    edges = [
        f'<path class="edge" data-to="{mark.number}" data-from="{number}" '
        f'd="{_edge(places[number], mark.place)}"/>'
        for mark in view.marks
        for number in mark.inputs
    ]
    boxes = [_box(mark, is_last=mark is view.marks[-1]) for mark in view.marks]
    height = view.height + 2 * LINE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="graph" viewBox="0 0 {view.width:.0f} {height:.0f}" '
        f'width="{view.width:.0f}" height="{height:.0f}" role="img" aria-label="{html.escape(view.title)}">'
        f"<style>{_asset('graph.css')}</style>"
        f"<defs>{''.join(map(_arrow, ('head', 'head-now', 'head-back')))}</defs>"
        f'<rect class="paper" width="100%" height="100%"/>{"".join(_brackets(view))}'
        f"{''.join(edges)}{''.join(boxes)}{_legend(view)}</svg>"
    )


def page(view: GraphView) -> str:
    """The whole page, which needs no network."""
    told = json.dumps(view.as_json(), ensure_ascii=False).replace("<", "\\u003c")
    parts = {
        "title": html.escape(view.title),
        "notes": "".join(f"<p>{html.escape(note)}</p>" for note in view.notes),
        "svg": svg(view),
        "fading": fading_chart.section(view.fading, view.places),
        "told": told,
    }
    text = _asset("graph_page.html")
    for name, part in parts.items():
        text = text.replace(f"{{{{{name}}}}}", part)
    return text


def _asset(name: str) -> str:
    return resources.files("unstuck.report").joinpath(name).read_text(encoding="utf-8")


def _arrow(name: str) -> str:
    """The head of arrows; at the start of an edge it points away from it."""
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="10" markerHeight="10" '
        'markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0,0 L8,4 L0,8 z"/></marker>'
    )


def _box(mark: Mark, *, is_last: bool) -> str:
    """A node: name and shape, how it is made, its value, and its gradient."""
    x, y, wide, high = mark.place
    left, top = x - wide / 2, y - high / 2
    values, slopes = mark.brief
    lines = [f'<tspan class="name">{html.escape(mark.name)}</tspan>  <tspan class="shape">{mark.shape}</tspan>']
    lines.append(f'<tspan class="says">{html.escape(mark.says)}</tspan>')
    lines += [f'<tspan class="value">{line}</tspan>' for line in values]
    lines += [f'<tspan class="gradient">{line}</tspan>' for line in slopes]
    lines += [] if slopes else ['<tspan class="gradient">let go</tspan>']
    left_of_text, first = left + PADDING, top + PADDING + 0.75 * LINE
    texts = [
        f'<text x="{left_of_text:.1f}" y="{first + LINE * row:.1f}" xml:space="preserve">{line}</text>'
        for row, line in enumerate(lines)
    ]
    kinds = f"node {mark.kind}{' loss' if is_last else ''}{'' if slopes else ' unasked'}"
    return (
        f'<g class="{kinds}" id="n{mark.number}"><title>{html.escape(f"{mark.name}: {mark.says}")}</title>'
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{high:.1f}" rx="6"/>{"".join(texts)}</g>'
    )


def _edge(start: Place, end: Place) -> str:
    """From the right of one box to the left of the next; over the boxes between; around the end of a row."""
    x, y = start.x + start.width / 2, start.y
    to_x, to_y = end.x - end.width / 2, end.y
    if to_x < x:  # the next row
        bottom, top = start.y + start.height / 2, end.y - end.height / 2
        middle = (bottom + top) / 2
        return f"M{start.x:.1f},{bottom:.1f} V{middle:.1f} H{end.x:.1f} V{top - 1:.1f}"
    if y == to_y and to_x - x > 60:
        top = min(start.y - start.height / 2, end.y - end.height / 2)
        lift = top - min(_LIFT + 0.02 * (to_x - x), 2.2 * _LIFT)
        return (
            f"M{start.x:.1f},{start.y - start.height / 2:.1f} C{start.x:.1f},{lift:.1f} {end.x:.1f},{lift:.1f} "
            f"{end.x:.1f},{end.y - end.height / 2:.1f}"
        )
    middle = max((x + to_x) / 2, to_x - 20)
    return f"M{x:.1f},{y:.1f} C{middle:.1f},{y:.1f} {middle:.1f},{to_y:.1f} {to_x:.1f},{to_y:.1f}"


def _brackets(view: GraphView) -> list[str]:
    """A layer's name above a line from its first node to its last."""
    return [
        f'<path class="bracket" d="M{left:.1f},26 H{right:.1f}"/>'
        f'<text class="over" x="{left:.1f}" y="19">{html.escape(_fit(name, right - left))}</text>'
        for name, left, right in view.layers
    ]


def _fit(name: str, width: float) -> str:
    """As much of a layer's name as its nodes are wide."""
    most = int(width / 6.5)
    return name if len(name) <= most else name.split(": ")[-1][:most]


def _legend(view: GraphView) -> str:
    kept = "weights, whose gradients are kept"
    if not view.layers:
        kept = "layers with weights, whose gradients are kept; value and gradient: root mean squares of the output"
    return (
        f'<text class="legend" x="16" y="{view.height + LINE:.0f}" xml:space="preserve">'
        '<tspan class="value">value</tspan>   <tspan class="gradient">gradient of the loss by it</tspan>   '
        f'<tspan class="kept">orange: {kept}</tspan>   the others are let go once they have been passed on</text>'
    )
