"""Generated sets: their definitions, and that a seed gives them again."""

import numpy as np
import pytest

from unstuck.data import load, synthetic
from unstuck.recipe.data import Data

SETS = ("sum-intervals", "blobs", "circles", "moons", "xor")
UNSPLIT = {"validation": 0.0, "test": 0.0, "scaling": "none"}


@pytest.mark.parametrize("name", SETS)
def test_the_seed_of_the_data_draws_the_set(name):
    first, again, other = (load(Data(name=name, seed=seed, **UNSPLIT)) for seed in (0, 0, 1))
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != other.fingerprint


def test_the_class_of_sum_intervals_is_the_interval_of_the_sum():
    data = load(Data(name="sum-intervals", **UNSPLIT))
    edges = [-np.inf, -10, -5, 0, 5, 10, 15, 20, 25, 30, np.inf]
    assert data.outputs == len(edges) - 1
    for total, number in zip(data.train.x.sum(axis=1, dtype=np.float64), data.train.y, strict=True):
        assert edges[number] <= total < edges[number + 1]


def test_the_features_of_sum_intervals_are_standard_normal():
    x = load(Data(name="sum-intervals", **UNSPLIT)).train.x
    count = x.size
    assert abs(x.mean(dtype=np.float64)) < 5 / count**0.5  # five standard deviations
    assert abs(x.var(dtype=np.float64) - 1) < 5 * (2 / count) ** 0.5


def test_an_edge_of_sum_intervals_belongs_to_the_class_above():
    names = synthetic.interval_names()
    below, at = np.digitize([np.nextafter(-10, -11), -10], synthetic.INTERVALS)
    assert (names[below], names[at]) == ("below -10", "[-10, -5)")
    assert names[np.digitize(30, synthetic.INTERVALS)] == "30 and above"


def test_xor_is_whether_the_signs_differ():
    data = load(Data(name="xor", **UNSPLIT))
    assert np.array_equal(data.train.y == 1, data.train.x.prod(axis=1) < 0)


def test_circles_are_told_apart_by_their_radius():
    data = load(Data(name="circles", **UNSPLIT))
    inner = np.hypot(*data.train.x.T) < 0.75
    assert np.array_equal(inner, data.train.y == 1)


@pytest.mark.parametrize("name", ["blobs", "circles", "moons"])
def test_classes_of_the_small_sets_are_even(name):
    data = load(Data(name=name, **UNSPLIT))
    assert np.ptp(np.bincount(data.train.y)) <= 1
