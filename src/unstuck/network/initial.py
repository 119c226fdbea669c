"""Initializers: how weights start, each with its variance and its paper.

n is a layer's number of inputs (fan in), m that of its outputs (fan out). Biases start at 0, but for
torch's own; normalization starts as the identity.
"""

import math

import numpy as np

from unstuck.network.layers import LayerNorm, Linear, Network
from unstuck.recipe.spec import Constant, Initializer, Normal, Uniform
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
    for number, layer in enumerate(network.layers):
        match layer:
            case Linear():
                weight, bias = named[f"{number}.weight"], named[f"{number}.bias"]
                _fill(weight, bias, initializer, stream(seed, "weights", number))
            case LayerNorm():
                named[f"{number}.weight"][:] = 1
            case _:
                pass
    return flat


def _fill(weight: np.ndarray, bias: np.ndarray, initializer: Initializer, rng: np.random.Generator) -> None:
    outputs, inputs = weight.shape
    match initializer:
        case Uniform(bound=bound):
            weight[:] = rng.uniform(-bound, bound, weight.shape)
        case Normal(std=std):
            weight[:] = rng.normal(0, std, weight.shape)
        case Constant(value=value):
            weight[:] = value
        case _ if initializer.name == "torch":
            # nn.Linear: kaiming_uniform_(a=√5) comes to U(±1/√n), the bias likewise
            bound = 1 / math.sqrt(inputs)
            weight[:] = rng.uniform(-bound, bound, weight.shape)
            bias[:] = rng.uniform(-bound, bound, bias.shape)
        case _:
            rule, distribution = initializer.name.split("-")
            std = math.sqrt(VARIANCES[rule](inputs, outputs))
            bound = math.sqrt(3) * std  # U(-a, a) has variance a²/3
            uniform = distribution == "uniform"
            weight[:] = rng.uniform(-bound, bound, weight.shape) if uniform else rng.normal(0, std, weight.shape)
