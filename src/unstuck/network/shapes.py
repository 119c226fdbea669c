"""What follows from a layer's data: its parameters, the shape of its output, and what it costs."""

import math
from collections.abc import Iterator

from unstuck.network.layers import (
    Average,
    BatchNorm,
    Convolution,
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
    Shortcut,
)

Shape = tuple[int, ...]

# Stacked in one matrix: torch's order is input, forget, cell, output for lstm, and reset, update, new for gru.
GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def parameters(layer: Layer) -> dict[str, Shape]:
    """Shapes of what is trained, by torch's names. Those of a residual block are its layers' own."""
    match layer:
        case Linear():
            return {"weight": (layer.outputs, layer.inputs), "bias": (layer.outputs,)}
        case Convolution(kernel=kernel):
            weight = (layer.outputs, layer.inputs // layer.groups, kernel, kernel)
            return {"weight": weight} | ({"bias": (layer.outputs,)} if layer.bias else {})
        case LayerNorm() | BatchNorm() | GroupNorm():
            return {"weight": (layer.features,), "bias": (layer.features,)}
        case Recurrent():
            return _recurrent(layer)
        case _:
            return {}


def buffers(layer: Layer) -> dict[str, Shape]:
    """Shapes of what is kept beside the parameters and not trained, by torch's names."""
    if isinstance(layer, BatchNorm):
        return {"running_mean": (layer.features,), "running_var": (layer.features,), "num_batches_tracked": ()}
    return {}


def _recurrent(layer: Recurrent) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    for number in range(layer.layers):
        inputs = layer.inputs if number == 0 else layer.hidden * layer.directions
        for suffix in ("", "_reverse")[: layer.directions]:
            units = GATES[layer.cell] * layer.hidden
            shapes |= {
                f"cells.weight_ih_l{number}{suffix}": (units, inputs),
                f"cells.weight_hh_l{number}{suffix}": (units, layer.hidden),
                f"cells.bias_ih_l{number}{suffix}": (units,),
                f"cells.bias_hh_l{number}{suffix}": (units,),
            }
    return shapes


def output(layer: Layer | Shortcut, shape: Shape) -> Shape:
    """Of one row's output, for one row's input of a shape."""
    match layer:
        case Linear():
            return (layer.outputs,)
        case Convolution(kernel=kernel, stride=stride, padding=padding):
            return (layer.outputs, *((side + 2 * padding - kernel) // stride + 1 for side in shape[1:]))
        case Pool(kernel=kernel, stride=stride):
            return (shape[0], *((side - kernel) // stride + 1 for side in shape[1:]))
        case Average(sides=sides):
            return (shape[0], sides, sides)
        case Picture():
            return (layer.channels, layer.height, layer.width)
        case Flatten():
            return (math.prod(shape),)
        case Residual():
            return along(layer.body, shape)[-1]
        case Sequence():
            return (layer.steps, layer.channels * layer.features)
        case Recurrent():
            return (layer.hidden * layer.directions,)
        case _:
            return shape


def along(layers: tuple[Layer, ...], shape: Shape) -> list[Shape]:
    """Of every layer's output, in order."""
    shapes: list[Shape] = []
    for layer in layers:
        shape = output(layer, shape)
        shapes.append(shape)
    return shapes


def inside(layers: tuple[Layer, ...], shape: Shape) -> Iterator[tuple[Layer, Shape]]:
    """Every layer with the shape of its input, those inside residual blocks too, in order."""
    for layer, before in zip(layers, [shape, *along(layers, shape)], strict=False):
        yield layer, before
        if isinstance(layer, Residual):
            yield from inside(layer.body, before)


def operations(layer: Layer, shape: Shape) -> int:
    """Multiply-adds of one row's forward pass, in the products alone; `shape` is the input's."""
    weights = sum(math.prod(shape) for shape in parameters(layer).values() if len(shape) > 1)
    match layer:
        case Convolution():
            return weights * math.prod(output(layer, shape)[1:])
        case Recurrent():
            return weights * shape[0]
        case Residual():
            inputs = [shape, *along(layer.body, shape)]
            return sum(map(operations, layer.body, inputs))
        case _:
            return weights
