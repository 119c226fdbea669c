"""The plan and the loop: every row once an epoch, in an order that follows from the seed."""

from itertools import pairwise

import numpy as np
import pytest

from unstuck.training.loop import Plan, train


class Watch:
    """An engine that notes what it is asked for."""

    name = "watch"

    def __init__(self, fails_at=None):
        self.fails_at, self.calls = fails_at, []

    def advance(self, order, factors, done):
        self.calls.append((order, factors, done))
        losses = done + np.arange(len(factors), dtype=float)
        if self.fails_at is not None and done <= self.fails_at < done + len(factors):
            losses = losses[: self.fails_at - done + 1]
            losses[-1] = np.nan
        return losses


def plan(**changes):
    settings = {"rows": 103, "batch_size": 10, "epochs": 3, "seed": 0, "factors": lambda step: step / 100}
    return Plan(**settings | changes)


@pytest.mark.parametrize(("rows", "batch_size", "steps"), [(100, 10, 10), (101, 10, 11), (1, 1, 1), (7, 7, 1)])
def test_an_epoch_has_a_step_for_every_batch_that_was_begun(rows, batch_size, steps):
    assert plan(rows=rows, batch_size=batch_size).steps == steps


def test_every_epoch_takes_every_row_once_each_in_another_order():
    orders = [plan().order(epoch) for epoch in range(3)]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(103))
    assert all((first != second).any() for first, second in pairwise(orders))


def test_the_order_follows_from_the_seed_and_epoch_alone():
    np.testing.assert_array_equal(plan(batch_size=7, epochs=9).order(2), plan().order(2))
    assert (plan(seed=1).order(2) != plan().order(2)).any()


@pytest.mark.parametrize("done", [0, 1, 10, 11, 12, 32, 33])
def test_stretches_follow_each_other_without_gap_from_wherever_training_was(done):
    engine = Watch()
    stretches = list(train(engine, plan(), done=done))
    losses = np.concatenate([stretch.losses for stretch in stretches] or [np.zeros(0)])
    np.testing.assert_array_equal(losses, np.arange(done, 33))
    for stretch, (order, factors, at) in zip(stretches, engine.calls, strict=True):
        assert divmod(at, 11) == (stretch.epoch, stretch.first_step)
        np.testing.assert_array_equal(factors, np.arange(at, at + len(factors)) / 100)
        first = stretch.first_step * 10
        np.testing.assert_array_equal(order, plan().order(stretch.epoch)[first : first + 10 * len(factors)])


def test_the_scale_is_asked_for_before_each_stretch_and_multiplies_the_factors():
    engine, asked = Watch(), []

    def scale():
        asked.append(len(engine.calls))
        return float(len(engine.calls) + 1)

    stretches = list(train(engine, plan(), scale=scale))
    assert asked == list(range(len(stretches)))
    for number, (_, factors, done) in enumerate(engine.calls):
        np.testing.assert_array_equal(factors, (number + 1) * (np.arange(done, done + len(factors)) / 100))


@pytest.mark.parametrize("step", [0, 5, 10, 11, 32])
def test_nothing_follows_a_loss_that_is_not_finite(step):
    losses = np.concatenate([stretch.losses for stretch in train(Watch(fails_at=step), plan())])
    assert np.isfinite(losses[:-1]).all()
    assert len(losses) == step + 1
    assert np.isnan(losses[-1])


def test_who_watches_may_stop():
    engine = Watch()
    for _ in train(engine, plan()):
        break
    assert len(engine.calls) == 1
