"""Networks of fully connected layers: multi-layer perceptrons and autoencoders."""

from collections.abc import Iterator

from unstuck.errors import RecipeError
from unstuck.network.layers import Activation, BatchNorm, Dropout, GroupNorm, Layer, LayerNorm, Linear
from unstuck.recipe.model import Autoencoder, Mlp

# Groups of group norm at most, and a perceptron's features in one at least: Wu & He 2018, arXiv:1803.08494,
# table 3. A channel of a picture has many numbers; a unit has one, whose own mean would be all there is of it.
GROUPS, FEATURES = 32, 16


def mlp(model: Mlp, inputs: int, outputs: int) -> tuple[Layer, ...]:
    """The perceptron for so many input features, up to its outputs, which nothing follows yet."""
    layers: list[Layer] = [Dropout(model.input_dropout)] if model.input_dropout else []
    width = inputs
    for hidden in model.hidden:
        layers.append(Linear(width, hidden))
        layers.extend(_after_hidden(model, hidden))
        width = hidden
    return (*layers, Linear(width, outputs))


def _after_hidden(model: Mlp, width: int) -> Iterator[Layer]:
    normalization = _normalization(model.normalization, width)
    if model.normalization_place == "before":
        yield from normalization
    if model.activation != "identity":
        yield Activation(model.activation, model.slope)
    if model.normalization_place == "after":
        yield from normalization
    if model.dropout:
        yield Dropout(model.dropout)


def _normalization(name: str, width: int) -> list[Layer]:
    match name:
        case "none":
            return []
        case "batch":
            return [BatchNorm(width)]
        case "layer":
            return [LayerNorm(width)]
        case "group":
            return [GroupNorm(groups_of(width, least=min(FEATURES, width)), width)]
        case _:
            hint = "An instance has one number per unit here; layer normalizes a row."
            raise RecipeError("model.normalization", "be another for a perceptron", name, hint=hint)


def groups_of(features: int, *, least: int = 1) -> int:
    """Groups of equal size for group norm: the most up to 32, of so many features at least."""
    return max(count for count in range(1, GROUPS + 1) if features % count == 0 and features // count >= least)


def autoencoder(model: Autoencoder, inputs: int) -> tuple[Layer, ...]:
    """Encoder and decoder, up to the outputs; the code has no activation, so that it may take any value."""
    if not model.hidden:
        raise RecipeError("model.hidden", "have at least the code's width", [], hint="Try 128,32.")
    layers: list[Layer] = [Dropout(model.input_dropout)] if model.input_dropout else []
    width, middle = inputs, len(model.hidden) - 1
    for number, hidden in enumerate((*model.hidden, *reversed(model.hidden[:-1]))):
        layers.append(Linear(width, hidden))
        if number != middle:
            layers.append(Activation(model.activation))
            layers.extend([Dropout(model.dropout)] if model.dropout else [])
        width = hidden
    return (*layers, Linear(width, inputs))
