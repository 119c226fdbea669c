"""Layers and networks as plain data, from which each engine builds its own.

A layer's parameters are named as torch names those of the same place in an `nn.Sequential` (`0.weight`,
`0.bias`, …) and lie one after another in a single flat vector.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from unstuck.recipe.spec import Activation as ActivationName


@dataclass(frozen=True)
class Linear:
    """Fully connected: y = x Wᵀ + b, x (B, inputs), W (outputs, inputs), b (outputs,) → y (B, outputs)."""

    inputs: int
    outputs: int

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the parameters, by name."""
        return {"weight": (self.outputs, self.inputs), "bias": (self.outputs,)}


@dataclass(frozen=True)
class LayerNorm:
    """Each row to mean 0 and variance 1, then times weight plus bias: Ba et al. 2016, arXiv:1607.06450."""

    features: int
    eps: float = 1e-5  # added to the variance; torch's default

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the parameters, by name."""
        return {"weight": (self.features,), "bias": (self.features,)}


@dataclass(frozen=True)
class Activation:
    """A function of each number, or of each row (softmax)."""

    name: ActivationName | Literal["softmax"]
    slope: float = 0.01  # of leaky-relu below zero

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """None: an activation has no parameters."""
        return {}


@dataclass(frozen=True)
class Dropout:
    """In training each number is 0 with probability `share`, and else divided by 1 - share."""

    share: float

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """None: dropout has no parameters."""
        return {}


Layer = Linear | LayerNorm | Activation | Dropout


class Place(NamedTuple):
    """Where a parameter lies in the flat vector."""

    layer: int
    name: str
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class Network:
    """Layers in order, and the link that turns the last one's outputs into predictions.

    Cross-entropy and bce are computed from logits, because that is stable; then the network ends with the
    logits, and its softmax or sigmoid is the link. In all other cases the link is the identity.
    """

    layers: tuple[Layer, ...]
    inputs: int
    outputs: int
    link: Literal["identity", "sigmoid", "softmax"] = "identity"

    def places(self) -> Iterator[Place]:
        """Every parameter's place in the flat vector, in order."""
        start = 0
        for number, layer in enumerate(self.layers):
            for name, shape in layer.shapes.items():
                stop = start + int(np.prod(shape))
                yield Place(number, f"{number}.{name}", shape, start, stop)
                start = stop

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(place.stop - place.start for place in self.places())

    def named(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """Views (no copies) of a flat vector (size,), by parameter name."""
        return {place.name: flat[place.start : place.stop].reshape(place.shape) for place in self.places()}

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs (N, O) through the link: probabilities for classes, numbers for numbers."""
        if self.link == "sigmoid":
            return 1 / (1 + np.exp(-np.clip(outputs, -80, 80)))  # beyond 80 the float32 result is 0 or 1 anyway
        if self.link == "softmax":
            with np.errstate(invalid="ignore"):  # infinite outputs of a diverged network have no probabilities
                powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            return powers / powers.sum(axis=1, keepdims=True)
        return outputs
