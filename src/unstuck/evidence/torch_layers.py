"""What goes through a model's layers, and what comes back, on a fixed batch; on a copy."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from unstuck.errors import REFUSALS
from unstuck.evidence.evidence import Column, Evidence
from unstuck.evidence.facts import Facts, chance_loss
from unstuck.evidence.torch_facts import quiet, spread
from unstuck.evidence.torch_steps import Vector, plain_gradient
from unstuck.training import torch_random

# Where an activation's slope is a hundredth of its largest, or less: |tanh| beyond √0.99, a sigmoid's 4 s (1 - s)
_SATURATED = {"tanh": (-0.995, 0.995), "sigmoid": (0.0025, 0.9975), "hardtanh": (-0.995, 0.995)}
_RELU = ("relu", "relu_", "relu6")
_OTHERS = ("leaky_relu", "leaky_relu_", "elu", "selu", "gelu", "silu", "softplus", "prelu", "exp")
_DROPOUTS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout")
_MOST, _RANKED = 200, 64  # layers that are looked at; rows and units that a rank is taken of


class _Seen(NamedTuple):
    name: str
    function: str
    values: np.ndarray
    """(R, F): rows, or rows and places, by units."""


class _Watched(TorchFunctionMode):
    """Notes outputs of activations, called as modules or as functions, and the dropouts."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[_Seen] = []
        self.dropouts: list[tuple[str, float, int]] = []
        self.last = "inputs"

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if name in (*_SATURATED, *_RELU, *_OTHERS) and isinstance(result, Tensor):
            self.note(f"{name.rstrip('_')} after {self.last}", name.rstrip("_"), result)
        elif (
            name in ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout")
            and len(args) + len(kwargs) > 1
        ):
            share = float(args[1] if len(args) > 1 else kwargs.get("p", 0.5))
            is_on = args[2] if len(args) > 2 else kwargs.get("training", True)
            if is_on and share:
                self.dropouts.append((f"dropout after {self.last}", share, _units(args[0]).shape[1]))
        return result

    def note(self, name: str, function: str, result: Tensor) -> None:
        if len(self.seen) < _MOST and result.is_floating_point() and result.ndim > 1:
            self.seen.append(_Seen(name, function, _units(result).float().cpu().numpy()))


def _units(values: Tensor) -> Tensor:
    """(R, F): of pictures (N, C, H, W) the channels are units, else the last axis is."""
    values = values.detach()
    if values.ndim >= 4:
        values = values.movedim(1, -1)
    return values.reshape(-1, values.shape[-1])


def of_layers(
    model: nn.Module,
    loss: Callable[..., Tensor],
    x: Tensor,
    y: Tensor,
    *,
    facts: Facts | None = None,
    whole: bool = True,
) -> Evidence:
    """In training mode, from the same random numbers at each look. The model's buffers move: give a copy.

    What follows from the model alone, and ranks, are left out unless it is to be `whole`.

    Shapes: x (N, …); y (N, …).
    """
    random = torch_random.seeded(0, x.device)
    with quiet():
        watched, value = _forward(model, loss, x, y, random)
        model.train()
        gradient = plain_gradient(model, loss, x, y, random)
        bend, growth, weighed = _bend(model, x) if whole else (np.nan, np.nan, 0)
    columns = {
        **_of_activations(watched.seen, whole=whole),
        **_of_gradient(model, gradient, whole=whole),
        "nonlinearity": Column(np.array(bend), "share of the outputs' change"),
        "growth": Column(np.array(growth), "times, from ten to a hundred times the inputs"),
        "weight_layers": Column(np.array(float(weighed)), "layers"),
        "probe_loss": Column(np.array(value), "loss"),
        "input_spread": Column(np.array(_spread(x.reshape(len(x), -1).float().cpu().numpy())), "over rows"),
    }
    if facts is not None:
        columns["chance_loss"] = Column(np.array(chance_loss(facts, y.cpu().numpy())), "loss")
    if watched.dropouts:
        names, shares, widths = zip(*watched.dropouts, strict=True)
        columns["dropout_share"] = Column(np.array(shares), "share of units", names)
        columns["dropout_kept"] = Column((1 - np.array(shares)) * np.array(widths), "units", names)
    return Evidence(columns)


def _forward(
    model: nn.Module, loss: Callable[..., Tensor], x: Tensor, y: Tensor, random: torch_random.States
) -> tuple[_Watched, float]:
    watched = _Watched()

    def hook(name: str) -> Callable[..., None]:
        def note(module: nn.Module, inputs: Any, outputs: Any) -> None:
            watched.last = name
            outputs = outputs[0] if isinstance(outputs, tuple) else outputs
            if isinstance(outputs, Tensor):
                watched.note(name, "", outputs)

        return note

    handles = [part.register_forward_hook(hook(name)) for name, part in _weighed(model).items()]
    model.train()
    with torch_random.lent(x.device), torch.no_grad():
        torch_random.put(random)
        try:
            with watched:
                outputs = model(x)
        finally:
            for handle in handles:
                handle.remove()
        return watched, float(loss(outputs, y))


def _weighed(model: nn.Module) -> dict[str, nn.Module]:
    """Modules with weights of their own, by name."""
    parts = {name: part for name, part in model.named_modules() if name}
    return {name: part for name, part in parts.items() if [*part.parameters(recurse=False)]}


def _spread(values: np.ndarray) -> float:
    """Mean over units of the standard deviation over rows."""
    return float(values.astype(np.float64).std(axis=0).mean())


def _of_activations(seen: list[_Seen], *, whole: bool) -> dict[str, Column]:
    with np.errstate(over="ignore", invalid="ignore"):
        columns = _columns_of(seen)
    if whole:
        ranks = np.array([_rank(one.values) for one in seen])
        columns["layer_rank"] = Column(ranks, "directions", columns["layer_spread"].along)
    return columns


def _columns_of(seen: list[_Seen]) -> dict[str, Column]:
    names = tuple(one.name for one in seen)
    curved = [one for one in seen if one.function in _SATURATED]
    relus = [one for one in seen if one.function in _RELU]
    saturated = [_beyond(one.values, *_SATURATED[one.function]) for one in curved]
    dead = [float((one.values <= 0).all(axis=0).mean()) for one in relus]
    return {
        "layer_mean": Column(np.array([one.values.mean() for one in seen], float), "", names),
        "layer_spread": Column(np.array([_spread(one.values) for one in seen]), "over rows", names),
        "activation_saturated": Column(np.array(saturated), "share of outputs", tuple(one.name for one in curved)),
        "units_dead": Column(np.array(dead), "share of units", tuple(one.name for one in relus)),
    }


def _beyond(values: np.ndarray, low: float, high: float) -> float:
    return float(((values < low) | (values > high)).mean())


def _rank(values: np.ndarray) -> float:
    """How many directions rows differ in: exp of the entropy of the covariance's eigenvalues.

    Source: Roy & Vetterli 2007, "The effective rank", EUSIPCO.
    """
    some = values[spread(len(values), _RANKED), :_RANKED].astype(np.float64)
    if not np.isfinite(some).all():
        return np.nan
    singular = np.linalg.svd(some - some.mean(axis=0), compute_uv=False) ** 2
    if not singular.sum() > 0:
        return 0.0
    shares = singular[singular > 1e-12 * singular.max()] / singular.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _of_gradient(model: nn.Module, gradient: Vector, *, whole: bool) -> dict[str, Column]:
    named = {name: part.detach() for name, part in model.named_parameters()}
    norms = [float(gradient[name].double().norm()) if name in gradient else np.nan for name in named]
    sizes = [float(part.double().norm()) for part in named.values()]
    matrices = [name for name, part in named.items() if part.ndim > 1 and name in gradient]
    typical = [float(gradient[name].double().square().mean().sqrt()) for name in matrices]
    alike = [_alike(named, gradient, name) if whole else np.nan for name in matrices]
    return {
        "gradient_norm": Column(np.array(norms), "length", (*named,)),
        "weight_norm": Column(np.array(sizes), "length", (*named,)),
        "gradient_typical": Column(np.array(typical), "root mean square", (*matrices,)),
        "gradient_length": Column(np.array(np.sqrt(np.nansum(np.square(norms)))), "length"),
        "units_alike": Column(np.array(alike), "share of units", (*matrices,)),
    }


def _alike(named: Vector, gradient: Vector, name: str) -> float:
    """Share of a layer's units with a twin: of the same weights and gradients, so that they stay the same."""
    rows = torch.cat([named[name].flatten(1), gradient[name].flatten(1)], dim=1)
    if len(rows) < 2:
        return 0.0
    _, which, counts = torch.unique(rows, dim=0, return_inverse=True, return_counts=True)
    return float((counts[which] > 1).double().mean())


def _bend(model: nn.Module, x: Tensor) -> tuple[float, float, int]:
    """How far what goes into the last layer's activation is from linear in the inputs, how it grows with
    them, and how many layers have weights. f(a + b) - f(a) - f(b) + f(0) is 0 of a linear layer after another."""
    outputs: list[Tensor] = []
    called = set[str]()

    def hook(name: str) -> Callable[..., None]:
        def note(module: nn.Module, inputs: Any, result: Any) -> None:
            called.add(name)
            outputs.append((result[0] if isinstance(result, tuple) else result).detach().double())

        return note

    def told(inputs: Tensor) -> Tensor | None:
        """None where the model does not take them, as where a column of the inputs numbers things."""
        outputs.clear()
        try:
            made = model(inputs).detach().double()
        except REFUSALS:
            return None
        return outputs[-1] if outputs else made

    if not x.is_floating_point() or len(x) < 2:
        return np.nan, np.nan, 0
    a, b = x, x.flip(0)
    model.eval()
    parts = {name: part for name, part in _weighed(model).items() if not [*part.children()]}
    handles = [part.register_forward_hook(hook(name)) for name, part in parts.items()]
    try:
        with torch_random.lent(x.device), torch.no_grad():
            values = [told(inputs) for inputs in (a + b, a, b, torch.zeros_like(x), 10 * a, 100 * a)]
    finally:
        for handle in handles:
            handle.remove()
    matrices = [name for name in called if any(part.ndim > 1 for part in parts[name].parameters())]
    return _curved(values[:4]), _growth(values[3:]), len(matrices)


def _curved(values: Sequence[Tensor | None]) -> float:
    """Of f(a + b), f(a), f(b), f(0); NaN where one is not known, or nothing changes."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return np.nan
    both, first, second, none = known
    scale = float((first - none).abs().mean() + (second - none).abs().mean())
    return float((both - first - second + none).abs().mean()) / scale if scale else np.nan


def _growth(values: Sequence[Tensor | None]) -> float:
    """Of f(0), f(10 a), f(100 a); NaN likewise, infinite where it has no end."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return np.nan
    none, far, farther = known
    near, away = float((far - none).abs().mean()), float((farther - none).abs().mean())
    if not near or not np.isfinite(near):
        return np.nan
    return away / near if np.isfinite(away) else np.inf
