"""Layers as plain data, from which each engine builds its own.

B rows, C channels, H x W pixels, T steps, F features. Pictures are (B, C, H, W) inside a network, as torch
has them; what a network is given is flat, (B, inputs), and `Picture` or `Sequence` gives it its shape.
"""

from dataclasses import dataclass
from typing import Literal

from unstuck.recipe.model import Activation as ActivationName


@dataclass(frozen=True)
class Linear:
    """Fully connected: y = x Wᵀ + b, x (B, inputs), W (outputs, inputs), b (outputs,) → y (B, outputs)."""

    inputs: int
    outputs: int


@dataclass(frozen=True)
class Convolution:
    """Each output channel sums kernels over its group's input channels: (B, C, H, W) → (B, outputs, H', W')."""

    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1
    bias: bool = True


@dataclass(frozen=True)
class Pool:
    """The largest or the mean of each window: (B, C, H, W) → (B, C, H', W')."""

    name: Literal["max", "average"]
    kernel: int
    stride: int


@dataclass(frozen=True)
class Average:
    """The mean over equal parts of any picture: (B, C, H, W) → (B, C, sides, sides)."""

    sides: int


@dataclass(frozen=True)
class LayerNorm:
    """Each row to mean 0 and variance 1, then times weight plus bias: Ba et al. 2016, arXiv:1607.06450."""

    features: int
    eps: float = 1e-5  # added to the variance; torch's default


@dataclass(frozen=True)
class BatchNorm:
    """Each feature, or channel, to mean 0 and variance 1 over the batch: Ioffe & Szegedy 2015, arXiv:1502.03167.

    In evaluation by running statistics: of each batch, momentum of its mean and its unbiased variance, and
    1 - momentum of what they were.
    """

    features: int
    eps: float = 1e-5
    momentum: float = 0.1  # torch's default
    pictures: bool = False  # whether the input is (B, C, H, W), else (B, F)


@dataclass(frozen=True)
class GroupNorm:
    """Each row's groups of channels to mean 0 and variance 1: Wu & He 2018, arXiv:1803.08494.

    One group is layer norm of a picture; as many groups as channels are instance norm, Ulyanov et al. 2016,
    arXiv:1607.08022.
    """

    groups: int
    features: int
    eps: float = 1e-5


@dataclass(frozen=True)
class Activation:
    """A function of each number, or of each row (softmax)."""

    name: ActivationName
    slope: float = 0.01  # of leaky-relu below zero


@dataclass(frozen=True)
class Dropout:
    """In training each number is 0 with probability `share`, and else divided by 1 - share."""

    share: float


@dataclass(frozen=True)
class Picture:
    """Flat rows as pictures: (B, C · H · W) → (B, C, H, W)."""

    channels: int
    height: int
    width: int


@dataclass(frozen=True)
class Flatten:
    """(B, …) → (B, F)."""


@dataclass(frozen=True)
class Shortcut:
    """Past a residual block that has fewer pixels and more channels: every stride-th pixel, new channels 0."""

    inputs: int
    outputs: int
    stride: int


@dataclass(frozen=True)
class Residual:
    """y = body(x) + shortcut(x): He et al. 2016, arXiv:1512.03385."""

    body: "tuple[Layer, ...]"
    shortcut: Shortcut | None = None  # nothing: x itself


@dataclass(frozen=True)
class Sequence:
    """Flat rows as sequences: (B, T · F) → (B, T, F). A step that is NaN lies after its sequence's end.

    Pictures with channels, (B, C · T · F), are read row by row, all channels at once: (B, T, C · F).
    """

    steps: int
    features: int
    channels: int = 1


@dataclass(frozen=True)
class Recurrent:
    """Reads each sequence to its end and gives the last layer's last state, of both directions one after the
    other: (B, T, inputs) → (B, hidden · directions). Steps after the end change nothing."""

    cell: Literal["rnn", "lstm", "gru"]
    inputs: int
    hidden: int
    layers: int = 1
    directions: Literal[1, 2] = 1
    dropout: float = 0.0  # between layers
    padded: bool = False  # whether some sequences end before the last step


Layer = (
    Linear
    | Convolution
    | Pool
    | Average
    | LayerNorm
    | BatchNorm
    | GroupNorm
    | Activation
    | Dropout
    | Picture
    | Flatten
    | Residual
    | Sequence
    | Recurrent
)
