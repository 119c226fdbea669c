"""Treatments of recipes, as edits. None where a recipe cannot have what the treatment mends, or has it mended."""

from unstuck.errors import RecipeError
from unstuck.recipe.edit import Edit, edited
from unstuck.recipe.spec import Recipe

Edits = tuple[Edit, ...] | None

_FLAT = ("sigmoid", "tanh", "softmax")
# As live programs are treated: see the modules of those
_MOMENTUM, _LONGEST, _DECAY, _SHARE, _RATE = 0.9, 1.0, 1e-2, 0.4, 1e-3
_SHALLOW, _FEWEST, _NARROW, _MOST = 3, 4, 4, 4096
_BATCH = 8


def _possible(recipe: Recipe, *edits: Edit) -> Edits:
    """The edits, if the recipe takes them and is another one then."""
    try:
        return edits if edited(recipe, edits) != recipe else None
    except RecipeError:
        return None


def rate(factor: float, recipe: Recipe) -> Edits:
    """The learning rate times a factor."""
    return _possible(recipe, Edit("optimizer.lr", recipe.optimizer.lr * factor))


def epochs(factor: int, recipe: Recipe) -> Edits:
    """More epochs."""
    return _possible(recipe, Edit("epochs", recipe.epochs * factor))


def batch(factor: float, recipe: Recipe) -> Edits:
    """Another number of rows per step, 4 at least."""
    wanted = int(recipe.batch_size * factor)
    return _possible(recipe, Edit("batch_size", max(wanted, min(_FEWEST, recipe.batch_size))))


def unfreeze(recipe: Recipe) -> Edits:
    """All transferred weights are trained."""
    if recipe.transfer is None:
        return None
    return _possible(
        recipe,
        Edit("transfer.freeze", "none"),
        Edit("transfer.unfreeze_after", None),
        Edit("transfer.unfreeze", None),
    )


def loss(name: str, recipe: Recipe) -> Edits:
    """Another loss, and the output that it expects."""
    if recipe.loss.name == name:
        return None
    return _possible(recipe, Edit("loss.name", name), Edit("model.output", "auto"))


def _output(recipe: Recipe, name: str) -> Edits:
    if recipe.model.output in ("auto", name):
        return None
    return _possible(recipe, Edit("model.output", name))


def sigmoid_unit(recipe: Recipe) -> Edits:
    """A sigmoid at the end."""
    return _output(recipe, "sigmoid")


def softmax_output(recipe: Recipe) -> Edits:
    """A softmax at the end."""
    return _output(recipe, "softmax")


def linear_output(recipe: Recipe) -> Edits:
    """Nothing at the end."""
    return _output(recipe, "identity")


def class_weights(recipe: Recipe) -> Edits:
    """Classes weigh alike."""
    return _possible(recipe, Edit("loss.class_weights", "balanced"))


def scale_inputs(recipe: Recipe) -> Edits:
    """Inputs are scaled, where they were said not to be."""
    return _possible(recipe, Edit("data.scaling", "standard")) if recipe.data.scaling == "none" else None


def scale_targets(recipe: Recipe) -> Edits:
    """Targets are scaled, where they were said not to be."""
    is_off = recipe.data.target_scaling == "none"
    return _possible(recipe, Edit("data.target_scaling", "standard")) if is_off else None


def no_augmentation(recipe: Recipe) -> Edits:
    """Rows as they are."""
    return _possible(recipe, Edit("augment", {})) if recipe.augment.is_on else None


def adam(recipe: Recipe) -> Edits:
    """Adam as published."""
    return _possible(recipe, Edit("optimizer.name", "adam"), Edit("optimizer.lr", _RATE))


def momentum(recipe: Recipe) -> Edits:
    """Plain descent with a heavy ball."""
    if recipe.optimizer.name != "sgd":
        return None
    rate = Edit("optimizer.lr", recipe.optimizer.lr)
    return _possible(recipe, Edit("optimizer.name", "momentum"), rate, Edit("optimizer.momentum", _MOMENTUM))


def clip_gradient(recipe: Recipe) -> Edits:
    """The gradient is cut to a length."""
    is_clipped = recipe.optimizer.clip_norm is not None and recipe.optimizer.clip_norm <= _LONGEST
    return None if is_clipped else _possible(recipe, Edit("optimizer.clip_norm", _LONGEST))


def reinitialize(recipe: Recipe) -> Edits:
    """Weights drawn as suits the activation."""
    activation = getattr(recipe.model, "activation", "tanh")
    name = "xavier-normal" if activation in (*_FLAT, "identity") else "he-normal"
    return _field(recipe, "initializer", {"name": name})


def relu(recipe: Recipe) -> Edits:
    """ReLU for activations that flatten out."""
    return _field(recipe, "activation", "relu") if _activation(recipe) in _FLAT else None


def leaky_relu(recipe: Recipe) -> Edits:
    """A slope below zero for ReLU."""
    return _field(recipe, "activation", "leaky-relu") if _activation(recipe) == "relu" else None


def add_nonlinearity(recipe: Recipe) -> Edits:
    """ReLU where there is nothing between layers."""
    return _field(recipe, "activation", "relu") if _activation(recipe) == "identity" else None


def _activation(recipe: Recipe) -> str:
    return getattr(recipe.model, "activation", "")


def _field(recipe: Recipe, name: str, to: object) -> Edits:
    return _possible(recipe, Edit(f"model.{name}", to)) if hasattr(recipe.model, name) else None


def normalize(recipe: Recipe) -> Edits:
    """Hidden layers are normalized: by the batch where it is large enough, else by the row."""
    if getattr(recipe.model, "normalization", "") != "none":
        return None
    return _field(recipe, "normalization", "batch" if recipe.batch_size >= _BATCH else "layer")


def shallower(recipe: Recipe) -> Edits:
    """The first three hidden layers; one recurrent layer."""
    if isinstance(layers := getattr(recipe.model, "layers", None), int):
        return _field(recipe, "layers", 1) if layers > 1 else None
    hidden = _widths(recipe)
    return _field(recipe, "hidden", hidden[:_SHALLOW]) if len(hidden) > _SHALLOW else None


def _widths(recipe: Recipe) -> tuple[int, ...]:
    hidden = getattr(recipe.model, "hidden", ())
    return (hidden,) if isinstance(hidden, int) else tuple(hidden)


def widths(factor: float, recipe: Recipe) -> Edits:
    """Hidden layers of another width."""
    new = [max(min(int(width * factor), max(_MOST, width)), min(_NARROW, width)) for width in _widths(recipe)]
    if not new and factor > 1:
        return _field(recipe, "hidden", (128,))
    return _field(recipe, "hidden", new[0] if isinstance(getattr(recipe.model, "hidden", ()), int) else tuple(new))


def no_dropout(recipe: Recipe) -> Edits:
    """Nothing is dropped."""
    names = [name for name in ("dropout", "input_dropout") if getattr(recipe.model, name, 0)]
    return _possible(recipe, *(Edit(f"model.{name}", 0.0) for name in names))


def dropout(recipe: Recipe) -> Edits:
    """Hidden units are dropped."""
    return _field(recipe, "dropout", _SHARE) if getattr(recipe.model, "dropout", 1) == 0 else None


def no_weight_decay(recipe: Recipe) -> Edits:
    """Weights are not pulled towards zero."""
    return _possible(recipe, Edit("optimizer.weight_decay", 0.0))


def weight_decay(recipe: Recipe) -> Edits:
    """Weights are pulled towards zero."""
    is_less = recipe.optimizer.weight_decay < _DECAY
    return _possible(recipe, Edit("optimizer.weight_decay", _DECAY)) if is_less else None


def stop_early(recipe: Recipe) -> Edits:
    """Training ends when the validation loss has stopped falling."""
    patience = max(3, recipe.epochs // 10)
    if recipe.stopping.patience is not None or patience >= recipe.epochs:
        return None
    return _possible(recipe, Edit("stopping.patience", patience))
