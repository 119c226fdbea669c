# numba infers the types of compiled functions from their calls:
# pyright: standard
"""Losses with their derivative by the outputs, both from logits where the loss has a link.

Targets are class numbers, `labels` (B,), or numbers, `values` (B, O); the other array is empty. Where a
loss of numbers meets classes it compares to one-hot targets, which are never stored.
"""

import math

import numpy as np

from unstuck.dense.compiled import inlined

CROSS_ENTROPY, BCE, MSE = 0, 1, 2
CODES = {"cross-entropy": CROSS_ENTROPY, "bce": BCE, "mse": MSE}

ZERO, ONE, TWO = np.float32(0), np.float32(1), np.float32(2)


@inlined
def loss_and_error(code, outputs, labels, values, rows, error):
    """The mean loss of the batch, and its derivative by each output into `error`.

    Args: outputs, error (B, O); rows (B,), the batch's row numbers in labels (N,) or values (N, O).
    """
    if code == CROSS_ENTROPY:
        return _cross_entropy(outputs, labels, rows, error)
    total = 0.0
    share = ONE / np.float32(outputs.size)
    for row in range(outputs.shape[0]):
        for unit in range(outputs.shape[1]):
            target = _target(labels, values, rows[row], unit)
            if code == BCE:
                loss, slope = _bce(outputs[row, unit], target)
            else:
                distance = outputs[row, unit] - target
                loss, slope = distance * distance, TWO * distance
            total += loss
            error[row, unit] = slope * share
    return total / outputs.size


@inlined
def _target(labels, values, row, unit):
    if labels.size:
        return ONE if labels[row] == unit else ZERO
    return values[row, unit]


@inlined
def _bce(logit, target):
    """-y log σ(z) - (1 - y) log(1 - σ(z)) = max(z, 0) - z y + log(1 + exp(-|z|)); its slope is σ(z) - y."""
    power = math.exp(-abs(logit))  # in (0, 1], so nothing overflows
    loss = max(logit, ZERO) - logit * target + math.log1p(power)
    sigmoid = ONE / (ONE + power) if logit >= ZERO else power / (ONE + power)
    return loss, sigmoid - target


@inlined
def _cross_entropy(logits, labels, rows, error):
    """-log softmax(z)[label] = log Σ exp(z) - z[label], by the log-sum-exp trick; its slope is p - one-hot."""
    total = 0.0
    share = ONE / np.float32(logits.shape[0])
    for row in range(logits.shape[0]):
        top, powers = logits[row, 0], ZERO
        for unit in range(logits.shape[1]):
            top = max(top, logits[row, unit])
        for unit in range(logits.shape[1]):
            error[row, unit] = math.exp(logits[row, unit] - top)
            powers += error[row, unit]
        label = labels[rows[row]]
        total += math.log(powers) - (logits[row, label] - top)
        for unit in range(logits.shape[1]):
            error[row, unit] *= share / powers
        error[row, label] -= share
    return total / logits.shape[0]
