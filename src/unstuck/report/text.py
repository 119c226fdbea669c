"""What the terminal shows, as rich renderables made from plain data. Nothing here prints.

Names that a user chose are put in as `Text`, never as markup: a class may be called "[red]".
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from unstuck.report.view import DataSummary
from unstuck.report.wording import grouped

BAR = 24
"""Length of the longest bar, in letters."""


class EpochLine(NamedTuple):
    """One epoch in numbers; None where something was not measured. Losses are in the loss's unit."""

    epoch: int
    train_loss: float
    validation_loss: float | None
    score: float | None
    seconds: float


def epochs_table(
    lines: Iterable[EpochLine], *, score: str = "accuracy", unit: str = "nats", best: int | None = None
) -> Table:
    """A row per epoch; that of the best epoch is marked.

    Args:
        lines: the epochs, in order.
        score: name of the score, which is measured on the validation rows.
        unit: of the losses.
        best: number of the epoch whose weights are kept.
    """
    table = _table(
        ("epoch", f"train loss ({unit})", f"validation loss ({unit})", f"validation {score}", "seconds")
    )
    for line in lines:
        kept = line.epoch == best
        losses = _loss(line.train_loss), _loss(line.validation_loss)
        cells = (f"{line.epoch}{' ★' if kept else ''}", *losses, _score(line.score), f"{line.seconds:.2f}")
        table.add_row(*map(Text, cells), style="bold" if kept else None)
    if best is not None:
        table.caption = "★ the epoch whose weights are kept"
    return table


def epoch_line(line: EpochLine, *, epochs: int, score: str = "accuracy") -> str:
    """One epoch as one line, to be shown as soon as it is done; all lines of a run are as wide."""
    parts = [f"epoch {line.epoch:>{len(str(epochs))}}/{epochs}", f"train loss {_loss(line.train_loss):>9}"]
    if line.validation_loss is not None:
        parts.append(f"validation loss {_loss(line.validation_loss):>9}")
    if line.score is not None:
        parts.append(f"{score} {_score(line.score):>7}")
    return "  ".join([*parts, f"{line.seconds:6.2f} s"])


def scores_table(scores: Mapping[str, Mapping[str, float]]) -> Table:
    """Final scores: a row per split, a column per measure, as in {"test": {"accuracy": 0.98}}."""
    measures = list(dict.fromkeys(measure for row in scores.values() for measure in row))
    table = _table(("split", *measures))
    for split, row in scores.items():
        table.add_row(Text(split), *(Text(_score(row.get(measure))) for measure in measures))
    return table


def balance_table(classes: Sequence[str], counts: Mapping[str, np.ndarray], *, most: int = 30) -> Table:
    """Rows of each class by split, and a bar of its share of the first split.

    Args:
        classes: names of the C classes.
        counts: (C,) rows by the name of the split.
        most: classes shown; of more, the first.
    """
    table = _table(("class", *counts, "share"), left=("class", "share"))
    first = next(iter(counts.values()))
    longest, total = max(int(first.max(initial=0)), 1), max(int(first.sum()), 1)
    for number, name in enumerate(classes[:most]):
        rows = (Text(grouped(int(split[number])), justify="right") for split in counts.values())
        share = f"{'█' * round(BAR * int(first[number]) / longest)} {first[number] / total:.1%}"
        table.add_row(Text(name, overflow="ellipsis", no_wrap=True), *rows, Text(share))
    if len(classes) > most:
        table.caption = f"and {grouped(len(classes) - most)} more classes"
    return table


def listing_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A catalogue: what there is, a row each, words to the left and whole numbers to the right."""
    table = _table(columns, left=columns)
    table.title = Text(title, style="bold")
    table.title_justify = "left"
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    return table


def data_summary(view: DataSummary) -> RenderableType:
    """A data set at a glance: its examples, its splits, and how many rows each class has."""
    size = " × ".join(map(str, view.shape)) or "1"
    head = Text.assemble(
        (view.name, "bold"), f": examples of {size} {view.kind}, {view.megabytes:.1f} MB in memory"
    )
    table = _table(("split", "rows", "least", "mean", "largest", "not finite"))
    for split in view.splits:
        numbers = (f"{value:.4g}" for value in (split.low, split.mean, split.high))
        bad = Text(grouped(split.not_finite), style="bold red" if split.not_finite else "")
        table.add_row(Text(split.name), grouped(split.rows), *numbers, bad)
    balance = [balance_table(view.classes, view.class_counts)] if view.classes else []
    return Group(head, table, *balance)


def _table(columns: Sequence[str], left: Sequence[str] = ()) -> Table:
    """A quiet table whose first column stands left and the others right, but those named in `left`."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for place, column in enumerate(columns):
        table.add_column(Text(column), justify="left" if not place or column in left else "right")
    return table


def _cell(value: object) -> Text:
    if type(value) is int:
        return Text(grouped(value), justify="right")
    return Text("" if value is None else str(value))


def _loss(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}" if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.3e}"


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
