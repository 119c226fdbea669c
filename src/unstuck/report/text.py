"""What the terminal shows, as rich renderables made from plain data. Nothing here prints.

Names that a user chose are put in as `Text`, never as markup: a class may be called "[red]".
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from unstuck.data import Look
from unstuck.engine import StopReason
from unstuck.network.layers import Linear
from unstuck.network.network import Network
from unstuck.network.outline import cost, outline
from unstuck.recipe.model import Mlp, Own
from unstuck.recipe.spec import Recipe
from unstuck.recipe.transfer import Transfer
from unstuck.report.wording import grouped, size
from unstuck.training.run import Run
from unstuck.training.task import Task

BAR = 24
"""Length of the longest bar, in letters."""


def epoch_line(row: Mapping[str, float], *, epochs: int, score: str) -> str:
    """One epoch of a record as one line, to be shown as soon as it is done; all lines of a run are as wide."""
    parts = [f"epoch {row['epoch']:>{len(str(epochs))}.0f}/{epochs}"]
    for split in ("train", "validation"):
        if f"{split}_loss" in row:
            parts.append(
                f"{split} loss {_loss(row[f'{split}_loss']):>9} {score} {_score(row[f'{split}_{score}'])}"
            )
    return "   ".join([*parts, f"{row['seconds']:.1f} s"])


def task_summary(task: Task) -> str:
    """What is about to be trained, in two lines."""
    rows = ", ".join(f"{grouped(len(split))} {name}" for name, split in task.rows.items())
    epochs = "1 epoch" if task.plan.epochs == 1 else f"{task.plan.epochs} epochs"
    steps = f"{epochs} of {grouped(task.plan.steps)} steps, engine {task.engine.name}"
    if task.recipe is None or task.dataset is None:
        return f"{rows} rows\n{steps}"
    recipe = task.recipe
    settings = (
        f"{recipe.loss.name}, {recipe.optimizer.name} at {recipe.optimizer.lr:g}, batches of {recipe.batch_size}"
    )
    started = f"{_taken_over(recipe.transfer)}\n" if recipe.transfer else ""
    return f"{task.dataset.name}: {rows} rows\n{started}{_model(recipe, task.network)}; {settings}; {steps}"


def _taken_over(transfer: Transfer) -> str:
    """What is known from the start, and what of it is trained further."""
    if transfer.freeze == "none":
        return f"weights of {transfer.source}, but for the head; trained further at {transfer.rate:g} of the rate"
    frozen = f"weights of {transfer.source}, but for the head; they are frozen"
    if (after := transfer.unfreeze_after) is None:
        return frozen
    what = "all" if transfer.unfreeze is None else f"the top {transfer.unfreeze}"
    epochs = "1 epoch" if after == 1 else f"{after} epochs"
    return f"{frozen}, after {epochs} {what} of their layers are trained at {transfer.rate:g} of the rate"


def _model(recipe: Recipe, network: Network | None) -> str:
    """A network's name, its widths if it is a perceptron, and its size."""
    if network is None:
        return recipe.model.function if isinstance(recipe.model, Own) else recipe.model.name
    widths = "-".join(str(layer.inputs) for layer in network.layers if isinstance(layer, Linear))
    name = (
        f"{recipe.model.name} {widths}-{network.outputs}" if isinstance(recipe.model, Mlp) else recipe.model.name
    )
    return f"{name}, {grouped(network.size)} parameters"


def run_summary(run: Run, *, seconds: float) -> str:
    """What came of a training: the result first, then why it ended if not as planned, and where it is."""
    lines = []
    for split in ("test", "validation", "train"):
        if split in run.scores:
            loss, *others = run.scores[split].items()
            said = ", ".join(f"{name} {_score(value)}" for name, value in others)
            lines.append(f"{split:<10}  {said}, loss {_loss(loss[1])}")
    lines += [_ending(run), *run.notes]
    return "\n".join([*lines, f"{run.folder}   {seconds:.1f} s"])


def _ending(run: Run) -> str:
    epoch, step = run.stop.epoch + 1, run.stop.step + 1
    if run.stop.reason is StopReason.NOT_FINITE:
        where = f", first in {run.stop.layer}" if run.stop.layer else ""
        kept = "of the best epoch before" if run.kept == "best" else "of the step before"
        return (
            f"stopped: the loss was not a finite number at step {step} of epoch {epoch}{where}; scored are the "
            f"weights {kept}. A smaller optimizer.lr is the first thing to try"
        )
    if run.stop.reason is StopReason.INTERRUPTED:
        return f"interrupted after {run.stop.step} steps of epoch {epoch}. Type: unstuck resume {run.folder}"
    early = ""
    if run.stop.reason is StopReason.STOPPED_EARLY:
        early = f"stopped early, after epoch {run.stop.epoch}: {run.stop.reason.value}; "
    if run.kept == "best":
        best = int(np.nanargmin(run.record["validation_loss"])) + 1
        return f"{early}weights of epoch {best}, the least validation loss"
    return f"{early}weights of the last step"


def scores_table(scores: Mapping[str, Mapping[str, float]]) -> Table:
    """Final scores: a row per split, a column per measure, as in {"test": {"accuracy": 0.98}}."""
    measures = list(dict.fromkeys(measure for row in scores.values() for measure in row))
    table = _table(("split", *measures))
    for split, row in scores.items():
        table.add_row(Text(split), *(Text(_score(row.get(measure))) for measure in measures))
    return table


def answers_table(answers: Iterable[tuple[str, str, float | None]]) -> Table:
    """A row per new input: what it is, what the network says, and how sure it is."""
    table = _table(("input", "answer", "probability"), left=("answer",))
    for name, answer, probability in answers:
        table.add_row(
            Text(name), Text(answer, style="bold"), Text("" if probability is None else f"{probability:.3f}")
        )
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
    table.min_width = len(title)
    table.title_justify = "left"
    table.columns[0].no_wrap = True  # names are there to be typed
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    return table


def network_table(network: Network, *, batch_size: int) -> RenderableType:
    """A network's layers: what each is, puts out for one row, and costs; then the sums."""
    table = _table(("place", "layer", "output", "parameters", "multiply-adds"), left=("layer",))
    for line in outline(network):
        numbers = (grouped(count) if count else "" for count in (line.parameters, line.operations))
        table.add_row(*map(Text, (line.place, line.layer, " x ".join(map(str, line.shape)), *numbers)))
    total = cost(network)
    sums = (
        f"{grouped(total.parameters)} parameters, {size(total.weights)}; "
        f"{grouped(total.operations)} multiply-adds a row\n"
        f"training a batch of {batch_size} keeps {size(total.row * batch_size)} of outputs for the way back"
    )
    return Group(table, sums)


def data_table(look: Look) -> RenderableType:
    """A data set at a glance: its examples, its splits, and how many rows each class has."""
    size = " × ".join(map(str, look.shape)) or "1"
    about = f": examples of {size}, {look.dtype}; {_goal(look)}"
    steps = ("steps",) if any(split.steps for split in look.splits.values()) else ()
    table = _table(("split", "rows", *steps, "inputs", "as the network sees them", "repeated rows"))
    for name, split in look.splits.items():
        lengths = (" / ".join(f"{number:g}" for number in split.steps),) if split.steps else ()
        spans = _span(split.inputs.raw), _span(split.inputs.seen)
        cells = grouped(split.rows), *lengths, *spans, grouped(split.repeated)
        table.add_row(*map(Text, (name, *cells)))
    notes = [f"{grouped(look.constant)} features never vary in the training rows."] if look.constant else []
    notes += ["steps: of the shortest, median and longest sequence"] * bool(steps)
    counts = {name: np.array(split.balance) for name, split in look.splits.items() if split.balance}
    balance = [balance_table(look.classes, counts)] if look.classes else []
    return Group(Text.assemble((look.name, "bold"), about), table, *notes, *balance)


def _goal(look: Look) -> str:
    if look.classes:
        return f"{len(look.classes)} classes"
    targets = look.splits["train"].targets
    return f"targets {_span(targets.raw)}" if targets else ""


def _span(limits: tuple[float, float]) -> str:
    return f"{limits[0]:.4g} to {limits[1]:.4g}"


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
    """R² of a diverged network has no bound below."""
    return "" if value is None else f"{value:.4f}" if abs(value) < 1e4 else f"{value:.3e}"
