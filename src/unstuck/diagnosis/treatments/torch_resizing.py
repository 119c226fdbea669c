"""Layers of another width, and those after them that must take it."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_BATCH_NORMS = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
)
RESIZABLE = (nn.Linear, *CONVOLUTIONS, nn.LSTM, nn.GRU, nn.RNN)


class Style(NamedTuple):
    """How a layer's weights start: their mean, their spread times √(inputs), and its biases, if all are alike."""

    mean: float
    gain: float
    bias: float | None


def width_of(part: nn.Module) -> int:
    """Numbers that come out of a layer, per place."""
    return int(getattr(part, width_name(part)))


def width_name(part: nn.Module) -> str:
    """What that is called."""
    if isinstance(part, nn.RNNBase):
        return "hidden_size"
    return "out_features" if isinstance(part, nn.Linear) else "out_channels"


def mended(module: nn.Module, x: Tensor) -> nn.Module:
    """The module, whose layers take what comes: those that expect another width are made anew, in place.

    They start in the same style. Where the forward's code counts on a width, an error of torch's is raised.
    """
    handles = [
        part.register_forward_pre_hook(_fit)
        for part in module.modules()
        if isinstance(part, (*RESIZABLE, *_BATCH_NORMS, nn.LayerNorm, nn.GroupNorm))
    ]
    was = module.training
    try:
        with torch.no_grad():
            module.eval()(x.to(next((p.device for p in module.parameters()), x.device)))
    finally:
        for handle in handles:
            handle.remove()
        module.train(was)
    return module


def _fit(part: nn.Module, args: tuple[Any, ...]) -> None:
    x = args[0]
    match part:
        case nn.Linear() if x.shape[-1] != part.in_features:
            remake(part, in_features=x.shape[-1])
        case nn.Conv1d() | nn.Conv2d() | nn.Conv3d() if x.shape[1] != part.in_channels:
            groups = x.shape[1] if part.groups == part.in_channels else part.groups
            out = x.shape[1] if part.groups == part.in_channels == part.out_channels else part.out_channels
            remake(part, in_channels=x.shape[1], groups=groups, out_channels=out)
        case nn.RNNBase() if x.shape[-1] != part.input_size:
            remake(part, input_size=x.shape[-1])
        case nn.LayerNorm() if tuple(x.shape[-len(part.normalized_shape) :]) != part.normalized_shape:
            remake(part, normalized_shape=tuple(x.shape[-len(part.normalized_shape) :]))
        case nn.GroupNorm() if x.shape[1] != part.num_channels:
            remake(part, num_channels=x.shape[1], num_groups=math.gcd(part.num_groups, x.shape[1]))
        case _ if isinstance(part, _BATCH_NORMS) and x.shape[1] != part.num_features:
            remake(part, num_features=x.shape[1])
        case _:
            pass


_ARGUMENTS: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Linear: ("in_features", "out_features"),
    **dict.fromkeys(
        CONVOLUTIONS,
        ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "padding_mode"),
    ),
    **dict.fromkeys(
        (nn.LSTM, nn.GRU),
        ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional"),
    ),
    nn.RNN: (
        *("input_size", "hidden_size", "num_layers", "nonlinearity", "bias", "batch_first", "dropout"),
        "bidirectional",
    ),
    nn.LayerNorm: ("normalized_shape", "eps", "elementwise_affine"),
    nn.GroupNorm: ("num_groups", "num_channels", "eps", "affine"),
    **dict.fromkeys(_BATCH_NORMS, ("num_features", "eps", "momentum", "affine", "track_running_stats")),
}


def remake(part: Any, **other: Any) -> None:
    """Make a layer anew in its place, with other sizes, in its style."""
    kind = next(kind for kind in _ARGUMENTS if isinstance(part, kind))
    arguments = {name: getattr(part, name) for name in _ARGUMENTS[kind]} | other
    if isinstance(part, (nn.Linear, *CONVOLUTIONS)):
        arguments["bias"] = part.bias is not None
    style, training = _style(part), part.training
    kind.__init__(part, **arguments)
    part.train(training)
    if style:
        _start(part, style)


def _style(part: nn.Module) -> Style | None:
    if not isinstance(part, (nn.Linear, *CONVOLUTIONS)):
        return None
    weight, bias = part.weight.detach(), part.bias
    spread = float(weight.std()) if weight.numel() > 1 else 0.0
    biases = [] if bias is None else bias.detach().tolist()
    is_set = len({*biases}) == 1 and (len(biases) > 1 or biases == [0.0])  # a single one may have been drawn
    return Style(float(weight.mean()), spread * math.sqrt(weight[0].numel()), biases[0] if is_set else None)


def _start(part: Any, style: Style) -> None:
    """Draw with the same spread per input; weights that were all one number stay so."""
    spread = style.gain / math.sqrt(part.weight[0].numel())
    with torch.no_grad():
        if spread == 0:
            part.weight.fill_(style.mean)
        elif abs(spread * math.sqrt(3) - 1 / math.sqrt(part.weight[0].numel())) > 0.2 * spread:
            part.weight.normal_(0, spread)  # else it is torch's own start, as it stands
        if style.bias is not None:
            part.bias.fill_(style.bias)


def one_hidden(inputs: int, outputs: int, bias: bool, width: int) -> nn.Sequential:
    """A linear layer's stand-in with one hidden layer."""
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, outputs, bias=bias))
