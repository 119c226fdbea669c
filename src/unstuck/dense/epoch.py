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

    pixels: np.ndarray  # (N, I) uint8
    numbers: np.ndarray  # (N, I) float32
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
    errors: np.ndarray  # (2, B · widest) float32: dL/d(output) and dL/d(input), changing places
    statistics: np.ndarray  # (L, B, 2) float32: of layer norm


@inlined
def view(flat, start, rows, width):
    """(rows, width) of a flat array, from `start` on."""
    return flat[start : start + rows * width].reshape(rows, width)


@inlined
def gather(data, rows, upcoming, x):
    """The batch's rows as float32, bytes times the factor. Shapes: rows (B,) → x (B, I).

    The rows lie anywhere in memory: those of the next batch are asked for while these are converted.
    """
    width = x.shape[1]
    for i in range(min(rows.size, upcoming.size)):
        if data.pixels.size:
            for j in range(0, width, 64):
                prefetch(data.pixels, upcoming[i] * width + j)
        else:
            for j in range(0, width, 16):
                prefetch(data.numbers, upcoming[i] * width + j)
    for i in range(rows.size):
        if data.pixels.size:
            for j in range(x.shape[1]):
                x[i, j] = np.float32(data.pixels[rows[i], j]) * data.factor
        else:
            for j in range(x.shape[1]):
                x[i, j] = data.numbers[rows[i], j]


@inlined
def forward(plan, parameters, work, rows, capacity):
    """All layers' outputs, for the `rows` inputs that stand at the start of work.outputs."""
    start = 0
    for number in range(plan.table.shape[0]):
        kind, inputs, outputs, place, after = plan.table[number]
        x = view(work.outputs, start, rows, inputs)
        start = after * capacity
        y = view(work.outputs, start, rows, outputs)
        constant = plan.constants[number]
        if kind == LINEAR:
            weight = view(parameters, place, outputs, inputs)
            bias = parameters[place + outputs * inputs : place + outputs * inputs + outputs]
            layers.linear_forward(x, weight, bias, y)
        elif kind == LAYER_NORM:
            weight = parameters[place : place + inputs]
            bias = parameters[place + inputs : place + 2 * inputs]
            layers.layer_norm_forward(x, weight, bias, constant, y, work.statistics[number])
        elif kind == RELU:
            layers.relu_forward(x.ravel(), constant, y.ravel())
        elif kind == SIGMOID:
            layers.sigmoid_forward(x.ravel(), y.ravel())
        elif kind == TANH:
            layers.tanh_forward(x.ravel(), y.ravel())
        else:
            layers.softmax_forward(x, y)
    return start


@inlined
def step_linear(plan, settings, step, state, place, x, error):
    """One step of a fully connected layer's parameters; plain gradient descent is the matrix product itself."""
    inputs, outputs = x.shape[1], error.shape[1]
    bias, stop = place + outputs * inputs, place + outputs * inputs + outputs
    if plan.optimizer == SGD:
        rate, beta = np.float32(settings[0]), np.float32(1 - settings[0] * settings[1])
        weight = view(state.parameters, place, outputs, inputs)
        layers.linear_backward(x, error, weight, state.parameters[bias:stop], -rate, beta)
    else:
        gradient = view(state.gradient, place, outputs, inputs)
        layers.linear_backward(x, error, gradient, state.gradient[bias:stop], np.float32(1), np.float32(0))
        step_range(plan, settings, step, state, place, stop)


@inlined
def step_range(plan, settings, step, state, start, stop):
    """One step of the parameters from start to stop, by their gradient."""
    parameters, gradient = state.parameters[start:stop], state.gradient[start:stop]
    first, second = state.first[start:stop], state.second[start:stop]
    update(plan.optimizer, settings, step, parameters, gradient, first, second)


@inlined
def backward(plan, settings, step, state, work, rows, capacity):
    """From dL/d(network's output), which stands in work.errors[0], back to the first layer.

    Each layer's parameters take their step as soon as the error has passed through them, while they and
    their gradient are in the cache. A layer's error by its input is computed before its weights change.
    """
    now = 0
    for number in range(plan.table.shape[0] - 1, -1, -1):
        kind, inputs, outputs, place, after = plan.table[number]
        before = plan.table[number - 1, START] if number else 0
        x = view(work.outputs, before * capacity, rows, inputs)
        y = view(work.outputs, after * capacity, rows, outputs)
        error = view(work.errors[now], 0, rows, outputs)
        if kind == LINEAR:
            if number:
                weight = view(state.parameters, place, outputs, inputs)
                layers.input_error(error, weight, view(work.errors[1 - now], 0, rows, inputs))
            step_linear(plan, settings, step, state, place, x, error)
            now = 1 - now
        elif kind == LAYER_NORM:
            middle, stop = place + inputs, place + 2 * inputs
            weight, statistics = state.parameters[place:middle], work.statistics[number]
            weight_gradient, bias_gradient = state.gradient[place:middle], state.gradient[middle:stop]
            layers.layer_norm_backward(x, weight, statistics, error, weight_gradient, bias_gradient)
            step_range(plan, settings, step, state, place, stop)
        elif kind == RELU:
            layers.relu_backward(y.ravel(), plan.constants[number], error.ravel())
        elif kind == SIGMOID:
            layers.sigmoid_backward(y.ravel(), error.ravel())
        elif kind == TANH:
            layers.tanh_backward(y.ravel(), error.ravel())
        else:
            layers.softmax_backward(y, error)


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
        rows = order[step * capacity : (step + 1) * capacity]
        upcoming = order[(step + 1) * capacity : (step + 2) * capacity]
        gather(data, rows, upcoming, view(work.outputs, 0, rows.size, inputs))
        start = forward(plan, state.parameters, work, rows.size, capacity)
        result = view(work.outputs, start, rows.size, outputs)
        error = view(work.errors[0], 0, rows.size, outputs)
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
        gather(data, rows, rows[:0], view(work.outputs, 0, rows.size, inputs))
        start = forward(plan, parameters, work, rows.size, capacity)
        block = view(work.outputs, start, rows.size, outputs)
        if data.labels.size or data.values.size:
            error = view(work.errors[0], 0, rows.size, outputs)
            total += rows.size * loss_and_error(plan.loss, block, data.labels, data.values, rows, error)
        for row in range(rows.size):
            for unit in range(outputs):
                results[first + row, unit] = block[row, unit]
    return total / max(1, results.shape[0])
