"""A computational graph laid out: where each node stands, what is written in it, and what is told of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

from unstuck.explain.explanation import Explanation, Flow, Part
from unstuck.explain.formulas import passed, shape_of
from unstuck.report.explained import is_small, says, sentences, shares
from unstuck.report.numerals import written
from unstuck.report.wording import grouped

GAP, LANE_GAP, MARGIN, TOP = 40.0, 26.0, 16.0, 62.0
"""Pixels between columns, between lanes, around all, and above the first lane, where layers are named."""
LINE, LETTER, PADDING = 15.0, 6.7, 9.0
"""Pixels of a line of text, of a letter, and inside a box."""
MOST_LETTERS = 30
"""Of a line in a box."""
PER_ROW = 7
"""Layers side by side, where a network is told by layers."""


class Place(NamedTuple):
    """A box: its middle and its size, in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A node of the picture.

    Args:
        number: that others name it by.
        name: as text.
        kind: weight, given or made; or layer, for one that has weights.
        says: how it is made, or that it is a weight, or given.
        shape: of its value, or how many weights a layer has.
        value: all of a small one; else its range.
        gradient: the same; empty where none is needed.
        brief: value and gradient as there is room for in a box, line by line.
        shares: what becomes of the gradient, a line for each input.
        passes: the inputs that get some of it, each with its formula.
        rule: in words.
        inputs: that an edge comes from.
        layer: whose name stands above it.
        place: of its box.
    """

    number: int
    name: str
    kind: str
    says: str
    shape: str
    value: str
    gradient: str
    brief: tuple[tuple[str, ...], tuple[str, ...]]
    shares: tuple[str, ...]
    passes: tuple[tuple[int, str], ...]
    rule: str
    inputs: tuple[int, ...]
    layer: str
    place: Place = Place(0, 0, 0, 0)

    @property
    def lines(self) -> tuple[str, ...]:
        """All that is written in its box."""
        return (f"{self.name}   {self.shape}", self.says, *self.brief[0], *(self.brief[1] or ("let go",)))


@dataclass(frozen=True, kw_only=True)
class GraphView:
    """The graph from left to right, each node right of those it was made from, without the numbers in formulas.

    Args:
        marks: in the order in which values are computed.
        width: of all, in pixels.
        height: of all, in pixels.
        title: one line.
        notes: a sentence each.
        layers: name, left and right of each layer's nodes that see the data; none where a box is a layer.
        fading: the gradient after each layer with weights, by activation.
        places: these layers' names.
    """

    marks: tuple[Mark, ...]
    width: float
    height: float
    title: str
    notes: tuple[str, ...]
    layers: tuple[tuple[str, float, float], ...]
    fading: Mapping[str, tuple[float, ...]]
    places: tuple[str, ...]

    @classmethod
    def of(cls, told: Explanation, fading: Mapping[str, Sequence[Flow]] | None = None) -> Self:
        """The view of an explanation: node by node where these are few, else layer by layer."""
        marks = _nodes(told) if is_small(told) else _in_rows(_layers(told))
        first = next(iter((fading or {}).values()), ())
        title, *notes = sentences(told)
        return cls(
            marks=marks,
            width=max(mark.place.x + mark.place.width / 2 for mark in marks) + MARGIN,
            height=max(mark.place.y + mark.place.height / 2 for mark in marks) + MARGIN,
            title=f"{told.recipe.model.name}: {title[0].lower()}{title[1:]}",
            notes=tuple(notes),
            layers=_named(told, marks) if is_small(told) else (),
            fading={
                name: tuple(flow.gradient for flow in flows if flow.weights)
                for name, flows in (fading or {}).items()
            },
            places=tuple(flow.layer for flow in first if flow.weights),
        )

    def as_json(self) -> list[dict[str, Any]]:
        """The nodes that the page steps through."""
        names = (
            "number",
            "name",
            "kind",
            "says",
            "shape",
            "value",
            "gradient",
            "shares",
            "passes",
            "rule",
            "inputs",
        )
        return [{name: getattr(mark, name) for name in names} for mark in self.marks]


def _nodes(told: Explanation) -> tuple[Mark, ...]:
    """A mark for each node, in columns from left to right and lanes from above to below, the data's lane first."""
    shown = [part for part in told.parts if not part.is_number]
    columns = _columns(told.parts)
    lanes = _lanes(shown, columns)
    marks = {part.number: _mark(part, told.parts) for part in shown}
    widths = {column: 0.0 for column in sorted({columns[number] for number in marks})}
    heights = {lane: 0.0 for lane in sorted({*lanes.values()})}
    for number, mark in marks.items():
        wide, high = _size(mark)
        widths[columns[number]] = max(widths[columns[number]], wide)
        heights[lanes[number]] = max(heights[lanes[number]], high)
    across, down = _middles(widths, MARGIN, GAP), _middles(heights, TOP, LANE_GAP)
    return tuple(
        _at(mark, across[columns[number]], down[lanes[number]], widths[columns[number]])
        for number, mark in marks.items()
    )


def _middles(sizes: Mapping[int, float], start: float, gap: float) -> dict[int, float]:
    """The middle of each column or lane."""
    middles: dict[int, float] = {}
    for number, size in sizes.items():
        middles[number] = start + size / 2
        start += size + gap
    return middles


def _at(mark: Mark, x: float, y: float, width: float) -> Mark:
    return replace(mark, place=Place(x, y, width, _size(mark)[1]))


def _size(mark: Mark) -> tuple[float, float]:
    """Width and height that the texts of a mark need."""
    return max(map(len, mark.lines)) * LETTER + 2 * PADDING, len(mark.lines) * LINE + 2 * PADDING


def _columns(parts: Sequence[Part]) -> dict[int, int]:
    """A column for each node by its number, from the left: just before the first node that it goes into."""
    from_right: dict[int, int] = {}
    for part in reversed(parts):
        before = from_right.setdefault(part.number, 0) + 1
        for number in part.inputs:
            from_right[number] = max(from_right.get(number, 0), before)
    return {number: max(from_right.values()) - place for number, place in from_right.items()}


def _lanes(shown: Sequence[Part], columns: Mapping[int, int]) -> dict[int, int]:
    """A lane for each node by its number: the highest for what sees the data, those below for the rest."""
    lanes: dict[int, int] = {}
    taken: dict[int, int] = {}
    for part in sorted(shown, key=lambda part: not part.sees_data):
        column = columns[part.number]
        lanes[part.number] = taken.get(column, 0 if part.sees_data else 1)
        taken[column] = lanes[part.number] + 1
    return lanes


def _mark(part: Part, parts: Sequence[Part]) -> Mark:
    gradient = part.is_needed
    return Mark(
        number=part.number,
        name=part.name,
        kind=part.kind,
        says=_cut(says(part, parts)),
        shape=shape_of(part.value),
        value=written(part.value),
        gradient=written(part.gradient) if gradient else "",
        brief=(_brief(part.value), _brief(part.gradient) if gradient else ()),
        shares=tuple(shares(part, parts)),
        passes=tuple((one.number, share) for one, share in passed(part, parts)),
        rule=part.rule,
        inputs=tuple(number for number in dict.fromkeys(part.inputs) if not parts[number].is_number),
        layer=part.layer,
    )


def _brief(value: Any) -> tuple[str, ...]:
    return tuple(written(value, digits=3, columns=4).split("\n"))


def _cut(text: str) -> str:
    """As much of a text as a box has room for."""
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"


def _named(told: Explanation, marks: Sequence[Mark]) -> tuple[tuple[str, float, float], ...]:
    """Each layer's name, from the left of its first node in the uppermost lane to the right of its last."""
    names = {flow.layer: f"layer {flow.layer}: {flow.name}" for flow in told.flows}
    names["loss"] = f"loss: {told.recipe.loss.name}"
    sees = {part.number for part in told.parts if part.sees_data and part.kind == "made"}
    edges: dict[str, list[float]] = {}
    for mark in marks:
        if mark.number in sees:
            sides = [mark.place.x - mark.place.width / 2, mark.place.x + mark.place.width / 2]
            edges[mark.layer] = edges.get(mark.layer, []) + sides
    return tuple((names[layer], min(sides), max(sides)) for layer, sides in edges.items())


def _layers(told: Explanation) -> list[Mark]:
    """A mark for the inputs, for each layer, and for the loss."""
    marks = [_layer_mark(0, "x", f"{told.rows} rows", shape_of(told.x), None, None)]
    for number, flow in enumerate(told.flows, start=1):
        weights = f"{grouped(flow.weights)} weights" if flow.weights else ""
        marks.append(_layer_mark(number, f"layer {flow.layer}", flow.name, weights, flow.value, flow.gradient))
    name = told.recipe.loss.name
    return [*marks, _layer_mark(len(marks), "loss", name, "a number", told.loss, 1.0)]


def _layer_mark(
    number: int, name: str, what: str, shape: str, value: float | None, gradient: float | None
) -> Mark:
    mean = "" if name == "loss" else ", root mean square"
    sizes = tuple((f"{size:.3g}",) if size is not None else () for size in (value, gradient))
    kept = ("its weights' gradients are kept",) if shape.endswith("weights") else ()
    before = ("to the layer before: the chain rule, as its operations say",) if number > 1 else ()
    return Mark(
        number=number,
        name=name,
        kind="layer" if kept else "made" if number else "given",
        says=what,
        shape=shape,
        value="".join(f"{size}{mean}" for size in sizes[0]),
        gradient="".join(f"{size}{mean}" for size in sizes[1]),
        brief=(sizes[0], sizes[1]),
        shares=(*kept, *before),
        passes=(),
        rule="",
        inputs=(number - 1,) if number else (),
        layer=name,
    )


def _in_rows(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """Side by side, and below each other where a row is full."""
    width = max(_size(mark)[0] for mark in marks)
    height = max(_size(mark)[1] for mark in marks) + 2 * LANE_GAP
    return tuple(
        _at(
            mark,
            MARGIN + width / 2 + place % PER_ROW * (width + GAP),
            MARGIN + height / 2 + place // PER_ROW * height,
            width,
        )
        for place, mark in enumerate(marks)
    )
