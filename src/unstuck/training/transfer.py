"""Transfer: which weights a new training takes over from a source, and which of its layers move when."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from unstuck.data import Scaling, asked_for, describe
from unstuck.data.readers import idx
from unstuck.engine import Arrays
from unstuck.errors import RecipeError, RunError, did_you_mean
from unstuck.recipe import file
from unstuck.recipe.edit import Edit, edited
from unstuck.recipe.model import LIBRARIES
from unstuck.recipe.problem import checked
from unstuck.recipe.spec import Recipe
from unstuck.recipe.transfer import Transfer
from unstuck.training.archive import Archive
from unstuck.training.folder import Folder

Shape = tuple[int, ...]

FILES = (".safetensors", ".pt", ".pth", ".bin")
# What a model of the user's own, and a library's inside it, is called in the module that is trained.
_PREFIXES = ("", "own.", "own.network.")
_SCALING = "scaling.safetensors"
_NAMES_A_MODEL = ("model", "model.name", "model.function")
# What follows from a run's data, or was decided for them, and is decided anew.
_NOT_TAKEN_OVER = {"data", "loss", "transfer", "keep", "engine", "device"}


# where weights come from


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """What a source gives: weights by name, their SHA-256, and how its network's inputs were scaled, if known."""

    weights: Arrays
    sha256: str
    inputs: Scaling | None = None


def is_library(source: str) -> bool:
    """Whether a source is published weights: `timm:NAME` or `torchvision:NAME`."""
    return source.partition(":")[0] in LIBRARIES and ":" in source


def is_file(source: str) -> bool:
    """Whether a source is a file of weights, by its ending."""
    return not is_library(source) and Path(source).suffix.lower() in FILES


def of_run(path: Path) -> Trained:
    """What a finished run of ours kept; any other is a `RunError`."""
    folder = Folder(path)
    folder.finished()
    file = folder.path / "weights.safetensors"
    kept = Archive.load(file)
    inputs = kept.groups.get("inputs")
    return Trained(
        weights=kept.groups["weights"],
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        inputs=Scaling(**inputs) if inputs else None,
    )


def noted(recipe: Recipe, trained: Trained, *, is_loaded: bool = False) -> Recipe:
    """The recipe with the source's hash and, unless the data are loaded already, the source's scaling of inputs.

    `RecipeError` where the recipe has another hash.
    """
    transfer = recipe.transfer
    assert transfer is not None
    if transfer.sha256 not in (None, trained.sha256):
        hint = f"{transfer.source} has changed since; leave the key out to take it as it is."
        raise RecipeError("transfer.sha256", "be the source's", transfer.sha256, hint=hint)
    edits = [Edit("transfer.sha256", trained.sha256)]
    if trained.inputs and recipe.data.scaling == "auto" and not is_loaded:
        edits.append(Edit("data.scaling", "source"))
    return edited(recipe, edits)


def keep_scaling(folder: Folder, inputs: Scaling) -> None:
    """Write a source's scaling into the run, which from then on needs the source no more."""
    Archive({"inputs": {"shift": inputs.shift, "factor": inputs.factor}}, {}).save(folder.path / _SCALING)


def kept_scaling(folder: Folder) -> Scaling:
    """What `keep_scaling` wrote."""
    return Scaling(**Archive.load(folder.path / _SCALING).groups["inputs"])


# what of it fits


def fitting(trained: Arrays, ours: Mapping[str, Shape], head: Collection[str]) -> dict[str, np.ndarray]:
    """A source's weights by our names, all but the head's; a `RecipeError` for the first that does not fit."""
    prefix = next((first for first in _PREFIXES if any(first + name in ours for name in trained)), "")
    theirs = {prefix + name: value for name, value in trained.items()}
    hint = "Try --model, and its keys, as the source was trained with, and data of the same shape."
    for name, shape in ours.items():
        if name in head:
            continue
        said = name.removeprefix(prefix)
        if name not in theirs:
            raise RecipeError("the source", f"have {said} {shape}, as the network has", None, hint=hint)
        value = theirs[name]
        if value.shape != shape:
            raise RecipeError(f"the source's {said}", f"have the network's shape {shape}", value.shape, hint=hint)
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise RecipeError(f"the source's {said}", "hold finite numbers", "NaN or infinity")
    for name, value in theirs.items():
        if name not in ours:
            must = f"have {name.removeprefix(prefix)} {value.shape}, as the source has"
            raise RecipeError("the network", must, None, hint=hint)
    return {name: value for name, value in theirs.items() if name not in head}


# which layers move when


class Part(NamedTuple):
    """A module by its name, with the shapes of its own parameters and the names of what else it keeps.

    Parameters that are `fixed`, by their author, are none of ours to train.
    """

    name: str
    parameters: Mapping[str, Shape] = {}
    buffers: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()

    def names(self) -> list[str]:
        """Of all that it keeps, in full."""
        return [f"{self.name}.{name}" if self.name else name for name in (*self.parameters, *self.buffers)]


@dataclass(frozen=True)
class Layer:
    """A layer with a weight matrix or kernels, and what goes with it.

    Normalization goes with the layer before it; what keeps nothing, such as dropout, with the layer after
    it, so that dropout before the head is the head's.
    """

    parts: tuple[Part, ...]

    def names(self) -> list[str]:
        """Of all parameters and buffers."""
        return [name for part in self.parts for name in part.names()]


def layers_of(parts: Iterable[Part]) -> tuple[Layer, ...]:
    """A network's layers with weights, from the input on; the last is the head."""
    found: list[list[Part]] = []
    waiting: list[Part] = []
    for part in parts:
        waiting.append(part)
        if any(len(shape) > 1 for shape in part.parameters.values()):
            found.append(waiting)
        elif found and (part.parameters or part.buffers):
            found[-1].extend(waiting)
        else:
            continue
        waiting = []
    if found:
        found[-1].extend(waiting)
    return tuple(Layer(tuple(layer)) for layer in found)


@dataclass(frozen=True, kw_only=True)
class Thaw:
    """From which step on each layer is trained: a function of the steps done alone, so that a run can resume.

    A layer that is not trained is as in evaluation, so that its running statistics stay, and its dropout,
    from which it could learn nothing, is off.
    """

    layers: tuple[Layer, ...]
    begins: tuple[int | None, ...]
    rate: float

    @classmethod
    def of(cls, transfer: Transfer, layers: tuple[Layer, ...], steps: int) -> "Thaw":
        """For a network's layers, in a training of so many steps per epoch; `RecipeError` if none is to freeze."""
        backbone = len(layers) - 1
        if backbone < 1:
            hint = "The head is drawn anew, and nothing of the source would be left."
            must = "have two layers with weights to take one over"
            raise RecipeError("the network", must, len(layers), hint=hint)
        if transfer.unfreeze is not None and transfer.unfreeze > backbone:
            must = f"be at most {backbone}, the backbone's layers with weights"
            raise RecipeError("transfer.unfreeze", must, transfer.unfreeze)
        begin = 0 if transfer.freeze == "none" else None
        if transfer.unfreeze_after is not None:
            begin = transfer.unfreeze_after * steps
        top = transfer.unfreeze or backbone
        begins = (*(None,) * (backbone - top), *(begin,) * top, 0)
        return cls(layers=layers, begins=begins, rate=transfer.rate)

    @property
    def head(self) -> Layer:
        """The layer that is drawn anew."""
        return self.layers[-1]

    def changes_at(self, step: int) -> bool:
        """Whether a layer begins to be trained with this step."""
        return step in self.begins

    def trained(self, step: int) -> list[bool]:
        """Whether each layer is, in this step."""
        return [begin is not None and step >= begin for begin in self.begins]


# from a source to a recipe


def recipe_of(source: str, data: str | None, edits: Iterable[Edit] = ()) -> Recipe:
    """The recipe that a source is trained further by, on a data set by name, or data by their path.

    A run's own recipe is the base, model and optimizer included; its data, what depends on them, and how its
    weights were transferred are not taken over. Other sources are trained by the usual recipe: a library's with
    its model, a file's with the one that an edit must name.
    """
    edits = list(edits)
    if data is None:
        raise RecipeError("data", "be given", None, hint="Try --data NAME, or --data PATH.")
    target = next((str(edit.to) for edit in edits if edit.path == "data.target"), None)
    table: dict[str, Any] = {}
    named = asked_for(data, target)
    if named is None:
        hint = did_you_mean(data, (listing.name for listing in describe()))
        raise RecipeError("data", "be a data set, or a path that exists", data, hint=hint)
    found = named.model_dump()
    if is_library(source):
        table["model"] = source
    elif is_file(source):
        if not any(edit.path in _NAMES_A_MODEL for edit in edits):
            hint = "A file of weights does not say its network: try --model NAME, or package.module:function."
            raise RecipeError("model", "be given", None, hint=hint)
    else:
        table, size = _of_run(Path(source).expanduser())
        if table["model"]["name"] == "own" and not any(edit.path in _NAMES_A_MODEL for edit in edits):
            function = table["model"]["function"]
            if not is_library(function):
                hint = f"The run's is code of your own, which no folder may start: add --model {function}"
                raise RecipeError("model", "be typed again", None, hint=hint)
        if found["path"] and Path(found["path"]).is_dir() and not idx.find(Path(found["path"])):
            found["size"] = size  # of pictures in a folder, which are read at any
    recipe = checked(Recipe, table | {"data": found, "transfer": {"source": source}})
    return edited(recipe, edits)


def _of_run(path: Path) -> tuple[dict[str, Any], Shape | None]:
    """What is taken over of a run's recipe, and the size of its pictures, if they were some."""
    folder = Folder(path)
    folder.finished()
    if not folder.recipe.exists():
        hint = f"Its model is code: give {path / 'weights.safetensors'}, and --model package.module:function."
        raise RunError(f"{path} must be the run of a recipe. {hint}")
    table = file.read(Recipe, folder.recipe).model_dump(exclude=_NOT_TAKEN_OVER)
    table["model"] |= {"output": "auto"}
    said = Archive.load(folder.path / "weights.safetensors").facts["data"]["intake"]
    return table, tuple(said["shape"][-2:]) if said["white"] else None
