# numba infers the types of compiled functions from their calls:
# pyright: standard
"""Many steps in one compiled call.

The network is a table of numbers, so one compilation serves every network: a row per layer with its kind,
its input and output width, where its parameters start in the flat vector, and where its output starts in
the workspace (in numbers per row of the batch).
"""

from typing import NamedTuple

import numpy as np

from unstuck.dense import layers
from unstuck.dense.blas import prefetch
from unstuck.dense.compiled import entry, inlined
from unstuck.dense.losses import loss_and_error
from unstuck.dense.optimizers import SGD, update
from unstuck.dense.views import matrix, vector

LINEAR, LAYER_NORM, RELU, SIGMOID, TANH, SOFTMAX = range(6)
KINDS = {"relu": RELU, "leaky-relu": RELU, "sigmoid": SIGMOID, "tanh": TANH, "softmax": SOFTMAX}
KIND, INPUTS, OUTPUTS, PARAMETERS, START = range(5)


class Plan(NamedTuple):
    """The network and its training, as compiled code reads them."""

    table: np.ndarray  # (L, 5) int64, columns as named above
    constants: np.ndarray  # (L,) float32: slope of leaky-relu, eps of layer norm, else 0
    loss: int
    optimizer: int


class Rows(NamedTuple):
    """The training rows as they are stored; of each pair of arrays one is empty."""

    pixels: np.ndarray  # flat uint8, row after row
    numbers: np.ndarray  # flat float32, row after row
    factor: np.float32  # what pixels are multiplied by
    labels: np.ndarray  # (N,) int64
    values: np.ndarray  # (N, O) float32


class State(NamedTuple):
    """What training changes. All (P,) float32, P the number of parameters."""

    parameters: np.ndarray
    gradient: np.ndarray
    first: np.ndarray  # velocity, or Adam's first moment
    second: np.ndarray  # Adam's second moment


class Workspace(NamedTuple):
    """Memory for the largest batch, made once."""

    outputs: np.ndarray  # flat float32: the input, then every layer's output
    errors: np.ndarray  # flat float32, two halves: dL/d(output) and dL/d(input), changing places
    statistics: np.ndarray  # flat float32, (L, B, 2): of layer norm


@inlined
def gather(data, rows, upcoming, x):
    """The batch's rows as float32, bytes times the factor. Shapes: rows (B,) → x (B, I).

    The rows lie anywhere in memory: those of the next batch are asked for while these are converted.
    """
    width = x.shape[1]
    for i in range(rows.size):
        if data.pixels.size:
            if i < upcoming.size:
                for j in range(0, width, 64):
                    prefetch(data.pixels, upcoming[i] * width + j)
            _scaled(vector(data.pixels, rows[i] * width, width), data.factor, x[i])
        else:
            if i < upcoming.size:
                for j in range(0, width, 16):
                    prefetch(data.numbers, upcoming[i] * width + j)
            _scaled(vector(data.numbers, rows[i] * width, width), np.float32(1), x[i])


@inlined
def _scaled(source, factor, target):
    for j in range(source.size):
        target[j] = np.float32(source[j]) * factor


@inlined
def forward(plan, parameters, work, rows, capacity):
    """All layers' outputs, for the `rows` inputs at the start of work.outputs; returns where the last's start."""
    x_at = 0
    for number in range(plan.table.shape[0]):
        inputs, outputs = plan.table[number, INPUTS], plan.table[number, OUTPUTS]
        y_at = plan.table[number, START] * capacity
        _layer_forward(plan, parameters, work, number, x_at, y_at, rows, inputs, outputs, capacity)
        x_at = y_at
    return x_at


@inlined
def _layer_forward(plan, parameters, work, number, x_at, y_at, rows, inputs, outputs, capacity):
    kind, place, constant = plan.table[number, KIND], plan.table[number, PARAMETERS], plan.constants[number]
    x, y = vector(work.outputs, x_at, rows * inputs), vector(work.outputs, y_at, rows * outputs)
    x_rows, y_rows = matrix(work.outputs, x_at, rows, inputs), matrix(work.outputs, y_at, rows, outputs)
    if kind == LINEAR:
        weight = matrix(parameters, place, outputs, inputs)
        layers.linear_forward(x_rows, weight, vector(parameters, place + outputs * inputs, outputs), y_rows)
    elif kind == LAYER_NORM:
        weight, bias = vector(parameters, place, inputs), vector(parameters, place + inputs, inputs)
        statistics = matrix(work.statistics, number * capacity * 2, rows, 2)
        layers.layer_norm_forward(x_rows, weight, bias, constant, y_rows, statistics)
    elif kind == RELU:
        layers.relu_forward(x, constant, y)
    elif kind == SIGMOID:
        layers.sigmoid_forward(x, y)
    elif kind == TANH:
        layers.tanh_forward(x, y)
    else:
        layers.softmax_forward(x_rows, y_rows)


@inlined
def linear_gradient(plan, settings, state, place, x, error):
    """The gradient of a fully connected layer's parameters; returns how many must still take their step by it.

    For plain gradient descent none must: the matrix product goes into the parameters themselves.
    """
    inputs, outputs = x.shape[1], error.shape[1]
    target, alpha, beta, left = state.gradient, np.float32(1), np.float32(0), outputs * inputs + outputs
    if plan.optimizer == SGD:
        target, left = state.parameters, 0
        alpha, beta = np.float32(-settings[0]), np.float32(1 - settings[0] * settings[1])
    weight, bias = matrix(target, place, outputs, inputs), vector(target, place + outputs * inputs, outputs)
    layers.linear_backward(x, error, weight, bias, alpha, beta)
    return left


@inlined
def step_range(plan, settings, step, state, start, size):
    """One step of so many parameters from `start` on, by their gradient."""
    parameters, gradient = vector(state.parameters, start, size), vector(state.gradient, start, size)
    first, second = vector(state.first, start, size), vector(state.second, start, size)
    update(plan.optimizer, settings, step, parameters, gradient, first, second)


@inlined
def backward(plan, settings, step, state, work, rows, capacity):
    """From dL/d(network's output), which stands at the start of work.errors, back to the first layer.

    Each layer's parameters take their step as soon as the error has passed through them, while they and
    their gradient are in the cache. A layer's error by its input is computed before its weights change, in
    the other half of work.errors.
    """
    now, other = 0, work.errors.size // 2
    for number in range(plan.table.shape[0] - 1, -1, -1):
        kind, place = plan.table[number, KIND], plan.table[number, PARAMETERS]
        inputs, outputs = plan.table[number, INPUTS], plan.table[number, OUTPUTS]
        x_at = plan.table[number - 1, START] * capacity if number else 0
        x = matrix(work.outputs, x_at, rows, inputs)
        error = matrix(work.errors, now, rows, outputs)
        if kind == LINEAR:
            if number:
                weight = matrix(state.parameters, place, outputs, inputs)
                layers.input_error(error, weight, matrix(work.errors, other, rows, inputs))
            left = linear_gradient(plan, settings, state, place, x, error)
            now, other = other, now
        elif kind == LAYER_NORM:
            statistics = matrix(work.statistics, number * capacity * 2, rows, 2)
            weight_gradient = vector(state.gradient, place, inputs)
            bias_gradient = vector(state.gradient, place + inputs, inputs)
            weight = vector(state.parameters, place, inputs)
            layers.layer_norm_backward(x, weight, statistics, error, weight_gradient, bias_gradient)
            left = 2 * inputs
        else:
            y_at = plan.table[number, START] * capacity
            _activation_backward(kind, plan.constants[number], work, y_at, now, rows, outputs)
            left = 0
        if left:
            step_range(plan, settings, step, state, place, left)


@inlined
def _activation_backward(kind, slope, work, y_at, error_at, rows, width):
    y, error = vector(work.outputs, y_at, rows * width), vector(work.errors, error_at, rows * width)
    if kind == RELU:
        layers.relu_backward(y, slope, error)
    elif kind == SIGMOID:
        layers.sigmoid_backward(y, error)
    elif kind == TANH:
        layers.tanh_backward(y, error)
    else:
        layers.softmax_backward(
            matrix(work.outputs, y_at, rows, width), matrix(work.errors, error_at, rows, width)
        )


@entry
def advance(plan, data, order, capacity, rates, settings, done, state, work, losses):
    """Train on consecutive batches of `capacity` rows (the last may be shorter), one per rate.

    Args: order (M,) row numbers; rates, losses (S,), S = ⌈M / capacity⌉; settings as in optimizers.py, whose
        learning rate is overwritten; done, the steps taken before, which Adam's bias correction counts.

    Returns the number of steps taken: fewer than S if a loss was not finite. That step changes no parameter,
    and work.outputs is left as it was, to look at.
    """
    inputs = plan.table[0, INPUTS]
    outputs = plan.table[-1, OUTPUTS]
    for step in range(rates.size):
        first, after = step * capacity, min((step + 1) * capacity, order.size)
        rows = vector(order, first, after - first)
        upcoming = vector(order, after, min(capacity, order.size - after))
        gather(data, rows, upcoming, matrix(work.outputs, 0, rows.size, inputs))
        start = forward(plan, state.parameters, work, rows.size, capacity)
        result = matrix(work.outputs, start, rows.size, outputs)
        error = matrix(work.errors, 0, rows.size, outputs)
        losses[step] = loss_and_error(plan.loss, result, data.labels, data.values, rows, error)
        if not np.isfinite(losses[step]):
            return step
        settings[0] = rates[step]
        backward(plan, settings, done + step, state, work, rows.size, capacity)
    return rates.size


@entry
def evaluate(plan, data, parameters, capacity, work, results):
    """The network's outputs for all rows of the data into results (N, O), and the mean loss.

    In blocks of `capacity` rows; data without targets have a loss of 0.
    """
    inputs, outputs = plan.table[0, INPUTS], plan.table[-1, OUTPUTS]
    total = 0.0
    for first in range(0, results.shape[0], capacity):
        rows = np.arange(first, min(first + capacity, results.shape[0]))
        gather(data, rows, rows[:0], matrix(work.outputs, 0, rows.size, inputs))
        start = forward(plan, parameters, work, rows.size, capacity)
        block = matrix(work.outputs, start, rows.size, outputs)
        if data.labels.size or data.values.size:
            error = matrix(work.errors, 0, rows.size, outputs)
            total += rows.size * loss_and_error(plan.loss, block, data.labels, data.values, rows, error)
        for row in range(rows.size):
            for unit in range(outputs):
                results[first + row, unit] = block[row, unit]
    return total / max(1, results.shape[0])
