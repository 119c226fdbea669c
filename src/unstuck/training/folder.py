"""A run's folder. It counts as whole only when `run.json` says so, which is written last.

recipe.toml                what was asked, with every auto decided
environment.json           on what it was run
metrics.jsonl              a line per finished epoch
scaling.safetensors        of the inputs, where a transfer's source had it
checkpoints/step-…/        where training stood after so many steps; `checkpoint.py` says what is inside
weights.safetensors        the weights that the scores are of, with the scaling of the data
record.safetensors         all that was measured, step by step and epoch by epoch
predictions.safetensors    outputs and targets of the test split
scores.json                loss and score of each split
figures/                   pictures
run.json                   state, why it stopped, and a hash of every file
"""

import hashlib
import json
import math
import os
import platform
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from unstuck import files
from unstuck.engine import Stop, StopReason
from unstuck.errors import RunError
from unstuck.training.checkpoint import Checkpoints
from unstuck.training.record import Record

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

_FORMAT = 1
_PACKAGES = ("unstuck", "numpy", "scipy", "numba", "torch")


@dataclass(frozen=True)
class Folder:
    """Where a run is written."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> "Folder":
        """A new folder; one that holds anything is in the way."""
        cls.refuse(path)
        folder = cls(path)
        with files.said(path):
            (path / "checkpoints").mkdir(parents=True)
        folder.set_state("running")
        files.write_json(path / "environment.json", environment())
        return folder

    @staticmethod
    def refuse(path: Path) -> None:
        """`RunError` where something is in a new folder's way."""
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise RunError(f"{path} exists already. Choose another --out, or remove it.")

    @contextmanager
    def claimed(self) -> Generator[None]:
        """Keep other processes from training into the folder meanwhile: two would ruin each other."""
        if fcntl is None:
            yield
            return
        path = self.path / ".lock"
        with files.said(path):
            lock = path.open("w")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(f"{self.path} is being trained already, by another process.") from None
            yield

    @classmethod
    def next(cls, parent: Path, stem: str) -> "Folder":
        """A new folder `stem-N` under the parent, N one more than the largest there."""
        numbers = [0]
        for path in parent.glob(f"{stem}-*"):
            if match := re.fullmatch(rf"{re.escape(stem)}-(\d+)", path.name):
                numbers.append(int(match[1]))
        return cls.create(parent / f"{stem}-{max(numbers) + 1}")

    @property
    def recipe(self) -> Path:
        """What is trained; a program's run has none."""
        return self.path / "recipe.toml"

    def recipe_hash(self) -> str:
        """By which a recipe that was changed is told from the one that the training began with."""
        return _hash(self.recipe)

    def check_recipe(self, state: Mapping[str, Any]) -> None:
        """Refuse to go on without the recipe that the training began with, by what `run.json` says of it."""
        if "recipe" not in state:
            said = "its code is not in the folder if it is a program's, else it was stopped before it began"
            raise RunError(f"{self.path} does not say what was trained, so it cannot go on: {said}.")
        if not self.recipe.is_file():
            raise RunError(f"{self.recipe} is missing: the run cannot go on without it.")
        if self.recipe_hash() != state["recipe"]:
            way = f"To train it as it is now, type: unstuck train {self.recipe}"
            raise RunError(f"{self.recipe} was changed since the training began, so it cannot go on. {way}")

    @property
    def checkpoints(self) -> Path:
        """Where the checkpoints are."""
        return self.path / "checkpoints"

    def write_metrics(self, record: Record) -> None:
        """A line per finished epoch, all anew."""
        files.write(self.path / "metrics.jsonl", "".join(map(_line, record.epochs())))

    def add_metrics(self, values: Mapping[str, float]) -> None:
        """A line more. It is not flushed: who goes on, or finishes, writes all anew from the record."""
        path = self.path / "metrics.jsonl"
        with files.said(path), path.open("a", encoding="utf-8") as file:
            file.write(_line(values))

    def way_on(self) -> str:
        """What to do after a checkpoint could not be written, if there is an earlier one."""
        if not any(self.checkpoints.glob("step-*")):
            return ""
        said = "What was saved before is whole"
        return f"{said}: mend that, then type: unstuck resume {self.path}" if self.recipe.exists() else f"{said}."

    def set_state(self, state: str, stop: Stop | None = None, **more: Any) -> None:
        """Say what the folder is: running, interrupted, or finished and whole. What else was said stays."""
        path = self.path / "run.json"
        said: dict[str, Any] = self.read_state() if path.exists() else {"format": _FORMAT}
        said["state"] = state
        if stop:
            said |= {"stop": {**stop._asdict(), "reason": stop.reason.name}}
        files.write_json(path, said | more)

    def seal(self, stop: Stop) -> None:
        """Declare the folder whole, with a hash of every file in it."""
        Checkpoints(self.checkpoints).seal()
        for left in self.path.rglob(".*"):  # by a process that was killed while it wrote; not a user's own
            if re.fullmatch(r"\..+\.\d+", left.name) and left.is_file():
                left.unlink(missing_ok=True)
        inside = sorted(path for path in self.path.rglob("*") if path.is_file() and path.name != "run.json")
        hashes = {path.relative_to(self.path).as_posix(): _hash(path) for path in inside}
        self.set_state("finished", stop, files=hashes)

    def read_state(self) -> dict[str, Any]:
        """What `run.json` says; a `RunError` where there is no run."""
        try:
            said = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            hint = (
                "It is a folder that `unstuck train` made." if self.path.exists() else "There is no such folder."
            )
            raise RunError(f"{self.path} must be a run, and has no run.json. {hint}") from None
        except OSError as error:
            raise RunError(f"{self.path / 'run.json'} cannot be read: {error.strerror or error}.") from None
        except ValueError:
            raise self._damaged() from None
        if not isinstance(said, dict) or "state" not in said:
            raise self._damaged()
        if said.get("format") != _FORMAT:
            raise RunError(f"{self.path} must be a run of format {_FORMAT}, got {said.get('format')!r}.")
        return said

    def _damaged(self) -> RunError:
        return RunError(f"{self.path / 'run.json'} is damaged: the run cannot be read.")

    def finished(self) -> Stop:
        """Why a finished run ended, every file checked; anything less than a finished run is a `RunError`."""
        said = self.read_state()
        if said["state"] != "finished":
            hint = Checkpoints(self.checkpoints).best_hint()
            way = f"Type: unstuck resume {self.path}"
            raise RunError(f"{self.path} is not finished ({said['state']}).{hint + '.' if hint else ''} {way}")
        try:
            hashes, stop = dict(said["files"]), said["stop"]
            stop = Stop(StopReason[stop["reason"]], stop["epoch"], stop["step"], stop["layer"])
        except (KeyError, TypeError, ValueError):
            raise self._damaged() from None
        for name, expected in hashes.items():
            if not (self.path / name).is_file() or _hash(self.path / name) != expected:
                hint = Checkpoints(self.checkpoints).best_hint() if name == "weights.safetensors" else ""
                raise RunError(f"{self.path / name} is missing or was changed since the run was finished.{hint}")
        return stop


def environment() -> dict[str, Any]:
    """What a result's last digits may depend on beside the recipe: versions, processor, BLAS kernels."""
    blas = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "blas": sorted({f"{one['internal_api']} {one['version']} {one.get('architecture')}" for one in blas}),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
    }


def _processor() -> str:
    """The model where Linux tells it, else what Python knows."""
    said = Path("/proc/cpuinfo")
    lines = said.read_text(encoding="utf-8").splitlines() if said.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def finite(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Named numbers, nested or not, for JSON, which knows no NaN and no infinity: they become null."""
    return {
        name: finite(value) if isinstance(value, Mapping) else value if math.isfinite(value) else None
        for name, value in numbers.items()
    }


def _line(values: Mapping[str, float]) -> str:
    return json.dumps(finite({name: float(value) for name, value in values.items()})) + "\n"


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
