"""Waiting for a validation loss to fall."""

import math

import numpy as np
import pytest
import torch

from unstuck.training.stopping import Lowering, Wait


def waits(losses, min_improvement=0.0):
    """Epochs without improvement after each loss."""
    states = [Wait()]
    for loss in losses:
        states.append(states[-1].after(loss, min_improvement=min_improvement))
    return [state.epochs for state in states[1:]]


def test_epochs_are_counted_since_the_last_improvement():
    assert waits([3, 2, 2, 2.5, 1, 1.5]) == [0, 0, 1, 2, 0, 1]


def test_an_improvement_counts_only_above_the_least_that_counts():
    assert waits([3, 2.5, 2], min_improvement=0.5) == [0, 1, 0]


def test_small_improvements_that_add_up_count():
    assert waits([3, 2.7, 2.4, 2.1], min_improvement=0.5) == [0, 1, 0, 1]


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_no_improvement(loss):
    assert waits([loss, 1, loss]) == [1, 0, 1]


@pytest.mark.parametrize("seed", range(20))
def test_a_plateau_lowers_the_rate_when_torch_does(seed):
    draw = np.random.default_rng(seed)
    losses = np.round(draw.uniform(0, 2, 60) * 0.95 ** np.arange(60), 1)  # with ties
    losses[draw.integers(60)] = math.nan
    factor, patience = float(draw.uniform(0.1, 0.9)), int(draw.integers(0, 5))
    least = float(draw.choice([0.0, 0.1]))
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    oracle = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=factor, patience=patience, threshold=least, threshold_mode="abs", eps=0.0
    )
    state, ours, theirs = Lowering(), [], []
    for loss in losses.tolist():
        state = state.after(loss, factor=factor, patience=patience, min_improvement=least)
        oracle.step(loss)
        ours.append(state.scale)
        theirs.append(optimizer.param_groups[0]["lr"])
    assert ours == theirs
    assert ours[-1] < 1
