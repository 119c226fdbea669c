"""A network line by line, to read and to draw: what each layer is, puts out, and costs."""

import math
from typing import NamedTuple

from unstuck.network.layers import (
    Activation,
    Average,
    BatchNorm,
    Convolution,
    Dropout,
    Flatten,
    GroupNorm,
    Layer,
    LayerNorm,
    Linear,
    Picture,
    Pool,
    Recurrent,
    Residual,
    Sequence,
)
from unstuck.network.network import Network
from unstuck.network.shapes import Shape, operations, output, parameters

FLOAT = 4  # bytes of a float32


class Line(NamedTuple):
    """One layer."""

    place: str
    """Its name in the network and its module, such as 3 or 3.body.0."""
    layer: str
    """What it is, in words."""
    shape: Shape
    """Of one row's output."""
    parameters: int
    operations: int
    """Multiply-adds of one row's forward pass."""


def outline(network: Network) -> list[Line]:
    """Every layer in order; a residual block's own line comes after those of its body, and costs nothing more."""
    return _lines(network.layers, (network.inputs,), "")


def _lines(layers: tuple[Layer, ...], shape: Shape, prefix: str) -> list[Line]:
    lines: list[Line] = []
    for number, layer in enumerate(layers):
        place = f"{prefix}{number}"
        after = output(layer, shape)
        if isinstance(layer, Residual):
            lines += _lines(layer.body, shape, f"{place}.body.")
            lines.append(Line(place, words(layer), after, 0, 0))
        else:
            count = sum(map(math.prod, parameters(layer).values()))
            lines.append(Line(place, words(layer), after, count, operations(layer, shape)))
        shape = after
    return lines


class Cost(NamedTuple):
    """What a network takes."""

    parameters: int
    operations: int
    """Multiply-adds of one row's forward pass; training takes about three times as many."""
    weights: int
    """Bytes of the parameters."""
    row: int
    """Bytes that one row of a batch adds in training: every layer's output, which the way back needs."""


def cost(network: Network) -> Cost:
    """The sum over the layers."""
    lines = outline(network)
    count = sum(line.parameters for line in lines)
    kept = network.inputs + sum(math.prod(line.shape) for line in lines)
    return Cost(count, sum(line.operations for line in lines), count * FLOAT, kept * FLOAT)


def words(layer: Layer) -> str:
    """What a layer is: its kind and the settings that are not usual."""
    match layer:
        case Linear():
            return f"linear {layer.inputs} → {layer.outputs}"
        case Convolution():
            return _convolution(layer)
        case Pool():
            return f"{layer.name} of {layer.kernel} x {layer.kernel}, stride {layer.stride}"
        case Average():
            return f"average to {layer.sides} x {layer.sides}"
        case LayerNorm() | BatchNorm():
            return "layer norm" if isinstance(layer, LayerNorm) else "batch norm"
        case GroupNorm():
            return f"group norm of {layer.groups}"
        case Activation():
            return f"leaky-relu {layer.slope:g}" if layer.name == "leaky-relu" else layer.name
        case Dropout():
            return f"dropout {layer.share:g}"
        case Residual():
            return "plus the block's input"
        case Recurrent():
            return _recurrent(layer)
        case Picture() | Flatten() | Sequence():
            return {Picture: "picture", Flatten: "flatten", Sequence: "sequence"}[type(layer)]


def _convolution(layer: Convolution) -> str:
    more = [f"stride {layer.stride}"] * (layer.stride > 1) + [f"{layer.groups} groups"] * (layer.groups > 1)
    return ", ".join([f"convolution {layer.kernel} x {layer.kernel}", *more])


def _recurrent(layer: Recurrent) -> str:
    more = [f"{layer.layers} layers"] * (layer.layers > 1) + ["both directions"] * (layer.directions > 1)
    return ", ".join([layer.cell, *more])
