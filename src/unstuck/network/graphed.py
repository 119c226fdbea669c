"""A network on the computational graph: every layer as the operations that it is made of.

What a recipe describes becomes nodes in NumPy and float64, to be explained, drawn, and compared with both engines.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from unstuck.errors import RecipeError
from unstuck.graph import Node, apply, constant, weight
from unstuck.graph import networks as graph
from unstuck.network import layers
from unstuck.network.layers import Layer
from unstuck.network.network import Network
from unstuck.recipe.loss import Loss


class Graphed(NamedTuple):
    """A network's graph for some rows, in training mode.

    Args:
        outputs: (B, O), before the link.
        weights: by the names that they have in both engines.
        after: each layer, by the name of its place, with its output.
    """

    outputs: Node
    weights: Mapping[str, Node]
    after: Sequence[tuple[str, Layer, Node]]


def graphed(network: Network, weights: Mapping[str, np.ndarray], x: np.ndarray) -> Graphed:
    """The graph of a network for inputs (B, …), scaled as networks see them.

    A layer that the graph has no formula for is a `RecipeError`.
    """
    named = {place.name: weight(weights[place.name], place.name) for place in network.places()}
    node = constant(np.reshape(x, (len(x), network.inputs)), "x")
    after: list[tuple[str, Layer, Node]] = []
    for number, layer in enumerate(network.layers):
        node = _layer(layer, node, named, str(number))
        after.append((str(number), layer, node))
    return Graphed(node, named, after)


def _layer(layer: Layer, x: Node, named: Mapping[str, Node], place: str) -> Node:
    """The layer's output for its input (B, …)."""
    match layer:
        case layers.Linear():
            return graph.linear(x, named[f"{place}.weight"], named[f"{place}.bias"])
        case layers.Activation(name=name, slope=slope):
            return graph.activation(name, x, slope=slope)
        case layers.Picture(channels=channels, height=height, width=width):
            return x.reshape(len(x.value), channels, height, width)
        case layers.Flatten():
            return x.reshape(len(x.value), -1)
        case layers.LayerNorm(eps=eps):
            return graph.normalized(x, named[f"{place}.weight"], named[f"{place}.bias"], eps=eps)
        case layers.BatchNorm(pictures=False, eps=eps):
            return graph.normalized(x, named[f"{place}.weight"], named[f"{place}.bias"], axis=0, eps=eps)
        case layers.Convolution(stride=1, groups=1, bias=True, padding=padding):
            return graph.convolution(_padded(x, padding), named[f"{place}.weight"], named[f"{place}.bias"])
        case layers.Pool(name="max", kernel=kernel, stride=stride) if kernel == stride:
            return graph.pool(_whole_blocks(x, kernel), kernel)
        case layers.Residual(body=body, shortcut=None):
            y = x
            for number, inner in enumerate(body):
                y = _layer(inner, y, named, f"{place}.body.{number}")
            return y + x
        case layers.Dropout(share=0.0):
            return x
        case _:
            word = type(layer).__name__.lower()
            raise RecipeError("model", f"have layers that the graph has formulas for, none of them {word}", word)


def _padded(x: Node, padding: int) -> Node:
    """Pictures with zeros around them."""
    if not padding:
        return x
    rows, channels, height, width = x.shape
    inside = (slice(None), slice(None), slice(padding, padding + height), slice(padding, padding + width))
    return apply("place", x, index=inside, shape=(rows, channels, height + 2 * padding, width + 2 * padding))


def _whole_blocks(x: Node, side: int) -> Node:
    """Pictures without the pixels beyond the last whole block."""
    height, width = (size - size % side for size in x.shape[2:])
    return x if (height, width) == x.shape[2:] else x[:, :, :height, :width]


def loss_of(outputs: Node, targets: np.ndarray, loss: Loss) -> Node:
    """The mean loss of outputs (B, O), which are logits where the loss has a link, for targets (B,) or (B, O)."""
    for field, usual in (("class_weights", "none"), ("label_smoothing", 0.0)):
        if (got := getattr(loss, field)) != usual:
            raise RecipeError(f"loss.{field}", f"be {usual} on the graph", got)
    if loss.name == "cross-entropy":
        return graph.cross_entropy(outputs, targets)
    numbers = constant(np.eye(outputs.shape[1])[targets] if targets.ndim == 1 else targets, "targets")
    match loss.name:
        case "bce":
            return graph.binary_cross_entropy(outputs, numbers)
        case "mse":
            return graph.squared_error(outputs, numbers)
        case "mae":
            return apply("abs", outputs - numbers).mean()
        case _:
            raise RecipeError("loss.name", "be cross-entropy, bce, mse or mae on the graph", loss.name)
