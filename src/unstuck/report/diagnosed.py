"""A diagnosis on the terminal and as plain data: the answer first, then what it rests on, the cure, the cost."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from unstuck.diagnosis.terms import Diagnosis, Status
from unstuck.evidence.evidence import Column
from unstuck.report.view.diagnosis import Cured, DiagnosisView, Seen, Tested
from unstuck.report.wording import number

MOST_LINES = 24
"""Lines of a cure that a terminal shows; the page, and --cure, have all of them."""
MOST_SEEN = 8
"""Findings that a terminal shows; likewise."""
MOST_NUMBERS = 2000
"""Of a column of the evidence that JSON holds; a larger one is told by its shape."""

_COLOURS = {"confirmed": "red", "undecided": "yellow", "healthy": "green"}


def terminal(found: Diagnosis) -> RenderableType:
    """The answer in a sentence, the evidence, the experiments, what was ruled out, the cure, the cost."""
    view = DiagnosisView.of(found)
    return Group(Text(f"{view.answer}.", style=f"bold {_COLOURS[view.kind]}"), *_parts(view))


def _parts(view: DiagnosisView) -> Iterator[RenderableType]:
    for said in view.explained:
        yield Text(said)
    if view.seen:
        yield from _titled("Seen", _most(view.seen))
    if view.kind != "confirmed":
        yield from _titled("Looked at", [Text(one) for one in view.looked_at])
    if view.tested:
        yield from _titled("Tested", map(_tested, view.tested))
    if view.ruled_out:
        yield from _titled("Ruled out", map(_out, view.ruled_out))
    if view.untested:
        yield from _titled("Not tested", [Text(", ".join(view.untested))])
    if view.cure:
        yield from _titled("Cure", _cure(view.cure, view.score))
    yield from _titled("Cost", [Text(view.cost)])


def _titled(title: str, parts: Iterable[RenderableType]) -> Iterator[RenderableType]:
    yield Text(f"\n{title}", style="bold")
    yield from (Padding(part, (0, 0, 0, 2), expand=False) for part in parts)


def _most(seen: Sequence[Seen]) -> Iterator[Text]:
    yield from map(_seen, seen[:MOST_SEEN])
    if len(seen) > MOST_SEEN:
        yield Text(f"and {len(seen) - MOST_SEEN} more: --out PAGE.html has them")


def _seen(one: Seen) -> Text:
    where = f" ({one.where})" if one.where else ""
    return Text.assemble(f"{one.sentence}{where}: ", (one.measured, "bold"))


def _tested(one: Tested) -> Text:
    """A confirmed cause with what was predicted; of others what was done and came of it, in a line."""
    if one.status != Status.CONFIRMED.value:
        return Text.assemble((f"{one.cause}, {one.status}", "bold"), f"  {one.changed}: {one.came}")
    predicted = f"\n  predicted  {one.predicted}" if one.predicted else ""
    return Text.assemble(
        (f"{one.cause}, {one.status}", "bold"), f"  {one.changed}{predicted}\n  came       {one.came}"
    )


def _out(one: Tested) -> Text:
    came = f"{one.changed}: {one.came}" if one.predicted else one.came
    return Text.assemble((one.cause, "bold"), f"  {came}")


def _cure(cure: Cured, score: str) -> Iterator[RenderableType]:
    for line in cure.lines[:MOST_LINES]:
        yield Text(line, style={"+": "green", "-": "red"}.get(line[:1], ""))
    if len(cure.lines) > MOST_LINES:
        yield Text(f"and {len(cure.lines) - MOST_LINES} more lines: --cure FILE writes them")
    yield Text(f"before  {_scores(cure.before)}")
    yield Text(f"after   {_scores(cure.after)}")
    yield Text(cure.gained if score else "")


def _scores(scores: Sequence[float]) -> str:
    return "  ".join(number(score, 3) for score in scores)


# plain data


def as_json(found: Diagnosis) -> dict[str, Any]:
    """The same as plain data; numbers that are not finite are null."""
    view = DiagnosisView.of(found)
    cure = found.cure
    return {
        "healthy": found.healthy,
        "cause": found.cause,
        "answer": view.answer,
        "score": found.score,
        "control": plain(found.control),
        "findings": [plain(finding._asdict()) for finding in found.findings],
        "verdicts": [
            {
                "cause": verdict.cause,
                "status": verdict.status.value,
                "treatment": verdict.treatment,
                "effect": plain(verdict.effect._asdict()) if verdict.effect else None,
                "evidence": list(verdict.evidence),
            }
            for verdict in found.verdicts
        ],
        "cure": cure
        and {
            "treatments": list(cure.treatments),
            "says": list(cure.says),
            "edits": {edit.path: plain(edit.to) for edit in cure.edits},
            "lines": list(cure.lines),
            "before": plain(cure.before),
            "after": plain(cure.after),
            "effect": plain(cure.effect._asdict()),
            "verified": cure.verified,
        },
        "cost": plain(found.cost._asdict()),
        "looked_at": list(found.looked_at),
        "tried": [plain(one._asdict()) for one in found.tried],
        "evidence": {name: _column(column) for name, column in found.evidence.items()},
    }


def _column(column: Column) -> dict[str, Any]:
    is_small = column.values.size <= MOST_NUMBERS
    return {
        "unit": column.unit,
        "along": list(column.along),
        "steps": list(column.steps),
        "shape": list(column.values.shape),
        "values": plain(column.values.tolist()) if is_small else None,
    }


def plain(value: Any) -> Any:
    """Numbers, lists and dicts of JSON; what is not finite is null."""
    match value:
        case dict():
            return {name: plain(one) for name, one in value.items()}  # pyright: ignore[reportUnknownVariableType] (of any kind)
        case list() | tuple():
            return [plain(one) for one in value]  # pyright: ignore[reportUnknownVariableType] (of any kind)
        case float() | np.floating():
            return float(value) if math.isfinite(value) else None
        case np.integer() | np.bool_():
            return value.item()
        case _:
            return value
