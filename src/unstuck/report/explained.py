"""A graph as text: values forward, gradients back, each rule in words; a large network by its layers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from unstuck.explain.check import Compared
from unstuck.explain.explanation import Explanation, Flow, Part
from unstuck.explain.formulas import formula, passed, shape_of
from unstuck.report.numerals import written
from unstuck.report.wording import grouped

MOST_NODES = 60
"""Nodes up to which each is told; a larger graph is told by its layers."""
_WHOLE = ("node", "value", "g")  # columns whose lines are rows of matrices, and are not broken
MOST_NUMBERS = 1000
"""Of an array, up to which a program is given them all."""


def is_small(told: Explanation) -> bool:
    """Whether each node is told."""
    return 0 < len(told.parts) <= MOST_NODES


def explanation(told: Explanation) -> RenderableType:
    """The graph forward and back, where it is small; how far signal and error reach; what is kept."""
    tables: list[RenderableType] = []
    if is_small(told):
        tables += [_forward(told.parts), _back(told.parts)]
    tables += [_flows(told.flows), *map(Text, sentences(told))]
    return Group(*tables)


def sentences(told: Explanation) -> Iterator[str]:
    """The loss, what is kept of the gradients, and what is told otherwise than it is trained."""
    rows = "1 row" if told.rows == 1 else f"mean of {told.rows} rows"
    yield f"Loss {told.loss:.6g}, {told.recipe.loss.name}, {rows}."
    if told.parts:
        yield kept(told)
    yield from told.notes


def kept(told: Explanation) -> str:
    """How many gradients a weight needs, and how many are let go."""
    some = [part for part in told.parts if part.is_kept]
    size, whole = (sum(part.gradient.size for part in those) for those in (some, told.parts))
    return (
        f"{len(told.parts)} nodes; the gradients of {len(some)} weights are kept, {grouped(size)} of "
        f"{grouped(whole)} numbers. The rest are let go: those of made nodes once they have been passed on, those "
        "of inputs and targets at once."
    )


def _forward(parts: Sequence[Part]) -> Table:
    table = _table("Forward: each value from those before it", "node", "is", "shape", "value")
    for part in parts:
        if not part.is_number:
            table.add_row(*map(Text, (part.name, says(part, parts), shape_of(part.value), written(part.value))))
    return table


def _back(parts: Sequence[Part]) -> Table:
    title = "Back: g, the gradient of the loss by each node, and what of it goes to those it was made from"
    table = _table(title, "node", "g", "passes on", "in words")
    for part in reversed(parts):
        if not part.is_number and part.is_needed:
            table.add_row(
                *map(Text, (part.name, written(part.gradient), "\n".join(shares(part, parts)), part.rule))
            )
    return table


def says(part: Part, parts: Sequence[Part]) -> str:
    """What a node is: its formula, a weight, or given."""
    return formula(part, parts) if part.kind == "made" else "a weight" if part.kind == "weight" else "given"


def shares(part: Part, parts: Sequence[Part]) -> list[str]:
    """What becomes of a node's gradient, a line for each input: `x: let go`, or that it is kept."""
    if part.is_kept:
        return ["kept: the weight moves against it"]
    return list(dict.fromkeys(f"{one.name}: {share}" for one, share in passed(part, parts)))


def _flows(flows: Sequence[Flow]) -> Table:
    table = _table(
        "Layer by layer: root mean squares over rows and units", "layer", "is", "weights", "value", "gradient"
    )
    for flow in flows:
        weights = grouped(flow.weights) if flow.weights else "–"
        table.add_row(flow.layer, flow.name, weights, f"{flow.value:.3g}", f"{flow.gradient:.3g}")
    return table


def faded(flows: Mapping[str, Sequence[Flow]]) -> Table:
    """The error after each layer that has weights, by activation."""
    table = _table("How large the gradient still is, layer by layer, with", "layer", *flows)
    for row in zip(*flows.values(), strict=True):
        if row[0].weights:
            table.add_row(row[0].layer, *(f"{flow.gradient:.2g}" for flow in row))
    return table


def checks(rows: Sequence[Compared]) -> RenderableType:
    """How far others are from the graph's gradients."""
    table = _table(
        "Gradient check: largest difference from", "weight", "largest g", "finite differences", "torch", "dense"
    )
    for row in rows:
        table.add_row(*map(Text, _cells(row)))
    wrong = [row.name for row in rows if not row.agrees]
    said = [f"They differ in {', '.join(wrong)}." if wrong else "All agree.", *_kinks(rows)]
    return Group(table, *map(Text, said))


def _kinks(rows: Sequence[Compared]) -> Iterator[str]:
    """What finite differences cannot tell."""
    if some := {row.name: row.kinks for row in rows if row.kinks}:
        where = ", ".join(f"{count} of {name}" for name, count in some.items())
        yield f"Finite differences would go over a kink at {where}: left out, as there is no derivative."


def _cells(row: Compared) -> Iterator[str]:
    yield row.name
    for value in (row.largest, row.differences, row.torch, row.dense):
        yield "–" if value is None else f"{value:.2g}"


def as_json(
    told: Explanation, *, faded: Mapping[str, Sequence[Flow]], checked: Sequence[Compared]
) -> dict[str, Any]:
    """All that is told, for a program."""
    return {
        "loss": told.loss,
        "rows": told.rows,
        "notes": list(told.notes),
        "nodes": [_node(part, told.parts) for part in told.parts if not part.is_number],
        "layers": [flow.__dict__ for flow in told.flows],
        "fading": {name: [flow.gradient for flow in flows] for name, flows in faded.items()},
        "checks": [{**row.__dict__, "agrees": row.agrees} for row in checked],
    }


def _node(part: Part, parts: Sequence[Part]) -> dict[str, Any]:
    return {
        "name": part.name,
        "kind": part.kind,
        "layer": part.layer,
        "is": says(part, parts),
        "inputs": [parts[number].name for number in part.inputs],
        "shape": list(part.value.shape),
        "value": _listed(part.value),
        "gradient": _listed(part.gradient) if part.is_needed else None,
        "passes_on": {one.name: share for one, share in passed(part, parts)},
        "is_kept": part.is_kept,
    }


def _listed(value: np.ndarray) -> Any:
    """As lists, unless they are too many."""
    return value.tolist() if value.size <= MOST_NUMBERS else None


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column in columns:
        table.add_column(column, no_wrap=column in _WHOLE)
    return table
