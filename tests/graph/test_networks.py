"""Whole networks against torch, and a small one that learns."""

from functools import partial

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from unstuck.graph import apply, constant, gradients, weight
from unstuck.graph import networks as graph

RNG = np.random.default_rng(0)
CLOSE = {"rtol": 1e-10, "atol": 1e-12}


def weights_of(module):
    module.double()
    return [weight(parameter.detach().numpy(), name) for name, parameter in module.named_parameters()]


def alike(module, nodes, loss, theirs):
    theirs.backward()
    np.testing.assert_allclose(loss.value, theirs.item(), **CLOSE)
    found = gradients(loss)
    for node, parameter in zip(nodes, module.parameters(), strict=True):
        np.testing.assert_allclose(found[node].value, parameter.grad.numpy(), **CLOSE)


def test_a_perceptron_is_torchs():
    module = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 6), nn.Tanh(), nn.Linear(6, 3))
    nodes = weights_of(module)
    x, classes = RNG.normal(size=(9, 5)), RNG.integers(0, 3, 9)
    layers = list(zip(nodes[::2], nodes[1::2], strict=True))
    loss = graph.cross_entropy(graph.perceptron(constant(x), layers, "tanh"), classes)
    alike(module, nodes, loss, functional.cross_entropy(module(torch.tensor(x)), torch.tensor(classes)))


def test_a_convolution_with_pooling_is_torchs():
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 4))
    w, b, v, c = nodes = weights_of(module)
    x, classes = RNG.normal(size=(5, 2, 6, 6)), RNG.integers(0, 4, 5)
    hidden = graph.pool(apply("relu", graph.convolution(constant(x), w) + b.reshape(3, 1, 1))).reshape(5, 12)
    loss = graph.cross_entropy(graph.linear(hidden, v, c), classes)
    alike(module, nodes, loss, functional.cross_entropy(module(torch.tensor(x)), torch.tensor(classes)))


def test_a_recurrent_cell_is_torchs():
    module = nn.RNN(3, 4, batch_first=True)
    w, u, b, second = nodes = weights_of(module)
    x = RNG.normal(size=(6, 5, 3))
    last = graph.recurrent(constant(x), constant(np.zeros((6, 4))), w, u, b + second)
    alike(module, nodes, (last * last).mean(), module(torch.tensor(x))[0][:, -1].pow(2).mean())


@pytest.mark.parametrize(("module", "axis"), [(nn.LayerNorm(5), -1), (nn.BatchNorm1d(5), 0)])
def test_normalizations_are_torchs(module, axis):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.uniform_(0.5, 2)
    gain, shift = nodes = weights_of(module)
    x = RNG.normal(size=(4, 5))
    y = graph.normalized(constant(x), axis=axis) * gain + shift
    alike(module, nodes, (y * y * y).mean(), module(torch.tensor(x)).pow(3).mean())


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (graph.squared_error, functional.mse_loss),
        (graph.binary_cross_entropy, functional.binary_cross_entropy_with_logits),
        (partial(graph.huber, delta=0.7), partial(functional.huber_loss, delta=0.7)),
    ],
)
def test_losses_are_torchs(ours, theirs):
    z, t = 2 * RNG.normal(size=(40, 3)), RNG.uniform(size=(40, 3))
    node, tensor = weight(z), torch.tensor(z, requires_grad=True)
    loss, said = ours(node, constant(t)).mean(), theirs(tensor, torch.tensor(t))
    said.backward()
    np.testing.assert_allclose(loss.value, said.item(), **CLOSE)
    np.testing.assert_allclose(gradients(loss)[node].value, tensor.grad.numpy(), **CLOSE)


@pytest.mark.parametrize(
    ("stride", "groups", "pooling"),
    [
        (1, 1, nn.MaxPool2d(3, 2)),
        (2, 1, nn.AvgPool2d(2, 1)),
        (2, 2, nn.AvgPool2d(2, 2)),
        (3, 4, nn.MaxPool2d(2, 1)),
    ],
)
def test_strides_groups_and_pooling_are_torchs(stride, groups, pooling):
    name = "max" if isinstance(pooling, nn.MaxPool2d) else "mean"
    module = nn.Sequential(nn.Conv2d(4, 8, 3, stride, groups=groups, bias=False), pooling)
    nodes = weights_of(module)
    x = RNG.normal(size=(3, 4, 12, 11))
    y = graph.convolution(constant(x), *nodes, stride=stride, groups=groups)
    y = graph.pool(y, pooling.kernel_size, pooling.stride, name)
    theirs = module(torch.tensor(x))
    assert y.shape == theirs.shape
    alike(module, nodes, (y * y).mean(), theirs.pow(2).mean())


def test_a_hessian_is_torchs():
    w, x, classes = RNG.normal(size=(3, 4)), RNG.normal(size=(6, 4)), RNG.integers(0, 3, 6)
    node = weight(w)
    slope = gradients(graph.cross_entropy(constant(x) @ node.T, classes))[node]
    rows = [gradients(slope[place], [node])[node].value.ravel() for place in np.ndindex(w.shape)]
    theirs = torch.autograd.functional.hessian(
        lambda a: functional.cross_entropy(torch.tensor(x) @ a.T, torch.tensor(classes)), torch.tensor(w)
    )
    np.testing.assert_allclose(np.array(rows), theirs.reshape(12, 12).numpy(), **CLOSE)


def test_it_learns_digits():
    digits = load_digits()
    x, classes = digits.data / 16, digits.target
    hidden = RNG.normal(size=(32, 64)) / np.sqrt(64), np.zeros(32)
    weights = [*hidden, RNG.normal(size=(10, 32)) / np.sqrt(32), np.zeros(10)]

    def outputs(nodes, rows):
        return graph.perceptron(constant(x[rows]), list(zip(nodes[::2], nodes[1::2], strict=True)))

    batches = (RNG.permutation(1500)[:50] for _ in range(400))

    def loss(nodes, rows):
        return graph.cross_entropy(outputs(nodes, rows), classes[rows])

    losses = list(graph.descend(loss, weights, batches, lr=0.5))
    answers = outputs([constant(value) for value in weights], slice(1500, None)).value.argmax(axis=1)
    assert losses[-1] < losses[0] / 5
    assert (answers == classes[1500:]).mean() > 0.88
