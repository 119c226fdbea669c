"""Schedules against torch's own, and warm-up against its definition."""

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from unstuck.recipe.schedule import (
    ConstantRate,
    CosineRate,
    CosineRestarts,
    ExponentialRate,
    OneCycle,
    Plateau,
    StepRate,
)
from unstuck.training.schedules import factors

EPOCHS, STEPS = 12, 5
ALL = np.arange(EPOCHS * STEPS)
KINDS = [ConstantRate, StepRate, ExponentialRate, CosineRate, CosineRestarts, OneCycle, Plateau]


def rates(make, *, per_epoch):
    """The rates of torch's schedule, from a peak of 1, at each step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule, told = make(optimizer), []
    for step in range(EPOCHS * STEPS):
        told.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if not per_epoch or step % STEPS == STEPS - 1:
            schedule.step()
    return told


def one_cycle(optimizer, rise):
    return lr_scheduler.OneCycleLR(
        optimizer, 1.0, total_steps=EPOCHS * STEPS, pct_start=rise, cycle_momentum=False
    )


def restarts(optimizer, first, growth, final):
    return lr_scheduler.CosineAnnealingWarmRestarts(optimizer, first * STEPS, growth, final)


@pytest.mark.parametrize(
    ("schedule", "oracle", "per_epoch"),
    [
        (StepRate(gamma=0.3, every=5), lambda o: lr_scheduler.StepLR(o, 5, 0.3), True),
        (StepRate(gamma=0.5, every=1), lambda o: lr_scheduler.StepLR(o, 1, 0.5), True),
        (StepRate(gamma=0.5, every=100), lambda o: lr_scheduler.StepLR(o, 100, 0.5), True),
        (ExponentialRate(gamma=0.8), lambda o: lr_scheduler.ExponentialLR(o, 0.8), True),
        (CosineRate(), lambda o: lr_scheduler.CosineAnnealingLR(o, EPOCHS * STEPS), False),
        (CosineRate(final=0.1), lambda o: lr_scheduler.CosineAnnealingLR(o, EPOCHS * STEPS, 0.1), False),
        (OneCycle(rise=0.1), lambda o: one_cycle(o, 0.1), False),
        (OneCycle(), lambda o: one_cycle(o, 0.3), False),
        (OneCycle(rise=0.75), lambda o: one_cycle(o, 0.75), False),
        (CosineRestarts(first=2, growth=1), lambda o: restarts(o, 2, 1, 0.0), False),
        (CosineRestarts(first=1, growth=3, final=0.1), lambda o: restarts(o, 1, 3, 0.1), False),
    ],
)
def test_a_schedule_is_torchs(schedule, oracle, per_epoch):
    ours = factors(schedule, ALL, epochs=EPOCHS, steps_per_epoch=STEPS)
    np.testing.assert_allclose(ours, rates(oracle, per_epoch=per_epoch), rtol=1e-12, atol=1e-15)


def test_a_constant_rate_is_the_peak_throughout():
    np.testing.assert_array_equal(factors(ConstantRate(), np.arange(6), epochs=2, steps_per_epoch=3), np.ones(6))


@pytest.mark.parametrize("warmup", [0.0, 0.1, 1.0, 2.5, 12.0])
@pytest.mark.parametrize("kind", KINDS)
def test_warm_up_rises_linearly_to_the_peak_and_multiplies_what_follows(kind, warmup):
    plain = factors(kind(), ALL, epochs=EPOCHS, steps_per_epoch=STEPS)
    ours = factors(kind(warmup=warmup), ALL, epochs=EPOCHS, steps_per_epoch=STEPS)
    done = np.arange(1, EPOCHS * STEPS + 1) / STEPS  # epochs done after each step
    np.testing.assert_allclose(ours, plain * (np.minimum(1, done / warmup) if warmup else 1), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_every_step_moves_and_none_beyond_the_peak(kind):
    ours = factors(kind(warmup=3.0), ALL, epochs=EPOCHS, steps_per_epoch=STEPS)
    assert ours.shape == (EPOCHS * STEPS,)
    assert ((ours > 0) & (ours <= 1)).all()


def test_a_training_of_one_step_has_a_rate_whatever_its_schedule():
    for schedule in (OneCycle(), CosineRestarts(), CosineRate(), Plateau()):
        assert 0 < factors(schedule, np.arange(1), epochs=1, steps_per_epoch=1)[0] <= 1
