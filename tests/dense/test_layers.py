"""Each layer's forward and backward, and each loss, against torch's in float64."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from unstuck.dense import layers, losses

ROWS, WIDTH = 7, 12
NEAR = {"rtol": 2e-5, "atol": 2e-6}  # a few roundings of float32, at numbers of size 1


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng((seed, *shape)).normal(size=shape).astype(np.float32)


def oracle(function, error: np.ndarray, *inputs: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """What torch makes of a function in float64: its value, and Σ error · value by each input."""
    tensors = [torch.from_numpy(value).double().requires_grad_() for value in inputs]
    value = function(*tensors)
    value.backward(torch.from_numpy(error).double())
    return value.detach().numpy(), [tensor.grad.numpy() for tensor in tensors]


FLAT = {
    "relu": (functional.relu, layers.relu_forward, layers.relu_backward, (np.float32(0),)),
    "leaky-relu": (
        lambda x: functional.leaky_relu(x, 0.25),
        layers.relu_forward,
        layers.relu_backward,
        (np.float32(0.25),),
    ),
    "sigmoid": (torch.sigmoid, layers.sigmoid_forward, layers.sigmoid_backward, ()),
    "tanh": (torch.tanh, layers.tanh_forward, layers.tanh_backward, ()),
}


@pytest.mark.parametrize("name", FLAT)
def test_an_activation_and_its_derivative_are_those_of_torch(name):
    function, forward, backward, settings = FLAT[name]
    x = np.concatenate([3 * drawn(100), np.array([0, 80, -80, 200, -200], np.float32)])
    error = drawn(x.size)
    value, (gradient,) = oracle(function, error, x)
    y = np.empty_like(x)
    forward(x, *settings, y)
    backward(y, *settings, error)
    np.testing.assert_allclose(y, value, **NEAR)
    np.testing.assert_allclose(error, gradient, **NEAR)


@pytest.mark.parametrize("name", FLAT)
def test_not_a_number_stays_so_through_an_activation_and_infinity_does_as_in_torch(name):
    function, forward, _, settings = FLAT[name]
    x = np.array([np.nan, np.inf, -np.inf], np.float32)
    y = np.empty_like(x)
    forward(x, *settings, y)
    np.testing.assert_array_equal(y, function(torch.from_numpy(x)).numpy())


def test_softmax_and_its_derivative_are_those_of_torch():
    x, error = 4 * drawn(ROWS, WIDTH), drawn(ROWS, WIDTH)
    value, (gradient,) = oracle(lambda x: x.softmax(dim=1), error, x)
    y = np.empty_like(x)
    layers.softmax_forward(x, y)
    layers.softmax_backward(y, error)
    np.testing.assert_allclose(y, value, **NEAR)
    np.testing.assert_allclose(error, gradient, **NEAR)


def test_softmax_of_large_numbers_does_not_overflow():
    x = np.array([[1e4, 1e4, -1e4]], np.float32)
    y = np.empty_like(x)
    layers.softmax_forward(x, y)
    np.testing.assert_array_equal(y, [[0.5, 0.5, 0]])


@pytest.mark.parametrize("offset", [0, 1000])
def test_layer_norm_and_its_derivatives_are_those_of_torch(offset):
    eps = np.float32(1e-5)
    # offset: a mean far from 0 takes float32 three digits, no more, as the variance is of differences
    x, error = drawn(ROWS, WIDTH) + np.float32(offset), drawn(ROWS, WIDTH, seed=1)
    weight, bias = drawn(WIDTH), drawn(WIDTH, seed=1)
    value, expected = oracle(
        lambda x, weight, bias: functional.layer_norm(x, (WIDTH,), weight, bias, float(eps)),
        error,
        x,
        weight,
        bias,
    )
    y, statistics = np.empty_like(x), np.empty((ROWS, 2), np.float32)
    gradients = np.full((2, WIDTH), np.nan, np.float32)
    layers.layer_norm_forward(x, weight, bias, eps, y, statistics)
    layers.layer_norm_backward(x, weight, statistics, error, *gradients)
    near = {"rtol": 2e-5, "atol": 2e-6 * max(1, offset)}
    np.testing.assert_allclose(y, value, **near)
    for result, gradient in zip((error, *gradients), expected, strict=True):
        np.testing.assert_allclose(result, gradient, **near)


def test_layer_norm_of_equal_numbers_is_its_bias():
    x, bias = np.full((2, 5), 3, np.float32), drawn(5)
    y = np.empty_like(x)
    layers.layer_norm_forward(x, drawn(5, seed=1), bias, np.float32(1e-5), y, np.empty((2, 2), np.float32))
    np.testing.assert_array_equal(y, np.broadcast_to(bias, y.shape))


def test_a_linear_layer_and_its_derivatives_are_those_of_torch():
    x, error = drawn(ROWS, 5), drawn(ROWS, 9)
    weight, bias = drawn(9, 5), drawn(9)
    value, (by_x, by_weight, by_bias) = oracle(functional.linear, error, x, weight, bias)
    y, back = np.empty((ROWS, 9), np.float32), np.empty_like(x)
    layers.linear_forward(x, weight, bias, y)
    layers.input_error(error, weight, back)
    np.testing.assert_allclose(y, value, **NEAR)
    np.testing.assert_allclose(back, by_x, **NEAR)
    gradients = np.zeros_like(weight), np.zeros_like(bias)
    layers.linear_backward(x, error, *gradients, np.float32(1), np.float32(0))
    np.testing.assert_allclose(gradients[0], by_weight, **NEAR)
    np.testing.assert_allclose(gradients[1], by_bias, **NEAR)


NOTHING = {"labels": np.zeros(0, np.int64), "values": np.zeros((0, 0), np.float32)}
LABELS = {**NOTHING, "labels": np.array([2, 0, 1, 1, 2, 0])}
VALUES = {**NOTHING, "values": np.random.default_rng(0).uniform(size=(6, 3)).astype(np.float32)}
PLAIN = {
    "cross-entropy": functional.cross_entropy,
    "bce": functional.binary_cross_entropy_with_logits,
    "mse": functional.mse_loss,
}


def loss_of(name, outputs, targets, rows):
    error = np.full_like(outputs, np.nan)
    code = losses.CODES[name]
    return losses.loss_and_error(code, outputs, targets["labels"], targets["values"], rows, error), error


@pytest.mark.parametrize("scale", [1, 30])
@pytest.mark.parametrize(
    ("name", "targets"),
    [("cross-entropy", LABELS), ("bce", LABELS), ("mse", LABELS), ("bce", VALUES), ("mse", VALUES)],
    ids=["cross-entropy", "bce of classes", "mse of classes", "bce", "mse"],
)
def test_a_loss_and_its_derivative_are_those_of_torch(name, targets, scale):
    rows = np.array([5, 0, 3, 2])
    outputs = scale * drawn(4, 3)
    if name == "cross-entropy":
        expected = torch.from_numpy(targets["labels"][rows])
    elif targets is LABELS:
        expected = torch.eye(3, dtype=torch.float64)[targets["labels"][rows]]
    else:
        expected = torch.from_numpy(targets["values"][rows]).double()
    one = np.ones((), np.float32)
    value, (gradient,) = oracle(lambda outputs: PLAIN[name](outputs, expected), one, outputs)
    loss, error = loss_of(name, outputs, targets, rows)
    assert loss == pytest.approx(value.item(), rel=1e-5)
    np.testing.assert_allclose(error, gradient, **NEAR)


@pytest.mark.parametrize("name", ["cross-entropy", "bce"])
def test_a_loss_of_certain_outputs_does_not_overflow(name):
    outputs = np.array([[1e4, -1e4, -1e4]], np.float32)
    right, error = loss_of(name, outputs, {**NOTHING, "labels": np.array([0])}, np.array([0]))
    assert right == 0
    np.testing.assert_array_equal(error, np.zeros((1, 3)))
    wrong, error = loss_of(name, outputs, {**NOTHING, "labels": np.array([1])}, np.array([0]))
    # 2·10⁴ nats between the two logits; bce is the mean of 10⁴, 10⁴ and 0
    assert wrong == pytest.approx(2e4 if name == "cross-entropy" else 2e4 / 3)
    assert np.isfinite(error).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["cross-entropy", "bce", "mse"])
def test_a_loss_of_outputs_that_are_not_finite_is_what_torch_makes_of_it(name, bad):
    outputs = drawn(2, 3)
    outputs[1, 1] = bad
    labels = np.array([0, 1])
    loss, _ = loss_of(name, outputs, {**NOTHING, "labels": labels}, np.arange(2))
    targets = torch.from_numpy(labels) if name == "cross-entropy" else torch.eye(3)[labels]
    assert np.isfinite(loss) == np.isfinite(PLAIN[name](torch.from_numpy(outputs), targets).item())
