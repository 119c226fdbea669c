"""A graph as text: values forward, gradients back, each rule in words; a large network layer by layer."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from unstuck.explain.check import Compared
from unstuck.explain.explanation import Explanation, Flow, Part

MOST_NODES = 60
"""Nodes up to which each is told; a larger graph is told by its layers."""
MOST_NUMBERS = 6
"""Numbers of a value up to which all are shown."""
_SIGNS = {"add": "+", "multiply": "·", "product": "@"}


def explanation(told: Explanation) -> RenderableType:
    """The graph forward and back, where it is small; how far signal and error reach; what is kept."""
    tables: list[RenderableType] = []
    if len(told.parts) <= MOST_NODES:
        tables += [_forward(told.parts), _back(told.parts)]
    tables += [_flows(told.flows), Text(_kept(told))]
    return Group(*tables)


def formula(part: Part, parts: Sequence[Part]) -> str:
    """How a node is made: `n5 = x @ n4`."""
    names = [parts[number].name for number in part.inputs]
    if part.operation in _SIGNS:
        return f" {_SIGNS[part.operation]} ".join(names)
    return f"{part.operation}({', '.join(names)})"


def _forward(parts: Sequence[Part]) -> Table:
    table = _table("Forward: each value from those before it", "node", "is", "shape", "value")
    for part in parts:
        if part.kind == "made":
            table.add_row(*map(Text, (part.name, formula(part, parts), _shape(part.value), numbers(part.value))))
        elif part.value.size > 1:
            kind = "a weight" if part.kind == "weight" else "given"
            table.add_row(*map(Text, (part.name, kind, _shape(part.value), numbers(part.value))))
    return table


def _back(parts: Sequence[Part]) -> Table:
    table = _table("Back: the gradient of the loss by each node, and its rule", "node", "gradient", "rule")
    for part in reversed(parts):
        if part.kind == "made":
            inputs = ", ".join(dict.fromkeys(parts[number].name for number in part.inputs))
            table.add_row(*map(Text, (part.name, numbers(part.gradient), f"{inputs}: {part.rule}")))
        elif part.is_kept:
            table.add_row(*map(Text, (part.name, numbers(part.gradient), "kept: a weight moves against it")))
    return table


def _flows(flows: Sequence[Flow]) -> Table:
    table = _table("Layer by layer: root mean squares over rows and units", "layer", "is", "value", "gradient")
    for flow in flows:
        table.add_row(flow.layer, flow.name, f"{flow.value:.3g}", f"{flow.gradient:.3g}")
    return table


def faded(flows: Mapping[str, Sequence[Flow]]) -> Table:
    """The error after each layer that has weights, by activation."""
    table = _table("How large the gradient still is, layer by layer, with", "layer", *flows)
    for row in zip(*flows.values(), strict=True):
        if row[0].name not in ("Activation", "Flatten", "Picture"):
            table.add_row(row[0].layer, *(f"{flow.gradient:.2g}" for flow in row))
    return table


def _kept(told: Explanation) -> str:
    kept = [part for part in told.parts if part.is_kept]
    size, whole = (sum(part.gradient.size for part in some) for some in (kept, told.parts))
    return (
        f"loss {told.loss:.6g}, mean of {told.rows} rows. {len(told.parts)} nodes; the gradients of {len(kept)} "
        f"weights are kept, {size} numbers of {whole}; the rest are let go once they have been passed on."
    )


def numbers(value: np.ndarray) -> str:
    """All numbers if there are few, else their range."""
    if value.size <= MOST_NUMBERS:
        return np.array2string(value, precision=4, suppress_small=True, separator=", ").replace("\n", "")
    return f"{value.min():.3g} to {value.max():.3g}"


def checks(rows: Sequence[Compared]) -> Table:
    """How far others are from the graph's gradients."""
    table = _table(
        "Gradient check: largest difference", "weight", "largest", "finite differences", "torch", "dense"
    )
    for row in rows:
        table.add_row(*map(Text, _cells(row)))
    return table


def _cells(row: Compared) -> Iterator[str]:
    yield row.name
    for value in (row.largest, row.differences, row.torch, row.dense):
        yield "–" if value is None else f"{value:.2g}"


def _shape(value: np.ndarray) -> str:
    return " x ".join(map(str, value.shape)) or "number"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column in columns:
        table.add_column(column)
    return table
