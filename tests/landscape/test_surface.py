"""Products against the full Hessian, and verdicts on points that are known."""

import numpy as np
import pytest
import torch
from torch import nn

from unstuck.errors import ProgramError
from unstuck.landscape.point import examine
from unstuck.landscape.spectrum import density, ends, largest, newton_gain, trace
from unstuck.landscape.surface import Surface

RNG = np.random.default_rng(0)
XOR = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0], [1.0], [1.0], [0.0]])


def perceptron(*sizes, activation=nn.Tanh, seed=0):
    torch.manual_seed(seed)
    parts = [part for pair in zip(sizes, sizes[1:], strict=False) for part in (nn.Linear(*pair), activation())]
    return nn.Sequential(*parts[:-1])


def surface(activation=nn.Tanh):
    torch.manual_seed(1)
    return Surface(
        perceptron(4, 5, 3, activation=activation), nn.CrossEntropyLoss(), torch.randn(20, 4), torch.arange(20) % 3
    )


def whole(of):
    return torch.autograd.functional.hessian(of._value, of.here).numpy()


def columns(product, size):
    return np.stack([product(row) for row in np.eye(size)])


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
def test_products_are_those_of_the_full_hessian(activation):
    of = surface(activation)
    np.testing.assert_allclose(columns(of.product, of.size), whole(of), atol=1e-12)


def test_gauss_newton_is_the_jacobians_with_the_losss_curvature_between():
    of = surface()
    jacobian = torch.autograd.functional.jacobian(of._outputs, of.here).numpy()  # (20, 3, P)
    outputs = of._outputs(of.here).detach()
    p = outputs.softmax(1).numpy()
    bend = np.einsum("ni,ij->nij", p, np.eye(3)) - np.einsum("ni,nj->nij", p, p)
    expected = np.einsum("nip,nij,njq->pq", jacobian, bend / 20, jacobian)
    np.testing.assert_allclose(columns(of.convex_product, of.size), expected, atol=1e-12)


def test_ends_are_those_of_the_full_hessian():
    torch.manual_seed(0)
    of = Surface(perceptron(6, 12, 3), nn.CrossEntropyLoss(), torch.randn(40, 6), torch.arange(40) % 3)
    values = np.linalg.eigvalsh(whole(of))
    found = ends(of.product, of.size, RNG)
    for end, value in ((found.smallest, values[0]), (found.largest, values[-1])):
        assert end.value == pytest.approx(value, abs=1e-3 * abs(values).max())
        assert abs(end.value - value) <= end.error + 1e-9


@pytest.mark.parametrize("smallest", [-1e-5, 1e-5, -1e-3, 0.0])
def test_the_sign_of_a_small_eigenvalue_is_told_where_it_counts(smallest):
    values = np.concatenate([[smallest], np.linspace(0.1, 1, 150), [100.0]])
    found = ends(lambda v: values * v, 152, np.random.default_rng(0), tolerance=1e-3, nought=1e-8)
    assert found.smallest.value == pytest.approx(smallest, abs=1e-6)
    assert abs(found.smallest.value - smallest) <= found.smallest.error + 1e-12
    assert found.smallest.error <= max(abs(smallest) / 10, 1e-5)
    assert found.largest.value == pytest.approx(100)


def test_what_is_known_when_the_products_are_spent_has_an_error_that_says_so():
    values = np.linspace(-1, 1, 2000)
    short = ends(lambda v: values * v, 2000, np.random.default_rng(0), tolerance=1e-8, most=60)
    assert short.products < ends(lambda v: values * v, 2000, np.random.default_rng(0), tolerance=1e-8).products / 3
    for end in (short.smallest, short.largest):
        assert np.abs(values - end.value).min() <= end.error
    assert short.smallest.error > 1e-4


def test_a_matrix_of_noughts_has_no_curvature():
    found = ends(np.zeros_like, 100, np.random.default_rng(0))
    assert found.smallest.value == found.largest.value == found.smallest.error == 0
    assert largest(np.zeros_like, 100, np.random.default_rng(0)).value == 0


def test_the_largest_alone_is_the_largest_of_both():
    values = np.linspace(-2, 1, 300) ** 3
    found = largest(lambda v: values * v, 300, np.random.default_rng(0))
    assert found.value == pytest.approx(1, abs=1e-4)
    assert found.value == pytest.approx(ends(lambda v: values * v, 300, np.random.default_rng(0)).largest.value)
    assert largest(lambda v: values[:9] * v, 9, np.random.default_rng(0)).value == values[8]


def test_trace_and_density_are_those_of_a_known_matrix():
    values = np.concatenate([np.zeros(80), np.linspace(1, 2, 20)])
    turn = np.linalg.qr(RNG.normal(size=(100, 100)))[0]
    matrix = turn @ np.diag(values) @ turn.T

    def product(v):
        return matrix @ v

    estimates = trace(product, 100, RNG, draws=400)
    assert abs(estimates.mean() - values.sum()) < 4 * estimates.std() / 20
    found = density(product, 100, RNG, draws=40)
    assert found.shares.sum() == pytest.approx(1)
    assert found.shares[found.places < 0.5].sum() == pytest.approx(0.8, abs=0.05)


def test_looking_changes_nothing():
    module = perceptron(3, 4, 2)
    module.train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    torch.manual_seed(5)
    state = torch.get_rng_state()
    of = Surface(module, nn.CrossEntropyLoss(), torch.zeros(2, 3) + 0.5, torch.tensor([0, 1]))
    examine(of, np.random.default_rng(0))
    assert module.training
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert all(parameter.dtype == torch.float32 and parameter.grad is None for parameter in module.parameters())


def test_a_loss_that_is_drawn_anew_at_each_look_is_refused():
    class Noisy(nn.Linear):
        def forward(self, x):
            return super().forward(x) + torch.randn(1, dtype=x.dtype)

    with pytest.raises(ProgramError, match="the loss must be the same at every look"):
        Surface(Noisy(2, 1), nn.MSELoss(), torch.ones(3, 2), torch.ones(3, 1))


class Casting(nn.Linear):
    def forward(self, x):
        return super().forward(x.float())


class CutOff(nn.Linear):
    def forward(self, x):
        return super().forward(x).detach()


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Casting, r"x.to\(self.weight.dtype\), not by x.float"),
        (CutOff, "the loss must depend on the model's parameters"),
    ],
)
def test_a_model_that_no_derivative_goes_through_is_refused_in_one_line(model, said):
    with pytest.raises(ProgramError, match=said):
        examine(Surface(model(2, 1), nn.MSELoss(), *XOR), RNG)


def test_what_the_model_itself_raises_is_left_as_it_is():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        Surface(nn.Linear(3, 1), nn.MSELoss(), *XOR)


# points that are known


def test_two_linear_layers_at_the_origin_are_a_saddle_with_a_way_out():
    module = nn.Sequential(nn.Linear(2, 3, bias=False), nn.Linear(3, 1, bias=False))
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    x = torch.randn(30, 2, generator=torch.Generator().manual_seed(0))
    found = examine(Surface(module, nn.MSELoss(), x, x.sum(1, keepdim=True)), RNG)
    assert found.kind == "saddle"
    assert found.smallest.high < 0 < found.largest.low
    assert found.escape.after < 0.9 * found.loss


def test_a_bowl_is_a_minimum():
    module = nn.Linear(2, 1)
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    y = x @ torch.tensor([[1.0], [2.0]]) + 0.3 * torch.randn(50, 1, generator=torch.Generator().manual_seed(1))
    best = torch.linalg.lstsq(torch.cat([x, torch.ones(50, 1)], 1).double(), y.double()).solution
    with torch.no_grad():
        module.weight.copy_(best[:2].T)
        module.bias.copy_(best[2])
    found = examine(Surface(module, nn.MSELoss(), x, y), RNG)
    assert found.kind == "minimum"
    assert found.smallest.low > 0
    curvature = np.linalg.eigvalsh(
        2 * np.cov(np.c_[x, np.ones(50)].T, bias=True) + 2 * np.outer(*[np.r_[x.mean(0), 1]] * 2)
    )
    assert found.largest.mean == pytest.approx(curvature[-1], rel=1e-4)


def test_a_dead_relu_region_is_a_plateau():
    module = perceptron(2, 4, 1, activation=nn.ReLU)
    with torch.no_grad():
        module[0].bias.fill_(-100.0)
        module[2].bias.copy_(XOR[1].mean())
    module[2].bias.requires_grad_(False)
    found = examine(Surface(module, nn.MSELoss(), *XOR), RNG)
    assert found.kind == "plateau"
    assert found.gradient_norm == 0


def test_xor_from_tiny_weights_is_undecided_and_says_so():
    module = perceptron(2, 3, 1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(1e-4)
        module[2].bias.fill_(0.5)
    found = examine(Surface(module, nn.MSELoss(), *XOR), RNG)
    assert found.kind == "undecided"
    assert "flat or within its error" in found.reason


class Bowl:
    """Curvatures (P,), places (P,) from the bottom, where the loss is 1 unless told: a surface of another make."""

    def __init__(self, curvatures, places, bottom=1.0):
        self.curvatures, self.places, self.bottom = np.array(curvatures), np.array(places), bottom
        self.size, self.length = len(self.places), 1.0

    def slope(self):
        return self.curvatures * self.places

    def product(self, v):
        return self.curvatures * v

    def moved(self, step):
        return float(self.bottom + self.curvatures @ (self.places + step) ** 2 / 2)


@pytest.mark.parametrize(("along", "kind"), [(100.0, "undecided"), (1.0, "minimum")])
def test_a_slope_along_a_valley_counts_however_steep_its_walls_are(along, kind):
    of = Bowl([200.0, 2e-4], [1e-6, along])
    found = examine(of, RNG)
    assert found.gain == pytest.approx((of.moved(np.zeros(2)) - 1) / of.moved(np.zeros(2)))
    assert found.kind == kind


def test_newtons_gain_is_the_whole_way_down_a_bowl_and_counts_flat_directions_as_flat():
    curvatures, places = np.linspace(1, 10, 100), RNG.normal(size=100)
    of = Bowl(curvatures, places, 0.0)
    for product in (of.product, lambda v: -of.product(v)):  # up from a saddle counts like down
        assert newton_gain(product, of.slope(), nought=1e-9, steps=100) == pytest.approx(of.moved(np.zeros(100)))
    assert newton_gain(np.zeros_like, places, nought=0.1) == pytest.approx(places @ places / 2 / 0.1)
    assert newton_gain(np.zeros_like, np.zeros(100), nought=0.1) == 0


@pytest.mark.parametrize(("steps_away", "kind"), [(0.5, "minimum"), (100, "undecided")])
def test_what_rounding_to_float32_leaves_of_no_loss_is_no_slope(steps_away, kind):
    rounding = 2.0**-24 * steps_away
    assert examine(Bowl([1.0, 2.0], [rounding, 0.0], 0.0), RNG).kind == kind


def test_weights_that_are_not_finite_are_undecided_and_said_to_be():
    module = perceptron(2, 30, 1)
    with torch.no_grad():
        module[2].bias.fill_(np.nan)
    found = examine(Surface(module, nn.MSELoss(), *XOR), RNG)
    assert (found.kind, found.reason) == ("undecided", "the loss or its derivatives are not finite")


def test_a_network_that_is_frozen_has_no_surface():
    with pytest.raises(ProgramError, match="must have a parameter that learns"):
        Surface(perceptron(2, 3, 1).requires_grad_(False), nn.MSELoss(), *XOR)


def test_a_slope_is_no_critical_point():
    found = examine(surface(), RNG)
    assert found.kind == "undecided"
    assert "no critical point" in found.reason
