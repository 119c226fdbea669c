"""What an experiment on data confirms is so, what it rules out is not, and little evidence decides nothing."""

import numpy as np
import pytest

from unstuck.diagnosis.data_experiments import (
    answer_among_inputs,
    class_imbalance,
    distribution_mismatch,
    label_noise,
    leakage,
    no_signal,
    overfitting,
)
from unstuck.diagnosis.terms import Status
from unstuck.evidence.data import of_data
from unstuck.evidence.evidence import Column, Evidence

CONFIRMED, RULED_OUT, UNDECIDED = Status.CONFIRMED, Status.RULED_OUT, Status.UNDECIDED


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def measured(x, y, kind="classes", **splits):
    return of_data({"train": (x, y), **splits}, kind, seed=0)


def says_what_was_predicted_and_seen(verdict):
    return len(verdict.evidence) >= 2 and verdict.evidence[0].startswith("Predicted")


# no signal


@pytest.mark.parametrize(
    ("rows", "signal", "scores", "status"),
    [
        (400, 0.0, [0.50, 0.52, 0.49], CONFIRMED),
        (400, 0.0, [0.70, 0.71, 0.72], RULED_OUT),  # the program sees what the others do not
        (400, 0.0, [np.nan, np.nan], UNDECIDED),
        (60, 0.0, [0.50, 0.52, 0.49], UNDECIDED),
        (400, 1.0, [0.50, 0.50, 0.50], RULED_OUT),
    ],
)
def test_no_signal_is_confirmed_where_nobody_beats_chance(rng, rows, signal, scores, status):
    x = rng.normal(size=(rows, 4))
    verdict = no_signal(measured(x, (signal * x[:, 0] + rng.normal(size=rows) > 0).astype(int)), scores, rows=500)
    assert verdict.status is status
    assert says_what_was_predicted_and_seen(verdict)


def test_no_signal_in_numbers_is_told_by_the_variance_explained(rng):
    x = rng.normal(size=(400, 4))
    seen = measured(x, rng.normal(size=400), "numbers")
    assert no_signal(seen, [-0.1, 0.0, 0.01], rows=200).status is CONFIRMED
    assert no_signal(seen, [0.5, 0.6, 0.55], rows=200).status is RULED_OUT


@pytest.mark.parametrize(
    ("p", "gain", "status"),
    [
        (0.06, 0.1, CONFIRMED),
        (0.01, 0.0, CONFIRMED),  # it goes together by accident, and predicts nothing
        (0.01, 0.001, RULED_OUT),
        (0.002, -0.1, RULED_OUT),  # no shuffle comes up to it
    ],
)
def test_what_predicts_no_better_than_a_constant_is_no_signal_unless_no_shuffle_comes_up_to_it(p, gain, status):
    numbers = {"chance_p": p, "unseen_gain": gain, "rows_tried": 400, "chance": 0, "attainable": 0}
    seen = Evidence({name: Column(np.array(float(one)), "share of variance") for name, one in numbers.items()})
    assert no_signal(seen, [-0.1, 0.0, 0.01], rows=200).status is status


def test_without_other_models_nothing_is_said_of_a_signal():
    assert no_signal(Evidence(), [0.5], rows=10).status is UNDECIDED


# label noise


@pytest.mark.parametrize(
    ("noise", "statuses"),
    [(0.0, {RULED_OUT}), (0.03, {RULED_OUT}), (0.2, {CONFIRMED}), (0.3, {CONFIRMED}), (0.5, {UNDECIDED})],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_label_noise_is_told_at_rates_that_are_known(noise, statuses, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1500, 4))
    y = np.digitize(x[:, 0], (-0.5, 0.5))
    wrong = rng.random(1500) < noise
    noisy = np.where(wrong, (y + rng.integers(1, 3, 1500)) % 3, y)
    if noise == 0.5:
        noisy = rng.permutation(y)  # nothing is known, so that no label is called wrong
    verdict = label_noise(measured(x, noisy))
    assert verdict.status in statuses
    assert says_what_was_predicted_and_seen(verdict)


@pytest.mark.parametrize("spread", [0.3, 1.0, 2.0, 4.0])
def test_classes_that_overlap_are_not_called_noise(rng, spread):
    x = rng.normal(size=(1500, 4))
    y = (x[:, 0] + spread * rng.normal(size=1500) > 0).astype(int)
    assert label_noise(measured(x, y)).status is not CONFIRMED


def test_a_rare_class_is_not_called_noise(rng):
    x = rng.normal(size=(1500, 4))
    y = (x[:, 0] + rng.normal(size=1500) > 2.3).astype(int)  # one row in twenty
    assert label_noise(measured(x, y)).status is not CONFIRMED


# mismatch


@pytest.mark.parametrize(
    ("held", "test", "rows", "status"),
    [
        ([0.95, 0.94, 0.96], [0.70, 0.72, 0.69], (500, 500), CONFIRMED),
        ([0.95, 0.94, 0.96], [0.94, 0.95, 0.94], (2000, 2000), RULED_OUT),
        ([0.95, 0.94, 0.96], [0.85, 0.84, 0.86], (20, 20), UNDECIDED),  # few rows
        ([0.95, 0.60, 0.96], [0.85, 0.84, 0.86], (900, 900), UNDECIDED),  # seeds differ
        ([0.95], [0.70], (900, 900), CONFIRMED),  # one training, many rows
        ([np.nan], [0.5], (900, 900), UNDECIDED),
    ],
)
def test_mismatch_is_told_beyond_the_chance_of_seeds_and_rows(held, test, rows, status):
    verdict = distribution_mismatch(held, test, Evidence(), rows=rows, kind="classes")
    assert verdict.status is status
    assert says_what_was_predicted_and_seen(verdict)


@pytest.mark.parametrize(
    ("held", "test", "rows", "status"),
    [
        ([0.86, 0.87, 0.86], [-0.9, -6.5, -1.5], 60, CONFIRMED),
        ([0.86, 0.87, 0.86], [0.0, 0.0, 0.0], 60, CONFIRMED),
        ([0.4, 0.41, 0.4], [-0.2, -0.3, -0.2], 15, UNDECIDED),  # few rows
        ([-0.1, -0.2, -0.1], [-0.9, -6.5, -1.5], 60, UNDECIDED),  # nothing is known of either
    ],
)
def test_a_score_below_what_a_constant_reaches_says_no_more_than_the_constant(held, test, rows, status):
    verdict = distribution_mismatch(held, test, Evidence(), rows=(rows, rows), kind="numbers")
    assert verdict.status is status


def test_mismatch_says_what_differs(rng):
    x, y = rng.normal(size=(300, 3)), rng.integers(0, 2, 300)
    scores = [0.9, 0.91, 0.9], [0.6, 0.61, 0.6]
    moved, alike = (
        distribution_mismatch(*scores, measured(x, y, test=(x + by, y)), rows=(500, 500), kind="classes")
        for by in ((0, 4, 0), (1e-9, 0, 0))
    )
    assert "feature 1" in moved.evidence[-1]
    assert "hardly tells" in alike.evidence[-1]


# leakage


@pytest.mark.parametrize(
    ("of_twins", "of_others", "twins", "status"),
    [
        (1.0, 0.6, 100, CONFIRMED),
        (1.0, 1.0, 100, RULED_OUT),
        (0.6, 0.6, 100, UNDECIDED),  # the interval is wide
        (1.0, 0.6, 10, UNDECIDED),  # too few of them
        (1.0, 0.6, 490, UNDECIDED),  # too few others
        (0.6, 1.0, 100, RULED_OUT),  # twins that score lower lift nothing
        (1.0, 0.6, 0, RULED_OUT),
    ],
)
def test_leakage_is_told_by_the_score_of_the_twins(of_twins, of_others, twins, status):
    twin = np.arange(500) < twins
    place = np.where(twin, np.arange(500) / max(twins, 1), (np.arange(500) - twins) / (500 - twins))
    correct = place < np.where(twin, of_twins, of_others)
    verdict = leakage(np.stack([correct, correct]), twin)
    assert verdict.status is status
    assert says_what_was_predicted_and_seen(verdict)
    if status is CONFIRMED:
        assert verdict.effect.mean == pytest.approx(of_twins - of_others, abs=0.01)


@pytest.mark.parametrize(
    ("of_spared", "spared", "status"),
    [(0.6, 100, CONFIRMED), (1.0, 100, RULED_OUT), (0.6, 10, UNDECIDED)],
)
def test_where_all_test_rows_were_trained_on_rows_held_out_of_training_stand_beside_them(
    of_spared, spared, status
):
    apart = np.arange(spared) < of_spared * spared
    verdict = leakage(np.ones((2, 500)), np.ones(500, dtype=bool), np.stack([apart, apart]))
    assert verdict.status is status


def test_leakage_is_not_confirmed_by_chance(rng):
    """Of twins that are no better, at most one in twenty sets; the interval has two sides."""
    twin = np.arange(300) < 100
    found = [leakage(rng.random(300) < 0.7, twin).status for _ in range(200)]
    assert np.mean([one is CONFIRMED for one in found]) < 0.06


def table_with(column, y, kind, rng):
    x = rng.normal(size=(len(y), 4))
    return answer_among_inputs(measured(np.column_stack([x, column]).astype(np.float32), y, kind))


@pytest.mark.parametrize(
    ("column", "is_told"),
    [
        (lambda y, rng: y, True),
        (lambda y, rng: 1000 - 30 * y, True),  # in another unit
        (lambda y, rng: y + 0.05 * rng.normal(size=len(y)), False),  # a good input
        (lambda y, rng: np.tanh(y), False),
    ],
)
def test_a_column_of_numbers_is_the_answer_where_a_line_maps_it_onto_the_target(rng, column, is_told):
    y = rng.normal(size=400)
    assert (table_with(column(y, rng), y.astype(np.float32), "numbers", rng) is not None) == is_told


@pytest.mark.parametrize(
    ("column", "is_told"),
    [
        (lambda y, rng: np.array([4.0, -1.0, 7.0])[y], True),  # under other names
        (lambda y, rng: np.where(np.arange(len(y)) < 2, (y + 1) % 3, y), False),  # but for two rows
        (lambda y, rng: y + rng.random(len(y)), False),  # classes are parts of it
    ],
)
def test_a_column_of_classes_is_the_answer_where_values_and_classes_pair(rng, column, is_told):
    y = rng.integers(0, 3, 400)
    verdict = table_with(column(y, rng), y, "classes", rng)
    assert (verdict is not None) == is_told
    assert verdict is None or (verdict.status is CONFIRMED and says_what_was_predicted_and_seen(verdict))


def test_a_column_is_no_leak_where_the_others_tell_as_much(rng):
    x = rng.normal(size=(400, 3))
    y = x.sum(axis=1)
    assert answer_among_inputs(measured(np.column_stack([x, y]), y, "numbers")) is None


# overfitting


@pytest.mark.parametrize(
    ("seen", "own", "other", "rows", "is_told"),
    [
        (1.0, 0.6, 0.8, 400, True),
        (1.0, 0.75, 0.75, 400, False),  # a gap alone: nothing does better
        (0.75, 0.6, 0.9, 400, False),  # it does not know its own rows by heart either
        (1.0, 0.7, 0.74, 2000, False),  # a little better
        (1.0, 0.6, 0.8, 20, False),  # few rows
        (1.0, 0.3, 0.5, 400, False),  # no better than chance, which is no worse than to know nothing
    ],
)
def test_overfitting_is_told_where_a_small_model_of_the_same_rows_does_better(seen, own, other, rows, is_told):
    order = np.random.default_rng(0).permutation(rows)
    answers = np.arange(rows) < own * rows, order < other * rows
    verdict = overfitting([seen, seen], np.stack([answers[0]] * 2), answers[1], 0.5)
    assert (verdict is not None) == is_told
    assert verdict is None or (verdict.status is CONFIRMED and says_what_was_predicted_and_seen(verdict))


def test_numbers_that_are_predicted_worse_than_by_their_mean_are_overfitted_though_little_can_be_known(rng):
    own, other = 1 - 2 * rng.chisquare(1, (2, 200)), 1 - 0.8 * rng.chisquare(1, 200)  # R² of about -1 and 0.2
    verdict = overfitting([1.0, 1.0], own, other, 0.0, least=-np.inf)
    assert verdict is not None
    assert verdict.effect.mean == pytest.approx(other.mean() - own.mean())
    assert overfitting([1.0, 1.0], own, other, 0.0) is None  # no better than the mean
    assert overfitting([1.0, 1.0], own, other - 0.4, 0.0, least=-np.inf) is None  # nothing can be known at all


# imbalance


@pytest.mark.parametrize(("share", "status"), [(0.0, CONFIRMED), (1.0, RULED_OUT), (0.5, UNDECIDED)])
def test_imbalance_is_told_by_what_a_small_model_finds(rng, share, status):
    x = rng.normal(size=(1500, 4))
    y = (x[:, 0] > 1.6).astype(int)
    answers = np.where(rng.permutation(1500) < share * 1500, y, 0)
    seen = measured(x, y)
    held = np.concatenate([np.flatnonzero(y == 0)[:300], np.flatnonzero(y == 1)[:60]])
    if share == 0.5:
        answers = y.copy()
        answers[np.flatnonzero(y == 1)[:33]] = 0
    verdict = class_imbalance(answers[held], y[held], seen)
    assert verdict.status is status
    assert says_what_was_predicted_and_seen(verdict)


def test_a_rare_class_that_nobody_tells_is_no_fault_of_the_program(rng):
    x = rng.normal(size=(1500, 4))
    y = (rng.random(1500) < 0.05).astype(int)
    assert class_imbalance(np.zeros(1500, dtype=int), y, measured(x, y)).status is not CONFIRMED


def test_balanced_classes_are_no_imbalance(rng):
    x = rng.normal(size=(300, 2))
    y = (x[:, 0] > 0).astype(int)
    assert class_imbalance(np.zeros(300, dtype=int), y, measured(x, y)).status is RULED_OUT
    assert class_imbalance(y, y, Evidence()).status is UNDECIDED
