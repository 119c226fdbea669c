"""A computational graph laid out: where each node stands, what is written in it, and what is told of it."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from unstuck.explain.explanation import Explanation, Part
from unstuck.report.explained import formula, numbers

ACROSS, DOWN = 126.0, 60.0
"""Distance of nodes from left to right, and from above to below, in pixels."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A node of the picture: its place in pixels, and texts."""

    number: int
    name: str
    kind: str
    says: str
    x: float
    y: float
    value: str
    gradient: str
    shape: str
    rule: str
    inputs: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class GraphView:
    """The graph from left to right, each node right of those it was made from, without the numbers in formulas."""

    marks: tuple[Mark, ...]
    width: float
    height: float
    title: str

    @classmethod
    def of(cls, told: Explanation) -> Self:
        """The view of an explanation."""
        shown = [part for part in told.parts if part.kind != "given" or part.value.size > 1]
        columns = _columns(told.parts)
        rows: dict[int, int] = {}
        marks: list[Mark] = []
        for part in shown:
            column = columns[part.number]
            row = rows.get(column, 0)
            rows[column] = row + 1
            marks.append(_mark(part, told.parts, (column + 0.5) * ACROSS, (row + 0.5) * DOWN))
        what = f"{told.recipe.model.name}, {told.recipe.loss.name}"
        return cls(
            marks=tuple(marks),
            width=(max(columns.values()) + 1) * ACROSS,
            height=max(rows.values()) * DOWN,
            title=f"Loss {told.loss:.6g}, mean of {told.rows} rows: {what}",
        )

    def as_json(self) -> dict[str, Any]:
        """What the page steps through."""
        return {
            "title": self.title,
            "nodes": [{**mark.__dict__, "inputs": list(mark.inputs)} for mark in self.marks],
        }


def _columns(parts: tuple[Part, ...]) -> dict[int, int]:
    """A column for each node by its number, from the left: just before the first node that it goes into."""
    from_right: dict[int, int] = {}
    for part in reversed(parts):
        before = from_right.setdefault(part.number, 0) + 1
        for number in part.inputs:
            from_right[number] = max(from_right.get(number, 0), before)
    return {number: max(from_right.values()) - place for number, place in from_right.items()}


def _mark(part: Part, parts: tuple[Part, ...], x: float, y: float) -> Mark:
    return Mark(
        number=part.number,
        name=part.name,
        kind=part.kind,
        says=formula(part, parts) if part.kind == "made" else "a weight" if part.kind == "weight" else "given",
        x=x,
        y=y,
        value=_written(part.value),
        gradient=_written(part.gradient),
        shape=" x ".join(map(str, part.value.shape)) or "a number",
        rule=part.rule,
        inputs=tuple(
            number for number in part.inputs if parts[number].kind != "given" or parts[number].value.size > 1
        ),
    )


def _written(value: np.ndarray) -> str:
    """All numbers of a small array, in rows; of others the range."""
    if value.size > 24:
        return numbers(value)
    return np.array2string(value, precision=4, suppress_small=True)
