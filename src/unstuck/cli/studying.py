"""A study on the terminal: all its trainings in one view, with the time that is left."""

import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from unstuck.dense.engine import DenseEngine
from unstuck.engine import StopReason
from unstuck.report.wording import grouped, number, score_name
from unstuck.study.member import Member
from unstuck.study.runner import Runner, Update
from unstuck.training.run import Run

_MANY = 1000  # trainings, which few mean to ask for


def watched(runner: Runner, *, out: Path, quiet: bool) -> None:
    """Train to the end, showing how far it is; Ctrl-C says how it goes on."""
    console = Console(stderr=True, highlight=False, quiet=quiet)
    if not DenseEngine.is_ready():
        console.print("compiling the dense engine: once on this machine, about ten seconds …")
    if len(runner.members) > _MANY:
        console.print(f"{grouped(len(runner.members))} trainings; Ctrl-C keeps what is done until then")
    try:
        if console.is_terminal:
            in_bars(runner, console)
        else:
            in_lines(runner, console)
    except KeyboardInterrupt:
        said = f"{len(runner.runs)} of {len(runner.members)} trainings are kept in {out}; the same command goes on"
        print(f"unstuck: {said}", file=sys.stderr)
        raise


def in_lines(runner: Runner, console: Console) -> None:
    """A line for each training that is done."""
    for update in runner:
        if update.key is not None:
            found = "" if update.is_new else ", as it was found"
            said = (
                f"{len(runner.runs)}/{len(runner.members)}  {update.member}: {_result(runner.runs[update.member])}"
            )
            console.print(Text(said + found), soft_wrap=True)


def in_bars(runner: Runner, console: Console) -> None:
    """A bar for all of them, which moves with every stretch, and one for each that is under way."""
    columns = TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[count]}")
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        total = progress.add_task("all trainings", total=len(runner.members), count="")
        bars: dict[Member, TaskID] = {}
        shares: dict[Member, float] = {}
        for update in runner:
            _move(progress, bars, shares, update)
            under_way = sum(shares.values())
            count = f"{len(runner.runs)} of {len(runner.members)}"
            progress.update(total, completed=len(runner.runs) + under_way, count=count)


def _move(progress: Progress, bars: dict[Member, TaskID], shares: dict[Member, float], update: Update) -> None:
    member = update.member
    if update.key is not None:
        shares.pop(member, None)
        if member in bars:
            progress.remove_task(bars.pop(member))
        return
    if member not in bars:
        bars[member] = progress.add_task(str(member), total=1.0, count="")
    shares[member] = update.done / update.steps if update.steps else 0.0
    progress.update(bars[member], completed=shares[member])


def _result(run: Run) -> str:
    """What a training came to, by the rows held out."""
    scores = _held_out(run.scores)
    epochs = len(run.record.get("epoch", ()))
    said = ", ".join(f"{score_name(name)} {number(value)}" for name, value in scores.items() if name != "loss")
    diverged = ", diverged" if run.stop.reason is StopReason.NOT_FINITE else ""
    return f"{said} after {epochs} epoch{'s' * (epochs != 1)}{diverged}"


def _held_out(scores: Mapping[str, Mapping[str, float]]) -> Mapping[str, float]:
    return next((scores[split] for split in ("test", "validation", "train") if split in scores), {})
