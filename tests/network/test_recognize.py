"""Modules that are networks: each recognized in every detail, or not at all."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from unstuck.network.layers import Activation, BatchNorm, Dropout, LayerNorm, Linear
from unstuck.network.recognize import recognized
from unstuck.network.torch_module import torch_module

FEATURES = 6


def of(*layers, shape=(FEATURES,)):
    return recognized(nn.Sequential(*layers), shape)


def test_every_layer_is_told_with_its_settings():
    first = nn.Linear(FEATURES, 5)
    found = of(
        nn.Sequential(first, nn.BatchNorm1d(5, eps=1e-3, momentum=0.2), nn.LeakyReLU(0.3)),
        nn.Sequential(nn.Sequential(nn.LayerNorm(5, eps=1e-4)), nn.Dropout(0.4)),
        nn.Linear(5, 2),
        nn.Softmax(dim=1),
    )
    assert found is not None
    assert found.network.layers == (
        Linear(FEATURES, 5),
        BatchNorm(5, 1e-3, 0.2),
        Activation("leaky-relu", 0.3),
        LayerNorm(5, 1e-4),
        Dropout(0.4),
        Linear(5, 2),
        Activation("softmax"),
    )
    assert (found.network.inputs, found.network.outputs) == (FEATURES, 2)
    assert found.modules[0] is first


ACTIVATIONS = (nn.Sigmoid, nn.Tanh, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.GELU)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_network_computes_what_the_module_does(activation):
    module = nn.Sequential(nn.Flatten(), nn.Linear(FEATURES, 5), activation(), nn.LayerNorm(5), nn.Linear(5, 3))
    found = recognized(module, (2, 3))
    assert found is not None
    weights = {
        f"{number}.{name}": value.detach().numpy()
        for number, part in enumerate(found.modules)
        for name, value in part.named_parameters()
    }
    x = torch.randn(7, 2, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(torch_module(found.network, weights)(x.flatten(1)), module(x))


def test_layers_that_do_nothing_are_left_out():
    found = of(nn.Identity(), nn.Linear(FEATURES, 2), nn.Dropout(0.0), nn.Flatten())
    assert found is not None
    assert found.network.layers == (Linear(FEATURES, 2),)


def test_rows_of_several_axes_must_be_flattened_first():
    assert of(nn.Linear(FEATURES, 2), shape=(4, FEATURES)) is None
    assert of(nn.Flatten(), nn.Linear(4 * FEATURES, 2), shape=(4, FEATURES)) is not None


class Own(nn.Linear):
    pass


def hooked():
    module = nn.Linear(FEATURES, 2)
    module.register_forward_hook(lambda *_: None)
    return module


def answering_otherwise():
    module = nn.Linear(FEATURES, 2)
    module.forward = torch.zeros_like
    return module


def with_a_frozen_bias():
    module = nn.Linear(FEATURES, 2)
    module.bias.requires_grad_(False)
    return module


def with_a_hook_on_its_gradient():
    module = nn.Linear(FEATURES, 2)
    module.weight.register_hook(lambda gradient: -gradient)
    return module


def parametrized():
    module = nn.Linear(FEATURES, 2)
    parametrize.register_parametrization(module, "weight", nn.Tanh())
    return module


def with_one_weight_twice():
    first, second = nn.Linear(FEATURES, FEATURES), nn.Linear(FEATURES, FEATURES)
    second.weight = first.weight
    return nn.Sequential(first, second)


def with_one_layer_twice():
    layer = nn.Linear(FEATURES, FEATURES)
    return nn.Sequential(layer, nn.ReLU(), layer)


OTHERS = {
    "no bias": nn.Linear(FEATURES, 2, bias=False),
    "a class of one's own": Own(FEATURES, 2),
    "float64": nn.Linear(FEATURES, 2).double(),
    "an activation that is not known": nn.Sequential(nn.Linear(FEATURES, 2), nn.SiLU()),
    "elu of another kind": nn.Sequential(nn.Linear(FEATURES, 2), nn.ELU(alpha=2.0)),
    "gelu by tanh": nn.Sequential(nn.Linear(FEATURES, 2), nn.GELU(approximate="tanh")),
    "a softmax over the rows": nn.Sequential(nn.Linear(FEATURES, 2), nn.Softmax(dim=0)),
    "a batch norm without weights": nn.Sequential(nn.Linear(FEATURES, 2), nn.BatchNorm1d(2, affine=False)),
    "a batch norm without memory": nn.Sequential(
        nn.Linear(FEATURES, 2), nn.BatchNorm1d(2, track_running_stats=False)
    ),
    "a convolution": nn.Sequential(nn.Unflatten(1, (1, FEATURES)), nn.Conv1d(1, 1, 3)),
    "widths that do not fit": nn.Sequential(nn.Linear(FEATURES, 3), nn.Linear(2, 2)),
    "nothing to train": nn.Sequential(nn.ReLU()),
    "hooks": hooked(),
    "another forward": answering_otherwise(),
    "a frozen bias": with_a_frozen_bias(),
    "a hook on a gradient": with_a_hook_on_its_gradient(),
    "a parametrization": parametrized(),
    "tied weights": with_one_weight_twice(),
    "a layer used twice": with_one_layer_twice(),
}


@pytest.mark.parametrize("module", OTHERS.values(), ids=OTHERS.keys())
def test_what_differs_in_a_detail_is_not_recognized(module):
    assert recognized(nn.Sequential(module), (FEATURES,)) is None


def test_looking_changes_nothing():
    module = nn.Sequential(nn.Linear(FEATURES, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    before, random = copy.deepcopy(module.state_dict()), torch.get_rng_state()
    assert recognized(module, (FEATURES,)) is not None
    assert torch.equal(torch.get_rng_state(), random)
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])
