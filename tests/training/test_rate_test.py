"""The learning-rate range test: what it proposes, how far that moves with the seed, and when it says no."""

import numpy as np
import pytest

from cases import images, recipe
from unstuck.data import load
from unstuck.errors import RecipeError
from unstuck.recipe.data import Data
from unstuck.report.view import RatesView
from unstuck.training.rate_test import HIGHEST, LOWEST, STEPS, _judged, _smoothed, rate_test

DIGITS = load(Data(name="digits"))


def test_the_proposal_hardly_moves_with_the_seed():
    test = rate_test(recipe(optimizer="sgd", engine="dense"), seeds=5, dataset=DIGITS)
    assert np.ptp(np.log10(test.halves)) < 0.3
    assert test.halves.min() <= test.proposal <= test.halves.max()


def test_it_is_the_rate_of_half_the_fall_and_below_that_of_the_least_loss():
    test = rate_test(recipe(optimizer="sgd", engine="dense"), seeds=1, dataset=DIGITS)
    losses, place = test.losses[0], int(np.flatnonzero(test.rates == test.halves[0])[0])
    half = (test.starts[0] + np.nanmin(losses)) / 2
    assert losses[place] <= half < losses[place - 1]
    assert test.halves[0] < test.bests[0] == test.rates[np.nanargmin(losses)]


def test_adam_is_proposed_a_smaller_rate_than_gradient_descent():
    proposals = [
        rate_test(recipe(optimizer=name, engine="dense"), dataset=DIGITS).proposal for name in ("adam", "sgd")
    ]
    assert proposals[0] < proposals[1] / 5


def test_both_engines_propose_the_same():
    dense, torch = (
        rate_test(recipe(optimizer="sgd", engine=engine), seeds=1, dataset=DIGITS) for engine in ("dense", "torch")
    )
    assert dense.proposal == pytest.approx(torch.proposal, rel=0.05)


def test_the_rates_rise_evenly_on_a_logarithmic_scale_and_failed_steps_are_not_numbers():
    test = rate_test(recipe(optimizer="sgd", engine="dense", loss="mse"), seeds=1, dataset=images())
    assert (test.rates[0], test.rates[-1], test.rates.size) == (LOWEST, pytest.approx(HIGHEST), STEPS)
    np.testing.assert_allclose(np.diff(np.log(test.rates)), np.log(HIGHEST / LOWEST) / (STEPS - 1))
    failed = np.isnan(test.losses[0])
    assert not failed.any() or failed[np.argmax(failed) :].all()


def test_noise_alone_gets_no_proposal():
    rng = np.random.default_rng(0)
    flat = np.stack([_smoothed(rng.normal(2.3, 0.1, STEPS)) for _ in range(500)])
    judged = [_judged(np.geomspace(LOWEST, HIGHEST, STEPS), row, rng.normal(2.3, 0.1, 30)) for row in flat]
    assert sum(np.isfinite(half) for _, half, _ in judged) <= 2


def test_a_fall_that_diverges_after_it_is_found_where_it_happens():
    rates = np.geomspace(LOWEST, HIGHEST, STEPS)
    losses = np.where(np.arange(STEPS) < 150, 2.3, np.where(np.arange(STEPS) < 250, 1.0, np.nan))
    _, half, best = _judged(rates, _smoothed(losses), losses[:30])
    assert rates[150] <= half <= rates[160] < best <= rates[249]


def test_a_start_that_is_not_finite_is_said():
    case = recipe(model={"hidden": [16], "initializer": {"name": "normal", "std": 1e30}}, engine="dense")
    test = rate_test(case, seeds=2, dataset=DIGITS)
    assert test.proposal is None
    assert "no finite number" in test.reason
    assert RatesView.of(test).title == "No learning rate to propose"


def test_no_seed_is_refused():
    with pytest.raises(RecipeError, match="seeds must be 1 or more, got 0"):
        rate_test(recipe(), seeds=0, dataset=DIGITS)
