"""Multi-layer perceptrons: recipe.model → Network."""

from collections.abc import Iterator
from typing import Literal

from unstuck.network.layers import Activation, Dropout, Layer, LayerNorm, Linear, Network
from unstuck.recipe.spec import Loss, Mlp

# What a loss reads its outputs as, when it computes from logits; the other losses take outputs as they are.
LINKS: dict[str, Literal["softmax", "sigmoid"]] = {"cross-entropy": "softmax", "bce": "sigmoid"}


def mlp(model: Mlp, loss: Loss, *, inputs: int, outputs: int) -> Network:
    """The perceptron for so many input features and outputs; the loss must not be `auto` any more."""
    layers: list[Layer] = []
    width = inputs
    for hidden in model.hidden:
        layers.append(Linear(width, hidden))
        layers.extend(_after_hidden(model, hidden))
        width = hidden
    layers.append(Linear(width, outputs))
    if link := LINKS.get(loss.name):
        return Network(tuple(layers), inputs, outputs, link)
    if model.output not in ("auto", "identity"):
        layers.append(Activation(model.output, model.slope))
    return Network(tuple(layers), inputs, outputs)


def _after_hidden(model: Mlp, width: int) -> Iterator[Layer]:
    normalization = [LayerNorm(width)] if model.normalization == "layer" else []
    if model.normalization_place == "before":
        yield from normalization
    if model.activation != "identity":
        yield Activation(model.activation, model.slope)
    if model.normalization_place == "after":
        yield from normalization
    if model.dropout:
        yield Dropout(model.dropout)
