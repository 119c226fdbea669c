"""Activations that no name tells: what a user's code does to a layer's numbers, found and judged by experiment."""

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from unstuck.diagnosis.treatments.torch_flow import (
    ACTIVATIONS,
    PRODUCTS,
    Places,
    enter,
    is_counted,
    leave,
    name_of,
)
from unstuck.diagnosis.treatments.torch_surgery import Draft, Slot, Wrapped
from unstuck.training import torch_random

_LAYERS = frozenset({"linear", "conv1d", "conv2d", "conv3d"}) | PRODUCTS
# Where a function is asked, a decade apart: what is linear far out grows tenfold from one to the next
_NEAR, _FAR = 10.0, 100.0
# Growth over the second decade beside that over the first: 9 of a line, 99 of a square, 1 of a logarithm
_STEEP, _FLAT = 30.0, 1.0
_SAME = 1e-4  # share by which float32 may differ
_ASKED = 4  # numbers of a layer that are moved one by one


class Bend(NamedTuple):
    """From which layer's output to which layer's input, by their places, and whether that is to be replaced."""

    source: int
    target: int
    is_bad: bool


class _Seen(NamedTuple):
    place: int
    name: str
    entered: Tensor
    left: Tensor


class _Asking(TorchFunctionMode):
    """Notes layers and activations; at one place the layer's output is what is given instead."""

    def __init__(self, given: dict[int, Tensor]) -> None:
        super().__init__()
        self.given, self.places, self.seen = given, Places(), list[_Seen]()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (enter, leave):
            self.places.marked(func, args)
            self.seen.append(_Seen(-1, "a treatment's", args[0], args[0]))
            return func(*args)
        place = self.places.next() if is_counted(func, args) else None
        result = func(*args, **(kwargs or {}))
        if place is None:
            return result
        result = self.given.get(place, result)
        if args and isinstance(args[0], Tensor) and isinstance(result, Tensor):
            self.seen.append(_Seen(place, name_of(func, args), args[0], result))
        return result


def bends(look: Draft) -> tuple[Bend, ...]:
    """Between two layers, but by an activation of torch's alone.

    Bad ones take each number for itself, or are shares of a row, and are steeper than a line on one side or flat
    on both.
    """
    was = look.model.training
    look.model.eval()
    with torch.no_grad(), torch_random.lent(torch.device("cpu")):
        calls = _asked(look, {})
        found = tuple(Bend(a.place, b.place, _is_bad(look, a, b)) for a, b in _pairs(calls))
    look.model.train(was)
    return found


def _asked(look: Draft, given: dict[int, Tensor]) -> list[_Seen]:
    with _Asking(given) as asking:
        look.model(look.x)
    return asking.seen


def _pairs(calls: list[_Seen]) -> Iterable[tuple[_Seen, _Seen]]:
    """Layers that follow each other, with as many numbers, and between them activations at most, not one alone."""
    places = [number for number, call in enumerate(calls) if call.name in _LAYERS]
    for first, second in zip(places, places[1:], strict=False):
        source, target, between = calls[first], calls[second], calls[first + 1 : second]
        is_one = len(between) == 1 and _same(between[0].left, target.entered) and between[0].entered is source.left
        fits = source.left.numel() == target.entered.numel()
        is_next = target.place - source.place == len(between) + 1
        if fits and is_next and not is_one and all(call.name in ACTIVATIONS for call in between):
            yield source, target


def _same(a: Tensor, b: Tensor) -> bool:
    """Number for number, NaN too: where signals explode there is little else."""
    if a.numel() != b.numel():
        return False
    one, other = a.reshape(-1), b.reshape(-1)
    return bool(((one == other) | (one.isnan() & other.isnan())).all())


def _is_bad(look: Draft, source: _Seen, target: _Seen) -> bool:
    def comes(given: Tensor) -> Tensor | None:
        """What enters the second layer if the first one gives this."""
        seen = [call for call in _asked(look, {source.place: given}) if call.place == target.place]
        return seen[0].entered.reshape(-1) if len(seen) == 1 else None

    def at(number: float) -> float:
        told = comes(torch.full_like(source.left, number))
        if told is None or not told.numel():
            return torch.nan
        if not told.isfinite().all():
            return torch.inf
        return float(told[0]) if bool((told - told[0]).abs().max() <= _SAME * told[0].abs()) else torch.nan

    values = {number: at(number) for number in (0.0, _NEAR, _FAR, -_NEAR, -_FAR)}
    growth = [_growth(values[0.0], values[sign * _NEAR], values[sign * _FAR]) for sign in (1, -1)]
    is_steep, is_flat = any(g > _STEEP for g in growth), all(g < _FLAT for g in growth)
    return (is_steep or is_flat) and (_is_shares(target.entered) or _is_elementwise(source.left, comes))


def _is_shares(entered: Tensor) -> bool:
    """Whether the numbers of each row are shares of 1, as softmax makes them."""
    sums = entered.sum(dim=-1)
    return bool((entered >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=_SAME)


def _growth(none: float, near: float, far: float) -> float:
    """Over the second decade beside the first; infinite where it has no end, 0 of what does not change."""
    first, second = abs(near - none), abs(far - near)
    if any(math.isnan(value) for value in (none, near, far)):
        return torch.nan
    if second == 0 or (near == none and far == none):
        return 0.0
    return torch.inf if second == torch.inf or first in (0.0, torch.inf) else second / first


def _is_elementwise(source: Tensor, comes: Callable[[Tensor], Tensor | None]) -> bool:
    """Whether moving a number moves that one alone, wherever it is.

    Asked of numbers of usual size, since those that the layer gives may have exploded.
    """
    usual = torch.linspace(-2, 2, source.numel()).reshape(source.shape)
    before = comes(usual)
    if before is None:
        return False
    for place in torch.linspace(0, source.numel() - 1, _ASKED).long().tolist():
        moved = usual.clone()
        moved.view(-1)[place] += 1.0
        after = comes(moved)
        if after is None or not {*(after != before).nonzero().flatten().tolist()} <= {place}:
            return False
    return True


class Bridged(Wrapped):
    """A module in which some layers get another function of what others gave."""

    def __init__(self, model: nn.Module, found: Iterable[Bend], make: Callable[[], nn.Module]) -> None:
        super().__init__(model)
        self.found = tuple(found)
        self.bridges = nn.ModuleDict({str(bend.target): Slot(make(), stands_for_one=False) for bend in self.found})

    def forward(self, *inputs: Any) -> Any:
        """As the module inside, over the bridges."""
        with _Bridging(self):
            return self.model(*inputs)


class _Bridging(TorchFunctionMode):
    def __init__(self, wrapper: Bridged) -> None:
        super().__init__()
        self.wrapper, self.places = wrapper, Places()
        self.kept: dict[int, Tensor] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (enter, leave):
            self.places.marked(func, args)
            return func(*args)
        place = self.places.next() if is_counted(func, args) else None
        for source, target, _ in self.wrapper.found:
            if place == target and source in self.kept:
                own = self.wrapper.bridges[str(target)](self.kept.pop(source))
                args = (own.reshape(args[0].shape), *args[1:])
        result = func(*args, **(kwargs or {}))
        if place in {bend.source for bend in self.wrapper.found}:
            self.kept[place] = result
        return result
