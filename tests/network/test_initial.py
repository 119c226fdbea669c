"""How weights start, against the formulas of the papers and torch's own layers."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from unstuck.network.initial import initial_parameters
from unstuck.network.layers import Activation, Convolution, LayerNorm, Linear, Recurrent
from unstuck.network.network import Network
from unstuck.recipe.initializer import Constant, Normal, Scaled, Uniform

INPUTS, OUTPUTS = 300, 200
NETWORK = Network((Linear(INPUTS, OUTPUTS), Activation("relu"), LayerNorm(OUTPUTS), Linear(OUTPUTS, 7)), INPUTS, 7)

# The variances of the papers: Glorot & Bengio 2010, He et al. 2015, LeCun et al. 1998; torch's nn.Linear
FORMULAS = {
    "xavier-uniform": 2 / (INPUTS + OUTPUTS),
    "xavier-normal": 2 / (INPUTS + OUTPUTS),
    "he-uniform": 2 / INPUTS,
    "he-normal": 2 / INPUTS,
    "lecun-uniform": 1 / INPUTS,
    "lecun-normal": 1 / INPUTS,
    "torch": 1 / (3 * INPUTS),
}
SPECS = {
    **{name: Scaled(name=name) for name in FORMULAS},
    "uniform": Uniform(bound=0.3),
    "normal": Normal(std=0.3),
}
VARIANCES = {**FORMULAS, "uniform": 0.3**2 / 3, "normal": 0.3**2}


def named(spec, seed=0, network=NETWORK):
    return network.named(initial_parameters(network, spec, seed))


@pytest.mark.parametrize("name", SPECS)
def test_weights_have_mean_0_and_the_variance_of_the_formula(name):
    weight = named(SPECS[name])["0.weight"].astype(np.float64)
    n, variance = weight.size, VARIANCES[name]
    # Of n samples the mean has deviation σ/√n, and the mean square √((κ - 1)/n) σ²: κ = 9/5 uniform, 3 normal
    kurtosis = 3 if "normal" in name else 9 / 5
    assert abs(weight.mean()) < 5 * math.sqrt(variance / n)
    assert abs((weight**2).mean() / variance - 1) < 5 * math.sqrt((kurtosis - 1) / n)


@pytest.mark.parametrize("name", SPECS)
def test_weights_have_the_distribution_that_the_name_says(name):
    weight = named(SPECS[name])["0.weight"].ravel().astype(np.float64)
    deviation = math.sqrt(VARIANCES[name])
    bound = math.sqrt(3) * deviation
    told = stats.norm(0, deviation) if "normal" in name else stats.uniform(-bound, 2 * bound)
    assert stats.kstest(weight, told.cdf).pvalue > 1e-4
    if "normal" not in name:
        assert np.abs(weight).max() <= np.float32(bound)


def test_torch_weights_and_biases_lie_within_the_bounds_of_torchs_own_layer():
    ours = named(Scaled(name="torch"))
    torch.manual_seed(0)
    theirs = nn.Linear(INPUTS, OUTPUTS)
    for name, parameter in theirs.named_parameters():
        value = ours[f"0.{name}"]
        assert stats.ks_2samp(value.ravel(), parameter.detach().numpy().ravel()).pvalue > 1e-4
        assert np.abs(value).max() <= np.float32(1 / math.sqrt(INPUTS))


@pytest.mark.parametrize("name", [name for name in SPECS if name != "torch"])
def test_biases_start_at_0_but_for_torchs_own(name):
    for layer in ("0", "3"):
        np.testing.assert_array_equal(named(SPECS[name])[f"{layer}.bias"], 0)


@pytest.mark.parametrize("value", [0.0, -0.25])
def test_a_constant_start_is_constant(value):
    for layer in ("0", "3"):
        np.testing.assert_array_equal(named(Constant(value=value))[f"{layer}.weight"], value)


@pytest.mark.parametrize("name", SPECS)
def test_normalization_starts_as_the_identity(name):
    parts = named(SPECS[name])
    np.testing.assert_array_equal(parts["2.weight"], 1)
    np.testing.assert_array_equal(parts["2.bias"], 0)


def test_one_seed_gives_the_same_bits_and_another_gives_others():
    first, again, other = (initial_parameters(NETWORK, Scaled(), seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.isin(first[:100], other).any()


def test_networks_share_the_weights_of_layers_that_share_place_and_shape():
    wider = Network((*NETWORK.layers[:3], Linear(OUTPUTS, 9)), INPUTS, 9)
    ours, theirs = named(Scaled()), named(Scaled(), network=wider)
    for name in ("0.weight", "0.bias"):
        np.testing.assert_array_equal(ours[name], theirs[name])


def test_two_layers_of_one_shape_start_differently():
    network = Network((Linear(5, 5), Linear(5, 5)), 5, 5)
    parts = named(Scaled(), network=network)
    assert not np.isin(parts["0.weight"], parts["1.weight"]).any()


@pytest.mark.parametrize("name", ["xavier-normal", "he-normal", "lecun-normal"])
def test_a_kernels_fans_count_its_pixels_and_a_gates_are_its_matrix(name):
    kernels = Network((Convolution(8, 64, kernel=5, groups=2),), 1, 1)
    weight = named(SPECS[name], network=kernels)["0.weight"].astype(np.float64)
    inputs, outputs = nn.init._calculate_fan_in_and_fan_out(torch.from_numpy(weight))
    expected = {"xavier": 2 / (inputs + outputs), "he": 2 / inputs, "lecun": 1 / inputs}[name.split("-")[0]]
    assert abs(weight.var() / expected - 1) < 5 * math.sqrt(2 / weight.size)
    cells = named(SPECS[name], network=Network((Recurrent("lstm", 30, 40),), 1, 1))
    weight = cells["0.cells.weight_ih_l0"].astype(np.float64)
    expected = {"xavier": 2 / (30 + 40), "he": 2 / 30, "lecun": 1 / 30}[name.split("-")[0]]
    assert abs(weight.var() / expected - 1) < 5 * math.sqrt(2 / weight.size)
    assert not cells["0.cells.bias_hh_l0"].any()


def test_torchs_own_bounds_are_those_of_its_convolution_and_its_lstm():
    kernels = named(Scaled(), network=Network((Convolution(8, 64, kernel=5, groups=2),), 1, 1))
    theirs = nn.Conv2d(8, 64, 5, groups=2)
    cells = named(Scaled(), network=Network((Recurrent("lstm", 30, 400),), 1, 1))
    recurrent = nn.LSTM(30, 400)
    pairs = [(kernels[f"0.{name}"], value) for name, value in theirs.named_parameters()]
    pairs += [(cells[f"0.cells.{name}"], value) for name, value in recurrent.named_parameters()]
    for ours, value in pairs:
        bound = np.abs(ours).max()
        assert bound == pytest.approx(value.abs().max().item(), rel=0.2)
        assert abs((ours.astype(np.float64) ** 2).mean() / (bound**2 / 3) - 1) < 0.5
