"""Painters draw every comparison, awkward ones too, into a PNG, the same each time."""

import numpy as np
import pytest
from comparisons import ALL, MANY, ODD, ONE, SIZES, USUAL
from matplotlib.colors import to_rgb
from PIL import Image

from unstuck.report import plots
from unstuck.report.plots.canvas import BLUE, MUTED, ORANGE
from unstuck.report.view import BandsView, DataSizeView, ForestView

CASES = {
    f"{kind}, {name}": (paint, view)
    for name, comparison in ALL.items()
    for kind, paint, view in (
        ("forest", plots.draw_forest, ForestView.of(comparison)),
        ("curves", plots.draw_bands, BandsView.of(comparison)),
    )
} | {
    "forest, two studies": (plots.draw_forest, ForestView.of(USUAL, ODD)),
    "data size": (plots.draw_data_size, DataSizeView.of(SIZES)),
}


def pixels(case, tmp_path):
    paint, view = CASES[case]
    plots.save(paint(view), tmp_path / "view.png")
    with Image.open(tmp_path / "view.png") as image:
        return np.asarray(image.convert("RGB"))


def share(picture, colour):
    """Of the pixels that have a colour."""
    return (np.abs(picture / 255 - np.array(to_rgb(colour))).max(axis=-1) < 0.02).mean()


@pytest.mark.parametrize("case", CASES)
def test_every_comparison_is_painted(case, tmp_path):
    picture = pixels(case, tmp_path)
    assert 300 < picture.shape[1] < 1500
    assert picture.shape[0] < 1500
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10  # more than an empty page


@pytest.mark.parametrize("case", ["forest, usual", "curves, odd", "data size"])
def test_a_comparison_painted_twice_gives_the_same_pixels(case, tmp_path):
    np.testing.assert_array_equal(pixels(case, tmp_path), pixels(case, tmp_path))


def test_better_is_blue_worse_orange_and_undecided_grey(tmp_path):
    usual, one = (pixels(f"forest, {name}", tmp_path) for name in ("usual", "one"))
    assert min(share(usual, colour) for colour in (BLUE, ORANGE, MUTED)) > 1e-4
    assert share(one, BLUE) == share(one, ORANGE) == 0


def test_rows_of_many_arms_are_apart(tmp_path):
    view = ForestView.of(MANY)
    count = sum(len(group.rows) for group in view.groups)
    assert pixels("forest, many", tmp_path).shape[0] > 20 * count


def test_a_picture_of_one_arm_is_no_taller_than_it_must_be(tmp_path):
    assert len(ONE.everyone) == 2
    assert pixels("forest, one", tmp_path).shape[0] < 300
