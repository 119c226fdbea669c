"""Network → nn.Module."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unstuck.network import layers
from unstuck.network.layers import Layer
from unstuck.network.masks import FIRST, GOLDEN, SECOND, layer_key, step_key, threshold
from unstuck.network.network import Network

_ACTIVATIONS = {
    "identity": nn.Identity,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
}
_CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def torch_module(network: Network, weights: Mapping[str, np.ndarray], *, seed: int = 0) -> nn.Sequential:
    """The same network in torch, with copies of the weights, by the places' names; buffers may be left out.

    `seed` draws what its dropout drops.
    """
    module = nn.Sequential(*map(_layer, network.layers))
    # Channels next to each other in memory: LeNet-5's step takes 0.8 of the time (docs/log.md). torch's stubs
    # do not know the argument.
    cast(Any, module).to(memory_format=torch.channels_last)
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if name in weights:
                value.copy_(torch.from_numpy(np.array(weights[name])))
    for place, layer in network.parts():
        if isinstance(layer, layers.Dropout):
            dropout = module.get_submodule(place)
            assert isinstance(dropout, Dropout)
            dropout.key = layer_key(seed, place)
    return module


class Dropout(nn.Module):
    """Inverted dropout whose choice is a function of seed, layer and step, as `network/masks.py` defines it.

    Whoever trains sets `step`, the number of steps before this one, and, where these are not all rows of the
    batch, `rows_before`, the number of rows before them.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share, self.key, self.step, self.rows_before = share, np.uint64(0), 0, 0

    def forward(self, x: Tensor) -> Tensor:
        """x (B, …) → (B, …)."""
        if not self.training or self.share == 0:
            return x
        return x * _kept(self, x.shape, x.device) / (1 - self.share)

    def extra_repr(self) -> str:
        """What print shows in the parentheses."""
        return f"share={self.share}"


def _kept(dropout: Dropout, shape: torch.Size, device: torch.device) -> Tensor:
    """`masks.kept`, in torch: which of a batch's numbers stay, as a tensor of their shape."""
    first = 1 + dropout.rows_before * shape[1:].numel()
    state = torch.arange(first, first + shape.numel(), device=device) * _signed(GOLDEN)
    state = _mixed(state + _signed(step_key(dropout.key, dropout.step)))
    return (_shifted(state, 32) >= threshold(dropout.share)).reshape(shape)


def _signed(number: np.uint64) -> int:
    """The same 64 bits as torch's int64 has them; its sums and products wrap as those of unsigned numbers do."""
    return int(np.array(number).astype(np.int64))


def _shifted(state: Tensor, bits: int) -> Tensor:
    """To the right, zeros coming in: torch repeats the sign."""
    return (state >> bits) & ((1 << (64 - bits)) - 1)


def _mixed(state: Tensor) -> Tensor:
    """`masks.mixed`, in torch."""
    state = (state ^ _shifted(state, 30)) * _signed(FIRST)
    state = (state ^ _shifted(state, 27)) * _signed(SECOND)
    return state ^ _shifted(state, 31)


class Picture(nn.Module):
    """(B, C · H · W) as pictures (B, C, H, W)."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.shape = (channels, height, width)

    def forward(self, x: Tensor) -> Tensor:
        """A view."""
        return x.reshape(-1, *self.shape)


class Sequence(nn.Module):
    """(B, C · T · F) as sequences (B, T, C · F)."""

    def __init__(self, channels: int, steps: int, features: int) -> None:
        super().__init__()
        self.shape = (channels, steps, features)

    def forward(self, x: Tensor) -> Tensor:
        """A view where there is one channel."""
        return x.reshape(-1, *self.shape).permute(0, 2, 1, 3).flatten(2)


class Residual(nn.Module):
    """y = body(x) + shortcut(x)."""

    def __init__(self, body: nn.Sequential, shortcut: layers.Shortcut | None) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, H, W) → (B, C', H', W')."""
        past = x
        if self.shortcut:
            past = x[:, :, :: self.shortcut.stride, :: self.shortcut.stride]
            past = functional.pad(past, (0, 0, 0, 0, 0, self.shortcut.outputs - self.shortcut.inputs))
        return self.body(x) + past


class Recurrent(nn.Module):
    """torch's recurrent layers, read to each sequence's own end."""

    def __init__(self, spec: layers.Recurrent) -> None:
        super().__init__()
        self.spec = spec
        with torch.device("meta"):  # draws nothing, as `skip_init` does, which knows no nn.LSTM
            cells = _CELLS[spec.cell](
                spec.inputs,
                spec.hidden,
                spec.layers,
                batch_first=True,
                bidirectional=spec.directions == 2,
                dropout=spec.dropout,
            )
        self.cells = cells.to_empty(device="cpu")

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, F), NaN after a sequence's end → the top layer's last state (B, hidden · directions)."""
        state = self.cells(_packed(x) if self.spec.padded else x)[1]
        last: Tensor = state[0] if self.spec.cell == "lstm" else state  # (layers · directions, B, hidden)
        return last[-self.spec.directions :].permute(1, 0, 2).flatten(1)


def _packed(x: Tensor) -> nn.utils.rnn.PackedSequence:
    lengths = (~x[:, :, 0].isnan()).sum(dim=1).cpu()
    return nn.utils.rnn.pack_padded_sequence(x.nan_to_num(), lengths, batch_first=True, enforce_sorted=False)


def _layer(layer: Layer) -> nn.Module:
    """A layer's module; those with weights are not drawn, as they are put in afterwards."""
    match layer:
        case layers.Linear(inputs=inputs, outputs=outputs):
            return nn.utils.skip_init(nn.Linear, inputs, outputs)
        case layers.Convolution(inputs=inputs, outputs=outputs, kernel=kernel):
            rest = {"stride": layer.stride, "padding": layer.padding, "groups": layer.groups, "bias": layer.bias}
            return nn.utils.skip_init(nn.Conv2d, inputs, outputs, kernel, **rest)
        case layers.Activation():
            return _activation(layer)
        case layers.Residual(body=body, shortcut=shortcut):
            return Residual(nn.Sequential(*map(_layer, body)), shortcut)
        case layers.Recurrent():
            return Recurrent(layer)
        case _:
            return _without_weights(layer) or _normalization(layer)


def _activation(layer: layers.Activation) -> nn.Module:
    match layer.name:
        case "softmax":
            return nn.Softmax(dim=1)
        case "leaky-relu":
            return nn.LeakyReLU(layer.slope)
        case name:
            return _ACTIVATIONS[name]()


def _without_weights(layer: Layer) -> nn.Module | None:
    match layer:
        case layers.Dropout(share=share):
            return Dropout(share)
        case layers.Pool(name="max", kernel=kernel, stride=stride):
            return nn.MaxPool2d(kernel, stride)
        case layers.Pool(kernel=kernel, stride=stride):
            return nn.AvgPool2d(kernel, stride)
        case layers.Average(sides=sides):
            return nn.AdaptiveAvgPool2d(sides)
        case layers.Picture():
            return Picture(layer.channels, layer.height, layer.width)
        case layers.Sequence():
            return Sequence(layer.channels, layer.steps, layer.features)
        case layers.Flatten():
            return nn.Flatten()
        case _:
            return None


def _normalization(layer: Layer) -> nn.Module:
    match layer:
        case layers.LayerNorm(features=features, eps=eps):
            return nn.LayerNorm(features, eps=eps)
        case layers.GroupNorm(groups=groups, features=features, eps=eps):
            return nn.GroupNorm(groups, features, eps=eps)
        case layers.BatchNorm(features=features, eps=eps, momentum=momentum):
            kind = nn.BatchNorm2d if layer.pictures else nn.BatchNorm1d
            return kind(features, eps=eps, momentum=momentum)
        case _:
            raise TypeError(f"{layer} is no layer that torch is given")
