# numba infers the types of compiled functions from their calls:
# pyright: standard
"""Normalization, written out: over the features of each row, in groups, or over the rows for each feature.

`error` is dL/dy on entry to a backward function, which turns it into dL/dx in place. With n the normalized
numbers, e = error · weight, and means over what is normalized together,
dL/dx = scale · (e - mean(e) - n · mean(e n)).
"""

import math

import numpy as np

from unstuck.dense.compiled import inlined

ZERO, ONE = np.float32(0), np.float32(1)


@inlined
def group_norm_forward(x, groups, weight, bias, eps, y, statistics):
    """y = (x - mean) / √(variance + eps) · weight + bias, both over each group of each row's features.

    One group is layer norm. Shapes: x, y (B, F), weight, bias (F,); statistics (B, 2 groups) keeps each group's
    mean and 1 / √(variance + eps).
    """
    size = x.shape[1] // groups
    count = np.float32(size)
    for row in range(x.shape[0]):
        for group in range(groups):
            mean, variance = ZERO, ZERO
            for unit in range(group * size, (group + 1) * size):
                mean += x[row, unit]
            mean /= count
            for unit in range(group * size, (group + 1) * size):
                variance += (x[row, unit] - mean) * (x[row, unit] - mean)
            scale = ONE / math.sqrt(variance / count + eps)
            statistics[row, 2 * group], statistics[row, 2 * group + 1] = mean, scale
            for unit in range(group * size, (group + 1) * size):
                y[row, unit] = (x[row, unit] - mean) * scale * weight[unit] + bias[unit]


@inlined
def group_norm_backward(x, groups, weight, statistics, error, weight_gradient, bias_gradient):
    """Writes dL/dweight and dL/dbias, and turns error into dL/dx.

    Shapes: x, error (B, F), weight, weight_gradient, bias_gradient (F,), statistics (B, 2 groups).
    """
    size = x.shape[1] // groups
    count = np.float32(size)
    for unit in range(x.shape[1]):
        weight_gradient[unit], bias_gradient[unit] = ZERO, ZERO
    for row in range(x.shape[0]):
        for group in range(groups):
            mean, scale = statistics[row, 2 * group], statistics[row, 2 * group + 1]
            plain, skewed = ZERO, ZERO
            for unit in range(group * size, (group + 1) * size):
                normal = (x[row, unit] - mean) * scale
                bias_gradient[unit] += error[row, unit]
                weight_gradient[unit] += error[row, unit] * normal
                error[row, unit] *= weight[unit]
                plain += error[row, unit]
                skewed += error[row, unit] * normal
            plain, skewed = plain / count, skewed / count
            for unit in range(group * size, (group + 1) * size):
                normal = (x[row, unit] - mean) * scale
                error[row, unit] = scale * (error[row, unit] - plain - normal * skewed)


@inlined
def moments(x, mean, variance, sums):
    """Each feature's mean and (biased) variance over the batch, summed in float64: a batch may have many rows.

    Shapes: x (B, F) → mean, variance (F,); sums (F or more,) float64 is written over.
    """
    rows = x.shape[0]
    for unit in range(mean.size):
        sums[unit] = 0.0
    for row in range(rows):
        for unit in range(mean.size):
            sums[unit] += x[row, unit]
    for unit in range(mean.size):
        mean[unit] = np.float32(sums[unit] / rows)
        sums[unit] = 0.0
    for row in range(rows):
        for unit in range(mean.size):
            distance = x[row, unit] - mean[unit]
            sums[unit] += distance * distance
    for unit in range(mean.size):
        variance[unit] = np.float32(sums[unit] / rows)


@inlined
def scales(variance, eps, scale):
    """1 / √(variance + eps) of each feature, all (F,)."""
    for unit in range(variance.size):
        scale[unit] = ONE / math.sqrt(variance[unit] + eps)


@inlined
def batch_norm_forward(x, mean, scale, weight, bias, y):
    """y = (x - mean) · scale · weight + bias. Shapes: x, y (B, F), the others (F,)."""
    for row in range(x.shape[0]):
        for unit in range(mean.size):
            y[row, unit] = (x[row, unit] - mean[unit]) * scale[unit] * weight[unit] + bias[unit]


@inlined
def batch_norm_backward(x, mean, scale, weight, error, weight_gradient, bias_gradient):
    """Writes dL/dweight and dL/dbias, and turns error into dL/dx; mean and scale are the batch's own.

    Shapes: x, error (B, F), the others (F,).
    """
    rows = np.float32(x.shape[0])
    for unit in range(mean.size):
        weight_gradient[unit], bias_gradient[unit] = ZERO, ZERO
    for row in range(x.shape[0]):
        for unit in range(mean.size):
            bias_gradient[unit] += error[row, unit]
            weight_gradient[unit] += error[row, unit] * (x[row, unit] - mean[unit]) * scale[unit]
    for row in range(x.shape[0]):
        for unit in range(mean.size):
            normal = (x[row, unit] - mean[unit]) * scale[unit]
            common = (bias_gradient[unit] + normal * weight_gradient[unit]) / rows
            error[row, unit] = weight[unit] * scale[unit] * (error[row, unit] - common)


@inlined
def follow(mean, variance, rows, momentum, running_mean, running_variance):
    """Running statistics take over a share, momentum, of the batch's mean and unbiased variance. All (F,)."""
    unbias = np.float32(rows / (rows - 1))
    for unit in range(mean.size):
        running_mean[unit] += momentum * (mean[unit] - running_mean[unit])
        running_variance[unit] += momentum * (unbias * variance[unit] - running_variance[unit])
