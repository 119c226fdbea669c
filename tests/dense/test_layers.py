"""Each layer's forward and backward, and each loss, against torch's in float64."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from unstuck.dense import activations, layers, losses, normalization, plan
from unstuck.network import masks, torch_module
from unstuck.network.layers import Activation, Dropout
from unstuck.recipe.loss import Loss
from unstuck.training.torch_loss import WeighedLoss

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


SELU = tuple(map(np.float32, plan.constants_of(Activation("selu"))))
FLAT = {
    "relu": (functional.relu, activations.relu_forward, activations.relu_backward, (np.float32(0),)),
    "leaky-relu": (
        lambda x: functional.leaky_relu(x, 0.25),
        activations.relu_forward,
        activations.relu_backward,
        (np.float32(0.25),),
    ),
    "elu": (functional.elu, activations.elu_forward, activations.elu_backward, (np.float32(1), np.float32(1))),
    "selu": (
        functional.selu,
        activations.elu_forward,
        activations.elu_backward,
        SELU,
    ),
    "gelu": (functional.gelu, activations.gelu_forward, activations.gelu_backward, ()),
    "sigmoid": (torch.sigmoid, activations.sigmoid_forward, activations.sigmoid_backward, ()),
    "tanh": (torch.tanh, activations.tanh_forward, activations.tanh_backward, ()),
}


@pytest.mark.parametrize("name", FLAT)
def test_an_activation_and_its_derivative_are_those_of_torch(name):
    function, forward, backward, settings = FLAT[name]
    x = np.concatenate([3 * drawn(100), np.array([0, 80, -80, 200, -200], np.float32)])
    error = drawn(x.size)
    value, (gradient,) = oracle(function, error, x)
    y = np.empty_like(x)
    forward(x, *settings, y)
    backward(x if name == "gelu" else y, *settings, error)
    np.testing.assert_allclose(y, value, **NEAR)
    np.testing.assert_allclose(error, gradient, **NEAR)


@pytest.mark.parametrize("name", FLAT)
def test_not_a_number_stays_so_through_an_activation_and_infinity_does_as_in_torch(name):
    function, forward, _, settings = FLAT[name]
    if name == "gelu":  # torch's own, vectorized, makes NaN of infinity
        function = lambda x: x * (1 + torch.erf(x / 2**0.5)) / 2  # noqa: E731  (as the table has the others)
    x = np.array([np.nan, np.inf, -np.inf], np.float32)
    y = np.empty_like(x)
    forward(x, *settings, y)
    np.testing.assert_array_equal(y, function(torch.from_numpy(x)).numpy())


def test_softmax_and_its_derivative_are_those_of_torch():
    x, error = 4 * drawn(ROWS, WIDTH), drawn(ROWS, WIDTH)
    value, (gradient,) = oracle(lambda x: x.softmax(dim=1), error, x)
    y = np.empty_like(x)
    activations.softmax_forward(x, y)
    activations.softmax_backward(y, error)
    np.testing.assert_allclose(y, value, **NEAR)
    np.testing.assert_allclose(error, gradient, **NEAR)


def test_softmax_of_large_numbers_does_not_overflow():
    x = np.array([[1e4, 1e4, -1e4]], np.float32)
    y = np.empty_like(x)
    activations.softmax_forward(x, y)
    np.testing.assert_array_equal(y, [[0.5, 0.5, 0]])


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("offset", [0, 1000])
def test_group_norm_and_its_derivatives_are_those_of_torch(offset, groups):
    eps = np.float32(1e-5)
    # offset: a mean far from 0 takes float32 three digits, no more, as the variance is of differences
    x, error = drawn(ROWS, WIDTH) + np.float32(offset), drawn(ROWS, WIDTH, seed=1)
    weight, bias = drawn(WIDTH), drawn(WIDTH, seed=1)
    value, expected = oracle(
        lambda x, weight, bias: functional.group_norm(x, groups, weight, bias, float(eps)),
        error,
        x,
        weight,
        bias,
    )
    y, statistics = np.empty_like(x), np.empty((ROWS, 2 * groups), np.float32)
    gradients = np.full((2, WIDTH), np.nan, np.float32)
    normalization.group_norm_forward(x, groups, weight, bias, eps, y, statistics)
    normalization.group_norm_backward(x, groups, weight, statistics, error, *gradients)
    near = {"rtol": 5e-5, "atol": 5e-6 * max(1, offset)}  # three numbers may lie near each other
    np.testing.assert_allclose(y, value, **near)
    for result, gradient in zip((error, *gradients), expected, strict=True):
        np.testing.assert_allclose(result, gradient, **near)


def test_group_norm_of_equal_numbers_is_its_bias():
    x, bias = np.full((2, 6), 3, np.float32), drawn(6)
    y, statistics = np.empty_like(x), np.empty((2, 4), np.float32)
    normalization.group_norm_forward(x, 2, drawn(6, seed=1), bias, np.float32(1e-5), y, statistics)
    np.testing.assert_array_equal(y, np.broadcast_to(bias, y.shape))


def batch_normed(x, weight, bias, eps):
    """Forward as in training: y, and the batch's mean, scale and variance."""
    y = np.empty_like(x)
    mean, variance, scale = np.full((3, x.shape[1]), np.nan, np.float32)
    normalization.moments(x, mean, variance, np.full(x.shape[1], np.nan))
    normalization.scales(variance, np.float32(eps), scale)
    normalization.batch_norm_forward(x, mean, scale, weight, bias, y)
    return y, mean, scale, variance


@pytest.mark.parametrize("offset", [0, 1000])
def test_batch_norm_and_its_derivatives_are_those_of_torch(offset):
    x, error = drawn(ROWS, WIDTH) + np.float32(offset), drawn(ROWS, WIDTH, seed=1)
    weight, bias = drawn(WIDTH), drawn(WIDTH, seed=1)

    def function(x, weight, bias):
        return functional.batch_norm(x, None, None, weight, bias, training=True, eps=1e-5)

    value, expected = oracle(function, error, x, weight, bias)
    y, mean, scale, _ = batch_normed(x, weight, bias, 1e-5)
    gradients = np.full((2, WIDTH), np.nan, np.float32)
    normalization.batch_norm_backward(x, mean, scale, weight, error, *gradients)
    near = {"rtol": 5e-5, "atol": 5e-6 * max(1, offset)}
    np.testing.assert_allclose(y, value, **near)
    for result, gradient in zip((error, *gradients), expected, strict=True):
        np.testing.assert_allclose(result, gradient, **near)


def test_batch_norm_is_its_definition():
    """Ioffe & Szegedy 2015, algorithm 1, and the running statistics, in float64."""
    x, weight, bias = 3 * drawn(5000, 4) + np.float32(50), drawn(4), drawn(4, seed=1)
    exact, momentum = x.astype(np.float64), 0.1
    y, mean, _, variance = batch_normed(x, weight, bias, 1e-5)
    normal = (exact - exact.mean(axis=0)) / np.sqrt(exact.var(axis=0) + 1e-5)
    np.testing.assert_allclose(y, normal * weight + bias, rtol=1e-5, atol=1e-5)
    running_mean, running_variance = np.zeros(4, np.float32), np.ones(4, np.float32)
    normalization.follow(mean, variance, len(x), np.float32(momentum), running_mean, running_variance)
    np.testing.assert_allclose(running_mean, momentum * exact.mean(axis=0), rtol=1e-6)
    expected = (1 - momentum) + momentum * exact.var(axis=0, ddof=1)
    np.testing.assert_allclose(running_variance, expected, rtol=1e-6)


def dropped(x, key, step, share):
    """What our layer makes of flat x, as the engine calls it."""
    y = np.empty_like(x)
    scale = np.float32(plan.constants_of(Dropout(share))[0])
    layers.dropout(x, int(key.astype(np.int64)), step, masks.threshold(share), scale, y)
    return y


@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_dropout_drops_what_the_masks_say_and_no_more(share):
    x = drawn(1000) + np.float32(10)
    for seed, step in ((0, 0), (1, 2), (2, 10**6)):
        key = masks.layer_key(seed, "3")
        kept = masks.kept(masks.step_key(key, step), x.size, share)
        expected = np.where(kept, x / (1 - share), 0)
        np.testing.assert_allclose(dropped(x, key, step, share), expected, rtol=1e-6)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_the_expectation_of_dropout_is_its_input(share):
    x, draws = drawn(50) + np.float32(10), 4000
    key = masks.layer_key(0, "1")
    mean = np.mean([dropped(x, key, step, share) for step in range(draws)], axis=0, dtype=np.float64)
    error = np.abs(x) * np.sqrt(share / (1 - share) / draws)  # of the mean of x / (1 - share) · Bernoulli
    assert (np.abs(mean - x) < 4 * error).all()  # beyond four standard errors once in 16 000


@pytest.mark.parametrize(("step", "share"), [(layers.EVALUATION, 0.5), (3, 0.0)])
def test_nothing_is_dropped_in_evaluation_nor_by_a_share_of_none(step, share):
    x = drawn(20)
    np.testing.assert_array_equal(dropped(x, masks.layer_key(0, "1"), step, share), x)


def test_dropout_of_what_is_not_finite_is_what_torch_makes_of_it():
    x = np.array([np.nan, np.inf, -np.inf] * 20, np.float32)
    module = torch_module.Dropout(0.5)
    module.key = masks.layer_key(0, "1")
    expected = module(torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(dropped(x, module.key, 0, 0.5), expected)


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
NAMES = ("cross-entropy", "bce", "mse", "mae", "huber")
CLASS_WEIGHTS = (0.5, 1.0, 3.0)
FORMS = {
    "plain": {},
    "smoothed": {"label_smoothing": 0.3},
    "weighed": {"class_weights": CLASS_WEIGHTS},
    "both": {"label_smoothing": 0.3, "class_weights": CLASS_WEIGHTS},
}
CASES = [
    (name, form) for name in NAMES for form in (*FORMS, "numbers") if (name, form) != ("cross-entropy", "numbers")
]


def loss_of(spec, outputs, targets, rows):
    error = np.full_like(outputs, np.nan)
    objective = plan.objective_of(spec)
    return losses.loss_and_error(objective, outputs, targets["labels"], targets["values"], rows, error), error


@pytest.mark.parametrize("scale", [1, 30])
@pytest.mark.parametrize(("name", "form"), CASES)
def test_a_loss_and_its_derivative_are_those_of_torch(name, form, scale):
    rows, outputs = np.array([5, 0, 3, 2]), scale * drawn(4, 3)
    loss = Loss(name=name, delta=0.7, **FORMS.get(form, {}))
    targets = VALUES if form == "numbers" else LABELS
    if form == "numbers":
        expected = torch.from_numpy(targets["values"][rows]).double()
    else:
        expected = torch.from_numpy(targets["labels"][rows])
    measure = WeighedLoss(loss).double()
    value, (gradient,) = oracle(lambda outputs: measure(outputs, expected), np.ones((), np.float32), outputs)
    ours, error = loss_of(loss, outputs, targets, rows)
    assert ours == pytest.approx(value.item(), rel=1e-5)
    np.testing.assert_allclose(error, gradient, **NEAR)


@pytest.mark.parametrize(("distance", "loss", "slope"), [(0.5, 0.125, 0.5), (-0.5, 0.125, -0.5), (2, 1.5, 1)])
def test_huber_turns_from_squares_to_absolute_values_at_delta(distance, loss, slope):
    targets = {**NOTHING, "values": np.zeros((1, 1), np.float32)}
    output = np.array([[distance]], np.float32)
    ours, error = loss_of(Loss(name="huber", delta=1.0), output, targets, np.array([0]))
    assert (ours, error[0, 0]) == (loss, slope)


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_counts_as_much_as_the_torch_engine_counts_it(form):
    loss, rows = Loss(name="mse", **FORMS[form]), np.array([5, 0, 3, 2])
    expected = WeighedLoss(loss).count(torch.from_numpy(LABELS["labels"][rows]))
    assert losses.counted(plan.objective_of(loss), LABELS["labels"], rows) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["cross-entropy", "bce"])
def test_a_loss_of_certain_outputs_does_not_overflow(name):
    outputs = np.array([[1e4, -1e4, -1e4]], np.float32)
    right, error = loss_of(Loss(name=name), outputs, {**NOTHING, "labels": np.array([0])}, np.array([0]))
    assert right == 0
    np.testing.assert_array_equal(error, np.zeros((1, 3)))
    wrong, error = loss_of(Loss(name=name), outputs, {**NOTHING, "labels": np.array([1])}, np.array([0]))
    # 2·10⁴ nats between the two logits; bce is the mean of 10⁴, 10⁴ and 0
    assert wrong == pytest.approx(2e4 if name == "cross-entropy" else 2e4 / 3)
    assert np.isfinite(error).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", NAMES)
def test_a_loss_of_outputs_that_are_not_finite_is_what_torch_makes_of_it(name, bad):
    outputs = drawn(2, 3)
    outputs[1, 1] = bad
    labels = np.array([0, 1])
    loss, _ = loss_of(Loss(name=name), outputs, {**NOTHING, "labels": labels}, np.arange(2))
    expected = WeighedLoss(Loss(name=name))(torch.from_numpy(outputs), torch.from_numpy(labels)).item()
    assert np.isfinite(loss) == np.isfinite(expected)
