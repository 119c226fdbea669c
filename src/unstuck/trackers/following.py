"""A training with logs: the same stretches, written down on their way."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from unstuck.engine import Stretch
from unstuck.errors import RunError, did_you_mean
from unstuck.extras import need
from unstuck.trackers.mlflow import Mlflow
from unstuck.trackers.tensorboard import TensorBoard
from unstuck.trackers.wandb import Wandb
from unstuck.training.run import Run
from unstuck.training.training import Training

# Losses of steps that are logged, at most; each is the mean over as many steps as that takes.
_POINTS = 1000


class Tracker(Protocol):
    """Where numbers go. Made of a folder for all runs, the run's name, and its settings by dotted key."""

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """Named numbers, measured after so many steps."""
        ...

    def finish(self, scores: Mapping[str, float], pictures: Sequence[Path], stop: str) -> None:
        """The final scores, the figures, and the name of the reason why it ended; nothing comes after."""
        ...


_TRACKERS = {"tensorboard": TensorBoard, "mlflow": Mlflow, "wandb": Wandb}
# What each imports, beside the package of its name.
_BESIDE = {"mlflow": ("sqlalchemy", "alembic")}


def check(names: Sequence[str]) -> None:
    """Refuse what is no tracker, or is not installed, before anything is trained."""
    for name in names:
        if name not in _TRACKERS:
            raise RunError(f"log must name a tracker, got {name!r}. {did_you_mean(name, _TRACKERS)}")
        need("trackers", name, *_BESIDE.get(name, ()))


class Followed:
    """Iterate over it in place of the training; tell it the run when that is finished."""

    def __init__(self, training: Training, names: Sequence[str]) -> None:
        check(names)
        if names and training.folder is None:
            raise RunError("log must stand beside a run's folder, and there is none. Give out=… too.")
        self._training = training
        self._trackers: list[Tracker] = []
        total = training.task.plan.epochs * training.task.plan.steps
        self._window = -(-total // _POINTS)
        self._windows = training.done // self._window
        self._epochs = len(training.record.get("epoch", ()))
        if training.folder:
            path, settings = training.folder.path.resolve(), _settings(training)
            for name in dict.fromkeys(names):
                self._trackers.append(_TRACKERS[name](path.parent / name, path.name, settings))

    def __iter__(self) -> Iterator[Stretch]:
        for stretch in self._training:
            if self._trackers:
                self._write()
            yield stretch

    def _write(self) -> None:
        losses, width = self._training.record.columns["step_loss"], self._window
        while (self._windows + 1) * width <= min(self._training.done, len(losses)):
            mean = float(np.mean(losses[self._windows * width : (self._windows + 1) * width]))
            self._windows += 1
            self._numbers({"step_loss": mean}, self._windows * width)
        rows = list(self._training.record.epochs())
        for row in rows[self._epochs :]:
            self._epochs += 1
            self._numbers(row, self._epochs * self._training.task.plan.steps)

    def _numbers(self, values: Mapping[str, float], step: int) -> None:
        for tracker in self._trackers:
            tracker.numbers(values, step)

    def finish(self, run: Run) -> None:
        """Write scores and figures, and close."""
        scores = {f"{split}/{name}": value for split, said in run.scores.items() for name, value in said.items()}
        pictures = sorted((run.folder / "figures").glob("*.png")) if run.folder else []
        for tracker in self._trackers:
            tracker.finish(scores, pictures, run.stop.reason.name)


def _settings(training: Training) -> dict[str, str]:
    """The recipe by dotted keys; of a program what is known of it."""
    if training.task.recipe is None:
        plan = training.task.plan
        return {"epochs": str(plan.epochs), "batch_size": str(plan.batch_size), "seed": str(plan.seed)}
    return dict(_flat(training.task.recipe.model_dump(), ""))


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", str(value)
