"""Minima that are known for what they are: networks trained until no slope is left, with weight decay.

Without it neither has any. What separates its classes lowers cross-entropy by ever larger weights, and XOR has no
poor minimum: descent that does not find the answer creeps along a valley without end (Hamey 1998,
doi:10.1016/S0893-6080(97)00134-2). Decay closes the valleys.
"""

import numpy as np
import torch
from scipy.optimize import minimize
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.utils import vector_to_parameters

from unstuck.landscape.point import examine
from unstuck.landscape.surface import Surface


class Decayed(nn.Module):
    """A network whose weights, times √decay, are outputs, too: a loss that squares these decays them."""

    def __init__(self, network, decay):
        super().__init__()
        self.network, self.decay = network, decay

    def forward(self, x):
        weights = torch.cat([parameter.ravel() for parameter in self.parameters()])
        return torch.cat([self.network(x).ravel(), self.decay**0.5 * weights])


def relaxed(module, loss, x, y, method):
    """The surface where descent from the module's own weights ends."""
    of = Surface(module, loss, x, y)

    def value_and_slope(at):
        place = torch.from_numpy(at).requires_grad_()
        value = of._value(place)
        return float(value.detach()), torch.autograd.grad(value, place)[0].numpy()

    found = minimize(
        value_and_slope, of.here.numpy(), jac=True, method=method, options={"gtol": 1e-8, "maxiter": 2000}
    )
    vector_to_parameters(torch.from_numpy(found.x), module.double().parameters())
    return Surface(module, loss, x, y)


def xor(seed, decay=0.01):
    """XOR of ±1 in a 2-2-1 network, by squared error."""
    torch.manual_seed(seed)
    x = torch.tensor([[-1.0, -1], [-1, 1], [1, -1], [1, 1]])
    targets = -x.prod(1)
    network = Decayed(nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1)), decay)
    return relaxed(
        network, lambda said, y: (said[:4] - y).square().mean() + said[4:].square().mean(), x, targets, "BFGS"
    )


def test_xor_has_a_poor_minimum_far_above_the_best():
    points = sorted(
        (examine(xor(seed), np.random.default_rng(0)) for seed in range(10)), key=lambda point: point.loss
    )
    best, poor = points[0], points[-1]
    assert poor.loss > 10 * best.loss
    assert best.kind == poor.kind == "minimum"
    assert poor.smallest.low > 0
    assert f"at least {poor.smallest.low:.3g}" in poor.reason


def test_digits_trained_to_the_end_are_in_a_minimum_with_its_bound():
    x, y = (torch.from_numpy(array[:400]) for array in load_digits(return_X_y=True))
    torch.manual_seed(0)
    network = Decayed(nn.Sequential(nn.Linear(64, 4), nn.Tanh(), nn.Linear(4, 10)), 1e-2)

    def loss(said, y):
        outputs, weights = said[:4000].view(400, 10), said[4000:]
        return nn.functional.cross_entropy(outputs, y) + weights.square().sum()

    of = relaxed(network, loss, x / 16, y, "L-BFGS-B")
    point = examine(of, np.random.default_rng(0))
    values = np.linalg.eigvalsh(torch.autograd.functional.hessian(of._value, of.here).numpy())
    assert point.kind == "minimum"
    assert 0 < point.smallest.low <= values[0] <= point.smallest.high
    assert abs(point.largest.mean - values[-1]) < 1e-3 * values[-1]
