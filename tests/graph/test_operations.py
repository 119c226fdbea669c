"""Every operation's rule against finite differences and torch, and against itself differentiated again."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from unstuck.graph import apply, constant, differences, gradients, order, weight
from unstuck.graph.networks import activation
from unstuck.graph.node import OPERATIONS

A = np.random.default_rng(0).normal(size=(3, 4))
B = np.random.default_rng(1).normal(size=(4, 2))
POSITIVE = np.abs(A) + 0.5
INDEX = (np.array([0, 2, 2, 1]), np.array([1, 1, 1, 3]))  # one place is picked three times

# operation: inputs, options, the same in torch
CASES = {
    "add": ((A, A[0]), {}, torch.add),
    "multiply": ((A, A[:, :1]), {}, torch.mul),
    "product": ((A, B), {}, torch.matmul),
    "power": ((POSITIVE,), {"exponent": 2.5}, lambda a, exponent: a**exponent),
    "exp": ((A,), {}, torch.exp),
    "log": ((POSITIVE,), {}, torch.log),
    "abs": ((A,), {}, torch.abs),
    "max": ((A,), {"axis": 1}, lambda a, axis: a.amax(axis, keepdim=True)),
    "fold": ((A,), {"shape": (1, 4)}, lambda a, shape: a.sum_to_size(shape)),
    "spread": ((A[:, :1],), {"shape": (2, 3, 4)}, lambda a, shape: a.expand(shape)),
    "reshape": ((A,), {"shape": (2, 6)}, torch.reshape),
    "turn": ((A,), {}, torch.t),
    "pick": ((A,), {"index": INDEX}, lambda a, index: a[index]),
    "place": (
        (A[0],),
        {"index": INDEX, "shape": (3, 4)},
        lambda a, index, shape: torch.zeros(shape, dtype=a.dtype).index_put(
            tuple(map(torch.from_numpy, index)), a, accumulate=True
        ),
    ),
    "sigmoid": ((A,), {}, torch.sigmoid),
    "tanh": ((A,), {}, torch.tanh),
    "relu": ((A,), {}, torch.relu),
    "leaky-relu": ((A,), {"slope": 0.1}, lambda a, slope: functional.leaky_relu(a, slope)),
    "elu": ((A,), {"alpha": 1.5}, lambda a, alpha: functional.elu(a, alpha)),
    "normal-cdf": ((A,), {}, lambda a: torch.special.ndtr(a)),
    "softplus": ((A,), {}, functional.softplus),
    "log-softmax": ((A,), {}, lambda a: a.log_softmax(-1)),
}
every = pytest.mark.parametrize("name", CASES)


def mixed(y):
    """One number that depends on every number of a node, on each in another way."""
    return (y * constant(np.cos(np.arange(y.value.size)).reshape(y.shape))).sum()


def mixed_in_torch(y):
    return (y * torch.cos(torch.arange(y.numel(), dtype=y.dtype)).reshape(y.shape)).sum()


def test_every_operation_is_tested():
    assert CASES.keys() == OPERATIONS.keys()


@every
def test_a_rule_is_what_finite_differences_say(name):
    inputs, options, _ = CASES[name]
    nodes = [weight(value) for value in inputs]
    found = gradients(mixed(apply(name, *nodes, **options)))
    for place, node in enumerate(nodes):

        def varied(value, place=place):
            others = [constant(value if at == place else one) for at, one in enumerate(inputs)]
            return float(mixed(apply(name, *others, **options)).value)

        np.testing.assert_allclose(found[node].value, differences(varied, node.value), rtol=1e-6, atol=1e-8)


@every
def test_value_and_gradient_are_torchs(name):
    inputs, options, in_torch = CASES[name]
    nodes = [weight(value) for value in inputs]
    theirs = [torch.tensor(value, requires_grad=True) for value in inputs]
    ours, said = apply(name, *nodes, **options), in_torch(*theirs, **options)
    np.testing.assert_allclose(ours.value, said.detach().numpy(), rtol=1e-12, atol=1e-14)
    mixed_in_torch(said).backward()
    found = gradients(mixed(ours))
    for node, tensor in zip(nodes, theirs, strict=True):
        np.testing.assert_allclose(found[node].value, tensor.grad.numpy(), rtol=1e-10, atol=1e-12)


@every
def test_second_derivatives_are_torchs(name):
    inputs, options, in_torch = CASES[name]
    node, tensor = weight(inputs[0]), torch.tensor(inputs[0], requires_grad=True)
    others, fixed = [constant(one) for one in inputs[1:]], [torch.tensor(one) for one in inputs[1:]]
    curved = (apply(name, node, *others, **options) * 0.5) ** 2.0  # so that linear operations have some, too
    first = gradients(mixed(curved))[node]
    second = gradients(mixed(first))[node].value
    in_two = mixed_in_torch((in_torch(tensor, *fixed, **options) * 0.5) ** 2)
    (slope,) = torch.autograd.grad(in_two, tensor, create_graph=True)
    (curvature,) = torch.autograd.grad(mixed_in_torch(slope), tensor)
    np.testing.assert_allclose(second, curvature.numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("name", "in_torch"),
    [
        ("identity", lambda a: a),
        ("sigmoid", torch.sigmoid),
        ("tanh", torch.tanh),
        ("relu", torch.relu),
        ("leaky-relu", functional.leaky_relu),
        ("elu", functional.elu),
        ("selu", functional.selu),
        ("gelu", functional.gelu),
        ("softmax", lambda a: a.softmax(-1)),
    ],
)
def test_activations_are_torchs(name, in_torch):
    node, tensor = weight(A), torch.tensor(A, requires_grad=True)
    ours, theirs = activation(name, node), in_torch(tensor)
    np.testing.assert_allclose(ours.value, theirs.detach().numpy(), rtol=1e-6, atol=1e-9)  # selu's digits
    mixed_in_torch(theirs).backward()
    np.testing.assert_allclose(gradients(mixed(ours))[node].value, tensor.grad.numpy(), rtol=1e-6, atol=1e-9)


def test_equal_largest_numbers_share_the_gradient():
    a = weight([1.0, 2.0, 2.0])
    np.testing.assert_array_equal(gradients(a.max())[a].value, [0, 0.5, 0.5])


def test_relu_passes_nothing_on_at_zero():
    a = weight([-1.0, 0.0, 1.0])
    np.testing.assert_array_equal(gradients(apply("relu", a).sum())[a].value, [0, 0, 1])


def test_a_power_of_zero_has_every_derivative():
    a = weight([0.0, 3.0])
    found = (a**2.0).sum()
    for expected in ([0, 6], [2, 2], [0, 0], [0, 0]):
        slope = gradients(found, [a])[a]
        np.testing.assert_array_equal(slope.value, expected)
        found = slope.sum()


@pytest.mark.parametrize("far", [-1000.0, 1000.0])
def test_far_from_zero_nothing_overflows(far):
    a = weight([far])
    for name in ("sigmoid", "tanh", "softplus", "log-softmax"):
        y = apply(name, a)
        assert np.isfinite(y.value).all()
        assert np.isfinite(gradients(y.sum())[a].value).all()


# the walk


def test_what_comes_by_several_ways_is_added_up():
    a = weight(3.0, "a")
    assert gradients(a * a + a * 2.0)[a].value == 8


def test_a_chain_of_a_thousand_nodes_is_no_trouble():
    a = weight(1.0, "a")
    y = a
    for _ in range(5000):
        y = y + 1.0
    assert gradients(y)[a].value == 1


def test_every_node_comes_after_those_it_was_made_from():
    a = weight(A)
    nodes = order(((a + 1.0) * a).sum())
    for place, node in enumerate(nodes):
        assert all(nodes.index(one) < place for one in node.inputs)
    assert len(nodes) == len({*nodes})


def test_gradients_are_kept_of_weights_alone_unless_others_are_asked_for():
    a, b = weight(2.0), constant(3.0)
    product = a * b
    y = product**2.0
    assert set(gradients(y)) == {a}
    assert {node: found.value for node, found in gradients(y, [product, b]).items()} == {product: 12, b: 24}


def test_a_weight_that_plays_no_part_has_a_gradient_of_zero():
    a, b = weight(A), weight(A)
    y = (a * b[np.zeros(1, dtype=int)] * 0.0).sum() + a.sum()
    np.testing.assert_array_equal(gradients(y)[b].value, np.zeros_like(A))
