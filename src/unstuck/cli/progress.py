"""A training on the terminal: what is trained, a line per epoch, and what came of it."""

import json as json_text
import sys
import time
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from unstuck import api
from unstuck.dense.engine import DenseEngine
from unstuck.engine import StopReason, Stretch
from unstuck.report import text
from unstuck.trackers.following import Followed
from unstuck.training.folder import finite
from unstuck.training.run import Run
from unstuck.training.training import Training


def followed(training: Training, *, record: int, json: bool, log: Sequence[str] = ()) -> int:
    """Train to the end, showing what happens, and say what came of it; the exit code."""
    started = time.perf_counter()
    if training.notice:
        print(f"unstuck: {training.notice}", file=sys.stderr)
    console = Console(quiet=json, highlight=False, soft_wrap=True)
    console.print(text.task_summary(training.task))
    logged = Followed(training, log)
    try:
        _prepare(training, Console(stderr=True, highlight=False))
        _watch(training, logged, console)
    except KeyboardInterrupt:  # outside the loop, or a second one inside it
        training.interrupt()
    run = api.finish(training, record=record)
    logged.finish(run)
    if json:
        print(json_text.dumps(_as_json(run), indent=2))
    else:
        console.print(text.run_summary(run, seconds=time.perf_counter() - started))
    return 130 if run.stop.reason is StopReason.INTERRUPTED else 0


def _prepare(training: Training, console: Console) -> None:
    """Compile what is not compiled yet, and say so while it lasts."""
    engine = training.task.engine
    if isinstance(engine, DenseEngine) and not engine.is_ready():
        with console.status("compiling the dense engine: once on this machine, about ten seconds …"):
            if not console.is_terminal:
                console.print("compiling the dense engine: once on this machine, about ten seconds …")
            engine.prepare()


def _watch(training: Training, stretches: Iterable[Stretch], console: Console) -> None:
    plan = training.task.plan
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    shown = len(training.record.get("epoch", ()))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        steps = progress.add_task("training", total=plan.epochs * plan.steps, completed=training.done)
        for stretch in stretches:
            loss = f"epoch {stretch.epoch + 1}, loss {stretch.losses[-1]:.4f}"
            progress.update(steps, completed=training.done, description=loss)
            for row in list(training.record.epochs())[shown:] if console.is_terminal else ():
                progress.console.print(text.epoch_line(row, epochs=plan.epochs, score=training.task.score.name))
                shown += 1


def _as_json(run: Run) -> dict[str, object]:
    stop = {**run.stop._asdict(), "reason": run.stop.reason.name}
    return {"folder": str(run.folder), "stop": stop, "kept": run.kept, "scores": finite(run.scores)}
