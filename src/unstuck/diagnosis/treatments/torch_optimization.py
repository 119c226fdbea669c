"""Treatments of how weights move: rate, optimizer, batch, epochs, length of the gradient."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from unstuck.diagnosis.terms import Treated
from unstuck.diagnosis.treatments.torch_surgery import batch_size, draft
from unstuck.evidence.facts import Facts
from unstuck.evidence.torch_steps import rate_kept
from unstuck.training.program import Program

Maker = Callable[[Iterable[nn.Parameter]], Optimizer]

# Adam's usual rate; Kingma & Ba 2015, arXiv:1412.6980, algorithm 1
_RATE = 1e-3
_MOMENTUM = 0.9
# Longest gradient; Pascanu et al. 2013, arXiv:1211.5063, find the norm's usual size good to clip at
_LONGEST = 1.0
_DECAY = 1e-2
_BATCHES = 8


def sample(program: Program, facts: Facts) -> Optimizer:
    """The program's optimizer, of a draft of its model."""
    return program.optimizer(draft(program, facts).model.parameters())


def rate(program: Program, facts: Facts, factor: float) -> Treated:
    """Every group's learning rate times a factor."""
    before = [float(group["lr"]) for group in sample(program, facts).param_groups]
    lines = [line for lr in dict.fromkeys(before) for line in (f"- lr = {lr:g}", f"+ lr = {lr * factor:g}")]
    return Treated(replace(program, optimizer=partial(_times, program.optimizer, factor)), tuple(lines))


def _times(make: Maker, factor: float, parameters: Iterable[nn.Parameter]) -> Optimizer:
    optimizer = make(parameters)
    for group in optimizer.param_groups:
        for name in {"lr", "initial_lr"} & {*group}:  # a scheduler of one's own goes by the second
            group[name] = group[name] * factor
    return optimizer


def constant_rate(program: Program, facts: Facts) -> Treated | None:
    """No schedule."""
    if program.schedule is None:
        return None
    name = getattr(program.schedule, "__name__", type(program.schedule).__name__)
    return Treated(replace(program, schedule=None), (f"- schedule = {name}", "+ schedule = None"))


def keep_rate(program: Program, facts: Facts) -> Treated | None:
    """A rate that a step of the user's own makes smaller each time is put back before it moves anything."""
    kept = 1.0 if program.schedule is not None else rate_kept(program, seed=0)
    if not kept < 1:
        return None
    lines = (f'- group["lr"] *= {kept:g}  # in each step', '+ group["lr"] = group["initial_lr"]')
    return Treated(replace(program, optimizer=partial(_at_first_rate, program.optimizer)), lines)


def _at_first_rate(make: Maker, parameters: Iterable[nn.Parameter]) -> Optimizer:
    optimizer = make(parameters)
    optimizer.register_step_pre_hook(_put_back)
    return optimizer


def _put_back(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
    for group in optimizer.param_groups:
        group["lr"] = group.setdefault("initial_lr", group["lr"])


def adam(program: Program, facts: Facts) -> Treated | None:
    """Adam as published, on the same parameters; nothing where it is so already, at whatever rate."""
    old = sample(program, facts)
    group = old.param_groups[0]
    if isinstance(old, torch.optim.Adam) and (group["betas"], group["eps"]) == ((0.9, 0.999), 1e-8):
        return None
    lines = (f"- {line_of(old)}", f"+ torch.optim.Adam(parameters, lr={_RATE:g})")
    return Treated(replace(program, optimizer=partial(_adam, program.optimizer)), lines)


def _adam(make: Maker, parameters: Iterable[nn.Parameter]) -> Optimizer:
    kept = ("params", "weight_decay", "maximize")
    groups = [{key: group[key] for key in kept if key in group} for group in make(parameters).param_groups]
    return torch.optim.Adam(groups, lr=_RATE)


def momentum(program: Program, facts: Facts) -> Treated | None:
    """Gradient descent with a heavy ball; nothing for optimizers that are none."""
    groups = sample(program, facts).param_groups
    if any(group.get("momentum", 1) >= _MOMENTUM or "alpha" in group for group in groups):
        return None
    lines = (f"- momentum = {groups[0]['momentum']:g}", f"+ momentum = {_MOMENTUM:g}")
    return Treated(replace(program, optimizer=partial(_set, program.optimizer, "momentum", _MOMENTUM)), lines)


def _set(make: Maker, key: str, value: float, parameters: Iterable[nn.Parameter]) -> Optimizer:
    optimizer = make(parameters)
    for group in optimizer.param_groups:
        group[key] = value
    return optimizer


def no_weight_decay(program: Program, facts: Facts) -> Treated | None:
    """Weights are not pulled towards zero."""
    decays = [group.get("weight_decay", 0) for group in sample(program, facts).param_groups]
    if not any(decays):
        return None
    lines = (f"- weight_decay = {max(decays):g}", "+ weight_decay = 0")
    return Treated(replace(program, optimizer=partial(_set, program.optimizer, "weight_decay", 0.0)), lines)


def weight_decay(program: Program, facts: Facts) -> Treated | None:
    """Weights are pulled towards zero; nothing where they already are as much."""
    decays = [group.get("weight_decay", _DECAY) for group in sample(program, facts).param_groups]
    if max(decays) >= _DECAY:
        return None
    lines = (f"- weight_decay = {max(decays):g}", f"+ weight_decay = {_DECAY:g}")
    return Treated(replace(program, optimizer=partial(_set, program.optimizer, "weight_decay", _DECAY)), lines)


def epochs(program: Program, facts: Facts, factor: int) -> Treated:
    """More epochs; a schedule is stretched."""
    schedule = partial(_stretched, program.schedule, factor) if program.schedule else None
    lines = (f"- epochs = {program.epochs}", f"+ epochs = {program.epochs * factor}")
    return Treated(replace(program, epochs=program.epochs * factor, schedule=schedule), lines)


def _stretched(schedule: Callable[[int], float], factor: int, step: int) -> float:
    return schedule(step // factor)


def smaller_batch(program: Program, facts: Facts) -> Treated | None:
    """An eighth of the rows per step, 4 at least, as normalizing a batch needs some."""
    now = batch_size(program, facts)
    return _batches(program, now, max(now // _BATCHES, 4)) if now > 4 else None


def larger_batch(program: Program, facts: Facts) -> Treated | None:
    """Eight times the rows per step; nothing where not even twice as many are there."""
    now = batch_size(program, facts)
    wanted = min(now * _BATCHES, facts.rows["train"])
    return _batches(program, now, wanted) if wanted >= now * 2 else None


def _batches(program: Program, now: int, wanted: int) -> Treated:
    return Treated(replace(program, batch_size=wanted), (f"- batch_size = {now}", f"+ batch_size = {wanted}"))


def clip_gradient(program: Program, facts: Facts) -> Treated:
    """The gradient is cut to a length, right before each step of the optimizer."""
    lines = (
        "  loss.backward()",
        f"+ torch.nn.utils.clip_grad_norm_(model.parameters(), {_LONGEST:g})",
        "  optimizer.step()",
    )
    return Treated(replace(program, optimizer=partial(_clipped, program.optimizer)), lines)


def _clipped(make: Maker, parameters: Iterable[nn.Parameter]) -> Optimizer:
    optimizer = make(parameters)
    optimizer.register_step_pre_hook(_clip)
    return optimizer


def _clip(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
    nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], _LONGEST)


def stop_early(program: Program, facts: Facts) -> Treated | None:
    """Training ends when the validation loss has stopped falling; nothing without validation rows."""
    if program.validation is None or program.patience is not None:
        return None
    patience = max(3, program.epochs // 10)
    if patience >= program.epochs:
        return None
    return Treated(replace(program, patience=patience), (f"+ patience = {patience}  # epochs, then stop",))


def line_of(optimizer: Optimizer) -> str:
    """An optimizer as code makes it, with what differs from its defaults."""
    usual = inspect.signature(type(optimizer)).parameters
    group = optimizer.param_groups[0]
    said = [
        f"{name}={group[name]:g}" if isinstance(group[name], float) else f"{name}={group[name]}"
        for name, parameter in usual.items()
        if name in group and name != "params" and (name == "lr" or group[name] != parameter.default)
    ]
    return f"torch.optim.{type(optimizer).__name__}(parameters, {', '.join(said)})"
