import numpy as np
import pytest

from unstuck.report.picture import fitted, is_picture, mosaic, pixels


@pytest.mark.parametrize(
    ("shape", "seen"), [((28, 28), True), ((1, 8, 8), True), ((3, 8, 8), True), ((2, 8, 8), False), ((4,), False)]
)
def test_pictures_are_told_by_their_shape(shape, seen):
    assert is_picture(shape) is seen


def test_bytes_are_shown_as_they_are_in_all_three_colours():
    grey = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    for examples in (grey, grey[:, None], np.stack([grey] * 3, axis=1)):
        np.testing.assert_array_equal(pixels(examples), np.stack([grey] * 3, axis=-1))


def test_colours_come_last():
    red = np.zeros((1, 3, 2, 2), np.uint8)
    red[:, 0] = 255
    assert pixels(red)[0, 0, 0].tolist() == [255, 0, 0]


def test_numbers_are_stretched_over_all_examples_alike():
    shown = pixels(np.array([[[-1.0, 0.0]], [[1.0, np.nan]]]))
    assert shown[..., 0].ravel().tolist() == [0, 128, 255, 0]


@pytest.mark.parametrize("value", [0.0, -3.5, np.nan])
def test_a_picture_of_one_value_is_shown_without_a_warning(value):
    assert len(np.unique(pixels(np.full((1, 4, 4), value)))) == 1


def test_the_widest_range_of_floats_does_not_overflow():
    assert pixels(np.array([[[-1.7e308, 1.7e308]]]))[0, 0, :, 0].tolist() == [0, 255]


def test_small_tiles_grow_by_a_whole_factor():
    tile = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    grown = fitted(tile, 7)
    assert grown.shape == (1, 6, 6, 3)
    np.testing.assert_array_equal(grown[:, ::3, ::3], tile)


def test_large_tiles_shrink_to_the_means_of_their_blocks():
    tile = np.random.default_rng(0).integers(0, 255, (1, 8, 6, 3)).astype(np.uint8)
    shrunk = fitted(tile, 4)
    assert shrunk.shape == (1, 4, 3, 3)
    np.testing.assert_array_equal(shrunk[0, 1, 2], tile[0, 2:4, 4:6].mean(axis=(0, 1)).astype(np.uint8))


@pytest.mark.parametrize("shape", [(1, 500), (500, 1), (33, 97), (224, 224)])
def test_fitted_tiles_fit(shape):
    assert max(fitted(np.zeros((2, *shape, 3), np.uint8), 40).shape[1:3]) <= 40


def test_a_mosaic_sets_tiles_row_by_row_with_white_between():
    tiles = np.zeros((3, 2, 2, 3), np.uint8) + np.array([1, 2, 3], np.uint8)[:, None, None, None]
    whole = mosaic(tiles, columns=2, gap=(1, 1))[..., 0]
    expected = [
        [1, 1, 255, 2, 2, 255],
        [1, 1, 255, 2, 2, 255],
        [255] * 6,
        [3, 3, 255, 255, 255, 255],
        [3, 3, 255, 255, 255, 255],
        [255] * 6,
    ]
    assert whole.tolist() == expected
