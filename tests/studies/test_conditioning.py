"""Eigenvalues against the full matrix, steps against a real descent, and planes of networks as they are made."""

import numpy as np
import pytest
import torch
from studies.conditioning import Bowl
from torch import nn

from studies import conditioning, planes
from unstuck.landscape.surface import Surface

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 3)) * [1, 2, 5] + 1, RNG.normal(size=(40, 2))


def descended(rate, steps):
    """The loss of gradient descent on a linear layer from 0, step by step, in excess of the least."""
    rows, at, losses = np.c_[X, np.ones(40)], np.zeros((4, 2)), []
    least = ((Y - rows @ np.linalg.lstsq(rows, Y)[0]) ** 2).sum() / 40
    for _ in range(steps + 1):
        losses.append(((rows @ at - Y) ** 2).sum() / 40 - least)
        at = at - rate * 2 / 40 * rows.T @ (rows @ at - Y)
    return np.array(losses)


def test_a_bowls_curvatures_are_those_of_its_hessian():
    rows = np.c_[X, np.ones(40)]
    np.testing.assert_allclose(Bowl.of(X, Y).curvatures, np.linalg.eigvalsh(2 * rows.T @ rows / 40)[::-1])


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_the_steps_are_those_of_a_real_descent(share):
    bowl = Bowl.of(X, Y)
    rate = share * 2 / bowl.curvatures[0]
    losses = descended(rate, int(bowl.steps(rate)))
    assert losses[-1] <= conditioning.SHARE * losses[0] < losses[-2]
    assert losses[0] == pytest.approx(bowl.excess.sum())


@pytest.mark.parametrize(("share", "is_stable"), [(0.999, True), (1.001, False)])
def test_beyond_two_over_the_largest_curvature_a_descent_diverges(share, is_stable):
    losses = descended(share * 2 / Bowl.of(X, Y).curvatures[0], 8000)
    assert (losses[-1] < losses[0]) == is_stable


def test_the_eigenvalues_of_a_network_are_those_of_its_gauss_newton_matrix():
    module = conditioning.perceptron(1, 0, normalized=True)
    x = torch.randn(6, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    of = Surface(module, nn.CrossEntropyLoss(), x, torch.arange(6))
    found = conditioning.curvatures(module, x)
    draws = RNG.normal(size=(of.size, 70))  # of a matrix of rank 54 at most these see all
    seen = np.stack([of.gauss_newton(torch.from_numpy(v)).numpy() for v in draws.T], 1)
    basis = np.linalg.qr(seen)[0]
    inner = basis.T @ np.stack([of.gauss_newton(torch.from_numpy(v)).numpy() for v in basis.T], 1)
    np.testing.assert_allclose(found[:50], np.linalg.eigvalsh((inner + inner.T) / 2)[::-1][:50], rtol=1e-6)


def test_normalization_can_be_undone_at_the_start():
    x = torch.randn(30, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    plain, normalized = (conditioning.perceptron(3, 0, normalized=how) for how in (False, True))
    assert not torch.allclose(plain(x), normalized(x))
    conditioning.undo_normalization(normalized, x)
    torch.testing.assert_close(plain(x), normalized(x))


def test_a_network_with_shortcuts_has_the_same_numbers_as_one_without():
    plain, residual = (planes.perceptron(4, 0, shortcut=shortcut) for shortcut in (False, True))
    shapes = [[parameter.shape for parameter in module.parameters()] for module in (plain, residual)]
    assert shapes[0] == shapes[1]
    assert torch.equal(plain[0].weight, residual[0].weight)
