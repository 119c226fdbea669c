# numba infers the types of compiled functions from their calls:
# pyright: standard
"""Forward and backward of the fully connected layer and of dropout, written out; `error` is dL/dy."""

from typing import Any

import numpy as np

from unstuck.dense.blas import add_outer, times, times_transposed
from unstuck.dense.compiled import inlined
from unstuck.network import masks

ZERO = np.float32(0)
EVALUATION = -1  # in place of a step's number
GOLDEN = masks.GOLDEN


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


_mixed: Any = inlined(masks.mixed)  # what it says of arrays holds for numbers


@inlined
def dropout(x, key, step, dropped, scale, y):
    """y = 0 where `network/masks.py` has the number dropped in this step, scale · x elsewhere. Flat x, y (n,).

    That is also its derivative: with error in the place of both, dL/dy becomes dL/dx. All numbers of a product
    are uint64, because numba makes float64 of uint64 and int64.

    Args: key, the layer's, as int64; step, counted from the start of training, or EVALUATION; dropped, random
        numbers of 32 bits below it are; scale, 1 / (1 - share).
    """
    here, limit = _mixed(np.uint64(key) + np.uint64(step + 1) * GOLDEN), np.uint64(dropped)
    if step == EVALUATION or dropped == 0:
        for i in range(x.size):
            y[i] = x[i]
    else:
        for i in range(x.size):
            number = _mixed(here + np.uint64(i + 1) * GOLDEN) >> np.uint64(32)
            y[i] = x[i] * (scale if number >= limit else ZERO)  # 0 · infinity is NaN, as in torch
