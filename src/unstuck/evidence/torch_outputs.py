"""What outputs do: which operation makes them, what they can reach, on which rows they depend; on copies."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from unstuck.errors import REFUSALS
from unstuck.evidence.evidence import Column, Evidence, word
from unstuck.evidence.facts import Facts
from unstuck.evidence.torch_facts import quiet
from unstuck.training import torch_random

# What autograd calls the operations that bound outputs, and what they reach
_OPERATIONS = {
    "SoftmaxBackward0": ("softmax", 0.0, 1.0),
    "LogSoftmaxBackward0": ("log-softmax", -np.inf, 0.0),
    "SigmoidBackward0": ("sigmoid", 0.0, 1.0),
    "LogSigmoidBackward0": ("log-sigmoid", -np.inf, 0.0),
    "TanhBackward0": ("tanh", -1.0, 1.0),
    "HardtanhBackward0": ("hardtanh", -1.0, 1.0),
    "HardsigmoidBackward0": ("sigmoid", 0.0, 1.0),
    "ReluBackward0": ("relu", 0.0, np.inf),
    "SoftplusBackward0": ("softplus", 0.0, np.inf),
    "ExpBackward0": ("exp", 0.0, np.inf),
    "SoftmaxBackward": ("softmax", 0.0, 1.0),
}
# Those behind which any number may come out
_UNBOUNDED = ("addmm", "mm", "add", "sub", "convolution", "bmm", "mv", "baddbmm", "embedding", "squeeze")
# Those that only lay numbers out anew
_LAYOUTS = (
    "View",
    "Reshape",
    "UnsafeView",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "Permute",
    "TBackward",
    "Clone",
    "ToCopy",
    "Alias",
    "Expand",
)
_SCALES = (3.0, 30.0)  # by which weights, and then inputs, are multiplied to drive outputs to their bounds
_SAME = 1e-5  # relative difference of float32 sums in another order


def of_outputs(model: nn.Module, x: Tensor, y: Tensor, facts: Facts) -> Evidence:
    """In evaluation mode, on some rows. The model is changed: give a copy.

    Shapes: x (N, …); y (N, …).
    """
    with quiet(), torch_random.lent(x.device):
        operation, axis, low, high = _last_operation(model, x)
        passes = [_told(model, x), _told(model, x)]
        columns = {
            **_of_rows(model, x),
            "rows_normalized": _number(_normalizes(model, x), "whether"),
            "outputs_random": _number(_apart(*passes), "share of their spread"),
            "outputs_spread": _number(_spread(passes[0]), "share of their size"),
            "mode_difference": _number(_mode_difference(model, x, passes[0]), "share of their spread"),
        }
        reached = [passes[0], *_driven(model, x, is_token=facts.is_token)]
    sums = _sums_to_one(reached, axis)
    bounds = (low, high) if (low, high) != (-np.inf, np.inf) else None
    reach = (-np.inf, np.inf) if operation in _UNBOUNDED else _reach(reached, bounds)
    values = y.detach().cpu().numpy().astype(np.float64)
    values = values[np.isfinite(values)]
    beyond = np.nan
    if values.size and (facts.kind != "classes" or facts.is_one_hot):
        beyond = float(((values < reach[0] - _SAME) | (values > reach[1] + _SAME)).mean())
    columns |= {
        "outputs_operation": word(operation),
        "outputs_sum_axis": _number(sums, "axis along which they sum to 1, -1: none"),
        "outputs_constant": _number(float(_is_constant(reached)), "whether"),
        "outputs_reach": Column(np.array(reach), "", ("least", "most")),
        "outputs_seen": Column(np.array(_ends(reached)), "", ("least", "most")),
        "targets_beyond": _number(beyond, "share of targets"),
    }
    return Evidence(columns)


def _number(value: float, unit: str) -> Column:
    return Column(np.array(float(value)), unit)


def _told(model: nn.Module, x: Tensor) -> Tensor:
    model.eval()
    with torch.no_grad():
        return model(x).detach().float()


def _last_operation(model: nn.Module, x: Tensor) -> tuple[str, int | None, float, float]:
    """The last operation that changes numbers, the axis that it runs over, and the bounds that it sets."""
    model.eval()
    with torch.enable_grad():
        inputs = x.detach().clone().requires_grad_() if x.is_floating_point() else x
        node: Any = model(inputs).grad_fn
    while node is not None and node.name().startswith(_LAYOUTS) and node.next_functions:
        node = node.next_functions[0][0]
    if node is None or node.name() not in _OPERATIONS:
        return ("" if node is None else node.name().partition("Backward")[0].lower()), None, -np.inf, np.inf
    operation, low, high = _OPERATIONS[node.name()]
    if operation == "hardtanh":
        low, high = float(node._saved_min_val), float(node._saved_max_val)
    axis = getattr(node, "_saved_dim", None)
    return operation, axis if axis is None or axis < 2**31 else axis - 2**64, low, high


def _of_rows(model: nn.Module, x: Tensor) -> dict[str, Column]:
    """Whether a row's output changes with the rows before or after it, which are exchanged for copies of one."""
    half = len(x) // 2
    if half < 1:
        return {}
    random = torch_random.current(x.device)
    first = _told(model, x)
    if len(first) != len(x):
        return {}
    largest = 0.0
    for kept in (slice(0, half), slice(half, len(x))):
        others = x[:1].expand(x.shape).clone()
        others[kept] = x[kept]
        torch_random.put(random)
        largest = max(largest, float((first[kept] - _told(model, others)[kept]).abs().max()))
    return {"rows_mixed": _number(largest / _size(first), "share of the outputs' size")}


class _Normalized(TorchFunctionMode):
    """Notes whether a batch normalization takes the batch's own mean and spread."""

    def __init__(self) -> None:
        super().__init__()
        self.by_batch = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") == "batch_norm":
            self.by_batch |= bool(kwargs.get("training", args[5] if len(args) > 5 else False))
        return func(*args, **kwargs)


def _normalizes(model: nn.Module, x: Tensor) -> float:
    with _Normalized() as seen:
        _told(model, x)
    return float(seen.by_batch)


def _size(told: Tensor) -> float:
    return max(float(told.abs().max()), 1e-30)


def _spread(told: Tensor) -> float:
    """Of an output over the rows, the largest, as a share of the largest output."""
    return float((told.amax(dim=0) - told.amin(dim=0)).max()) / _size(told)


def _apart(first: Tensor, second: Tensor) -> float:
    return float((first - second).abs().max()) / max(_spread(first) * _size(first), _SAME * _size(first))


def _mode_difference(model: nn.Module, x: Tensor, told: Tensor) -> float:
    """Between training and evaluation mode, from the same random numbers."""
    state = {name: value.clone() for name, value in model.state_dict().items() if isinstance(value, Tensor)}
    model.train()
    try:
        with torch.no_grad():
            return _apart(told, model(x).detach().float())
    except ValueError:  # BatchNorm of a single row
        return np.nan
    finally:
        model.load_state_dict(state, strict=False)
        model.eval()


def _driven(model: nn.Module, x: Tensor, *, is_token: bool) -> Iterator[Tensor]:
    """Outputs of the model with larger weights, and with larger and opposite inputs."""
    kept = [parameter.detach().clone() for parameter in model.parameters()]
    random = torch.Generator(device="cpu").manual_seed(0)
    for scale in _SCALES:
        for change in _changes(random):
            with torch.no_grad():
                for parameter, value in zip(model.parameters(), kept, strict=True):
                    parameter.copy_(change(value) * scale)
            for inputs in (x,) if is_token else (x, -scale * x):
                try:
                    told = _told(model, inputs)
                except REFUSALS:  # such as inputs that are, among others, numbers of things
                    continue
                if told.isfinite().all():
                    yield told
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), kept, strict=True):
            parameter.copy_(value)


def _changes(random: torch.Generator) -> tuple[Callable[[Tensor], Tensor], ...]:
    def flipped(value: Tensor) -> Tensor:
        """Half the numbers with the other sign: weights that are all positive hide what is reached."""
        signs = torch.randint(0, 2, value.shape, generator=random).to(value.device, value.dtype)
        return value * (2 * signs - 1)

    def drawn(value: Tensor) -> Tensor:
        fresh = torch.randn(value.shape, generator=random).to(value.device, value.dtype)
        return value + 0.1 * fresh

    return flipped, drawn


def _sums_to_one(reached: list[Tensor], axis: int | None) -> int:
    """The axis along which all outputs sum to 1; of several, the one that a softmax runs over; -1 if none."""
    dims = reached[0].ndim
    order = [axis % dims] if axis is not None else []
    for dim in (*order, *range(dims)):
        if all(_are_shares(told, dim) for told in reached):
            return dim
    return -1


def _are_shares(told: Tensor, dim: int) -> bool:
    sums = told.sum(dim)
    return bool((told >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-3)


def _is_constant(reached: list[Tensor]) -> bool:
    first = reached[0].flatten()[0]
    return all(bool(((told - first).abs() <= _SAME * max(1.0, abs(float(first)))).all()) for told in reached)


def _ends(reached: list[Tensor]) -> tuple[float, float]:
    """The least and the largest output, however large the weights were made."""
    return min(float(told.min()) for told in reached), max(float(told.max()) for told in reached)


def _reach(reached: list[Tensor], bounds: tuple[float, float] | None) -> tuple[float, float]:
    """What outputs can reach: the bounds of the last operation, where outputs kept to them; else of what is seen
    if that is between -1 and 1 or 0 and above, however large the weights."""
    least, most = _ends(reached)
    if bounds:
        return bounds if least >= bounds[0] - _SAME and most <= bounds[1] + _SAME else (-np.inf, np.inf)
    if _is_constant(reached):
        return -np.inf, np.inf
    if least >= -_SAME and most <= 1 + _SAME:
        return 0.0, 1.0
    if least >= -1 - _SAME and most <= 1 + _SAME:
        return -1.0, 1.0
    return (0.0, np.inf) if least >= -_SAME else (-np.inf, np.inf)
