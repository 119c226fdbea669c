"""What `auto` means, once the data are known: a recipe with nothing left open, and its network."""

import numpy as np

from unstuck.data.dataset import Dataset
from unstuck.dense.engine import why_not
from unstuck.errors import RecipeError
from unstuck.network.layers import Network
from unstuck.network.mlp import LINKS, mlp
from unstuck.recipe.edit import Edit, edited
from unstuck.recipe.spec import Recipe

# A recipe that does not say otherwise takes so many rows per step, or all where there are fewer.
_USUAL_BATCH = Recipe.model_fields["batch_size"].default


def resolve(recipe: Recipe, dataset: Dataset) -> tuple[Recipe, Network]:
    """The recipe with every `auto` decided, and the network that it describes; `RecipeError` if it cannot be."""
    loss = recipe.loss.name
    if loss == "auto":
        loss = "cross-entropy" if dataset.classes else "mse"
    _check(recipe, dataset, loss)
    decided = [Edit("loss.name", loss), Edit("keep", _kept(recipe, dataset)), *_data(recipe, dataset)]
    decided.append(Edit("batch_size", min(recipe.batch_size, len(dataset.train))))
    if recipe.model.output == "auto":
        decided.append(Edit("model.output", LINKS.get(loss, "identity")))
    recipe = edited(recipe, decided)
    network = network_of(recipe, inputs=int(np.prod(dataset.shape)), outputs=dataset.outputs)
    engine = _engine(recipe, network)
    decided = [Edit("engine", engine), *([Edit("device", "cpu")] if engine == "dense" else [])]
    return edited(recipe, decided), network


def network_of(recipe: Recipe, *, inputs: int, outputs: int) -> Network:
    """The network of a resolved recipe, for so many input features and outputs."""
    return mlp(recipe.model, recipe.loss, inputs=inputs, outputs=outputs)


def _check(recipe: Recipe, dataset: Dataset, loss: str) -> None:
    rows = len(dataset.train)
    if dataset.classes is None:
        _check_numbers(dataset, loss)
    if recipe.batch_size > rows and recipe.batch_size != _USUAL_BATCH:
        raise RecipeError("batch_size", f"be at most {rows}, the number of training rows", recipe.batch_size)


def _check_numbers(dataset: Dataset, loss: str) -> None:
    if loss == "cross-entropy":
        raise RecipeError("loss.name", "be mse or bce where numbers are predicted", loss)
    if loss == "bce" and not all(((part.y >= 0) & (part.y <= 1)).all() for part in dataset.splits.values()):
        hint = "Try mse, or data.target_scaling none if they are so before scaling."
        raise RecipeError("loss.name", "be mse where targets leave [0, 1]", loss, hint=hint)


def _kept(recipe: Recipe, dataset: Dataset) -> str:
    if recipe.keep != "auto":
        return recipe.keep
    held_out = dataset.validation is not None and recipe.data.validation > 0  # a source may bring its own, unasked
    return "best" if held_out else "last"


def _data(recipe: Recipe, dataset: Dataset) -> list[Edit]:
    edits = []
    if recipe.data.scaling == "auto":
        edits.append(Edit("data.scaling", "unit" if dataset.train.x.dtype == np.uint8 else "standard"))
    if recipe.data.target_scaling == "auto":
        edits.append(Edit("data.target_scaling", "none" if dataset.classes else "standard"))
    if recipe.data.task == "auto":
        edits.append(Edit("data.task", "classification" if dataset.classes else "regression"))
    return edits


def _engine(recipe: Recipe, network: Network) -> str:
    lacking = why_not(network)
    if recipe.engine == "dense" and lacking:
        hint = f"The dense engine has no {lacking}."
        raise RecipeError("engine", "be torch or auto for this network", "dense", hint=hint)
    if recipe.engine == "dense" and recipe.device == "cuda":
        raise RecipeError("engine", "be torch or auto where the device is cuda", "dense")
    if recipe.engine == "auto":
        return "torch" if lacking or recipe.device == "cuda" else "dense"
    return recipe.engine
