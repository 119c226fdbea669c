"""Losses and scores around those of a program: other shapes, other codes for targets, other outputs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unstuck.training.program import Program
from unstuck.training.scores import accuracy, r2, threshold_accuracy

Loss = Callable[[Tensor, Tensor], Tensor]
Score = Callable[[Tensor, Tensor], float]
Code = Callable[[Tensor], Tensor]

# Least probability that a logarithm is taken of; float32 knows 1 - 6e-8
_LEAST = 1e-6


class Around(nn.Module):
    """A loss that asks another, which is kept inside."""

    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.loss = loss


class Negated(Around):
    """The loss, upside down."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Minus the loss."""
        return -self.loss(outputs, targets)


class PerRow(Around):
    """A sum over rows, divided by how many numbers it goes over."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss over the number of targets."""
        return self.loss(outputs, targets) / targets.numel()


class Reshaped(Around):
    """Outputs take the targets' shape."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of outputs in the targets' shape, where the sizes agree."""
        fits = outputs.numel() == targets.numel()
        return self.loss(outputs.reshape(targets.shape) if fits else outputs, targets)


class Scaled(Around):
    """Outputs and targets in units of the targets' spread, about their mean."""

    mean: Tensor
    spread: Tensor

    def __init__(self, loss: Loss, mean: Tensor, spread: Tensor) -> None:
        super().__init__(loss)
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of both, scaled."""
        return self.loss((outputs - self.mean) / self.spread, (targets - self.mean) / self.spread)


class Encoded(Around):
    """Targets in another code."""

    def __init__(self, loss: Loss, code: Code, axis: int = 1) -> None:
        super().__init__(loss)
        self.code, self.axis = code, axis

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of the targets as it expects them, classes along the second axis."""
        return self.loss(outputs.movedim(self.axis, 1) if self.axis > 1 else outputs, self.code(targets))


class OfProbabilities(Around):
    """A loss that takes logits, given probabilities: those of a softmax along an axis, or each of a sigmoid."""

    def __init__(self, loss: Loss, link: str) -> None:
        super().__init__(loss)
        self.link = link

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of the logits that give these probabilities."""
        if self.link == "log_softmax":
            return self.loss(outputs, targets)
        some = outputs.clamp(_LEAST, 1 - _LEAST)
        return self.loss(some.logit() if self.link == "sigmoid" else some.log(), targets)


class Balanced(Around):
    """Every class counts alike: the mean over classes, each by its weight, of the loss of its rows."""

    def __init__(self, loss: Loss, values: Sequence[float], weights: Sequence[float]) -> None:
        super().__init__(loss)
        self.values, self.weights = tuple(values), tuple(weights)

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Σ w n loss / Σ w n over the classes in the batch, n their rows."""
        classes = targets.argmax(dim=1) if targets.ndim > 1 and targets.shape[1] > 1 else targets.flatten()
        total, counted = outputs.new_zeros(()), 0.0
        for value, weight in zip(self.values, self.weights, strict=True):
            rows = (classes == value).nonzero().flatten()
            if len(rows):
                total = total + weight * len(rows) * self.loss(outputs[rows], targets[rows])
                counted += weight * len(rows)
        return total / counted


@dataclass(frozen=True)
class Numbered:
    """Classes as numbers from 0 on: by their place among the values, or along an axis of ones and zeros."""

    values: tuple[float, ...] = ()
    axis: int = 0

    def __call__(self, targets: Tensor) -> Tensor:
        """Class numbers, int64."""
        if self.axis:
            return targets.argmax(dim=self.axis)
        values = torch.tensor(self.values, dtype=torch.float64, device=targets.device)
        found = torch.searchsorted(values, targets.double().contiguous()).clamp(max=len(self.values) - 1)
        return found.squeeze(-1) if found.ndim > 1 and found.shape[-1] == 1 else found


class Likeliest(nn.Module):
    """The number that stands for the class of the largest logit, in the shape of a single output."""

    def __init__(self, values: Sequence[float], shape: Sequence[int]) -> None:
        super().__init__()
        self.values, self.shape = tuple(map(float, values)), tuple(shape)

    def forward(self, logits: Tensor) -> Tensor:
        """(N, classes) to (N,) or (N, 1), as floats."""
        found = logits.new_tensor(self.values)[logits.argmax(dim=1)]
        return found.reshape(len(logits), *self.shape)


@dataclass(frozen=True)
class Marked:
    """Classes as ones and zeros, one column each."""

    values: tuple[float, ...]

    def __call__(self, targets: Tensor) -> Tensor:
        """(N, classes) float."""
        return functional.one_hot(Numbered(self.values)(targets), len(self.values)).float()


@dataclass(frozen=True)
class Between:
    """Two values as two others."""

    middle: float
    low: float = 0.0
    high: float = 1.0

    def __call__(self, targets: Tensor) -> Tensor:
        """The lower ones as low, the others as high."""
        return torch.where(targets > self.middle, self.high, self.low)


@dataclass(frozen=True)
class Threshold:
    """Share of numbers on the same side of a limit as their 0-or-1 target is of one half."""

    limit: float

    def __call__(self, outputs: Tensor, targets: Tensor) -> float:
        """In [0, 1]."""
        return threshold_accuracy(self.limit)(_array(outputs), _array(targets))


@dataclass(frozen=True)
class Through:
    """A score of outputs after what the model no longer does to them, and of targets in another code."""

    score: Score
    link: nn.Module | None = None
    code: Code | None = None

    def __call__(self, outputs: Tensor, targets: Tensor) -> float:
        """The score, as it was meant."""
        with torch.no_grad():
            outputs = self.link(outputs) if self.link else outputs
            return self.score(outputs, self.code(targets) if self.code else targets)


@dataclass(frozen=True)
class MinusLoss:
    """The loss negated, as a score."""

    loss: Loss

    def __call__(self, outputs: Tensor, targets: Tensor) -> float:
        """Higher is better."""
        return -float(self.loss(outputs, targets))


def numbers_of(targets: Tensor) -> Tensor:
    """Targets as floats."""
    return targets.float()


def same(targets: Tensor) -> Tensor:
    """Targets as they are."""
    return targets


def share_right(outputs: Tensor, targets: Tensor) -> float:
    """Share of rows whose largest output is that of their class."""
    if targets.shape == outputs.shape:
        targets = targets.argmax(dim=1)
    return accuracy(_array(outputs), _array(targets))


def explained(outputs: Tensor, targets: Tensor) -> float:
    """R², share of the targets' variance."""
    return r2(_array(outputs), _array(targets))


def _array(tensor: Tensor) -> np.ndarray[Any, Any]:
    return tensor.detach().cpu().numpy()


def implied_score(program: Program, targets: Tensor, outputs: Tensor) -> Score:
    """What held-out rows of a program are scored by: its own score, or what the engine takes in its place."""
    if program.score is not None:
        return program.score
    by_class = outputs.ndim == targets.ndim + 1 and outputs.shape[1] > 1
    if by_class and not targets.is_floating_point():
        return share_right
    if outputs.numel() != targets.numel():
        return MinusLoss(program.loss)
    if set(targets.unique().tolist()) <= {0.0, 1.0}:
        return Threshold(0.0 if isinstance(program.loss, nn.BCEWithLogitsLoss) else 0.5)
    return explained


def keep_score(treated: Program, program: Program, targets: Tensor, outputs: Tensor) -> Program:
    """The treated program, scored as the program was: the engine's own choice goes by the loss."""
    return replace(treated, score=implied_score(program, targets, outputs))
