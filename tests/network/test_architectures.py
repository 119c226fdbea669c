"""The named networks: their size is that of their paper, and their module does what their data say."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from unstuck.errors import RecipeError
from unstuck.network.build import build
from unstuck.network.initial import initial_parameters
from unstuck.network.layers import BatchNorm, Convolution, GroupNorm, Residual
from unstuck.network.network import Network
from unstuck.network.shapes import along, operations
from unstuck.network.torch_module import torch_module
from unstuck.recipe.initializer import Scaled
from unstuck.recipe.loss import Loss
from unstuck.recipe.model import AlexNet, Autoencoder, LeNet, Mlp, Recurrent, ResNet, Vgg

CROSS_ENTROPY = Loss(name="cross-entropy")
IMAGENET = {"shape": (3, 224, 224), "outputs": 1000}

# Of the published form: AlexNet's of its authors' own two-group network; VGG's after arXiv:1409.1556, table 2,
# "138 million" and "144 million", to the last parameter; LeNet-5's with full connections; ResNet's "0.27 M" and
# "0.85 M" of arXiv:1512.03385, table 6, to the last parameter.
PUBLISHED = [
    (LeNet(), {"shape": (28, 28), "outputs": 10}, 61_706),
    (AlexNet(), IMAGENET, 60_965_224),
    (Vgg(name="vgg11"), IMAGENET, 132_863_336),
    (Vgg(name="vgg13"), IMAGENET, 133_047_848),
    (Vgg(name="vgg16"), IMAGENET, 138_357_544),
    (Vgg(name="vgg19"), IMAGENET, 143_667_240),
    (Vgg(name="vgg16", normalization="batch"), IMAGENET, 138_365_992),
    (ResNet(depth=20), {"shape": (3, 32, 32), "outputs": 10}, 269_722),
    (ResNet(depth=56), {"shape": (3, 32, 32), "outputs": 10}, 853_018),
]
SMALL = [
    (LeNet(pooling="average", activation="tanh", dropout=0.1), (28, 28)),
    (LeNet(normalization="instance"), (3, 32, 32)),
    (AlexNet(normalization="batch"), (28, 28)),
    (AlexNet(form="published"), (3, 70, 90)),
    (Vgg(name="vgg13", normalization="group"), (1, 28, 28)),
    (Vgg(name="vgg11", normalization="layer"), (3, 32, 40)),
    (ResNet(depth=8), (28, 28)),
    (Recurrent(name="rnn"), (9, 4)),
    (Recurrent(name="lstm", layers=2, directions=2, dropout=0.3), (9, 4)),
    (Recurrent(name="gru", directions=2), (3, 8, 8)),
    (Autoencoder(hidden=(20, 5)), (6, 6)),
    (Mlp(normalization="batch", dropout=0.2, input_dropout=0.1), (12,)),
    (Mlp(normalization="group", hidden=(32, 24)), (12,)),
]
ids = pytest.mark.parametrize(("model", "shape"), SMALL, ids=lambda value: getattr(value, "name", None))


def network_of(model, shape, outputs=10) -> Network:
    loss = Loss(name="mse") if isinstance(model, Autoencoder) else CROSS_ENTROPY
    return build(model, loss, shape=shape, outputs=int(np.prod(shape)) if loss.name == "mse" else outputs)


def module_of(network: Network, seed: int = 0) -> nn.Sequential:
    return torch_module(network, network.named(initial_parameters(network, Scaled(), seed)), seed=seed)


@pytest.mark.parametrize(("model", "data", "count"), PUBLISHED, ids=lambda value: getattr(value, "name", None))
def test_a_published_network_has_the_parameters_of_its_paper(model, data, count):
    assert build(model, CROSS_ENTROPY, **data).size == count


@ids
def test_parameters_and_buffers_are_those_of_the_module_by_name_and_shape(model, shape):
    network = network_of(model, shape)
    module = torch_module(network, {})
    places = {place.name: place.shape for place in network.places()}
    assert {name: tuple(value.shape) for name, value in module.named_parameters()} == places
    buffers = {name: value.shape for name, value in network.buffers().items()}
    assert {name: tuple(value.shape) for name, value in module.named_buffers()} == buffers


@ids
def test_every_layer_puts_out_the_shape_that_follows_from_its_data(model, shape):
    network = network_of(model, shape)
    x = torch.randn(2, network.inputs)
    for layer, expected in zip(module_of(network).eval(), along(network.layers, (network.inputs,)), strict=True):
        x = layer(x)
        assert tuple(x.shape[1:]) == expected


@ids
def test_operations_are_those_that_torch_counts(model, shape):
    network = network_of(model, shape)
    inputs = [(network.inputs,), *along(network.layers, (network.inputs,))]
    ours = sum(map(operations, network.layers, inputs))
    if isinstance(model, Recurrent):  # torch's counter does not see into its own fused cells
        gates, width = {"rnn": 1, "lstm": 4, "gru": 3}[model.name], model.hidden
        steps, features = inputs[1]
        first = model.directions * gates * width * (features + width)
        above = model.directions * gates * width * (width * model.directions + width) * (model.layers - 1)
        assert ours == steps * (first + above) + width * model.directions * 10
        return
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module_of(network).eval()(torch.randn(1, network.inputs))
    assert 2 * ours == counter.get_total_flops()


@ids
def test_training_moves_every_parameter(model, shape):
    torch.manual_seed(0)
    network = network_of(model, shape)
    module = module_of(network).train()
    module(torch.randn(4, network.inputs)).square().sum().backward()
    still = [name for name, value in module.named_parameters() if value.grad is None or not value.grad.any()]
    cancelled = [name for name in still if name.endswith("bias")]  # a batch's mean takes it off again
    assert still == cancelled


@ids
def test_making_a_network_draws_no_random_number_and_a_seed_draws_its_weights(model, shape):
    network, before = network_of(model, shape), torch.get_rng_state()
    first, again, other = (initial_parameters(network, Scaled(), seed) for seed in (0, 0, 1))
    torch_module(network, {})
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_residual_blocks_add_their_input_where_it_has_their_shape():
    network = network_of(ResNet(depth=8), (28, 28))
    block = next(layer for layer in network.layers if isinstance(layer, Residual))
    module = torch_module(Network((block,), 16, 16), {})
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    x = torch.randn(2, 16, 7, 7)
    assert torch.equal(module(x), x)


def test_a_shortcut_keeps_every_other_pixel_and_adds_channels_of_zeros():
    network = network_of(ResNet(depth=8), (28, 28))
    block = [layer for layer in network.layers if isinstance(layer, Residual)][1]
    module = torch_module(Network((block,), 16, 32), {})
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    x = torch.randn(2, 16, 8, 8)
    said = module(x)
    assert torch.equal(said[:, :16], x[:, :, ::2, ::2])
    assert not said[:, 16:].any()


def test_layer_and_instance_norm_of_pictures_are_group_norm_of_one_group_and_of_all():
    for name, groups in (("layer", 1), ("instance", 6), ("group", 3)):
        layers = network_of(LeNet(normalization=name), (28, 28)).layers
        assert layers[2] == GroupNorm(groups, 6)
    assert network_of(LeNet(normalization="batch"), (28, 28)).layers[2] == BatchNorm(6, pictures=True)
    module = torch_module(Network((GroupNorm(6, 6),), 6, 6), {"0.weight": np.ones(6), "0.bias": np.zeros(6)})
    x = torch.randn(3, 6, 5, 5)
    torch.testing.assert_close(module(x), nn.InstanceNorm2d(6)(x))


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (LeNet(), (8, 8)),
        (AlexNet(form="small"), (6, 6)),
        (AlexNet(form="published"), (3, 62, 62)),
        (Vgg(form="published"), (3, 31, 31)),
    ],
)
def test_a_picture_smaller_than_the_networks_field_is_refused_in_one_line(model, shape):
    with pytest.raises(RecipeError, match=r"the pictures must be larger for .*, got '\d+ x \d+ pixels'"):
        network_of(model, shape)


def test_the_smallest_picture_that_a_published_network_can_see_is_taken():
    assert network_of(AlexNet(form="published"), (3, 63, 63)).size > 0
    assert network_of(Vgg(form="published"), (3, 32, 32)).size > 0


@pytest.mark.parametrize("model", [LeNet(), AlexNet(), Vgg(), ResNet(), Recurrent()])
def test_a_table_is_no_picture_and_no_sequence(model):
    with pytest.raises(RecipeError, match="model.name must suit the data"):
        network_of(model, (5,))


def test_the_form_follows_the_size_of_the_pictures_unless_it_is_said():
    widths = {side: network_of(Vgg(), (3, side, side)).layers[1].outputs for side in (32, 127, 128, 224)}
    assert widths == {32: 16, 127: 16, 128: 64, 224: 64}
    assert network_of(Vgg(form="small"), (3, 224, 224)).layers[1] == Convolution(3, 16, 3, padding=1)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_recurrent_layer_is_torchs_own_read_to_the_last_step(cell):
    network = network_of(Recurrent(name=cell, hidden=5), (7, 3))
    module = module_of(network).eval()
    theirs = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell](3, 5, batch_first=True)
    theirs.load_state_dict(module[1].cells.state_dict())
    x = torch.randn(4, 21)
    torch.testing.assert_close(module[1](module[0](x)), theirs(x.reshape(4, 7, 3))[0][:, -1])


def test_pictures_with_colors_are_read_row_by_row_all_colors_at_once():
    network = network_of(Recurrent(), (3, 4, 5))
    x = torch.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    rows = torch_module(network, {})[0](x.flatten(1))
    assert rows.shape == (2, 4, 15)
    assert torch.equal(rows[1, 2], x[1, :, 2].flatten())


def test_an_autoencoder_is_narrowest_in_the_middle_where_nothing_bends_it():
    kinds = [type(layer).__name__ for layer in network_of(Autoencoder(hidden=(20, 5)), (6, 6)).layers]
    assert kinds == ["Linear", "Activation", "Linear", "Linear", "Activation", "Linear"]


@pytest.mark.parametrize("name", ["instance", "group"])
def test_group_norm_is_no_instance_norm_and_neither_is_left_one_number(name):
    widths = {"instance": 1, "group": 2}
    for model in (LeNet(normalization=name), ResNet(depth=8, normalization=name)):
        for _, layer in network_of(model, (28, 28)).parts():
            assert not isinstance(layer, GroupNorm) or layer.features // layer.groups == widths[name]


def test_what_normalizes_a_single_number_is_refused():
    with pytest.raises(RecipeError, match="model.normalization must be another for such small pictures"):
        network_of(Vgg(normalization="instance"), (28, 28))
