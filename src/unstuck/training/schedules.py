"""Schedules: the factor of the peak learning rate at each step."""

import math

import numpy as np

from unstuck.recipe.spec import ConstantRate, CosineRate, ExponentialRate, Schedule, StepRate


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
            factor = final + (1 - final) * (1 + np.cos(math.pi * step / (epochs * steps_per_epoch))) / 2
    rising = schedule.warmup * steps_per_epoch
    return factor * np.minimum(1, (step + 1) / rising) if rising else factor
