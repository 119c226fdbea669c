"""A network: layers in order, whose parameters lie one after another in a flat vector.

Parameters are named as torch names those of the same place in an `nn.Sequential`: `0.weight`, `0.bias`, and
inside a residual block `3.body.0.weight`.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from unstuck.network import shapes
from unstuck.network.layers import Layer, Residual


class Place(NamedTuple):
    """Where a parameter lies in the flat vector."""

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

    def parts(self) -> Iterator[tuple[str, Layer]]:
        """Every layer by its place's name, those inside residual blocks too, in order."""
        yield from _parts(self.layers, "")

    def places(self) -> Iterator[Place]:
        """Every parameter's place in the flat vector, in order."""
        start = 0
        for part, layer in self.parts():
            for name, shape in shapes.parameters(layer).items():
                stop = start + math.prod(shape)
                yield Place(f"{part}.{name}", shape, start, stop)
                start = stop

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(place.stop - place.start for place in self.places())

    def named(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """Views (no copies) of a flat vector (size,), by parameter name."""
        return {place.name: flat[place.start : place.stop].reshape(place.shape) for place in self.places()}

    def flat(self, named: Mapping[str, np.ndarray]) -> np.ndarray:
        """A flat vector (size,) float32 of copies, from arrays by parameter name."""
        flat = np.empty(self.size, dtype=np.float32)
        for name, place in self.named(flat).items():
            place[...] = named[name]
        return flat

    def buffers(self) -> dict[str, np.ndarray]:
        """New arrays of all that is kept and not trained, by name, as training starts with them."""
        return {
            f"{part}.{name}": _START[name](shape)
            for part, layer in self.parts()
            for name, shape in shapes.buffers(layer).items()
        }

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs (N, O) through the link: probabilities for classes, numbers for numbers."""
        return linked(self.link, outputs)


def linked(link: str, outputs: np.ndarray) -> np.ndarray:
    """Outputs (N, O) through a link: sigmoid, softmax or identity."""
    if link == "sigmoid":
        return 1 / (1 + np.exp(-np.clip(outputs, -80, 80)))  # beyond 80 the float32 result is 0 or 1 anyway
    if link == "softmax":
        with np.errstate(invalid="ignore", over="ignore"):  # a diverged network's: infinite ones have no softmax
            powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    return outputs


_START = {
    "running_mean": lambda shape: np.zeros(shape, np.float32),
    "running_var": lambda shape: np.ones(shape, np.float32),
    "num_batches_tracked": lambda shape: np.zeros(shape, np.int64),
}


def _parts(layers: tuple[Layer, ...], prefix: str) -> Iterator[tuple[str, Layer]]:
    for number, layer in enumerate(layers):
        yield f"{prefix}{number}", layer
        if isinstance(layer, Residual):
            yield from _parts(layer.body, f"{prefix}{number}.body.")
