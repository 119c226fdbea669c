"""The walks of the pictures are what the rules say."""

import numpy as np
import pytest
from studies.landscape import GROUNDS, OPTIMIZERS, STEPS, draw_losses, draw_walks, walk

from studies import landscape

RAVINE, SADDLE, PLATEAU = GROUNDS


def test_gradient_descent_in_a_ravine_is_two_geometric_series():
    places = walk(RAVINE, OPTIMIZERS["gradient descent"])
    steps = np.arange(STEPS + 1)
    np.testing.assert_allclose(places[:, 0], -2.6 * (1 - 0.04) ** steps, rtol=1e-9)
    np.testing.assert_allclose(places[:, 1], 0.45 * (1 - 20 * 0.04) ** steps, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(("name", "is_off"), [("gradient descent", False), ("Adagrad", True), ("Adam", True)])
def test_only_those_that_divide_by_the_gradient_leave_the_ridge_of_a_saddle(name, is_off):
    assert (abs(walk(SADDLE, OPTIMIZERS[name])[-1, 1]) > 1) == is_off


@pytest.mark.parametrize(
    ("name", "is_over"), [("gradient descent", False), ("momentum", False), ("RMSProp", True)]
)
def test_a_plateau_holds_those_whose_steps_are_as_long_as_the_gradient(name, is_over):
    assert (walk(PLATEAU, OPTIMIZERS[name])[-1, 0] > -1) == is_over


def test_the_pictures_are_drawn(tmp_path):
    for draw in (draw_walks, draw_losses):
        draw(tmp_path / "a.png")
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_part_is_drawn_alone_and_an_unknown_one_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(landscape, "FIGURES", tmp_path)
    landscape.main(["losses"])
    assert [path.name for path in tmp_path.iterdir()] == ["landscape-losses.png"]
    with pytest.raises(SystemExit):
        landscape.main(["lossse"])
    assert "the part must be one of walks, losses, ratios, planes, got 'lossse'" in capsys.readouterr().err
