# numba infers the types of compiled functions from their calls:
# pyright: standard
"""Losses with their derivative by the outputs, both from logits where the loss has a link.

Targets are class numbers, `labels` (B,), or numbers, `values` (B, O); the other array is empty. Where a
loss of numbers meets classes it compares to one-hot targets, which are never stored. With weights of classes
a batch's loss is Σ weight · loss / Σ weight over its rows.
"""

import math
from typing import NamedTuple

import numpy as np

from unstuck.dense.compiled import inlined

CROSS_ENTROPY, BCE, MSE, MAE, HUBER = range(5)
CODES = {"cross-entropy": CROSS_ENTROPY, "bce": BCE, "mse": MSE, "mae": MAE, "huber": HUBER}

ZERO, HALF, ONE, TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)


class Objective(NamedTuple):
    """What is minimized, as compiled code reads it."""

    code: int
    smoothing: np.float32  # share of each target spread evenly over the classes
    delta: np.float32  # where huber turns from squares to absolute values
    weights: np.ndarray  # (C,) float32, of the classes; empty where all rows count alike


@inlined
def counted(objective, labels, rows):
    """How much the rows (B,) count in a mean: each by its class's weight."""
    if objective.weights.size == 0:
        return float(rows.size)
    total = 0.0
    for i in range(rows.size):
        total += objective.weights[labels[rows[i]]]
    return total


@inlined
def loss_and_error(objective, outputs, labels, values, rows, error):
    """The mean loss of the batch, and its derivative by each output into `error`.

    Args: outputs, error (B, O); rows (B,), the batch's row numbers in labels (N,) or values (N, O).
    """
    count = counted(objective, labels, rows)
    if objective.code == CROSS_ENTROPY:
        return _cross_entropy(objective, outputs, labels, rows, count, error)
    total, units = 0.0, outputs.shape[1]
    for row in range(outputs.shape[0]):
        weight = objective.weights[labels[rows[row]]] if objective.weights.size else ONE
        share = weight / np.float32(count * units)
        for unit in range(units):
            target = _target(objective, labels, values, rows[row], unit, units)
            loss, slope = _compared(objective, outputs[row, unit], target)
            total += weight * loss
            error[row, unit] = slope * share
    return total / (count * units)


@inlined
def _target(objective, labels, values, row, unit, units):
    target = (ONE if labels[row] == unit else ZERO) if labels.size else values[row, unit]
    return target * (ONE - objective.smoothing) + objective.smoothing / np.float32(units)


@inlined
def _compared(objective, output, target):
    """Loss and slope of one output."""
    distance = output - target
    if objective.code == BCE:
        return _bce(output, target)
    if objective.code == MSE:
        return distance * distance, TWO * distance
    if objective.code == HUBER and abs(distance) <= objective.delta:  # Huber 1964, doi:10.1214/aoms/1177703732
        return HALF * distance * distance, distance
    sign = ONE if distance > ZERO else -ONE if distance < ZERO else ZERO
    if objective.code == MAE:
        return abs(distance), sign
    return objective.delta * (abs(distance) - HALF * objective.delta), objective.delta * sign


@inlined
def _bce(logit, target):
    """-y log σ(z) - (1 - y) log(1 - σ(z)) = max(z, 0) - z y + log(1 + exp(-|z|)); its slope is σ(z) - y."""
    power = math.exp(-abs(logit))  # in (0, 1], so nothing overflows
    loss = max(logit, ZERO) - logit * target + math.log1p(power)
    sigmoid = ONE / (ONE + power) if logit >= ZERO else power / (ONE + power)
    return loss, sigmoid - target


@inlined
def _cross_entropy(objective, logits, labels, rows, count, error):
    """Σ target · -log p, p = softmax(z), and -log p = log Σ exp(z) - z by the log-sum-exp trick.

    A row's targets are weight · (1 - smoothing) of its class, and smoothing / C · weight of each class, as torch
    defines it. The slope by z is p · Σ targets - target.
    """
    total, share = 0.0, ONE / np.float32(count)
    for row in range(logits.shape[0]):
        top, powers = logits[row, 0], ZERO
        for unit in range(logits.shape[1]):
            top = max(top, logits[row, unit])
        for unit in range(logits.shape[1]):
            error[row, unit] = math.exp(logits[row, unit] - top)
            powers += error[row, unit]
        label = labels[rows[row]]
        weight = objective.weights[label] if objective.weights.size else ONE
        hit = weight * (ONE - objective.smoothing)
        total += hit * (math.log(powers) - (logits[row, label] - top))
        everything = hit + _spread_weight(objective, logits.shape[1])
        for unit in range(logits.shape[1]):
            error[row, unit] *= everything * share / powers
        error[row, label] -= hit * share
        if objective.smoothing:
            total += _spread(objective, logits, row, top, math.log(powers), share, error)
    return total / count


@inlined
def _spread_weight(objective, classes):
    """What the targets of smoothing sum to."""
    if objective.smoothing == ZERO or objective.weights.size == 0:
        return objective.smoothing
    total = ZERO
    for unit in range(classes):
        total += objective.weights[unit]
    return objective.smoothing * total / np.float32(classes)


@inlined
def _spread(objective, logits, row, top, log_powers, share, error):
    """What smoothing's targets add to a row's loss; takes them off its error."""
    total = 0.0
    for unit in range(logits.shape[1]):
        target = objective.smoothing / np.float32(logits.shape[1])
        if objective.weights.size:
            target *= objective.weights[unit]
        total += target * (log_powers - (logits[row, unit] - top))
        error[row, unit] -= target * share
    return total
