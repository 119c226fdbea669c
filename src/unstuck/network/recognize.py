"""nn.Module → Network, where it can."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from unstuck.network import shapes
from unstuck.network.layers import Activation, BatchNorm, Dropout, Layer, LayerNorm, Linear
from unstuck.network.network import Network
from unstuck.recipe.model import Activation as ActivationName

Ahead = Callable[[Tensor], Tensor]
"""What is done to inputs (N, …) ahead of the first layer, row by row, with nothing to learn."""

Inside = Callable[[nn.Module], Sequence[nn.Module | Ahead] | None]
"""What a module of another kind does one after the other; None where it is not known."""

_ACTIVATIONS: dict[type[nn.Module], ActivationName] = {
    nn.Sigmoid: "sigmoid",
    nn.Tanh: "tanh",
    nn.ReLU: "relu",
    nn.LeakyReLU: "leaky-relu",
    nn.ELU: "elu",
    nn.SELU: "selu",
    nn.GELU: "gelu",
    nn.Softmax: "softmax",
}
# Attributes by which one module is made to do something else than its class
_OWN = ("forward", "train", "eval", "__call__")
_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_forward_hooks_with_kwargs",
)


class Recognized(NamedTuple):
    """A network, the module of each of its layers, and what is done to a row ahead of the first."""

    network: Network
    modules: tuple[nn.Module, ...]
    ahead: tuple[Ahead, ...]


def nothing_else(module: nn.Module) -> None:
    """What is inside of modules that are not torch's own: nothing is known."""
    return


def recognized(module: nn.Module, shape: tuple[int, ...], inside: Inside = nothing_else) -> Recognized | None:
    """The network that a module is, for rows of a shape; None unless it is that in every detail.

    A module is recognized if it is nested `nn.Sequential`s of fully connected layers, activations, normalization
    of rows or batches, dropout and flattening, of exactly these classes and without hooks, all of whose parameters
    are trained, none in two places. Layers that do nothing are left out. Nothing is run, nothing is drawn.
    """
    ahead: list[Ahead] = []
    layers: list[Layer] = []
    modules: list[nn.Module] = []
    for part in _parts(module, inside):
        if part is None:
            return None
        if not isinstance(part, nn.Module):
            if modules:
                return None
            ahead.append(part)
        elif type(part) is nn.Flatten and (part.start_dim, part.end_dim) == (1, -1):
            shape = (int(torch.Size(shape).numel()),)
        elif not _does_nothing(part):
            layer = _layer(part)
            if layer is None or not _fits(layer, shape):
                return None
            shape = shapes.output(layer, shape)
            layers.append(layer)
            modules.append(part)
    if not any(isinstance(layer, Linear) for layer in layers) or not _is_trained_once(module, modules):
        return None
    first = next(layer for layer in layers if isinstance(layer, Linear | LayerNorm | BatchNorm))
    inputs = first.inputs if isinstance(first, Linear) else first.features
    return Recognized(Network(tuple(layers), inputs, shape[0]), tuple(modules), tuple(ahead))


def is_plain(module: nn.Module) -> bool:
    """Whether it does what its class does, and nothing beside."""
    own = vars(module)
    return not any(name in own for name in _OWN) and not any(own.get(name) for name in _HOOKS)


def _parts(module: nn.Module, inside: Inside) -> Iterator[nn.Module | Ahead | None]:
    """One after the other, without those around them; None where one cannot be looked into."""
    if not is_plain(module):
        yield None
        return
    parts = [*module.children()] if type(module) is nn.Sequential else inside(module)
    if type(module) is nn.Sequential and len(parts or ()) != len(module):  # the same one twice is a child once
        parts = [*module]
    if parts is None:
        yield None if [*module.children()] else module
        return
    for part in parts:
        if isinstance(part, nn.Module):
            yield from _parts(part, inside)
        else:
            yield part


def _does_nothing(module: nn.Module) -> bool:
    return type(module) is nn.Identity or (type(module) is nn.Dropout and module.p == 0)


def _layer(module: nn.Module) -> Layer | None:
    kind = type(module)
    if kind in _ACTIVATIONS:
        return _activation(module, _ACTIVATIONS[kind])
    match module:
        case nn.Linear(in_features=inputs, out_features=outputs, bias=nn.Parameter()) if kind is nn.Linear:
            return Linear(inputs, outputs)
        case nn.Dropout(p=share) if kind is nn.Dropout and share < 1:
            return Dropout(share)
        case nn.LayerNorm(normalized_shape=(features,), bias=nn.Parameter(), eps=eps) if kind is nn.LayerNorm:
            return LayerNorm(features, eps)
        case nn.BatchNorm1d(num_features=features, affine=True, track_running_stats=True, eps=eps) if (
            kind is nn.BatchNorm1d and module.momentum is not None
        ):
            return BatchNorm(features, eps, module.momentum)
        case _:
            return None


def _activation(module: nn.Module, name: ActivationName) -> Activation | None:
    match module:
        case nn.LeakyReLU(negative_slope=slope):
            return Activation("leaky-relu", slope) if 0 <= slope <= 1 else None
        case nn.ELU(alpha=alpha) if alpha != 1:
            return None
        case nn.GELU(approximate=how) if how != "none":
            return None
        case nn.Softmax(dim=axis) if axis not in (1, -1):
            return None
        case _:
            return Activation(name)


def _fits(layer: Layer, shape: tuple[int, ...]) -> bool:
    """Whether a row of a shape goes into it, flat."""
    width = getattr(layer, "inputs", getattr(layer, "features", None))
    return len(shape) == 1 and width in (None, *shape)


def _is_trained_once(module: nn.Module, modules: Sequence[nn.Module]) -> bool:
    """Whether the layers have all parameters, each once, in float32 on the processor, and learned by no detour."""
    given = [parameter for part in modules for parameter in part.parameters()]
    numbers = {id(parameter) for parameter in given}
    return len(numbers) == len(given) == len([*module.parameters()]) and all(map(_is_learned, given))


def _is_learned(parameter: nn.Parameter) -> bool:
    is_plain_tensor = type(parameter) is nn.Parameter and parameter.layout == torch.strided
    has_hooks = any(getattr(parameter, name, None) for name in ("_backward_hooks", "_post_accumulate_grad_hooks"))
    is_here = parameter.dtype == torch.float32 and parameter.device.type == "cpu"
    return is_plain_tensor and parameter.requires_grad and is_here and not has_hooks
