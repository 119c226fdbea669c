"""A training under way: stretches to iterate over, with what is measured and kept between them."""

import signal
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType

import numpy as np

from unstuck.engine import Arrays, Evaluation, Stop, StopReason, Stretch
from unstuck.errors import RunError
from unstuck.training.checkpoint import Best, Checkpoint, Checkpoints, Progress
from unstuck.training.folder import Folder
from unstuck.training.loop import train
from unstuck.training.record import Record
from unstuck.training.stopping import Lowering, Wait
from unstuck.training.task import Task

# Seconds after a checkpoint at which the next one is due inside an epoch. It is written after the stretch in
# hand: so there is one every ten seconds, unless a single step lasts longer than one.
_LATEST = 9.0


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
        self.best: Best | None = None
        self.best_weights: Arrays | None = None
        self.notice: str | None = None
        self._wait, self._lowering = Wait(), Lowering()
        self._looked_at = task.looked_at()
        self._epoch_seconds = 0.0
        self._checkpoints = Checkpoints(folder.checkpoints) if folder else None
        self._saved_at = time.monotonic()
        name = task.score.name
        for split in ("train", "validation"):
            self.record.units |= {f"{split}_loss": task.loss_unit, f"{split}_{name}": task.score.unit}

    @classmethod
    def resumed(cls, task: Task, folder: Folder) -> "Training":
        """A training that goes on from the folder's newest whole checkpoint to the same bits.

        `notice` is the line that says if that is not the newest.
        """
        training = cls(task, folder)
        with folder.claimed():
            training._restore()
        return training

    def _restore(self) -> None:
        if self.folder is None or self._checkpoints is None:
            return
        checkpoint, self.notice = self._checkpoints.newest()
        stood = checkpoint.progress
        self.done, self.best, self._epoch_seconds = stood.done, stood.best, stood.epoch_seconds
        self._wait, self._lowering = stood.wait, stood.lowering
        self.best_weights = checkpoint.best
        self.record.restore(checkpoint.record)
        _check_alike(checkpoint.weights, self.task.engine.weights(), self.folder)
        try:
            self.task.engine.restore(checkpoint.weights, checkpoint.memory)
            if self.done and self.done % self.task.plan.steps == 0:
                self.stop = self._judged()
        except (KeyError, ValueError, TypeError, RuntimeError, IndexError) as error:
            said = f"the checkpoint does not fit the recipe ({error})"
            raise RunError(f"{self.folder.path} cannot go on: {said}.") from None
        self.folder.write_metrics(self.record)

    def __iter__(self) -> Iterator[Stretch]:
        with _interruptible() as interrupted, self.folder.claimed() if self.folder else nullcontext():
            self.save()
            for stretch in self._stretches() if self.stop is None else ():
                self._note(stretch)
                yield stretch
                if self.stop is None and interrupted.is_set():
                    self.interrupt()
                    self.save()
                if self.stop is not None:
                    break
                if time.monotonic() - self._saved_at >= _LATEST:
                    self.save()
        self.stop = self.stop or Stop(StopReason.FINISHED, *divmod(self.done, self.task.plan.steps))

    def interrupt(self) -> None:
        """End it where it stands; it resumes from its last checkpoint."""
        self.stop = Stop(StopReason.INTERRUPTED, *divmod(self.done, self.task.plan.steps))

    def _stretches(self) -> Iterator[Stretch]:
        return train(self.task.engine, self.task.plan, done=self.done, scale=lambda: self._lowering.scale)

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
        loss = values.get("validation_loss", np.nan)
        self._wait, self._lowering = self._waited(loss)
        if loss < (self.best.validation_loss if self.best else np.inf):  # NaN never is
            self.best = Best(epoch=epoch + 1, validation_loss=loss)
            self.best_weights = self.task.engine.weights()
        self.stop = self._judged()
        self.save()
        if self.folder:
            self.folder.add_metrics(values)

    def _waited(self, loss: float) -> tuple[Wait, Lowering]:
        """Where both stand after one epoch more; the loss is NaN where there are no validation rows."""
        wait = self._wait.after(loss, min_improvement=self.task.stopping.min_improvement)
        if (rule := self.task.plateau) is None:
            return wait, self._lowering
        lowering = self._lowering.after(
            loss, factor=rule.factor, patience=rule.patience, min_improvement=rule.min_improvement
        )
        return wait, lowering

    def _judged(self) -> Stop | None:
        """Whether training ends with the epoch that is just over: it follows from what a checkpoint has."""
        epoch, last = self.done // self.task.plan.steps - 1, self.task.plan.steps - 1
        if not np.isfinite(self.record["train_loss"][-1]):  # no step's loss has seen the last step's weights
            return Stop(StopReason.NOT_FINITE, epoch, last)
        patience, is_over = self.task.stopping.patience, epoch + 1 == self.task.plan.epochs
        if patience is not None and self._wait.epochs >= patience and not is_over:
            return Stop(StopReason.STOPPED_EARLY, epoch + 1, 0)
        return None

    def measure(self, rows: object) -> tuple[dict[str, float], Evaluation]:
        """Loss and score on some rows, and what they were computed from."""
        said = self.task.engine.evaluate(rows)
        score = self.task.score
        return {"loss": said.loss, score.name: score.measure(self.task.link(said.outputs), said.targets)}, said

    def save(self) -> None:
        """Write a checkpoint of where training stands, unless the last one is that.

        There is none of a step that failed: what goes on from the one before it fails there again.
        """
        if self._checkpoints is None or self.folder is None:
            return
        is_best = self.best is not None and self.best.epoch * self.task.plan.steps == self.done
        checkpoint = Checkpoint(
            progress=Progress(
                done=self.done,
                epoch_seconds=self._epoch_seconds,
                best=self.best,
                wait=self._wait,
                lowering=self._lowering,
            ),
            weights=self.best_weights if is_best and self.best_weights else self.task.engine.weights(),
            memory=self.task.engine.memory(),
            record={name: self.record[name] for name in self.record},
            best=self.best_weights,
        )
        try:
            self._checkpoints.write(checkpoint)
        except RunError as error:
            raise RunError(f"{error} {self.folder.way_on()}".rstrip()) from None
        self._saved_at = time.monotonic()

    def keep(self) -> str:
        """Put the weights to be scored into the engine: `best`, by validation loss, or `last`. Says which.

        Where no epoch had a finite validation loss there is no best, and it is the last.
        """
        if self.task.keep == "last" or self.best_weights is None:
            return "last"
        self.task.engine.restore(self.best_weights)
        return "best"


def _check_alike(ours: Arrays, theirs: Arrays, folder: Folder) -> None:
    """Refuse weights of another network, before one of them is put in place."""
    for name in sorted({*ours, *theirs}):
        shapes = [(part[name].shape, part[name].dtype) if name in part else None for part in (ours, theirs)]
        if shapes[0] != shapes[1]:
            raise RunError(f"{folder.path} cannot go on: the checkpoint's {name} is not the recipe's.")


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
