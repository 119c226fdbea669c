"""The picture of a loss surface: what it says, and that strange surfaces are drawn, too."""

import numpy as np
import pytest

import unstuck
from unstuck.cli.main import run as command
from unstuck.landscape.plane import Plane
from unstuck.report.plots import draw_plane, save
from unstuck.report.view import PlaneView
from unstuck.report.view.plane import LEVELS, levels

X, Y = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9))
BOWL = 1 + X**2 + Y**2


def seen(losses):
    return Plane(across=X[0], up=Y[:, 0], losses=losses, rows=1000)


def test_the_title_says_whether_there_is_a_lower_point():
    assert PlaneView.of(seen(BOWL)).title == "Loss 1 at the network, and nowhere lower in this plane"
    lower = np.where((X == 0.5) & (Y == -0.25), 0.5, BOWL)
    assert PlaneView.of(seen(lower)).title == "Loss 1 at the network, 0.5 at (0.5, -0.25)"


def test_places_where_the_loss_is_not_finite_are_counted():
    view = PlaneView.of(seen(np.where(X > 0.9, np.inf, BOWL)))
    assert "not finite at 9 of 81 places" in view.note
    assert np.isnan(view.losses).sum() == 9


@pytest.mark.parametrize(("low", "high"), [(0.001, 20), (2.301, 2.334), (-3, 5), (1e-9, 1e4), (1, 9.9), (1, 10.1)])
def test_contours_are_some_and_not_many_and_within_the_losses(low, high):
    found = levels(np.array([low, high]))
    assert 3 <= len(found) <= LEVELS
    assert (np.diff(found) > 0).all()
    assert low < found[0] < found[-1] < high


def test_where_losses_differ_tenfold_contours_rise_by_ratios():
    by_ratio, by_step = levels(np.array([0.01, 5.0])), levels(np.array([1.0, 5.0]))
    assert by_ratio[-1] / by_ratio[-2] == pytest.approx(by_ratio[1] / by_ratio[0], rel=0.5)
    np.testing.assert_allclose(np.diff(by_step), np.diff(by_step)[0])


@pytest.mark.parametrize(
    "losses", [BOWL, np.ones_like(X), np.full_like(X, np.nan), np.where(X > 0, np.inf, BOWL), -BOWL, 1e-4 + X**4]
)
def test_every_surface_is_drawn(losses, tmp_path):
    save(draw_plane(PlaneView.of(seen(losses))), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_the_verb_puts_a_runs_picture_into_its_figures(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    recipe = unstuck.Recipe(data="wine", epochs=1)
    unstuck.train(recipe, out="a")
    assert command(["curvature", "a", "--surface", "--rows", "20"]) == 0
    assert "picture: a/figures/surface.png" in capsys.readouterr().out
    assert command(["curvature", "wine", "--rows", "20", "--out", "b.png", "--json"]) == 0
    assert (tmp_path / "a/figures/surface.png").exists()
    assert (tmp_path / "b.png").exists()
