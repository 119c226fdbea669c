"""Programs retrained by a plain PyTorch loop that shares no code with unstuck: the judge of every cure."""

import copy
import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, default_collate

from unstuck.training.program import Program

LOWEST = -1.0  # what a score counts at least; a network that diverged has an R² of minus infinity, or none
_BLOCK = 1000


def scores(program: Program, seeds: Sequence[int]) -> tuple[float, ...]:
    """The test score after each of some trainings."""
    return tuple(retrain(program, seed) for seed in seeds)


def retrain(program: Program, seed: int) -> float:
    """The test score after a training, in [-1, 1] unless the program's own score is larger."""
    torch.manual_seed(seed)
    return score(program, train(program))


def score(program: Program, model: nn.Module) -> float:
    """Of the test rows, or, where there are none, the training rows."""
    model.eval()
    with torch.no_grad():
        parts = [(model(x), y) for x, y in blocks(program.test if program.test is not None else program.train)]
    outputs, targets = torch.cat([part for part, _ in parts]).float(), torch.cat([part for _, part in parts])
    value = measure(program, outputs, targets)
    return max(value, LOWEST) if math.isfinite(value) else LOWEST


def train(program: Program) -> nn.Module:
    """The model after all epochs; random numbers come from torch's global stream."""
    model, loss, optimizer = made(program)
    rates = [group["lr"] for group in optimizer.param_groups]
    done, best, waited = 0, math.inf, 0
    for _ in range(program.epochs):
        model.train()
        for x, y in batches(program):
            if program.schedule:
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate * program.schedule(done)
            value = step(program, model, x, y, loss, optimizer)
            done += 1
            if not math.isfinite(value):
                return model
        if program.patience is not None:
            now = held_out_loss(program, model)
            best, waited = (now, 0) if now < best else (best, waited + 1)
            if waited >= program.patience:
                break
    return model


def made(program: Program) -> tuple[nn.Module, Any, Any]:
    """A model that was not trained, the loss and the optimizer."""
    model = copy.deepcopy(program.model) if isinstance(program.model, nn.Module) else program.model()
    loss = copy.deepcopy(program.loss) if isinstance(program.loss, nn.Module) else program.loss
    return model, loss, program.optimizer(model.parameters())


def step(program: Program, model: nn.Module, x: Tensor, y: Tensor, loss: Any, optimizer: Any) -> float:
    """One step, the program's own or the usual one; the loss before it."""
    if program.step:
        return float(program.step(model, x, y, loss, optimizer).detach())
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    optimizer.step()
    return float(value.detach())


def held_out_loss(program: Program, model: nn.Module) -> float:
    """Mean over the validation rows."""
    model.eval()
    with torch.no_grad():
        losses = [(float(program.loss(model(x), y)), len(y)) for x, y in blocks(program.validation)]
    return sum(value * rows for value, rows in losses) / sum(rows for _, rows in losses)


def batches(program: Program) -> Iterator[tuple[Tensor, Tensor]]:
    """An epoch of batches in random order, the last one as long as it gets."""
    given = program.train.dataset if isinstance(program.train, DataLoader) else program.train
    size = program.batch_size or getattr(program.train, "batch_size", None) or 32
    collate = program.train.collate_fn if isinstance(program.train, DataLoader) else default_collate
    if isinstance(given, Dataset):
        for rows in torch.randperm(len(given)).split(size):
            yield collate([given[row] for row in rows.tolist()])
    elif hasattr(given, "batch"):  # rows as unstuck keeps them, which a cured program may have
        yield from (given.batch(rows) for rows in torch.randperm(len(given)).split(size))
    else:
        x, y = tensors(given)
        for rows in torch.randperm(len(x)).split(size):
            yield x[rows], y[rows]


def blocks(given: Any) -> Iterator[tuple[Tensor, Tensor]]:
    """All rows in order."""
    given = given.dataset if isinstance(given, DataLoader) else given
    if isinstance(given, Dataset):
        for rows in torch.arange(len(given)).split(_BLOCK):
            yield default_collate([given[row] for row in rows.tolist()])
    elif hasattr(given, "batch"):
        yield from (given.batch(rows) for rows in torch.arange(len(given)).split(_BLOCK))
    else:
        x, y = tensors(given)
        yield from zip(x.split(_BLOCK), y.split(_BLOCK), strict=True)


def tensors(given: Any) -> tuple[Tensor, Tensor]:
    """Arrays as tensors, float64 as float32, whole numbers as int64."""
    x, y = (torch.as_tensor(part) for part in given)
    return _usual(x), _usual(y)


def _usual(part: Tensor) -> Tensor:
    if part.dtype == torch.float64:
        return part.float()
    whole = not part.is_floating_point() and part.dtype not in (torch.uint8, torch.bool)
    return part.long() if whole else part


def measure(program: Program, outputs: Tensor, targets: Tensor) -> float:
    """The program's score; else accuracy of classes, of halves, or R²; else the loss with its sign changed."""
    if program.score:
        return float(program.score(outputs, targets))
    if not targets.is_floating_point() and outputs.ndim == targets.ndim + 1 and outputs.shape[1] > 1:
        return (outputs.argmax(1) == targets).float().mean().item()
    if outputs.numel() != targets.numel():
        return -float(program.loss(outputs, targets))
    outputs, targets = (part.reshape(len(part), -1).double() for part in (outputs, targets))
    if set(targets.unique().tolist()) <= {0.0, 1.0}:
        limit = 0.0 if isinstance(program.loss, nn.BCEWithLogitsLoss) else 0.5
        return ((outputs > limit) == (targets > 0.5)).double().mean().item()
    spread = (targets - targets.mean(0)).square().sum(0)
    return (1 - (outputs - targets).square().sum(0) / spread.clamp_min(1e-12)).mean().item()
