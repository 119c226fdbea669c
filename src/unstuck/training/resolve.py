"""What `auto` means, once the data are known: a recipe with nothing left open, and its network."""

import math

import numpy as np

from unstuck.data.dataset import Dataset
from unstuck.dense import engine as dense_engine
from unstuck.errors import RecipeError
from unstuck.network.build import LINKS, build
from unstuck.network.layers import BatchNorm
from unstuck.network.network import Network
from unstuck.network.shapes import Shape, inside
from unstuck.recipe.edit import Edit, edited
from unstuck.recipe.model import Own, Recurrent
from unstuck.recipe.schedule import Plateau
from unstuck.recipe.spec import Recipe
from unstuck.training import graph_engine

# A recipe that does not say otherwise takes so many rows per step, or all where there are fewer.
_USUAL_BATCH = Recipe.model_fields["batch_size"].default


def resolve(recipe: Recipe, dataset: Dataset) -> tuple[Recipe, Network | None]:
    """The recipe with every `auto` decided, and the network that it describes; `RecipeError` if it cannot be.

    A model of the user's own has no `Network`.
    """
    loss = recipe.loss.name
    if loss == "auto":
        loss = "cross-entropy" if dataset.classes else "mse"
    _check(recipe, dataset, loss)
    decided = [Edit("loss.name", loss), Edit("keep", _kept(recipe, dataset)), *_data(recipe, dataset)]
    decided.append(Edit("batch_size", min(recipe.batch_size, len(dataset.train))))
    decided += _class_weights(recipe, dataset)
    if recipe.model.output == "auto":
        decided.append(Edit("model.output", LINKS.get(loss, "identity")))
    recipe = edited(recipe, decided)
    network = network_of(recipe, dataset.shape, dataset.outputs, padded=dataset.is_padded)
    if network:
        _check_last_batch(recipe, network, len(dataset.train))
    engine = _engine(recipe, network)
    decided = [Edit("engine", engine), *([] if engine == "torch" else [Edit("device", "cpu")])]
    return edited(recipe, decided), network


def network_of(recipe: Recipe, shape: Shape, outputs: int, *, padded: bool) -> Network | None:
    """The network of a resolved recipe for rows of a shape; None for a model of the user's own."""
    if padded and not isinstance(recipe.model, Recurrent | Own):
        hint = "Some sequences are shorter than others; rnn, lstm and gru read each to its end."
        raise RecipeError("model.name", "be rnn, lstm or gru", recipe.model.name, hint=hint)
    if isinstance(recipe.model, Own):
        return None
    return build(recipe.model, recipe.loss, shape=shape, outputs=outputs, padded=padded)


def _check_last_batch(recipe: Recipe, network: Network, rows: int) -> None:
    """Batch normalization of one row has no variance, but where a picture has several pixels left."""
    if (rows - 1) % recipe.batch_size:
        return
    sizes = [shape for layer, shape in inside(network.layers, (network.inputs,)) if isinstance(layer, BatchNorm)]
    if any(math.prod(shape[1:]) == 1 for shape in sizes):
        hint = f"{rows} rows leave one for the last batch, which has no variance."
        raise RecipeError("batch_size", "be another where a batch is normalized", recipe.batch_size, hint=hint)


def _class_weights(recipe: Recipe, dataset: Dataset) -> list[Edit]:
    given = recipe.loss.class_weights
    if dataset.classes is None:
        for name, usual in (("class_weights", "none"), ("label_smoothing", 0.0)):
            if (got := getattr(recipe.loss, name)) != usual:
                raise RecipeError(f"loss.{name}", f"be {usual} where numbers are predicted", got)
        return []
    count = len(dataset.classes)
    if given == "balanced":
        rows = np.bincount(dataset.train.y, minlength=count)
        return [Edit("loss.class_weights", tuple((len(dataset.train) / (count * rows)).tolist()))]
    if given != "none" and len(given) != count:
        raise RecipeError("loss.class_weights", f"have {count} numbers, one per class", given)
    return []


def _check(recipe: Recipe, dataset: Dataset, loss: str) -> None:
    rows = len(dataset.train)
    if dataset.validation is None:
        _check_nothing_waits(recipe)
    if dataset.classes is None:
        _check_numbers(dataset, loss)
    check_augment(recipe, dataset)
    if recipe.batch_size > rows and recipe.batch_size != _USUAL_BATCH:
        raise RecipeError("batch_size", f"be at most {rows}, the number of training rows", recipe.batch_size)


def _check_nothing_waits(recipe: Recipe) -> None:
    """What waits for the validation loss needs validation rows, and few rows may leave none of them."""
    hint = "There are no validation rows: give data.validation a larger share, or more rows."
    if recipe.stopping.patience is not None:
        raise RecipeError("stopping.patience", "be left out", recipe.stopping.patience, hint=hint)
    if isinstance(recipe.schedule, Plateau):
        raise RecipeError("schedule.name", "be another", "plateau", hint=hint)


def check_augment(recipe: Recipe, dataset: Dataset) -> None:
    """`RecipeError` where rows that are no pictures would be shifted, turned or the like."""
    if recipe.augment.of_pictures and not dataset.has_pictures:
        hint = "These rows are no pictures; noise and mixup suit rows of any kind."
        raise RecipeError("augment", "be noise or mixup", ", ".join(recipe.augment.of_pictures), hint=hint)
    if recipe.augment.mixup and dataset.is_padded:
        hint = "These sequences end at different steps: a mixture would have the shorter one's end."
        raise RecipeError("augment.mixup", "be 0", recipe.augment.mixup, hint=hint)


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
    return "best" if held_out or recipe.stopping.patience is not None else "last"


def _data(recipe: Recipe, dataset: Dataset) -> list[Edit]:
    edits = []
    if recipe.data.scaling == "auto":
        edits.append(Edit("data.scaling", "unit" if dataset.train.x.dtype == np.uint8 else "standard"))
    if recipe.data.target_scaling == "auto":
        edits.append(Edit("data.target_scaling", "none" if dataset.classes else "standard"))
    if recipe.data.task == "auto" and recipe.model.name != "autoencoder":  # whose targets are not the data's own
        edits.append(Edit("data.task", "classification" if dataset.classes else "regression"))
    return edits


def _engine(recipe: Recipe, network: Network | None) -> str:
    lacks = graph_engine.why_not if recipe.engine == "graph" else dense_engine.why_not
    lacking = lacks(recipe, network) if network else "model of your own"
    if recipe.engine == "auto":
        return "torch" if lacking or recipe.device == "cuda" else "dense"
    if recipe.engine != "torch" and lacking:
        hint = f"The {recipe.engine} engine has no {lacking}."
        raise RecipeError("engine", "be torch or auto for this network", recipe.engine, hint=hint)
    if recipe.engine != "torch" and recipe.device == "cuda":
        raise RecipeError("engine", "be torch or auto where the device is cuda", recipe.engine)
    return recipe.engine
