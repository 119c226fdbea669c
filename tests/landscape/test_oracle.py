"""Products and outermost eigenvalues are curvlinops', and those of the whole Hessian."""

import warnings

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import eigsh
from torch import nn

from unstuck.landscape.spectrum import ends, largest
from unstuck.landscape.surface import Surface

with warnings.catch_warnings():  # it compiles by torch.jit, which torch says is going
    warnings.simplefilter("ignore", DeprecationWarning)
    curvlinops = pytest.importorskip("curvlinops")

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")

LOSSES = {"cross-entropy": nn.CrossEntropyLoss(), "mse": nn.MSELoss()}


def perceptron():
    return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4))


def convolution():
    parts = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 4)
    return nn.Sequential(nn.Unflatten(1, (1, 8, 8)), *parts)


NETWORKS = {"perceptron": (perceptron, 6), "convolution": (convolution, 64)}


@pytest.fixture(params=NETWORKS)
def network(request):
    make, inputs = NETWORKS[request.param]
    torch.manual_seed(0)
    return make().double(), torch.randn(40, inputs, dtype=torch.float64)


@pytest.fixture(params=LOSSES)
def case(network, request):
    """A surface, and what curvlinops needs to make its operators of the same."""
    module, x = network
    is_class = request.param == "cross-entropy"
    y = torch.arange(40) % 4 if is_class else torch.randn(40, 4, dtype=torch.float64)
    loss = LOSSES[request.param]
    return Surface(module, loss, x, y), (module, loss, list(module.parameters()), [(x, y)])


def test_products_are_those_of_curvlinops(case):
    of, made_of = case
    v = torch.randn(of.size, 3, dtype=torch.float64)
    for ours, theirs in (
        (of.hessian, curvlinops.HessianLinearOperator(*made_of)),
        (of.gauss_newton, curvlinops.GGNLinearOperator(*made_of)),
    ):
        torch.testing.assert_close(
            torch.stack([ours(column) for column in v.T], 1), theirs @ v, rtol=0, atol=1e-12
        )


def test_both_ends_are_those_of_curvlinops_and_of_the_whole_hessian(case):
    of, made_of = case
    found = ends(of.product, of.size, np.random.default_rng(0))
    theirs = curvlinops.HessianLinearOperator(*made_of).to_scipy()
    whole = np.linalg.eigvalsh(torch.autograd.functional.hessian(of._value, of.here).numpy())
    for end, which, exact in ((found.smallest, "SA", whole[0]), (found.largest, "LA", whole[-1])):
        (value,) = eigsh(theirs, k=1, which=which, return_eigenvectors=False)
        assert end.value == pytest.approx(value, rel=1e-3)
        assert end.value == pytest.approx(exact, rel=1e-3)
        assert abs(end.value - exact) <= end.error


def test_the_largest_of_gauss_newton_is_curvlinops(case):
    of, made_of = case
    (value,) = eigsh(curvlinops.GGNLinearOperator(*made_of).to_scipy(), k=1, which="LA", return_eigenvectors=False)
    assert largest(of.convex_product, of.size, np.random.default_rng(0)).value == pytest.approx(value, rel=1e-3)
