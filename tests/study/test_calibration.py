"""Calibration against naive loops, scikit-learn, and probabilities that are true by construction."""

import math

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from unstuck.errors import RecipeError
from unstuck.study.calibration import brier, expected_calibration_error, log_loss, reliability

RANDOM = np.random.default_rng(0)
PROBABILITIES = RANDOM.dirichlet(np.full(4, 0.5), 300)
LABELS = RANDOM.integers(0, 4, 300)


def calibrated(rows: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of two classes, and labels drawn by them."""
    second = generator.uniform(0, 1, rows)
    return np.stack([1 - second, second], axis=1), (generator.uniform(0, 1, rows) < second).astype(int)


@pytest.mark.parametrize("bins", [1, 4, 15])
def test_the_calibration_error_is_that_of_a_loop_over_bins(bins):
    total = 0.0
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        inside = [
            (row.max(), row.argmax() == label)
            for row, label in zip(PROBABILITIES, LABELS, strict=True)
            if low < row.max() <= high
        ]
        if inside:
            confidence, accuracy = np.mean(inside, axis=0)
            total += len(inside) / len(LABELS) * abs(accuracy - confidence)
    assert expected_calibration_error(PROBABILITIES, LABELS, bins=bins) == pytest.approx(total)


@pytest.mark.parametrize(("cut", "strategy"), [("width", "uniform"), ("mass", "quantile")])
def test_the_bins_are_those_of_scikit_learn(cut, strategy):
    found = reliability(PROBABILITIES, LABELS, bins=10, cut=cut)
    right = PROBABILITIES.argmax(axis=1) == LABELS
    accuracy, confidence = calibration_curve(right, PROBABILITIES.max(axis=1), n_bins=10, strategy=strategy)
    filled = found.count > 0
    np.testing.assert_allclose(found.accuracy[filled], accuracy)
    np.testing.assert_allclose(found.confidence[filled], confidence)
    assert found.count.sum() == len(LABELS)


def test_bins_of_equal_mass_have_as_many_rows_each():
    assert set(reliability(PROBABILITIES, LABELS, bins=15, cut="mass").count) == {20}


def test_a_confidence_on_an_edge_is_in_the_bin_below_it():
    half = np.array([[0.5, 0.5]])
    assert reliability(half, np.array([0]), bins=2).count.tolist() == [1, 0]


def test_true_probabilities_have_the_error_that_chance_alone_gives():
    rows, bins = 3000, 15
    errors = [
        expected_calibration_error(*calibrated(rows, np.random.default_rng(seed)), bins=bins)
        for seed in range(100)
    ]
    found = reliability(*calibrated(rows, np.random.default_rng(0)), bins=bins)
    share, p = found.count / rows, np.nan_to_num(found.confidence)
    by_chance = float((share * np.sqrt(2 * p * (1 - p) / (math.pi * np.maximum(found.count, 1)))).sum())
    assert np.mean(errors) == pytest.approx(by_chance, rel=0.1)
    assert abs(found.excess) < 4 * 0.5 / math.sqrt(rows)


def test_doubled_confidence_is_found():
    probabilities, labels = calibrated(3000, np.random.default_rng(1))
    sharper = probabilities**3 / (probabilities**3).sum(axis=1, keepdims=True)
    found = reliability(sharper, labels)
    assert found.excess == pytest.approx(sharper.max(axis=1).mean() - (sharper.argmax(axis=1) == labels).mean())
    assert found.excess > 0.05
    assert found.error > 3 * expected_calibration_error(probabilities, labels)


def test_brier_score_and_log_loss_are_those_of_loops():
    squares = [
        sum((p - (label == number)) ** 2 for number, p in enumerate(row))
        for row, label in zip(PROBABILITIES, LABELS, strict=True)
    ]
    assert brier(PROBABILITIES, LABELS) == pytest.approx(np.mean(squares))
    logs = [-math.log(row[label]) for row, label in zip(PROBABILITIES, LABELS, strict=True)]
    assert log_loss(PROBABILITIES, LABELS) == pytest.approx(np.mean(logs))
    assert log_loss(np.array([[1.0, 0.0]]), np.array([1])) == math.inf


@pytest.mark.parametrize(
    ("arguments", "options", "field"),
    [
        ((PROBABILITIES, LABELS), {"bins": 0}, "bins must be 1 or more"),
        ((PROBABILITIES, LABELS), {"cut": "rows"}, "cut must be width or mass"),
        ((PROBABILITIES[:, 0], LABELS), {}, "probabilities and labels must be"),
        ((PROBABILITIES[:0], LABELS[:0]), {}, "probabilities and labels must be"),
    ],
)
def test_what_has_no_bins_is_refused_in_one_line(arguments, options, field):
    with pytest.raises(RecipeError, match=field):
        reliability(*arguments, **options)
