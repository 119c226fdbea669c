# numba infers the types of compiled functions from their calls:
# pyright: standard
"""Many steps in one compiled call, for any network that `plan.py` has made a table of."""

import numpy as np

from unstuck.dense import activations, layers, normalization
from unstuck.dense.blas import prefetch
from unstuck.dense.compiled import entry, inlined
from unstuck.dense.layers import EVALUATION
from unstuck.dense.losses import counted, loss_and_error
from unstuck.dense.optimizers import CLIP_NORM, DECAY, RATE, SGD, shorten, update
from unstuck.dense.plan import (
    BATCH_NORM,
    DROPOUT,
    DROPPED,
    ELU,
    GELU,
    GROUP_NORM,
    GROUPS,
    INPUTS,
    KEY,
    KIND,
    LINEAR,
    OUTPUTS,
    PARAMETERS,
    RELU,
    RUNNING,
    SIGMOID,
    START,
    STATISTICS,
    TANH,
)
from unstuck.dense.views import matrix, vector


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
def forward(plan, step, parameters, running, work, rows, capacity):
    """All layers' outputs, for the `rows` inputs at the start of work.outputs; returns where the last's start.

    `step` counts from the start of training, which dropout depends on; at EVALUATION nothing is dropped, and
    batch norm goes by its running statistics. They change in the backward pass, when the loss is known to be
    finite.
    """
    x_at = 0
    for number in range(plan.table.shape[0]):
        inputs, outputs = plan.table[number, INPUTS], plan.table[number, OUTPUTS]
        kind, place, constant = plan.table[number, KIND], plan.table[number, PARAMETERS], plan.constants[number, 0]
        y_at = plan.table[number, START] * capacity
        x, y = vector(work.outputs, x_at, rows * inputs), vector(work.outputs, y_at, rows * outputs)
        x_rows, y_rows = matrix(work.outputs, x_at, rows, inputs), matrix(work.outputs, y_at, rows, outputs)
        if kind == LINEAR:
            weight = matrix(parameters, place, outputs, inputs)
            layers.linear_forward(x_rows, weight, vector(parameters, place + outputs * inputs, outputs), y_rows)
        elif kind == GROUP_NORM:
            weight, bias = vector(parameters, place, inputs), vector(parameters, place + inputs, inputs)
            groups = plan.table[number, GROUPS]
            statistics = matrix(work.statistics, plan.table[number, STATISTICS] * capacity, rows, 2 * groups)
            normalization.group_norm_forward(x_rows, groups, weight, bias, constant, y_rows, statistics)
        elif kind == BATCH_NORM:
            weight, bias = vector(parameters, place, inputs), vector(parameters, place + inputs, inputs)
            kept, scale = plan.table[number, RUNNING], vector(work.scale, 0, inputs)
            mean, variance = vector(running, kept, inputs), vector(running, kept + inputs, inputs)
            if step != EVALUATION:
                mean, variance = vector(work.batch, kept, inputs), vector(work.batch, kept + inputs, inputs)
                normalization.moments(x_rows, mean, variance, work.sums)
            normalization.scales(variance, constant, scale)
            normalization.batch_norm_forward(x_rows, mean, scale, weight, bias, y_rows)
        elif kind == RELU:
            activations.relu_forward(x, constant, y)
        elif kind == ELU:
            activations.elu_forward(x, constant, plan.constants[number, 1], y)
        elif kind == GELU:
            activations.gelu_forward(x, y)
        elif kind == SIGMOID:
            activations.sigmoid_forward(x, y)
        elif kind == TANH:
            activations.tanh_forward(x, y)
        elif kind == DROPOUT:
            layers.dropout(x, plan.table[number, KEY], step, plan.table[number, DROPPED], constant, y)
        else:
            activations.softmax_forward(x_rows, y_rows)
        x_at = y_at
    return x_at


@inlined
def linear_gradient(plan, settings, state, place, x, error):
    """The gradient of a fully connected layer's parameters; returns how many must still take their step by it.

    For plain gradient descent none must: the matrix product goes into the parameters themselves.
    """
    inputs, outputs = x.shape[1], error.shape[1]
    target, alpha, beta, left = state.gradient, np.float32(1), np.float32(0), outputs * inputs + outputs
    if plan.optimizer == SGD and settings[CLIP_NORM] == 0:
        target, left = state.parameters, 0
        alpha, beta = np.float32(-settings[RATE]), np.float32(1 - settings[RATE] * settings[DECAY])
    weight, bias = matrix(target, place, outputs, inputs), vector(target, place + outputs * inputs, outputs)
    layers.linear_backward(x, error, weight, bias, alpha, beta)
    return left


@inlined
def backward(plan, settings, step, state, work, rows, capacity):
    """From dL/d(network's output), which stands at the start of work.errors, back to the first layer.

    Each layer's parameters take their step as soon as the error has passed through them, while they and
    their gradient are in the cache. A layer's error by its input is computed before its weights change, in
    the other half of work.errors. Where the gradient's length is limited, it must be known as a whole: then
    all parameters take their step at once, in a last turn, number -1.
    """
    now, other, is_limited = 0, work.errors.size // 2, settings[CLIP_NORM] != 0
    for number in range(plan.table.shape[0] - 1, -1 - is_limited, -1):
        if number < 0:
            place, left = 0, state.parameters.size
            shorten(settings[CLIP_NORM], state.gradient)
        else:
            kind, place = plan.table[number, KIND], plan.table[number, PARAMETERS]
            inputs, outputs = plan.table[number, INPUTS], plan.table[number, OUTPUTS]
            x_at = plan.table[number - 1, START] * capacity if number else 0
            x, error = matrix(work.outputs, x_at, rows, inputs), matrix(work.errors, now, rows, outputs)
            if kind == LINEAR:
                if number:
                    weight = matrix(state.parameters, place, outputs, inputs)
                    layers.input_error(error, weight, matrix(work.errors, other, rows, inputs))
                left = linear_gradient(plan, settings, state, place, x, error)
                now, other = other, now
            elif kind in (GROUP_NORM, BATCH_NORM):
                _normalization_backward(plan, state, work, number, capacity, x, error)
                left = 2 * inputs
            else:
                _plain_backward(plan, step, work, number, x_at, now, rows, capacity)
                left = 0
            if is_limited:
                left = 0
        if left:
            parameters, gradient = vector(state.parameters, place, left), vector(state.gradient, place, left)
            first, second = vector(state.first, place, left), vector(state.second, place, left)
            update(plan.optimizer, settings, step, parameters, gradient, first, second)


@inlined
def _normalization_backward(plan, state, work, number, capacity, x, error):
    (rows, inputs), place, eps = x.shape, plan.table[number, PARAMETERS], plan.constants[number, 0]
    weight = vector(state.parameters, place, inputs)
    by_weight, by_bias = vector(state.gradient, place, inputs), vector(state.gradient, place + inputs, inputs)
    if plan.table[number, KIND] == GROUP_NORM:
        groups = plan.table[number, GROUPS]
        statistics = matrix(work.statistics, plan.table[number, STATISTICS] * capacity, rows, 2 * groups)
        normalization.group_norm_backward(x, groups, weight, statistics, error, by_weight, by_bias)
        return
    kept = plan.table[number, RUNNING]
    mean, variance = vector(work.batch, kept, inputs), vector(work.batch, kept + inputs, inputs)
    scale = vector(work.scale, 0, inputs)
    normalization.scales(variance, eps, scale)
    normalization.batch_norm_backward(x, mean, scale, weight, error, by_weight, by_bias)
    running_mean, running_var = vector(state.running, kept, inputs), vector(state.running, kept + inputs, inputs)
    normalization.follow(mean, variance, rows, plan.constants[number, 1], running_mean, running_var)


@inlined
def _plain_backward(plan, step, work, number, x_at, error_at, rows, capacity):
    kind, width, constant = plan.table[number, KIND], plan.table[number, OUTPUTS], plan.constants[number, 0]
    y_at = plan.table[number, START] * capacity
    x, y = vector(work.outputs, x_at, rows * width), vector(work.outputs, y_at, rows * width)
    error = vector(work.errors, error_at, rows * width)
    if kind == RELU:
        activations.relu_backward(y, constant, error)
    elif kind == ELU:
        activations.elu_backward(y, constant, plan.constants[number, 1], error)
    elif kind == GELU:
        activations.gelu_backward(x, error)
    elif kind == SIGMOID:
        activations.sigmoid_backward(y, error)
    elif kind == TANH:
        activations.tanh_backward(y, error)
    elif kind == DROPOUT:
        layers.dropout(error, plan.table[number, KEY], step, plan.table[number, DROPPED], constant, error)
    else:
        activations.softmax_backward(
            matrix(work.outputs, y_at, rows, width), matrix(work.errors, error_at, rows, width)
        )


@entry
def advance(plan, data, order, capacity, rates, settings, done, state, work, losses):
    """Train on consecutive batches of `capacity` rows (the last may be shorter), one per rate.

    Args: order (M,) row numbers; rates, losses (S,), S = ⌈M / capacity⌉; settings as in optimizers.py, whose
        learning rate is overwritten; done, the steps taken before, which dropout and Adam's bias correction count.

    Returns the number of steps taken: fewer than S if a loss was not finite. That step changes nothing of the
    state, and work.outputs is left as it was, to look at.
    """
    inputs = plan.table[0, INPUTS]
    outputs = plan.table[-1, OUTPUTS]
    for step in range(rates.size):
        first, after = step * capacity, min((step + 1) * capacity, order.size)
        rows = vector(order, first, after - first)
        upcoming = vector(order, after, min(capacity, order.size - after))
        gather(data, rows, upcoming, matrix(work.outputs, 0, rows.size, inputs))
        start = forward(plan, done + step, state.parameters, state.running, work, rows.size, capacity)
        result = matrix(work.outputs, start, rows.size, outputs)
        error = matrix(work.errors, 0, rows.size, outputs)
        losses[step] = loss_and_error(plan.objective, result, data.labels, data.values, rows, error)
        if not np.isfinite(losses[step]):
            return step
        settings[RATE] = rates[step]
        backward(plan, settings, done + step, state, work, rows.size, capacity)
    return rates.size


@entry
def evaluate(plan, data, parameters, running, capacity, work, results):
    """The network's outputs for all rows of the data into results (N, O), and the mean loss.

    In blocks of `capacity` rows; data without targets have a loss of 0.
    """
    inputs, outputs = plan.table[0, INPUTS], plan.table[-1, OUTPUTS]
    total, count = 0.0, 0.0
    for first in range(0, results.shape[0], capacity):
        rows = np.arange(first, min(first + capacity, results.shape[0]))
        gather(data, rows, rows[:0], matrix(work.outputs, 0, rows.size, inputs))
        start = forward(plan, EVALUATION, parameters, running, work, rows.size, capacity)
        block = matrix(work.outputs, start, rows.size, outputs)
        if data.labels.size or data.values.size:
            error = matrix(work.errors, 0, rows.size, outputs)
            share = counted(plan.objective, data.labels, rows)
            total += share * loss_and_error(plan.objective, block, data.labels, data.values, rows, error)
            count += share
        for row in range(rows.size):
            for unit in range(outputs):
                results[first + row, unit] = block[row, unit]
    return total / count if count else 0.0
