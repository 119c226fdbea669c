"""One training of a study: what it is known by, and how it is carried out, wherever that is."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from unstuck.data import Dataset
from unstuck.recipe.model import Own
from unstuck.recipe.spec import Recipe
from unstuck.training import own, single
from unstuck.training.run import Run, conclude
from unstuck.training.task import Task, task_of_recipe
from unstuck.training.training import Training


@dataclass(frozen=True, kw_only=True)
class Member:
    """A training of an arm. Members of equal `number` are each other's pairs: they share seed and rows."""

    arm: str
    number: int
    recipe: Recipe

    def __str__(self) -> str:
        held_out = self.recipe.data.fold
        what = f"seed {self.recipe.seed}" if held_out is None else f"fold {self.number}"
        return what if self.arm == "fold" else f"{self.arm}, {what}"


Tell = Callable[[int, int], None]
"""Is told now and then how many steps are done, and how many there are; what it raises ends the training."""


class Store(NamedTuple):
    """A folder of finished trainings, each in a file named by its key. `weights`: whether theirs are kept, too."""

    folder: Path
    weights: bool = False

    def has(self, key: str) -> bool:
        """Whether the run of that key is there, with its weights if those are kept."""
        path = self._path(key)
        return path.exists() and (not self.weights or bool(single.load(path).weights))

    def put(self, key: str, run: Run) -> None:
        """Keep the run: whatever happens meanwhile, it is there whole or not at all."""
        single.save(run, self._path(key), weights=self.weights)

    def read(self, key: str, *, make: Callable[..., Any] | None = None) -> Run:
        """The run of that key, which is there."""
        return single.load(self._path(key), make=make)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"


def key_of(recipe: Recipe, dataset: Dataset) -> str:
    """All that the result of a training depends on, as hexadecimal digits.

    That is the resolved recipe (with the hash of weights that are taken over), the data, this program's version,
    and of a model of the user's own the code. Where it is trained is not among them, nor where files lie.
    """
    digest = hashlib.sha256(f"unstuck {_version()}\n".encode())
    digest.update(_placeless(recipe).model_dump_json(exclude={"device", "threads"}).encode())
    digest.update(dataset.fingerprint.encode())
    if recipe.data.path is not None:
        digest.update(repr((dataset.classes, dataset.features)).encode())
    if isinstance(recipe.model, Own) and not recipe.model.is_library:
        for path in own.files_of(recipe.model.function.partition(":")[0]):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


@cache
def _version() -> str:
    return metadata.version("unstuck")  # reads a file each time


def _placeless(recipe: Recipe) -> Recipe:
    """The recipe with the names of files left out, whose content is what counts."""
    changed: dict[str, Any] = {}
    if recipe.data.path is not None:
        changed["data"] = recipe.data.model_copy(update={"path": ""})
    if recipe.transfer:
        changed["transfer"] = recipe.transfer.model_copy(update={"source": ""})
    return recipe.model_copy(update=changed)


def settled(recipe: Recipe, dataset: Dataset | None, store: Store, tell: Tell) -> tuple[str, bool]:
    """Train the recipe unless the store has its run already; the key, and whether it was trained now.

    `dataset` is what `recipe.data` loads, if it is loaded already.
    """
    task = task_of_recipe(recipe, dataset)
    assert task.recipe is not None
    assert task.dataset is not None
    key = key_of(task.recipe, task.dataset)
    if store.has(key):
        return key, False
    store.put(key, trained(task, tell))
    return key, True


def trained(task: Task, tell: Tell) -> Run:
    """The task's run, in memory, scored by the weights that its recipe keeps.

    Of training rows its score is that of as many as each epoch looks at: all of them would cost half an epoch.
    """
    task = replace(task, rows={**task.rows, "train": task.looked_at()})
    training, steps = Training(task), task.plan.steps * task.plan.epochs
    for _ in training:
        tell(training.done, steps)
    return conclude(training)
