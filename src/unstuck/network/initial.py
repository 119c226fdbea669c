"""Initializers: how weights start, each with its variance and its paper.

n is the number of inputs of a unit (fan in), m that of its outputs (fan out); a kernel of k x k pixels counts
k² for each channel, and each gate of a recurrent layer is a matrix of its own. Biases start at 0, but for
torch's own; normalization starts as the identity.
"""

import math

import numpy as np

from unstuck.network import shapes
from unstuck.network.layers import BatchNorm, Convolution, GroupNorm, Layer, LayerNorm, Linear, Recurrent
from unstuck.network.network import Network
from unstuck.recipe.initializer import Constant, Initializer, Normal, Uniform
from unstuck.rng import stream

VARIANCES = {
    # Glorot & Bengio 2010, AISTATS, eq. 12 and 16: keeps variance forward and backward, for odd activations
    "xavier": lambda n, m: 2 / (n + m),
    # He et al. 2015, arXiv:1502.01852, eq. 10: as much again, because ReLU drops half
    "he": lambda n, m: 2 / n,
    # LeCun et al. 1998, Efficient BackProp, 4.6: keeps variance forward
    "lecun": lambda n, m: 1 / n,
}


def initial_parameters(network: Network, initializer: Initializer, seed: int) -> np.ndarray:
    """The flat float32 vector (size,) that training starts from.

    Each layer draws from a stream of its own, so that networks that share a layer's place and shape share
    its initial weights.
    """
    flat = np.zeros(network.size, dtype=np.float32)
    named = network.named(flat)
    for place, layer in network.parts():
        own = {name: named[f"{place}.{name}"] for name in shapes.parameters(layer)}
        if isinstance(layer, LayerNorm | BatchNorm | GroupNorm):
            own["weight"][:] = 1
        elif own:
            index = [int(part) for part in place.split(".") if part.isdigit()]
            _fill(layer, own, initializer, stream(seed, "weights", *index))
    return flat


def _fill(layer: Layer, own: dict[str, np.ndarray], initializer: Initializer, rng: np.random.Generator) -> None:
    for name, values in own.items():
        if initializer.name == "torch":
            bound = _torch_bound(layer)
            values[:] = rng.uniform(-bound, bound, values.shape)
        elif "weight" in name:
            values[:] = _drawn(initializer, values.shape, *_fans(layer, values), rng)


def _torch_bound(layer: Layer) -> float:
    """nn.Linear and nn.Conv2d: kaiming_uniform_(a=√5) comes to U(±1/√n), the bias likewise; nn.LSTM: U(±1/√H)."""
    if isinstance(layer, Recurrent):
        return 1 / math.sqrt(layer.hidden)
    return 1 / math.sqrt(math.prod(shapes.parameters(layer)["weight"][1:]))


def _fans(layer: Layer, weight: np.ndarray) -> tuple[int, int]:
    """Fan in and fan out of a weight matrix, or of kernels (O, I, k, k)."""
    match layer:
        case Recurrent():
            return weight.shape[1], layer.hidden
        case Linear() | Convolution():
            area = math.prod(weight.shape[2:])
            return weight.shape[1] * area, weight.shape[0] * area
        case _:
            raise TypeError(f"{layer} has no weight that an initializer draws")


def _drawn(
    initializer: Initializer, shape: tuple[int, ...], inputs: int, outputs: int, rng: np.random.Generator
) -> np.ndarray:
    match initializer:
        case Uniform(bound=bound):
            return rng.uniform(-bound, bound, shape)
        case Normal(std=std):
            return rng.normal(0, std, shape)
        case Constant(value=value):
            return np.full(shape, value)
        case _:
            rule, distribution = initializer.name.split("-")
            std = math.sqrt(VARIANCES[rule](inputs, outputs))
            bound = math.sqrt(3) * std  # U(-a, a) has variance a²/3
            return rng.uniform(-bound, bound, shape) if distribution == "uniform" else rng.normal(0, std, shape)
