"""Scores against scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics

from unstuck.training.scores import accuracy, r2, threshold_accuracy


def drawn(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_accuracy_is_scikit_learns():
    predictions, labels = drawn(200, 4), np.random.default_rng(1).integers(0, 4, 200)
    assert accuracy(predictions, labels) == metrics.accuracy_score(labels, predictions.argmax(axis=1))


def test_accuracy_of_sequences_is_the_share_of_their_elements():
    predictions, labels = drawn(20, 4, 7), np.random.default_rng(1).integers(0, 4, (20, 7))
    expected = metrics.accuracy_score(labels.ravel(), predictions.argmax(axis=1).ravel())
    assert accuracy(predictions, labels) == pytest.approx(expected)


@pytest.mark.parametrize("outputs", [1, 3])
def test_r2_is_scikit_learns(outputs):
    targets = drawn(100, outputs)
    predictions = targets + 0.5 * np.random.default_rng(1).normal(size=targets.shape)
    assert r2(predictions, targets) == pytest.approx(metrics.r2_score(targets, predictions), rel=1e-6)


def test_r2_of_targets_that_do_not_vary_is_scikit_learns():
    targets = np.stack([np.full(10, 3.0), np.full(10, 3.0), np.arange(10.0)], axis=1)
    predictions = np.stack([np.full(10, 3.0), np.full(10, 2.0), np.arange(10.0)], axis=1)
    assert r2(predictions, targets) == pytest.approx(metrics.r2_score(targets, predictions))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 3e38])
def test_r2_of_a_diverged_network_is_not_a_good_one_and_no_warning(bad):
    predictions = np.array([[bad], [-bad], [0]], np.float32)
    assert not r2(predictions, drawn(3, 1)) > 0


@pytest.mark.parametrize(("limit", "scale"), [(0.5, 1), (0.0, 4)])
def test_a_threshold_tells_two_classes(limit, scale):
    predictions, targets = drawn(50, 1) * scale, np.random.default_rng(1).integers(0, 2, 50).astype(np.float32)
    expected = metrics.accuracy_score(targets, predictions[:, 0] > limit)
    assert threshold_accuracy(limit)(predictions, targets) == pytest.approx(expected)
