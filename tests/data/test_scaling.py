"""Scaling: fitted on the training rows alone, and what is stored as bytes stays so."""

import numpy as np
import pytest

from unstuck.data import scaling
from unstuck.data.loading import arrange
from unstuck.data.source import Pairs, Source
from unstuck.errors import RecipeError
from unstuck.recipe.data import Data
from unstuck.recipe.spec import Recipe


def source(x, y=None):
    y = np.arange(len(x))[:, None] % 7.0 if y is None else y
    return Source(name="s", train=Pairs(x, y))


def table(rows=200):
    return np.random.default_rng(0).normal([5, -3, 0], [2, 100, 1e-3], (rows, 3))


def pictures(rows=50):
    return np.random.default_rng(0).integers(0, 256, (rows, 4, 4), dtype=np.uint8)


@pytest.mark.parametrize("how", ["auto", "standard"])
def test_numbers_are_standardized_on_the_training_rows(how):
    data = arrange(source(table()), Data(name="s", scaling=how))
    np.testing.assert_allclose(data.train.x.mean(axis=0, dtype=np.float64), 0, atol=1e-5)
    np.testing.assert_allclose(data.train.x.std(axis=0, dtype=np.float64), 1, rtol=1e-5)


def test_validation_and_test_rows_have_no_part_in_any_scaling():
    x, y = table(), np.random.default_rng(1).normal(size=(200, 1))
    before = arrange(source(x, y), Data(name="s"))
    held = np.concatenate([before.validation.rows, before.test.rows])
    x[held] += 1e6
    y[held] *= 1e6
    after = arrange(source(x, y), Data(name="s"))
    assert before.train.x.tobytes() == after.train.x.tobytes()
    assert before.train.y.tobytes() == after.train.y.tobytes()


def test_all_splits_and_targets_are_scaled_alike():
    x = table()
    data = arrange(source(x), Data(name="s"))
    for split in data.splits.values():
        np.testing.assert_array_equal(split.x, data.inputs.apply(x[split.rows]))
        np.testing.assert_allclose(data.targets.undo(split.y)[:, 0], split.rows % 7, atol=1e-5)
    np.testing.assert_allclose(data.train.y.std(), 1, rtol=1e-5)


def test_standardizing_agrees_with_numpy_however_many_rows():
    x = np.random.default_rng(0).normal(3, 2, (2 * scaling._CHUNK + 5, 2))
    fitted = scaling.standard(x)
    np.testing.assert_allclose(fitted.shift, x.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(fitted.factor, 1 / x.std(axis=0), rtol=1e-6)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6, -3.7])
def test_a_constant_feature_has_factor_one_and_becomes_zero(constant):
    x = table(1000)
    x[:, 1] = constant
    fitted = scaling.standard(x)
    assert fitted.factor[1] == 1
    np.testing.assert_allclose(fitted.apply(x)[:, 1], 0, atol=1e-6 * abs(constant))


def test_features_far_from_zero_keep_their_precision():
    seconds = 1.7e9 + np.arange(1000.0)[:, None]
    scaled = scaling.standard(seconds).apply(seconds)
    assert len(np.unique(scaled)) == 1000


@pytest.mark.parametrize("how", ["auto", "unit"])
def test_bytes_stay_bytes_with_a_factor_that_makes_them_zero_to_one(how):
    data = arrange(source(pictures()), Data(name="s", scaling=how))
    assert data.train.x.dtype == np.uint8
    assert data.inputs.apply(np.array([0, 255], np.uint8)).tolist() == [0.0, 1.0]


def test_bytes_unscaled_stay_bytes_with_factor_one():
    data = arrange(source(pictures()), Data(name="s", scaling="none"))
    assert data.train.x.dtype == np.uint8
    assert data.inputs.apply(np.array([0, 255], np.uint8)).tolist() == [0.0, 255.0]


def test_bytes_standardized_become_numbers_pixel_by_pixel():
    x = pictures()
    data = arrange(source(x), Data(name="s", scaling="standard"))
    assert data.inputs.shift.shape == data.inputs.factor.shape == (4, 4)
    raw = x[data.train.rows].astype(np.float64)
    np.testing.assert_allclose(data.train.x, (raw - raw.mean(axis=0)) / raw.std(axis=0), atol=1e-5)


def test_numbers_unscaled_are_as_they_were():
    x, y = table(), np.random.default_rng(1).normal(5, 9, (200, 1))
    data = arrange(source(x, y), Data(name="s", scaling="none", target_scaling="none"))
    np.testing.assert_array_equal(data.train.x, x[data.train.rows].astype(np.float32))
    np.testing.assert_array_equal(data.train.y, y[data.train.rows].astype(np.float32))


def test_unit_scaling_of_other_numbers_says_what_to_use():
    with pytest.raises(RecipeError, match="data.scaling must be standard or none where inputs are not bytes"):
        arrange(source(table()), Data(name="s", scaling="unit"))


@pytest.mark.parametrize(("how", "stays"), [("unit", True), ("standard", False)])
def test_a_sources_scaling_is_taken_over_and_bytes_stay_where_it_lets_them(how, stays):
    before = arrange(source(pictures()), Data(name="s", scaling=how)).inputs
    other = np.random.default_rng(1).integers(0, 99, (40, 4, 4), dtype=np.uint8)
    data = arrange(source(other), Data(name="s", scaling="source"), before)
    assert data.inputs is before
    assert (data.train.x.dtype == np.uint8) == stays
    seen = data.train.x * before.factor if stays else data.train.x
    np.testing.assert_allclose(seen, before.apply(other[data.train.rows]), rtol=1e-6)


def test_a_sources_scaling_needs_a_source():
    with pytest.raises(RecipeError, match="data.scaling must be another where no source's is known"):
        arrange(source(table()), Data(name="s", scaling="source"))
    with pytest.raises(RecipeError, match="data.scaling must be another where there is no source"):
        Recipe(data=Data(name="s", scaling="source"))
