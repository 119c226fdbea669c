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


@pytest.mark.parametrize(("comparison", "least", "most"), [(ONE, 1, 2.9), (MANY, 8, 13)], ids=["one", "many"])
def test_a_picture_is_as_tall_as_its_rows_need(comparison, least, most):
    figure = plots.draw_forest(ForestView.of(comparison))
    assert least < figure.get_figheight() < most  # inches; a row of letters takes a sixth of one
    assert figure.axes[0].get_position().height * figure.get_figheight() > len(comparison.everyone) / 6
