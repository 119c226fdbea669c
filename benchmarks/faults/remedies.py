"""AutoTrainer's remedies and the order in which it tries them.

The order is that of its published tool, in the mode that it calls balance; what each remedy does is written anew
here, for PyTorch. Source: Zhang et al. 2021, ICSE, doi:10.1109/ICSE43902.2021.00043.
"""

import copy
import math
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.faults import surgery
from benchmarks.faults.parts import adam, rmsprop, sgd
from unstuck.training.program import Program

CLIP = 10.0  # of each gradient entry, as AutoTrainer does
NOISE = 0.1  # deviation of what it adds to the inputs


class Remedy(NamedTuple):
    """A change of a program; None where it does not apply."""

    id: str
    apply: Callable[[Program], Program | None]


def lecun(weight: Tensor) -> None:
    """U(±√(3 / fan-in))."""
    bound = math.sqrt(3 / max(1, weight[0].numel()))
    nn.init.uniform_(weight, -bound, bound)


def he(weight: Tensor) -> None:
    """U(±√(6 / fan-in))."""
    nn.init.kaiming_uniform_(weight, nonlinearity="relu")


def faster(program: Program, factor: float) -> Program:
    """The learning rate times a factor."""

    def make(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        optimizer = program.optimizer(parameters)
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * factor
        return optimizer

    return replace(program, optimizer=make)


def clipped(program: Program) -> Program | None:
    """No gradient entry beyond 10; nothing is known of steps of the user's own."""

    def step(model: nn.Module, x: Tensor, y: Tensor, loss: Any, optimizer: Any) -> Tensor:
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        nn.utils.clip_grad_value_(model.parameters(), CLIP)
        optimizer.step()
        return value

    return None if program.step else replace(program, step=step)


class Noisy(nn.Module):
    """Noise on the inputs, in training."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        noisy = self.training and x.is_floating_point()
        return self.inner(x + NOISE * torch.randn_like(x) if noisy else x)


def with_noise(program: Program) -> Program:
    given = program.model

    def make() -> nn.Module:
        return Noisy(copy.deepcopy(given) if isinstance(given, nn.Module) else given())

    return replace(program, model=make)


def batches_times(program: Program, factor: int) -> Program:
    size = program.batch_size or getattr(program.train, "batch_size", None) or 32
    return replace(program, batch_size=size * factor)


def lowered_late(program: Program) -> Program | None:
    """The rate falls to a fifth when half of the training is over: what is left of reducing it on a plateau."""
    if program.schedule:
        return None
    half = program.epochs * 15
    return replace(program, schedule=lambda step: 1.0 if step < half else 0.2)


def _surgery(change: surgery.Change) -> Callable[[Program], Program | None]:
    return lambda program: surgery.changed(program, change)


SELU = Remedy("selu", _surgery(surgery.both(surgery.activations(nn.SELU), surgery.weights(lecun))))
RELU = Remedy("relu", _surgery(surgery.both(surgery.activations(nn.ReLU), surgery.weights(he))))
TANH = Remedy("tanh", _surgery(surgery.both(surgery.activations(nn.Tanh), surgery.weights(he))))
NORMS = Remedy("batch-norm", _surgery(surgery.norms))
GRADIENT = Remedy("clip-gradient", clipped)
ADAM = Remedy("adam", lambda program: replace(program, optimizer=adam()))
DRAWN = tuple(
    Remedy(f"initialize-{name}", _surgery(surgery.weights(draw)))
    for name, draw in (("he", he), ("lecun", lecun), ("glorot", nn.init.xavier_uniform_))
)
LEAKY = tuple(
    Remedy(f"activation-{name}", _surgery(surgery.activations(new)))
    for name, new in (("leaky", nn.LeakyReLU), ("elu", nn.ELU), ("threshold", lambda: nn.Threshold(1.0, 0.0)))
)
NOISY = Remedy("input-noise", with_noise)
LATE = Remedy("lower-rate-late", lowered_late)
_OTHERS = {
    "sgd": sgd(0.01),
    "adam": adam(),
    "nadam": lambda parameters: torch.optim.NAdam(parameters, lr=1e-3),
    "adamax": lambda parameters: torch.optim.Adamax(parameters, lr=1e-3),
    "rmsprop": rmsprop(),
}


def _rates(base: float) -> tuple[Remedy, ...]:
    """Each on top of the one before it: 10, 100 and 1000 together, as the tool does."""
    factors = [base ** sum(range(1, count + 1)) for count in (1, 2, 3)]
    return tuple(
        Remedy(f"lr-times-{factor:g}", lambda program, by=factor: faster(program, by)) for factor in factors
    )


def _batches() -> tuple[Remedy, ...]:
    return tuple(
        Remedy(f"batch-times-{factor}", lambda program, by=factor: batches_times(program, by))
        for factor in (2, 8, 64)
    )


def _momenta(chance: random.Random) -> Iterator[Remedy]:
    for _ in range(3):
        momentum = round(chance.uniform(0.01, 0.9), 2)
        make = sgd(0.01, momentum=momentum)
        yield Remedy(f"momentum-{momentum}", lambda program, make=make: replace(program, optimizer=make))


def _optimizers(chance: random.Random) -> Iterator[Remedy]:
    for name in chance.sample(sorted(_OTHERS), 3):
        make = _OTHERS[name]
        yield Remedy(f"optimizer-{name}", lambda program, make=make: replace(program, optimizer=make))


def in_order(symptom: str, chance: random.Random) -> list[Remedy]:
    """What AutoTrainer tries for a symptom, first things first."""
    return {
        "vanishing": [SELU, RELU, NORMS],
        "exploding": [SELU, RELU, GRADIENT, TANH, NORMS],
        "dying": [SELU, NORMS, *DRAWN, *LEAKY],
        "oscillating": [ADAM, *_rates(0.1), LATE, *_batches(), *_momenta(chance), NOISY],
        "slow": [*_optimizers(chance), *_rates(10.0)],
    }[symptom]
