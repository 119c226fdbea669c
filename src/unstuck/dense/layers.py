# numba infers the types of compiled functions from their calls:
# pyright: standard
"""Forward and backward of each layer, written out.

`error` is dL/dy on entry to a backward function. Element-wise layers turn it into dL/dx in place.
"""

import math

import numpy as np

from unstuck.dense.blas import add_outer, times, times_transposed
from unstuck.dense.compiled import inlined

ZERO, ONE = np.float32(0), np.float32(1)


@inlined
def linear_forward(x, weight, bias, y):
    """y = x weightᵀ + bias. Shapes: x (B, I), weight (O, I), bias (O,) → y (B, O)."""
    for row in range(y.shape[0]):
        for unit in range(bias.size):  # written out: assigning the slice takes 40 times as long
            y[row, unit] = bias[unit]
    times_transposed(x, weight, y)


@inlined
def linear_backward(x, error, weight_gradient, bias_gradient, alpha, beta):
    """gradient = beta · gradient + alpha · dL/dparameters. With the parameters themselves in the gradients'
    place, alpha = -lr and beta = 1 this is the whole step of gradient descent, and no gradient is stored.

    Shapes: x (B, I), error (B, O) → weight_gradient (O, I), bias_gradient (O,).
    """
    add_outer(error, x, alpha, beta, weight_gradient)
    for unit in range(bias_gradient.shape[0]):
        bias_gradient[unit] *= beta
    for row in range(error.shape[0]):
        for unit in range(bias_gradient.shape[0]):
            bias_gradient[unit] += alpha * error[row, unit]


@inlined
def input_error(error, weight, result):
    """dL/dx = error weight. Shapes: error (B, O), weight (O, I) → result (B, I)."""
    times(error, weight, result)


@inlined
def relu_forward(x, slope, y):
    """y = x where x > 0, slope · x elsewhere; NaN stays NaN. Flat x, y (n,)."""
    if slope == ZERO:
        for i in range(x.size):
            y[i] = ZERO if x[i] <= ZERO else x[i]  # not slope · x, which makes NaN of -infinity
    else:
        for i in range(x.size):
            y[i] = slope * x[i] if x[i] <= ZERO else x[i]


@inlined
def relu_backward(y, slope, error):
    """dy/dx is 1 where y > 0, slope elsewhere. Flat y, error (n,)."""
    for i in range(y.size):
        error[i] = error[i] if y[i] > ZERO else slope * error[i]


@inlined
def sigmoid_forward(x, y):
    """y = 1 / (1 + exp(-x)). Flat x, y (n,)."""
    for i in range(x.size):
        y[i] = ONE / (ONE + math.exp(-x[i]))


@inlined
def sigmoid_backward(y, error):
    """dy/dx = y (1 - y). Flat y, error (n,)."""
    for i in range(y.size):
        error[i] *= y[i] * (ONE - y[i])


@inlined
def tanh_forward(x, y):
    """y = tanh(x). Flat x, y (n,)."""
    for i in range(x.size):
        y[i] = math.tanh(x[i])


@inlined
def tanh_backward(y, error):
    """dy/dx = 1 - y². Flat y, error (n,)."""
    for i in range(y.size):
        error[i] *= ONE - y[i] * y[i]


@inlined
def softmax_forward(x, y):
    """Each row's exponentials over their sum; the maximum is taken out first, so that none overflows.

    Shapes: x, y (B, O).
    """
    for row in range(x.shape[0]):
        top, total = x[row, 0], ZERO
        for unit in range(x.shape[1]):
            top = max(top, x[row, unit])
        for unit in range(x.shape[1]):
            y[row, unit] = math.exp(x[row, unit] - top)
            total += y[row, unit]
        for unit in range(x.shape[1]):
            y[row, unit] /= total


@inlined
def softmax_backward(y, error):
    """dL/dx = y (dL/dy - Σ y dL/dy), row by row. Shapes: y, error (B, O)."""
    for row in range(y.shape[0]):
        mean = ZERO
        for unit in range(y.shape[1]):
            mean += y[row, unit] * error[row, unit]
        for unit in range(y.shape[1]):
            error[row, unit] = y[row, unit] * (error[row, unit] - mean)


@inlined
def layer_norm_forward(x, weight, bias, eps, y, statistics):
    """y = (x - mean) / √(variance + eps) · weight + bias, mean and variance over each row.

    Shapes: x, y (B, F), weight, bias (F,); statistics (B, 2) keeps mean and 1 / √(variance + eps).
    """
    features = np.float32(x.shape[1])
    for row in range(x.shape[0]):
        mean, variance = ZERO, ZERO
        for unit in range(x.shape[1]):
            mean += x[row, unit]
        mean /= features
        for unit in range(x.shape[1]):
            variance += (x[row, unit] - mean) * (x[row, unit] - mean)
        scale = ONE / math.sqrt(variance / features + eps)
        statistics[row, 0], statistics[row, 1] = mean, scale
        for unit in range(x.shape[1]):
            y[row, unit] = (x[row, unit] - mean) * scale * weight[unit] + bias[unit]


@inlined
def layer_norm_backward(x, weight, statistics, error, weight_gradient, bias_gradient):
    """Writes dL/dweight and dL/dbias, and turns error into dL/dx.

    With n = (x - mean) · scale and e = error · weight: dL/dx = scale · (e - mean(e) - n · mean(e n)).

    Shapes: x, error (B, F), weight, weight_gradient, bias_gradient (F,), statistics (B, 2).
    """
    features = np.float32(x.shape[1])
    for unit in range(x.shape[1]):
        weight_gradient[unit], bias_gradient[unit] = ZERO, ZERO
    for row in range(x.shape[0]):
        mean, scale = statistics[row, 0], statistics[row, 1]
        plain, skewed = ZERO, ZERO
        for unit in range(x.shape[1]):
            normal = (x[row, unit] - mean) * scale
            bias_gradient[unit] += error[row, unit]
            weight_gradient[unit] += error[row, unit] * normal
            error[row, unit] *= weight[unit]
            plain += error[row, unit]
            skewed += error[row, unit] * normal
        plain, skewed = plain / features, skewed / features
        for unit in range(x.shape[1]):
            normal = (x[row, unit] - mean) * scale
            error[row, unit] = scale * (error[row, unit] - plain - normal * skewed)
