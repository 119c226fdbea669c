# numba infers the types of compiled functions from their calls:
# pyright: standard
"""Activations with their derivative, written out.

`error` is dL/dy on entry to a backward function, which turns it into dL/dx in place, from what the forward
function left: y, or for gelu x.
"""

import math

import numpy as np

from unstuck.dense.compiled import inlined

ZERO, ONE, HALF = np.float32(0), np.float32(1), np.float32(0.5)
ROOT_HALF = np.float32(math.sqrt(0.5))
PEAK = np.float32(1 / math.sqrt(2 * math.pi))  # of the normal density


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
def elu_forward(x, scale, floor, y):
    """y = scale · x where x > 0, floor · (exp(x) - 1) elsewhere; NaN stays NaN. Flat x, y (n,).

    Clevert et al. 2016, arXiv:1511.07289; with a scale, selu of Klambauer et al. 2017, arXiv:1706.02515.
    """
    for i in range(x.size):
        y[i] = scale * x[i] if x[i] > ZERO else floor * math.expm1(x[i])


@inlined
def elu_backward(y, scale, floor, error):
    """dy/dx is scale where y > 0, floor · exp(x) = y + floor elsewhere. Flat y, error (n,)."""
    for i in range(y.size):
        error[i] *= scale if y[i] > ZERO else y[i] + floor


@inlined
def gelu_forward(x, y):
    """y = x Φ(x), Φ the normal distribution, by erf: Hendrycks & Gimpel 2016, arXiv:1606.08415. Flat x, y (n,)."""
    for i in range(x.size):
        y[i] = x[i] * HALF * (ONE + math.erf(x[i] * ROOT_HALF))


@inlined
def gelu_backward(x, error):
    """dy/dx = Φ(x) + x φ(x), φ the normal density. Flat x, error (n,)."""
    for i in range(x.size):
        below = HALF * (ONE + math.erf(x[i] * ROOT_HALF))
        error[i] *= below + x[i] * PEAK * math.exp(-HALF * x[i] * x[i])


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
