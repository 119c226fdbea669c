"""Checkpoints: a folder each, of safetensors and JSON, whole or not there, with a hash of every file.

checkpoints/step-0000001234/    after so many steps
├── checkpoint.json             where training stood, and the SHA-256 of each other file
├── weights.safetensors         of the network
├── memory.safetensors          the optimizer's state and the random streams
├── record.safetensors          what was measured until then
└── best.safetensors            the weights of the least validation loss until then, if there was any
"""

import hashlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unstuck import files
from unstuck.engine import Arrays
from unstuck.errors import RunError
from unstuck.training.archive import packed, unpacked
from unstuck.training.stopping import Lowering, Wait

_FACTS, _BEST = "checkpoint.json", "best.safetensors"
_BLANK = "0" * 64
_ALWAYS = ("weights", "memory", "record")
# The facts are a few hundred bytes; what is larger is something else, and not worth reading.
_MOST_FACTS = 1 << 20


class _Plain(BaseModel):
    """Plain data that check themselves when they are read: exact in their types, without unknown names."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", ser_json_inf_nan="constants")


class Best(_Plain):
    """The epoch, counted from 1, with the least validation loss so far."""

    epoch: int
    validation_loss: float


class Progress(_Plain):
    """Where a training stands.

    Args:
        done: steps since its start; the place inside the epoch, and so the next batch, follow from it.
        epoch_seconds: spent on this epoch's steps so far.
        best: nothing, until a validation loss was finite.
        wait: for the validation loss to improve, before training stops early.
        lowering: the same, before the rate is lowered, and how far it was.
    """

    done: int = Field(ge=0)
    epoch_seconds: float = 0.0
    best: Best | None = None
    wait: Wait = Wait()
    lowering: Lowering = Lowering()


class _Facts(_Plain):
    """What `checkpoint.json` says. It has a hash of itself too, for a digit of `done` may flip as well."""

    format: Literal[1] = 1
    progress: Progress
    sha256: dict[str, str]
    own_sha256: str = Field(default=_BLANK, pattern=r"^[0-9a-f]{64}$")

    def content(self) -> bytes:
        """The file, whose own hash is that of the file before it was put in."""
        blank = self.model_dump_json(indent=2).encode()
        return blank.replace(_BLANK.encode(), _sha256(blank).encode())

    def is_of(self, content: bytes) -> bool:
        """Whether the file that this was read from is as it was written."""
        return _sha256(content.replace(self.own_sha256.encode(), _BLANK.encode())) == self.own_sha256


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """All that a training goes on from, to the same bits."""

    progress: Progress
    weights: Arrays
    memory: Arrays
    record: Arrays
    best: Arrays | None = None

    @classmethod
    def read(cls, path: Path) -> "Checkpoint":
        """A checkpoint whose every hash holds; any other is a `RunError` that names the file."""
        facts = _facts(path)
        names = (*_ALWAYS, *(("best",) if facts.progress.best else ()))
        arrays = {name: unpacked(_whole(path, name, facts), _file(path, name)) for name in names}
        return cls(progress=facts.progress, **arrays)


class _Written(NamedTuple):
    """A checkpoint of this process, whose files are therefore known to be what they should be."""

    path: Path
    facts: _Facts


class Checkpoints:
    """A run's checkpoints, of which the newest two stay: damage of one costs a little training, and no more.

    One process writes at a time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: list[Path] = []
        self._written: list[_Written] = []

    def write(self, checkpoint: Checkpoint) -> None:
        """Put a checkpoint there, whole or not at all, and only then remove all but it and the one before it."""
        path = self.path / f"step-{checkpoint.progress.done:010d}"
        if path in self._kept:
            return
        arrays = {name: packed(getattr(checkpoint, name)) for name in _ALWAYS}
        contents: dict[str, bytes | Path] = {f"{name}.safetensors": content for name, content in arrays.items()}
        sha256 = {f"{name}.safetensors": _sha256(content) for name, content in arrays.items()}
        if checkpoint.best is checkpoint.weights:  # a copy all the same: damage of one is not damage of both
            contents[_BEST], sha256[_BEST] = arrays["weights"], sha256["weights.safetensors"]
        elif checkpoint.best is not None:
            contents[_BEST], sha256[_BEST] = self._best(checkpoint.best, checkpoint.progress)
        facts = _Facts(progress=checkpoint.progress, sha256=sha256)
        contents[_FACTS] = facts.content()
        with files.said(self.path):
            self.path.mkdir(exist_ok=True)
            self._remove(keep=[one for one in _steps(self.path) if one != path])
        files.write_folder(path, contents)
        self._written = [*self._written[-1:], _Written(path, facts)]
        self._kept = [*self._kept[-1:], path]
        with files.said(self.path):
            self._remove(keep=self._kept)

    def _best(self, best: Arrays, progress: Progress) -> tuple[bytes | Path, str]:
        """Its content, or the file that has it already, and its hash.

        Linked is the file of the checkpoint that is about to go, not that of the one that stays: so there are
        always two copies on the disk.
        """
        for path, facts in self._written[:-1]:
            if facts.progress.best == progress.best and (path / _BEST).exists():
                return path / _BEST, facts.sha256[_BEST]
        content = packed(best)
        return content, _sha256(content)

    def newest(self) -> tuple[Checkpoint, str | None]:
        """The newest whole checkpoint, and, if a newer one is damaged, the line that says so.

        To go on from an older one is no repair: every checkpoint leads to the same bits.
        """
        damage = ""
        for path in reversed(_steps(self.path)):
            try:
                checkpoint = Checkpoint.read(path)
            except RunError as error:
                damage = damage or str(error)
                continue
            self._kept = [path]
            note = f"{damage} Going on from the checkpoint before it, {path.name}, to the same bits."
            return checkpoint, note if damage else None
        if not damage:
            raise RunError(f"{self.path} has no checkpoint: the run cannot go on.")
        raise RunError(f"{damage} No checkpoint before it is whole: the run cannot go on.{self.best_hint()}")

    def best(self) -> Path | None:
        """The file with the best weights so far: the newest that is whole, whatever else is damaged."""
        for path in reversed(_steps(self.path)):
            try:
                _whole(path, "best", _facts(path))
            except RunError:
                continue
            return _file(path, "best")
        return None

    def best_hint(self) -> str:
        """The sentence that says where the best weights so far are; empty if there are none."""
        best = self.best()
        return f" Its best weights so far are in {best}" if best else ""

    def seal(self) -> None:
        """Keep the newest alone: the training is over, and its kept weights lie in a file of their own."""
        with files.said(self.path):
            self._remove(keep=_steps(self.path)[-1:])

    def _remove(self, *, keep: list[Path]) -> None:
        """Every other checkpoint, and what a killed writer left. Killed meanwhile, it leaves no half of one."""
        for path in _steps(self.path):
            if path not in keep:
                path.replace(path.with_name(f".{path.name}.old"))
        for left in self.path.glob(".step-*"):
            shutil.rmtree(left)


def _steps(path: Path) -> list[Path]:
    """The folders that are checkpoints, by their names, oldest first."""
    inside: Iterator[Path] = path.iterdir() if path.is_dir() else iter(())
    named = (one for one in inside if re.fullmatch(r"step-[0-9]{10,}", one.name))
    return sorted(named, key=lambda one: int(one.name.removeprefix("step-")))


def _file(path: Path, name: str) -> Path:
    return path / f"{name}.safetensors"


def _facts(path: Path) -> _Facts:
    content = _read(path / _FACTS, most=_MOST_FACTS)
    try:
        facts = _Facts.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["loc"] == ("format",):
            raise RunError(f"{path} must be of format 1, got another: another unstuck wrote it.") from None
        raise RunError(f"{path / _FACTS} is damaged ({first['msg']}).") from None
    if not facts.is_of(content):
        raise RunError(f"{path / _FACTS} is damaged: its SHA-256 is not the one in itself.")
    return facts


def _whole(path: Path, name: str, facts: _Facts) -> bytes:
    """A file's content, whose hash holds."""
    file = _file(path, name)
    content = _read(file)
    if _sha256(content) != facts.sha256.get(file.name):
        raise RunError(f"{file} is damaged: its SHA-256 is not the one in {_FACTS}.")
    return content


def _read(path: Path, most: int | None = None) -> bytes:
    try:
        if not path.is_file():
            raise RunError(f"{path} is missing.")
        if most is not None and path.stat().st_size > most:
            raise RunError(f"{path} is damaged: it is larger than {most} bytes.")
        return path.read_bytes()
    except RunError:
        raise
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}.") from None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
