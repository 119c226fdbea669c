"""What a module computes, call by call: which layer's numbers go into which activation, and where that ends.

One forward pass is watched under a `TorchFunctionMode`. Unlike a symbolic trace this follows any Python: loops
over time, branches, sizes taken from the batch.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, handle_torch_function, has_torch_function

RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
LAYERS = frozenset(
    {
        "linear",
        "bilinear",
        "embedding",
        "multi_head_attention_forward",
        *(f"conv{n}d" for n in (1, 2, 3)),
        *(f"conv_transpose{n}d" for n in (1, 2, 3)),
        *RECURRENT,
    }
)
"""Calls that hold weights; a product is one too where a parameter is a factor of it."""
PRODUCTS = frozenset({"matmul", "mm", "addmm", "bmm", "baddbmm", "einsum", "mv", "dot", "tensordot"})
SQUASHING = frozenset(
    {"sigmoid", "tanh", "softmax", "softmin", "hardsigmoid", "hardtanh", "softsign", "logsigmoid"}
)
"""Activations whose slope vanishes far from zero."""
ACTIVATIONS = SQUASHING | {
    "relu",
    "relu6",
    "leaky_relu",
    "prelu",
    "rrelu",
    "elu",
    "selu",
    "celu",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "hardswish",
    "log_softmax",
    "threshold",
    "tanhshrink",
    "exp",
    "sin",
    "cos",
}
NORMALIZATIONS = frozenset({"batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"})
DROPOUTS = frozenset({"dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"}) | {
    f"dropout{n}d" for n in (1, 2, 3)
}
CUTTING = {"detach": ".detach()", "data": ".data", "tensor": "torch.tensor(…)"}
"""What gives the numbers of a tensor without their gradient, and how it is written."""
STEPWISE = frozenset({"round", "floor", "ceil", "trunc", "fix", "sign", "sgn"})
"""What has derivative 0 wherever it has one: no gradient gets through."""
# What bends, but is nobody's activation; a product of two computed tensors bends as well.
# Pooling is none of them: it stands between a layer and its activation as often as after both
_BENDING = frozenset({"abs", "square", "pow", "sqrt", "log", "maximum", "minimum", "max", "min", "clamp", "where"})
_MULTIPLIED = frozenset({"mul", "div", "true_divide", *PRODUCTS})
_SYNONYMS = {"special_expit": "sigmoid", "_softmax": "softmax", "clip": "clamp", "multiply": "mul"}


class Call(NamedTuple):
    """One call in a forward pass.

    `number` counts the calls that `is_counted` counts, in order. `place` counts those of the user's code: a
    layer that a treatment put in has that of what it replaced, or None. `owner` is the innermost module's name.
    `feeds`: numbers of the layers whose numbers come in unbent; `bent`: of the activations since, on the way.
    """

    number: int
    place: int | None
    name: str
    owner: str
    shape: tuple[int, ...]
    entered: tuple[int, ...]
    feeds: frozenset[int]
    bent: frozenset[int]
    training: bool | None = None
    cut: bool = False


class _Stream(NamedTuple):
    """Where a tensor's numbers come from: the last layers, and the activations since."""

    layers: frozenset[int] = frozenset()
    acts: frozenset[int] = frozenset()
    weight: bool = False


@dataclass(frozen=True, kw_only=True)
class Flow:
    """A forward pass: its calls, and what reaches the output.

    Args:
        calls: in order.
        output: layers that reach the output unbent.
        last: activations that reach the output with no layer after them.
        shape: of the output.
    """

    calls: tuple[Call, ...]
    output: frozenset[int] = frozenset()
    last: frozenset[int] = frozenset()
    shape: tuple[int, ...] = ()

    @property
    def layers(self) -> tuple[Call, ...]:
        """Calls with weights."""
        return tuple(call for call in self.calls if call.name in LAYERS)

    @property
    def hidden(self) -> tuple[Call, ...]:
        """Layers whose numbers go into others; an embedding is none."""
        ends = self.output | {number for call in self.calls if call.number in self.last for number in call.feeds}
        return tuple(call for call in self.layers if call.number not in ends and call.name != "embedding")

    @property
    def activations(self) -> tuple[Call, ...]:
        """Activations between layers: not the output's, and no gate of a cell."""
        into = frozenset().union(*(call.bent for call in self.layers))
        named = (call for call in self.calls if call.name in ACTIVATIONS)
        return tuple(call for call in named if call.number in into and call.number not in self.last)

    @property
    def ending(self) -> tuple[Call, ...]:
        """Activations of the output."""
        return tuple(call for call in self.calls if call.number in self.last and call.name in ACTIVATIONS)

    def after(self, number: int) -> tuple[Call, ...]:
        """Activations and normalizations that take a layer's numbers."""
        kinds = ACTIVATIONS | NORMALIZATIONS
        return tuple(call for call in self.calls if number in call.feeds and call.name in kinds)

    def owned(self, name: str) -> int:
        """How many counted calls a module makes."""
        return sum(call.owner == name for call in self.calls)


def enter(x: Tensor, stands_for_one: bool) -> None:
    """Tell all that count calls that a treatment's layer begins, and if it stands for a call of the user's."""
    if has_torch_function((x,)):
        handle_torch_function(enter, (x,), x, stands_for_one)


def leave(x: Tensor) -> None:
    """Tell them that it ends."""
    if has_torch_function((x,)):
        handle_torch_function(leave, (x,), x)


@dataclass(eq=False)
class Places:
    """Counts the calls that the user's code makes, by whatever layers they are answered."""

    count: int = 0
    depth: int = 0

    def marked(self, func: Any, args: Any) -> None:
        """A layer of a treatment's begins or ends."""
        if func is enter:
            self.count += self.depth == 0 and args[1]
            self.depth += 1
        else:
            self.depth -= 1

    def next(self) -> int | None:
        """The place of the next call; None inside such a layer."""
        if self.depth:
            return None
        self.count += 1
        return self.count - 1


@dataclass(eq=False)
class Recorder(TorchFunctionMode):
    """Writes down the calls of a forward pass, and follows its tensors."""

    owners: list[str]
    calls: list[Call] = field(default_factory=list)
    streams: dict[int, _Stream] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)  # so that no number names two tensors
    places: Places = field(default_factory=Places)

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Make the call, then note what it did."""
        kwargs = kwargs or {}
        if func in (enter, leave):
            self.places.marked(func, args)
            return func(*args)
        given = [self._stream(tensor) for tensor in tensors((args, kwargs))]
        entered = next((tuple(tensor.shape) for tensor in tensors(args)), ())
        result = func(*args, **kwargs)
        outcomes = [*tensors(result)]
        if not outcomes:
            return result
        name = name_of(func, args)
        stream = self._followed(name, given)
        if is_counted(func, args):
            call = self._call(
                name, given, args=args, kwargs=kwargs, shape=tuple(outcomes[0].shape), entered=entered
            )
            self.calls.append(call)
            stream = self._past(call)
        for tensor in outcomes:
            self.streams[id(tensor)] = stream
        self.kept.append(outcomes)
        return result

    def _stream(self, tensor: Tensor) -> _Stream:
        self.kept.append(tensor)
        return self.streams.get(id(tensor), _Stream(weight=isinstance(tensor, nn.Parameter)))

    def _call(
        self, name: str, given: list[_Stream], *, args: Any, kwargs: Any, shape: tuple[int, ...], entered: Any
    ) -> Call:
        if name in PRODUCTS:
            name = "linear"
        layers = frozenset().union(*(stream.layers for stream in given))
        acts = frozenset().union(*(stream.acts for stream in given))
        return Call(
            len(self.calls),
            self.places.next(),
            name,
            self.owners[-1],
            shape,
            entered,
            layers,
            acts,
            mode_of(name, args, kwargs),
            _cuts(name, args) or not torch.is_grad_enabled() or _is_step(name, args),
        )

    def _followed(self, name: str, given: list[_Stream]) -> _Stream:
        computed = [stream for stream in given if not stream.weight]
        layers = frozenset().union(*(stream.layers for stream in computed))
        acts = frozenset().union(*(stream.acts for stream in computed))
        if name in _BENDING or (name in _MULTIPLIED and sum(bool(stream.layers) for stream in computed) > 1):
            layers = frozenset()
        return _Stream(layers, acts, bool(given) and not computed)

    def _past(self, call: Call) -> _Stream:
        if call.name in LAYERS:
            bends = call.name in RECURRENT or call.name in ("embedding", "multi_head_attention_forward")
            return _Stream(frozenset() if bends else frozenset({call.number}))
        if call.name in ACTIVATIONS:
            return _Stream(frozenset(), call.bent | {call.number})
        return _Stream(call.feeds, call.bent)


def flow(module: nn.Module, x: Tensor) -> Flow:
    """The forward pass of a batch, watched. The module's buffers move as in any pass: give a copy."""
    owners = [""]

    def leave(*_: Any) -> None:
        owners.pop()

    handles: list[Any] = []
    for name, part in module.named_modules():
        handles.append(part.register_forward_pre_hook(lambda part, args, name=name: owners.append(name)))
        handles.append(part.register_forward_hook(leave))
    recorder = Recorder(owners)
    try:
        with recorder:
            output = module(x)
    finally:
        for handle in handles:
            handle.remove()
    end = recorder.streams.get(id(output), _Stream())
    calls = tuple(recorder.calls)
    found = Flow(calls=calls, output=end.layers, last=end.acts, shape=tuple(output.shape))
    into = frozenset().union(*(call.bent for call in found.layers))
    return replace(found, last=found.last - into)


def tensors(tree: Any) -> Iterator[Tensor]:
    """All tensors in nested tuples, lists and tables."""
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, tuple | list):
        for part in tree:
            yield from tensors(part)
    elif isinstance(tree, dict):
        yield from tensors([*tree.values()])


def name_of(func: Any, args: Any = ()) -> str:
    """A call's plain name: F.relu, torch.relu_ and Tensor.relu are all relu."""
    if func == torch.Tensor.data.__get__:  # pyright: ignore[reportAttributeAccessIssue] (a slot of torch's)
        return "data"
    name = getattr(func, "__name__", "").strip("_")
    name = _SYNONYMS.get(name, name)
    return "matmul" if name == "rmatmul" else name


def is_counted(func: Any, args: Any) -> bool:
    """Whether a call has a number: layers, activations, normalizations, dropout, and what cuts the gradient."""
    name = name_of(func, args)
    if name in PRODUCTS:
        return any(isinstance(tensor, nn.Parameter) or _is_view(tensor) for tensor in tensors(args))
    return name in _COUNTED and (name != "tensor" or isinstance(next(iter(args), None), Tensor))


def _is_view(tensor: Tensor) -> bool:
    """Whether it is a parameter turned round, such as weight.T."""
    return tensor._base is not None and isinstance(tensor._base, nn.Parameter)


_COUNTED = LAYERS | ACTIVATIONS | NORMALIZATIONS | DROPOUTS | STEPWISE | {*CUTTING}


def _cuts(name: str, args: Any) -> bool:
    """Whether it gives numbers without their gradient; a copy of what has none loses nothing."""
    return name in CUTTING and (name != "tensor" or any(tensor.requires_grad for tensor in tensors(args)))


def _is_step(name: str, args: Any) -> bool:
    """Whether it is a step function of what has been learned: data may be rounded."""
    return name in STEPWISE and any(tensor.requires_grad for tensor in tensors(args))


def mode_of(name: str, args: Any, kwargs: Any) -> bool | None:
    """Whether a dropout or batch normalization is told that it trains; None of other calls."""
    if name in DROPOUTS:
        return bool(kwargs.get("training", kwargs.get("train", args[2] if len(args) > 2 else True)))
    if name == "batch_norm":
        return bool(kwargs.get("training", args[5] if len(args) > 5 else False))
    return None
