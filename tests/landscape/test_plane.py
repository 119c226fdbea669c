"""Planes against the surfaces that they are cut from."""

import numpy as np
import pytest
import torch
from torch import nn

import unstuck
from unstuck.errors import RecipeError
from unstuck.landscape.plane import Plane, direction, plane
from unstuck.landscape.surface import Surface

X = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
WINE = unstuck.Recipe(data="wine", epochs=2)


def generator():
    return np.random.default_rng(0)


def surface(module=None, targets=None):
    torch.manual_seed(0)
    module = module or nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    return Surface(module, nn.MSELoss(), X, X.sum(1, keepdim=True) if targets is None else targets)


def split(of, vector):
    own = of.parts()
    pieces = np.split(vector, np.cumsum([part.size for part in own])[:-1])
    return [piece.reshape(part.shape) for piece, part in zip(pieces, own, strict=True)]


def test_each_filter_of_a_direction_is_as_long_as_the_networks_own():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Unflatten(1, (1, 1, 3)), nn.Conv2d(1, 5, (1, 2)), nn.Flatten(), nn.Linear(10, 1))
    of = surface(module)
    for drawn, own in zip(split(of, direction(of, generator())), of.parts(), strict=True):
        if own.ndim < 2:
            assert not drawn.any()  # biases stay
        else:
            lengths = [np.linalg.norm(each.reshape(len(each), -1), axis=1) for each in (drawn, own)]
            np.testing.assert_allclose(*lengths)


def test_a_filter_of_zeros_stays_where_it_is():
    module = nn.Linear(3, 1)
    nn.init.zeros_(module.weight)
    assert not direction(surface(module), generator()).any()


def test_the_centre_is_the_loss_here():
    of = surface()
    assert plane(of, generator(), points=3).here == of.moved(np.zeros(of.size))


def test_a_bowl_is_the_quadratic_that_gradient_and_hessian_say():
    of = surface(nn.Linear(3, 1))
    seen = plane(of, generator(), points=5, reach=2.0)
    draws = generator()
    right, upward = direction(of, draws), direction(of, draws)
    for row, y in enumerate(seen.up):
        for column, x in enumerate(seen.across):
            step = x * right + y * upward
            expected = seen.here + of.slope() @ step + step @ of.product(step) / 2
            assert seen.losses[row, column] == pytest.approx(expected, rel=1e-12)
    assert seen.across.tolist() == [-2, -1, 0, 1, 2]
    assert seen.bent_down == 0


def test_rescaled_weights_that_are_the_same_function_have_the_same_plane():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU(), nn.Linear(4, 1, bias=False))
    first = plane(surface(module), generator(), points=3)
    with torch.no_grad():
        module[0].weight.mul_(8)
        module[2].weight.div_(8)
    np.testing.assert_allclose(plane(surface(module), generator(), points=3).losses, first.losses, rtol=1e-12)


@pytest.mark.parametrize(("curvature", "share"), [(1.0, 0.0), (0.0, 0.0), (-0.1, 1.0)])
def test_a_saddle_is_bent_down_everywhere_and_a_trough_nowhere(curvature, share):
    x, y = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9))
    turned = x + y
    losses = 5 + turned**2 + curvature * (x - y) ** 2
    assert Plane(across=x[0], up=y[:, 0], losses=losses, rows=1).bent_down == share


def test_the_same_seed_draws_the_same_plane_and_another_another():
    first, again, other = (unstuck.plane(WINE, seed=seed, points=3).losses for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_looking_around_changes_nothing():
    run = unstuck.train(WINE)
    before = {name: value.copy() for name, value in run.weights.items()}
    state = torch.get_rng_state()
    seen = unstuck.plane(run, points=3)
    assert seen.here == pytest.approx(run.scores["train"]["loss"], rel=1e-4)
    assert torch.equal(state, torch.get_rng_state())
    assert all((before[name] == value).all() for name, value in run.weights.items())


@pytest.mark.parametrize("points", [1, 4])
def test_the_network_must_be_a_point_of_the_square(points):
    with pytest.raises(RecipeError, match="points must be an odd number, 3 or more"):
        unstuck.plane(WINE, points=points)


@pytest.mark.parametrize("reach", [0.0, float("inf")])
def test_the_square_must_have_a_size(reach):
    with pytest.raises(RecipeError, match="reach must be positive and finite"):
        unstuck.plane(WINE, reach=reach)
