"""A comparison for a terminal, a document, a spreadsheet and a program."""

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from unstuck.report.comparison.table import (
    Figures,
    caption,
    figures,
    measure,
    needed,
    pairs_of,
    records,
    trainings,
    unit_of,
)
from unstuck.report.wording import between, number, score_name
from unstuck.study.compare import Comparison
from unstuck.study.judgement import sentence

NAME = 10, 16
"""Letters of an arm's name that a line has room for, however many columns stand beside it: at least, and at most
where a word of it is longer."""
# From the last, columns are left out where a terminal is too narrow for all.
_BY_WEIGHT = ("difference", "p", "published", "better on", "rebuilt", "diverged", "seconds", "needed", "effect")


def terminal(comparison: Comparison, *, width: int = 80) -> RenderableType:
    """The table, as many of its columns as fit into `width` letters, what they mean, and a sentence per arm."""
    columns = _fitting(comparison, width)
    header, *rows = zip(*columns.values(), strict=True)
    title = Text(comparison.study.title, style="bold")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, header_style="dim")
    for place, name in enumerate(header):
        table.add_column(
            Text(name.replace(" ", "\n")),
            justify="right" if place else "left",
            no_wrap=bool(place),
            overflow="fold",
        )
    for row in rows:
        table.add_row(*map(Text, row))
    said = Table.grid(padding=(0, 1))
    for line in sentences(comparison).values():
        said.add_row("•", Text(line))
    return Group(*([title] if title else []), table, Text(caption(comparison, columns), style="dim"), Text(), said)


def sentences(comparison: Comparison) -> dict[str, str]:
    """What may be said of each arm, by its name, and how many of its trainings diverged; of the base only that."""
    unit, said = unit_of(comparison), dict[str, str]()
    for arm in comparison.everyone:
        diverged = f"{arm.diverged} of {len(arm.runs)} diverged" if arm.diverged else ""
        if arm.judged:
            told = sentence(arm.name, arm.judged, unit=unit)
            told += "" if arm.edits else "; it changes nothing of the base"
            said[arm.name] = f"{told}; {diverged}" if diverged else told
        elif diverged:
            said[arm.name] = f"{arm.name}: {diverged}"
    return said


def _fitting(comparison: Comparison, width: int) -> dict[str, tuple[str, ...]]:
    """The columns that fit, by what they hold, each with its header; name and score always do."""
    columns = _columns(comparison)
    name, score = list(columns)[:2]
    words = [len(word) for one in columns[name] for word in one.split()]
    room = width - min(max(*words, NAME[0]), NAME[1]) - 2 - _wide(columns[score])
    kept = {name, score}
    for key in _BY_WEIGHT:
        if key in columns and _wide(columns[key]) <= room:
            room -= _wide(columns[key])
            kept.add(key)
    return {key: column for key, column in columns.items() if key in kept}


def _wide(column: Sequence[str]) -> int:
    """With the space between two columns; in a terminal the header's words stand below each other."""
    header, *cells = column
    return 2 + max(map(len, (*header.split(), *cells)))


def _columns(comparison: Comparison) -> dict[str, tuple[str, ...]]:
    """Columns of words, each with its header, by what they hold: what has nothing to say is left out."""
    unit = measure(comparison).unit
    score = f"{comparison.split} {score_name(comparison.score)}"
    headers = {
        "arm": "arm",
        "score": score,
        "published": "published",
        "rebuilt": "rebuilt",
        "difference": f"difference{f', {unit}' if unit else ''}",
        "p": "p (Holm)",
        "effect": "effect",
        "better on": "better on",
        "needed": f"{pairs_of(comparison, 2)} needed",
        "seconds": "seconds",
        "diverged": "diverged",
    }
    rows = [_words(comparison, row) for row in records(figures(comparison))]
    columns = {key: (header, *(row[key] for row in rows)) for key, header in headers.items()}
    return {key: column for key, column in columns.items() if any(column[1:])}


def _words(comparison: Comparison, row: Mapping[str, Any]) -> dict[str, str]:
    """A row's figures as people read them, by column."""
    told, arm = measure(comparison), comparison.arms.get(row["arm"])
    judged = arm.judged if arm else None
    scores = number(row[comparison.score])
    spread = f" ± {number(row['deviation'])}" if math.isfinite(row["deviation"]) else ""
    words = {"arm": row["arm"], "score": scores + spread}
    words |= {name: f"{row[name]:g}" if row.get(name) is not None else "" for name in ("published", "rebuilt")}
    words |= dict.fromkeys(("difference", "p", "effect", "better on", "needed"), "")
    if judged:
        low, mean, high = (told.factor * end for end in judged.interval)
        words |= {
            "difference": between(low, mean, high, places=told.places),
            "p": _p(judged.adjusted_p) if judged.n > 1 else "",
            "effect": number(judged.effect, 1, sign="+").replace("inf", "∞"),
            "better on": f"{judged.wins} of {judged.n}",
            "needed": needed(judged.needed),
        }
    words |= {"seconds": f"{row['seconds']:.3g}"}
    return words | {"diverged": f"{row['diverged']} of {len(comparison.base.runs)}" if row["diverged"] else ""}


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else number(value, 3)


# a document


def markdown(comparison: Comparison) -> str:
    """The table, legible as text too, what its figures mean, and a sentence per arm."""
    columns = _columns(comparison)
    header, *rows = zip(*columns.values(), strict=True)
    table = aligned(header, [tuple(map(_escaped, row)) for row in rows])
    said = "\n".join(f"- {_escaped(line)}" for line in sentences(comparison).values())
    title = f"# {_escaped(comparison.study.title)}\n\n" if comparison.study.title else ""
    return f"{title}{table}\n\n{caption(comparison, columns)}\n\n{said}\n"


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as Markdown that is legible as text too: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = []
    for first, *others in (header, rule, *rows):
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append(f"| {' | '.join([first.ljust(widths[0]), *cells])} |")
    return "\n".join(lines)


def _escaped(text: str) -> str:
    """Letters that Markdown, or a formula in it, would take for its own; a name has one line."""
    return re.sub(r"([\\`*_|$]|<(?! ))", r"\\\1", " ".join(text.split()))


# a spreadsheet


def arms_csv(comparison: Comparison) -> str:
    """A row per arm, every number in full."""
    return _csv(figures(comparison))


def trainings_csv(comparison: Comparison) -> str:
    """A row per training, every number in full."""
    return _csv(trainings(comparison))


def _csv(table: Figures) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.header)
    writer.writerows(table.rows)  # numbers by repr, which loses nothing; None as nothing
    return text.getvalue()


# a program


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Everything, as JSON has it: what is not finite is null."""
    study, table = comparison.study, figures(comparison)
    trained, said = trainings(comparison), sentences(comparison)
    arms = [
        row
        | {
            "edits": {edit.path: edit.to for edit in arm.edits},
            "scores": arm.scores.tolist(),
            "sentence": said.get(arm.name),
        }
        for row, arm in zip(records(table), comparison.everyone, strict=True)
    ]
    judged = next(arm.judged for arm in comparison.arms.values() if arm.judged)
    return finite(
        {
            "title": study.title,
            "base": comparison.base.name,
            "split": comparison.split,
            "score": comparison.score,
            "paired_by": pairs_of(comparison, 1),
            "interval": judged.method,
            "caption": caption(comparison, _columns(comparison)),
            "trained": comparison.trained,
            "seconds": comparison.seconds,
            "units": {"arms": table.units, "trainings": trained.units},
            "arms": arms,
            "trainings": records(trained),
        }
    )


def json_text(comparison: Comparison) -> str:
    """The same as text."""
    return json.dumps(as_json(comparison), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def finite(value: Any) -> Any:
    """Plain data, nested as it is, with null for what is no finite number."""
    if isinstance(value, Mapping):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
