"""A training under way: stretches to iterate over, with what is measured and kept between them."""

import signal
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType

import numpy as np

from unstuck.engine import Arrays, Evaluation, Stop, StopReason, Stretch
from unstuck.training.checkpoint import Checkpoint
from unstuck.training.folder import Folder
from unstuck.training.loop import train
from unstuck.training.record import Record
from unstuck.training.task import Task

# Seconds between two checkpoints, at least, at an epoch's end, and at most, inside one.
_SOONEST, _LATEST = 1.0, 10.0


class Training:
    """Iterate over it to train; each stretch comes after its losses are recorded.

    After the loop `stop` says why it ended. Ctrl-C ends it after the stretch in hand, with a checkpoint; a
    second Ctrl-C is Python's own. Without a folder nothing is written.
    """

    def __init__(self, task: Task, folder: Folder | None = None) -> None:
        self.task, self.folder = task, folder
        self.record = Record()
        self.stop: Stop | None = None
        self.done = 0
        self.best: dict[str, float] | None = None
        self.best_weights: Arrays | None = None
        self._looked_at = task.looked_at()
        self._epoch_seconds = 0.0
        self._saved_at = time.monotonic()
        name = task.score.name
        for split in ("train", "validation"):
            self.record.units |= {f"{split}_loss": task.loss_unit, f"{split}_{name}": task.score.unit}

    @classmethod
    def resumed(cls, task: Task, folder: Folder) -> "Training":
        """A training that goes on from the folder's last checkpoint to the same bits."""
        training = cls(task, folder)
        last = Checkpoint.load(folder.last)
        training.done, training.best = last.facts["done"], last.facts["best"]
        training._epoch_seconds = last.facts["epoch_seconds"]
        training.record.columns = {name: column.tolist() for name, column in last.groups.get("record", {}).items()}
        steps = training.record.columns.get("step_loss", [])
        del steps[training.done :]  # of a step that failed, and is tried again
        task.engine.restore(last.groups["weights"], last.groups.get("memory", {}))
        if training.best is not None:
            training.best_weights = Checkpoint.load(folder.best).groups["weights"]
        return training

    def __iter__(self) -> Iterator[Stretch]:
        with _interruptible() as interrupted, self.folder.claimed() if self.folder else nullcontext():
            self._save_if_due(soonest=0.0)
            for stretch in train(self.task.engine, self.task.plan, done=self.done):
                self._note(stretch)
                yield stretch
                if self.stop is None and interrupted.is_set():
                    self.stop = Stop(StopReason.INTERRUPTED, *divmod(self.done, self.task.plan.steps))
                if self.stop is not None:
                    break
                self._save_if_due(soonest=_LATEST)
        self.stop = self.stop or Stop(StopReason.FINISHED, *divmod(self.done, self.task.plan.steps))
        self._save_if_due(soonest=0.0)

    def _note(self, stretch: Stretch) -> None:
        self.record.extend(step_loss=stretch.losses)
        self._epoch_seconds += stretch.seconds
        if not np.isfinite(stretch.losses[-1]):
            self.done += len(stretch.losses) - 1
            step = self.done % self.task.plan.steps
            self.stop = Stop(StopReason.NOT_FINITE, stretch.epoch, step, self.task.engine.trouble())
            return
        self.done += len(stretch.losses)
        if self.done % self.task.plan.steps == 0:
            self._end_epoch(stretch.epoch)

    def _end_epoch(self, epoch: int) -> None:
        values = {"epoch": epoch + 1, "seconds": self._epoch_seconds}
        self._epoch_seconds = 0.0
        for name, rows in (("train", self._looked_at), ("validation", self.task.rows.get("validation"))):
            if rows is not None:
                values |= {f"{name}_{key}": value for key, value in self.measure(rows)[0].items()}
        self.record.add(**values)
        if not np.isfinite(values["train_loss"]):  # no step's loss has seen the last step's weights
            self.stop = Stop(StopReason.NOT_FINITE, epoch, self.task.plan.steps - 1)
        loss = values.get("validation_loss", np.nan)
        if loss < (self.best["validation_loss"] if self.best else np.inf):  # NaN never is
            self.best = {"epoch": epoch + 1, "validation_loss": loss}
            self.best_weights = self.task.engine.weights()
        self._save_if_due(soonest=_SOONEST)

    def measure(self, rows: object) -> tuple[dict[str, float], Evaluation]:
        """Loss and score on some rows, and what they were computed from."""
        said = self.task.engine.evaluate(rows)
        score = self.task.score
        return {"loss": said.loss, score.name: score.measure(self.task.link(said.outputs), said.targets)}, said

    def _save_if_due(self, *, soonest: float) -> None:
        if self.folder is None or time.monotonic() - self._saved_at < soonest:
            return
        facts = {"done": self.done, "best": self.best, "epoch_seconds": self._epoch_seconds}
        record = {name: self.record[name] for name in self.record}
        groups = {"weights": self.task.engine.weights(), "memory": self.task.engine.memory(), "record": record}
        if self.best is not None and self.best_weights is not None:  # first, as `last` speaks of it
            Checkpoint({"weights": self.best_weights}, self.best).save(self.folder.best)
        Checkpoint(groups, facts).save(self.folder.last)
        self.folder.write_metrics(self.record)
        self._saved_at = time.monotonic()

    def keep(self) -> str:
        """Put the weights to be scored into the engine: `best`, by validation loss, or `last`. Says which.

        Where no epoch had a finite validation loss there is no best, and it is the last.
        """
        if self.task.keep == "last" or self.best_weights is None:
            return "last"
        self.task.engine.restore(self.best_weights)
        return "best"


@contextmanager
def _interruptible() -> Generator[threading.Event]:
    """An event that the first Ctrl-C sets, where that can be arranged: in the main thread."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def note(number: int, frame: FrameType | None) -> None:
        event.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)
