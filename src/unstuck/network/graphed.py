"""A network on the computational graph: every layer as the operations that it is made of.

What a recipe describes becomes nodes in NumPy and float64: to be explained, drawn, trained, and checked by.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from unstuck.errors import RecipeError
from unstuck.graph import Node, apply, constant, weight
from unstuck.graph import networks as graph
from unstuck.network import layers, masks
from unstuck.network.layers import Layer
from unstuck.network.network import Network
from unstuck.network.unrolled import unrolled
from unstuck.recipe.loss import Loss

Kept = Callable[[str, int, float], np.ndarray]
"""(place, size, share) → (size,) which of a dropout layer's numbers are kept."""


def kept_at(seed: int, step: int) -> Kept:
    """What all engines keep at a step, counted from the start of training: `network/masks.py` says it."""
    return lambda place, size, share: masks.kept(masks.step_key(masks.layer_key(seed, place), step), size, share)


class Graphed(NamedTuple):
    """A network's graph for some rows.

    Args:
        outputs: (B, O), before the link.
        weights: by the names that they have in all engines.
        after: each layer, by the name of its place, with its output.
        batches: what went into each batch norm, by the name of its place.
    """

    outputs: Node
    weights: Mapping[str, Node]
    after: Sequence[tuple[str, Layer, Node]]
    batches: Mapping[str, Node]


def graphed(
    network: Network,
    weights: Mapping[str, np.ndarray],
    x: np.ndarray,
    *,
    running: Mapping[str, np.ndarray] | None = None,
    kept: Kept | None = None,
) -> Graphed:
    """The graph of a network for inputs (B, …), scaled as networks see them.

    In evaluation mode if `running` statistics are given, by name; else in training mode, where dropout must be
    told what is `kept`. A layer that the graph has no formula for is a `RecipeError`.
    """
    rows = np.reshape(x, (len(x), network.inputs))
    is_padded = any(isinstance(layer, layers.Recurrent) and layer.padded for layer in network.layers)
    is_there = ~np.isnan(rows) if is_padded else np.ones(rows.shape, bool)
    named = {place.name: weight(weights[place.name], place.name) for place in network.places()}
    making = _Making(named, is_there, running, kept)
    node = constant(np.where(is_there, rows, 0.0), "x")
    after: list[tuple[str, Layer, Node]] = []
    for number, layer in enumerate(network.layers):
        node = making.layer(layer, node, str(number))
        after.append((str(number), layer, node))
    return Graphed(node, named, after, making.batches)


@dataclass(frozen=True, eq=False)
class _Making:
    """What layers are made with."""

    named: Mapping[str, Node]
    is_there: np.ndarray  # (B, inputs); a step that is not lies after its sequence's end
    running: Mapping[str, np.ndarray] | None
    kept: Kept | None
    batches: dict[str, Node] = field(default_factory=dict)

    def layer(self, layer: Layer, x: Node, place: str) -> Node:
        """The layer's output for its input (B, …)."""
        match layer:
            case layers.Linear():
                return graph.linear(x, self.named[f"{place}.weight"], self.named[f"{place}.bias"])
            case layers.Activation(name=name, slope=slope):
                return graph.activation(name, x, slope=slope)
            case layers.LayerNorm() | layers.GroupNorm() | layers.BatchNorm():
                return self._normalization(layer, x, place)
            case layers.Convolution():
                return self._convolution(layer, x, place)
            case layers.Recurrent(dropout=0.0):
                is_there = self.is_there.reshape(len(x.value), x.shape[1], -1)[:, :, 0]
                return unrolled(layer, x, self.named, place, is_there)
            case layers.Residual(body=body, shortcut=shortcut):
                y = x
                for number, inner in enumerate(body):
                    y = self.layer(inner, y, f"{place}.body.{number}")
                return y + (_past(x, shortcut) if shortcut else x)
            case layers.Dropout():
                return self._dropout(layer, x, place)
            case _:
                return _without_weights(layer, x)

    def _normalization(
        self, layer: layers.LayerNorm | layers.GroupNorm | layers.BatchNorm, x: Node, place: str
    ) -> Node:
        """To mean 0 and variance 1, of whatever it is, then times gain plus shift."""
        match layer:
            case layers.LayerNorm():
                y = graph.normalized(x, eps=layer.eps)
            case layers.GroupNorm():
                y = graph.normalized(x.reshape(len(x.value), layer.groups, -1), eps=layer.eps).reshape(*x.shape)
            case _ if self.running is None:
                self.batches[place] = x
                y = graph.normalized(x, axis=(0, 2, 3) if layer.pictures else 0, eps=layer.eps)
            case _:
                mean, variance = (self.running[f"{place}.running_{what}"] for what in ("mean", "var"))
                scale = 1 / np.sqrt(variance.astype(np.float64) + layer.eps)
                y = (x - _by_channel(constant(mean), x)) * _by_channel(constant(scale), x)
        gain, shift = (_by_channel(self.named[f"{place}.{name}"], x) for name in ("weight", "bias"))
        return y * gain + shift

    def _convolution(self, layer: layers.Convolution, x: Node, place: str) -> Node:
        x = _padded(x, layer.padding)
        y = graph.convolution(x, self.named[f"{place}.weight"], stride=layer.stride, groups=layer.groups)
        return y + _by_channel(self.named[f"{place}.bias"], y) if layer.bias else y

    def _dropout(self, layer: layers.Dropout, x: Node, place: str) -> Node:
        if self.running is not None or layer.share == 0:
            return x
        if self.kept is None:
            return _refused(layer)
        kept = self.kept(place, x.value.size, layer.share).reshape(x.shape)
        return x * constant(kept / (1 - layer.share), "kept")


def _refused(layer: Layer) -> Node:
    word = (
        "dropout between recurrent layers" if isinstance(layer, layers.Recurrent) else type(layer).__name__.lower()
    )
    raise RecipeError("model", f"have layers that the graph has formulas for, none of them {word}", word)


def _without_weights(layer: Layer, x: Node) -> Node:
    rows = len(x.value)
    match layer:
        case layers.Picture(channels=channels, height=height, width=width):
            return x.reshape(rows, channels, height, width)
        case layers.Sequence(channels=1, steps=steps, features=features):
            return x.reshape(rows, steps, features)
        case layers.Sequence(channels=channels, steps=steps, features=features):
            places = np.arange(x.shape[1]).reshape(channels, steps, features).swapaxes(0, 1)
            return x[:, places.reshape(steps, -1)]
        case layers.Flatten():
            return x.reshape(rows, -1)
        case layers.Pool(name=name, kernel=kernel, stride=stride):
            return graph.pool(x, kernel, stride, name)
        case layers.Average(sides=sides):
            down, across = (constant(_shares(size, sides)) for size in x.shape[2:])
            return down @ x @ across.T
        case _:
            return _refused(layer)


def _by_channel(values: Node, x: Node) -> Node:
    """(C,) as what fits (B, C) or (B, C, H, W)."""
    return values.reshape(-1, 1, 1) if len(x.shape) == 4 else values


def _shares(size: int, parts: int) -> np.ndarray:
    """(parts, size) how much each pixel of a line counts in the mean over each of its equal parts."""
    pixels, part = np.arange(size), np.arange(parts)[:, None]
    inside = (pixels >= part * size // parts) & (pixels < -(-(part + 1) * size // parts))
    return inside / inside.sum(axis=1, keepdims=True)


def _past(x: Node, shortcut: layers.Shortcut) -> Node:
    """Every stride-th pixel, and new channels of zeros."""
    some = x[:, :, :: shortcut.stride, :: shortcut.stride]
    shape = (len(some.value), shortcut.outputs, *some.shape[2:])
    return apply("place", some, index=(slice(None), slice(shortcut.inputs)), shape=shape)


def _padded(x: Node, padding: int) -> Node:
    """Pictures with zeros around them."""
    if not padding:
        return x
    rows, channels, height, width = x.shape
    inside = (slice(None), slice(None), slice(padding, padding + height), slice(padding, padding + width))
    return apply("place", x, index=inside, shape=(rows, channels, height + 2 * padding, width + 2 * padding))


def loss_of(outputs: Node, targets: np.ndarray, loss: Loss) -> Node:
    """The mean loss of outputs (B, O), which are logits where the loss has a link, for targets (B,) or (B, O)."""
    weights = None if loss.class_weights == "none" else np.array(loss.class_weights, np.float64)
    if loss.name == "cross-entropy" and weights is None and targets.ndim == 1 and not loss.label_smoothing:
        return graph.cross_entropy(outputs, targets)
    numbers = np.eye(outputs.shape[1])[targets] if targets.ndim == 1 else targets
    numbers = numbers * (1 - loss.label_smoothing) + loss.label_smoothing / outputs.shape[1]
    rows = counted(targets, loss)
    if loss.name == "cross-entropy":  # torch weighs each class's own term, and divides by the rows' weights
        terms = numbers if weights is None else numbers * weights
        return -(apply("log-softmax", outputs) * constant(terms / rows.sum(), "targets")).sum()
    each = _each(outputs, constant(numbers, "targets"), loss)
    return each.mean() if weights is None else (each.mean(1) * constant(rows / rows.sum())).sum()


def _each(outputs: Node, numbers: Node, loss: Loss) -> Node:
    match loss.name:
        case "bce":
            return graph.binary_cross_entropy(outputs, numbers)
        case "mae":
            return apply("abs", outputs - numbers)
        case "huber":
            return graph.huber(outputs, numbers, loss.delta)
        case _:
            return graph.squared_error(outputs, numbers)


def counted(targets: np.ndarray, loss: Loss) -> np.ndarray:
    """(B,) how much each row counts in a mean: as much as its class."""
    return np.ones(len(targets)) if loss.class_weights == "none" else np.array(loss.class_weights)[targets]
