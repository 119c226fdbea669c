"""Which loss a callable is, by its type or by what it does to numbers drawn at random."""

import warnings
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unstuck.errors import REFUSALS
from unstuck.evidence.facts import Kind, Takes
from unstuck.rng import stream
from unstuck.training.torch_loss import WeighedLoss

Loss = Callable[[Tensor, Tensor], Tensor]

_DRAWS = 3  # that must agree on the ratio of two losses
_AGREED = 1e-3  # relative spread of the ratio, far above float32's rounding

_TYPES: tuple[tuple[type[nn.Module], str], ...] = (
    (nn.CrossEntropyLoss, "cross-entropy"),
    (nn.NLLLoss, "nll"),
    (nn.BCELoss, "bce"),
    (nn.BCEWithLogitsLoss, "bce-logits"),
    (nn.MultiLabelSoftMarginLoss, "bce-logits"),
    (nn.MSELoss, "mse"),
    (nn.L1Loss, "mae"),
    (nn.SmoothL1Loss, "huber"),
    (nn.HuberLoss, "huber"),
)
_TAKES: dict[str, Takes] = {
    "cross-entropy": "logits",
    "nll": "log-probabilities",
    "bce": "probabilities",
    "bce-logits": "logits",
}


class Objective(NamedTuple):
    """A loss by its name, how it sums up rows, as what multiple of the namesake's mean, and what it takes."""

    loss: str
    reduction: Literal["mean", "sum", "own"]
    scale: float
    takes: Takes


class _Known(NamedTuple):
    loss: str
    takes: Takes
    value: Loss


def objective_of(loss: Loss, outputs: Tensor, targets: Tensor, kind: Kind, axis: int) -> Objective:
    """What the loss is, tried on numbers of the shape of some outputs, and on their targets.

    Shapes: outputs (N, …); targets (N, …), for a handful of rows.
    """
    draws = _Draws(outputs.shape, kind, axis, outputs.device)
    by_type = _named(loss)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        for known in _known(kind, axis, outputs, targets):
            if by_type in (None, known.loss) and (ratios := _ratios(loss, known, draws, targets)):
                return Objective(known.loss, *_reduction(*ratios), known.takes)
        if by_type:
            is_sum = getattr(loss, "reduction", "mean") == "sum"
            reduction, scale = ("sum", np.nan) if is_sum else ("mean", 1.0)
            return Objective(by_type, reduction, scale, _TAKES.get(by_type, "numbers"))
        return Objective("own", _own_reduction(loss, draws, targets), np.nan, _taken(loss, draws, targets))


def _named(loss: Loss) -> str | None:
    if isinstance(loss, WeighedLoss):
        return "bce-logits" if loss.spec.name == "bce" else loss.spec.name
    return next((name for kind, name in _TYPES if isinstance(loss, kind)), None)


class _Draws:
    """Outputs drawn at random, the same at every look: any numbers, or probabilities."""

    def __init__(self, shape: tuple[int, ...], kind: Kind, axis: int, device: torch.device) -> None:
        self.shape, self.kind, self.axis, self.device = shape, kind, axis, device

    def numbers(self, number: int) -> Tensor:
        drawn = stream(0, "probe", number).normal(size=self.shape).astype(np.float32)
        return torch.from_numpy(drawn).to(self.device)

    def probabilities(self, number: int) -> Tensor:
        if self.kind == "classes" and self.axis:
            return self.numbers(number).softmax(dim=self.axis)
        return self.numbers(number).sigmoid()

    def of(self, takes: Takes, number: int) -> Tensor:
        return self.probabilities(number) if takes == "probabilities" else self.numbers(number)


def _known(kind: Kind, axis: int, outputs: Tensor, targets: Tensor) -> Iterator[_Known]:
    """Losses that it may be: those of any numbers first, which probabilities are too."""
    if kind == "classes" and axis:
        yield from _of_classes(axis, is_one_hot=outputs.shape == targets.shape)
    elif outputs.shape == targets.shape:
        yield _Known("cross-entropy", "logits", lambda o, y: functional.cross_entropy(o, y.to(o.dtype)))
    if kind == "classes" and axis and outputs.shape != targets.shape:
        classes = outputs.shape[axis]
        yield from _of_numbers(lambda o, y: functional.one_hot(y.long(), classes).movedim(-1, axis).to(o.dtype))
        return
    if outputs.numel() == targets.numel():
        yield from _of_numbers(lambda o, y: y.reshape(o.shape).to(o.dtype))
    if outputs.shape != targets.shape:  # as they broadcast
        yield from _of_numbers(lambda o, y: y.to(o.dtype))


def _of_classes(axis: int, *, is_one_hot: bool) -> Iterator[_Known]:
    def shares(o: Tensor, y: Tensor) -> Tensor:
        return y if is_one_hot else functional.one_hot(y.long(), o.shape[axis]).movedim(-1, axis).to(o.dtype)

    def chosen(o: Tensor, y: Tensor) -> Tensor:
        return -(o * shares(o, y)).sum(dim=axis).mean()

    yield _Known("cross-entropy", "logits", lambda o, y: chosen(o.log_softmax(dim=axis), y))
    yield _Known("nll", "log-probabilities", chosen)
    yield _Known("nll", "probabilities", lambda o, y: chosen(o.log(), y))


def _of_numbers(aligned: Callable[[Tensor, Tensor], Tensor]) -> Iterator[_Known]:
    """`aligned` makes of (outputs, targets) the targets that outputs are compared with."""

    def logits(o: Tensor, y: Tensor) -> Tensor:
        return (functional.softplus(o) - o * aligned(o, y)).mean()

    def probabilities(o: Tensor, y: Tensor) -> Tensor:
        share = aligned(o, y)
        return -(share * o.log() + (1 - share) * (1 - o).log()).mean()

    yield _Known("bce-logits", "logits", logits)
    yield _Known("mse", "numbers", lambda o, y: (o - aligned(o, y)).square().mean())
    yield _Known("mae", "numbers", lambda o, y: (o - aligned(o, y)).abs().mean())
    yield _Known(
        "huber", "numbers", lambda o, y: functional.huber_loss(*torch.broadcast_tensors(o, aligned(o, y)))
    )
    yield _Known("bce", "probabilities", probabilities)


def _ratios(loss: Loss, known: _Known, draws: _Draws, targets: Tensor) -> tuple[float, float] | None:
    """Loss over its namesake, of the rows and of the rows twice over; None where draws differ on it."""
    found: list[float] = []
    try:
        for number in range(_DRAWS):
            outputs = draws.of(known.takes, number)
            found.append(_ratio(float(loss(outputs, targets)), float(known.value(outputs, targets))))
        twice = draws.of(known.takes, 0).repeat(2, *[1] * (len(draws.shape) - 1)), torch.cat([targets, targets])
        doubled = _ratio(float(loss(*twice)), float(known.value(*twice)))
    except REFUSALS:
        return None
    first = found[0]
    agree = np.isfinite([*found, doubled]).all() and np.ptp(found) <= _AGREED * abs(first)
    return (first, doubled) if agree and first > 0 else None


def _ratio(ours: float, known: float) -> float:
    """1 where both are nothing, as the cross-entropy of one class is."""
    return 1.0 if abs(ours) < 1e-12 and abs(known) < 1e-12 else ours / known if known else np.nan


def _reduction(once: float, twice: float) -> tuple[Literal["mean", "sum", "own"], float]:
    if abs(twice / once - 1) < 10 * _AGREED:
        return "mean", 1.0 if abs(once - 1) < 10 * _AGREED else once
    return ("sum" if abs(twice / once - 2) < 10 * _AGREED else "own"), np.nan


def _own_reduction(loss: Loss, draws: _Draws, targets: Tensor) -> Literal["mean", "sum", "own"]:
    try:
        outputs = draws.probabilities(0)
        once = float(loss(outputs, targets))
        twice = float(loss(torch.cat([outputs, outputs]), torch.cat([targets, targets])))
    except REFUSALS:
        return "own"
    return _reduction(once, twice)[0] if once and np.isfinite([once, twice]).all() else "own"


def _taken(loss: Loss, draws: _Draws, targets: Tensor) -> Takes:
    """Of a loss of one's own: probabilities where nothing else has a finite or a changing value, logits where
    a number added to all classes changes nothing, or where targets are 0 or 1; else numbers."""
    try:
        outputs = draws.numbers(0)
        value, far, further = (float(loss(numbers, targets)) for numbers in (outputs, 9 * outputs, 27 * outputs))
        inside = float(loss(draws.probabilities(0), targets))
        shifted = float(loss(outputs + 1, targets))
    except REFUSALS:
        return "probabilities" if draws.kind in ("classes", "binary", "labels") else "numbers"
    if np.isfinite(inside) and (not np.isfinite(far) or far == further):
        return "probabilities"
    if draws.kind == "classes" and abs(shifted - value) <= _AGREED * abs(value):
        return "logits"
    return "logits" if draws.kind in ("binary", "labels") else "numbers"
