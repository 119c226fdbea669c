"""Schedules: the factor of the peak learning rate at each step."""

import math

import numpy as np

from unstuck.recipe.schedule import (
    ConstantRate,
    CosineRate,
    CosineRestarts,
    ExponentialRate,
    OneCycle,
    Plateau,
    Schedule,
    StepRate,
)


def factors(schedule: Schedule, step: np.ndarray, *, epochs: int, steps_per_epoch: int) -> np.ndarray:
    """The factor at each of some steps (S,), counted from the start of a training of so many epochs, in [0, 1].

    Warm-up multiplies whatever schedule follows: Goyal et al. 2017, arXiv:1706.02677, 2.2. Its first step
    is not zero, so that no step is wasted.
    """
    epoch = step // steps_per_epoch
    match schedule:
        case ConstantRate():
            factor = np.ones(step.size)
        case StepRate(gamma=gamma, every=every):
            factor = gamma ** (epoch // every)
        case ExponentialRate(gamma=gamma):
            factor = gamma**epoch
        case CosineRate(final=final):
            factor = _falling(step / (epochs * steps_per_epoch), final)
        case CosineRestarts():
            factor = _restarting(schedule, step / steps_per_epoch)
        case OneCycle():
            factor = _cycling(schedule, step, epochs * steps_per_epoch)
        case Plateau():
            factor = np.ones(step.size)  # what it makes of the validation loss is not known in advance
    rising = schedule.warmup * steps_per_epoch
    return factor * np.minimum(1, (step + 1) / rising) if rising else factor


def _falling(share: np.ndarray, final: float) -> np.ndarray:
    """Half a cosine from 1 to `final`, shares (S,) of the way in [0, 1]."""
    return final + (1 - final) * (1 + np.cos(math.pi * share)) / 2


def _restarting(schedule: CosineRestarts, epoch: np.ndarray) -> np.ndarray:
    """Cosines of first, first · growth, first · growth², … epochs; `epoch` (S,) with its fraction."""
    begun, length = np.zeros(epoch.size), np.full(epoch.size, float(schedule.first))
    while (over := epoch >= begun + length).any():
        begun, length = np.where(over, begun + length, begun), np.where(over, length * schedule.growth, length)
    return _falling((epoch - begun) / length, schedule.final)


def _cycling(schedule: OneCycle, step: np.ndarray, steps: int) -> np.ndarray:
    """Up from `start` to 1 and down to `final`, which the last of all steps has; as torch's OneCycleLR has it."""
    peak = max(schedule.rise * steps - 1, 0.0)
    up = 1 - (1 - schedule.start) * _falling(step / max(peak, 1e-9), 0.0)
    down = _falling((step - peak) / max(steps - 1 - peak, 1e-9), schedule.final)
    return np.where(step < peak, up, down)
