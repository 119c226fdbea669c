"""A network as plain data: its layers, its parameters' places, its link, and its module."""

import warnings

import numpy as np
import pytest
import torch
from scipy import special
from torch import nn

from unstuck.network.build import build
from unstuck.network.initial import initial_parameters
from unstuck.network.layers import Activation, Dropout, LayerNorm, Linear
from unstuck.network.network import Network
from unstuck.network.torch_module import Dropout as torch_dropout
from unstuck.network.torch_module import torch_module
from unstuck.recipe.initializer import Scaled
from unstuck.recipe.loss import Loss
from unstuck.recipe.model import Mlp

MSE = Loss(name="mse")


def perceptron(loss="mse", **fields):
    return build(Mlp(**fields), Loss(name=loss), shape=(5,), outputs=3)


def test_a_perceptron_is_a_linear_layer_and_an_activation_for_each_width():
    layers = perceptron(hidden=(8, 4), activation="tanh").layers
    assert layers == (Linear(5, 8), Activation("tanh"), Linear(8, 4), Activation("tanh"), Linear(4, 3))


def test_without_hidden_layers_or_activation_it_is_linear():
    assert perceptron(hidden=()).layers == (Linear(5, 3),)
    assert perceptron(hidden=(2,), activation="identity").layers == (Linear(5, 2), Linear(2, 3))


@pytest.mark.parametrize("place", ["before", "after"])
def test_normalization_stands_where_the_recipe_says_and_dropout_last(place):
    layers = perceptron(hidden=(8,), normalization="layer", normalization_place=place, dropout=0.5).layers
    pair = [LayerNorm(8), Activation("relu")]
    assert layers[1:4] == (*(pair if place == "before" else pair[::-1]), Dropout(0.5))


@pytest.mark.parametrize(("loss", "link"), [("cross-entropy", "softmax"), ("bce", "sigmoid"), ("mse", "identity")])
def test_a_loss_that_computes_from_logits_leaves_its_activation_to_the_link(loss, link):
    network = perceptron(loss)
    assert network.layers[-1] == Linear(64, 3)
    assert network.link == link


@pytest.mark.parametrize("output", ["sigmoid", "tanh", "relu", "leaky-relu", "softmax"])
def test_mse_takes_any_output(output):
    network = perceptron(output=output, slope=0.2)
    assert network.layers[-1] == Activation(output, 0.2)
    assert network.link == "identity"


def everything():
    return perceptron(hidden=(8, 4), normalization="layer", dropout=0.1, activation="leaky-relu", output="softmax")


def test_every_parameter_has_one_place_and_together_they_fill_the_vector():
    network = everything()
    places = list(network.places())
    assert [place.start for place in places] == [0, *(place.stop for place in places[:-1])]
    assert network.size == places[-1].stop
    assert all(place.stop - place.start == np.prod(place.shape) for place in places)


def test_names_are_views_of_the_vector():
    network = everything()
    flat = np.zeros(network.size, np.float32)
    for part in network.named(flat).values():
        part[:] = 1
    np.testing.assert_array_equal(flat, 1)


def test_the_module_has_the_same_parameters_by_the_same_names_and_none_shared():
    network = everything()
    flat = initial_parameters(network, Scaled(), 0)
    module = torch_module(network, network.named(flat))
    expected = {name: value.copy() for name, value in network.named(flat).items()}
    assert dict(module.named_parameters()).keys() == expected.keys()
    flat[:] = 0
    for name, parameter in module.named_parameters():
        np.testing.assert_array_equal(parameter.detach().numpy(), expected[name])


def test_the_module_has_the_layers_and_their_settings():
    kinds = [type(part) for part in torch_module(everything(), {})]
    hidden = [nn.Linear, nn.LayerNorm, nn.LeakyReLU, torch_dropout]
    assert kinds == [*hidden, *hidden, nn.Linear, nn.Softmax]
    module = torch_module(
        Network((Activation("leaky-relu", 0.3), Dropout(0.25), LayerNorm(2, 0.5), Activation("identity")), 2, 2),
        {},
    )
    assert (module[0].negative_slope, module[1].share, module[2].eps) == (0.3, 0.25, 0.5)


def test_making_a_module_draws_no_random_numbers():
    before = torch.get_rng_state()
    torch_module(everything(), {})
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("link", "oracle"),
    [("identity", lambda x: x), ("sigmoid", special.expit), ("softmax", lambda x: special.softmax(x, axis=1))],
)
def test_predictions_are_outputs_through_the_link(link, oracle):
    outputs = np.random.default_rng(0).normal(0, 30, (50, 4)).astype(np.float32)
    predictions = Network((), 4, 4, link).predictions(outputs)
    np.testing.assert_allclose(predictions, oracle(outputs.astype(np.float64)), rtol=1e-4, atol=1e-30)


@pytest.mark.parametrize("link", ["identity", "sigmoid", "softmax"])
@pytest.mark.parametrize("extreme", [1e30, 3e38, np.inf, np.nan])
def test_predictions_of_a_failed_training_are_not_finite_numbers_and_no_warning(link, extreme):
    outputs = np.array([[extreme, 0], [-extreme, 0], [extreme, -extreme]], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predictions = Network((), 2, 2, link).predictions(outputs)
    assert predictions.shape == outputs.shape
