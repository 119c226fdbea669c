"""Optimizers: one step of a range of the flat parameters, given their gradient.

`settings` (6,) float64: learning rate, weight decay, momentum, beta1, beta2, eps; unused ones are 0.
`memory` (2, P) float32: velocity, or Adam's first and second moment.
"""

import math

import numpy as np

from unstuck.dense.compiled import inlined

SGD, MOMENTUM, NESTEROV, ADAM = 0, 1, 2, 3
CODES = {"sgd": SGD, "momentum": MOMENTUM, "nesterov": NESTEROV, "adam": ADAM}
TINY = np.float32(np.finfo(np.float32).tiny)  # the smallest normal number, 1.2e-38
SETTINGS = ("lr", "weight_decay", "momentum", "beta1", "beta2", "eps")


@inlined
def update(code, settings, step, parameters, gradient, first, second):
    """One step in place, after so many steps before it. All arrays (n,), views of the same range."""
    decay = np.float32(settings[1])
    if decay:
        for i in range(gradient.size):
            gradient[i] += decay * parameters[i]
    if code == ADAM:
        _adam(settings, step, parameters, gradient, first, second)
    else:
        _descend(code, np.float32(settings[0]), np.float32(settings[2]), parameters, gradient, first)


@inlined
def _normal(number):
    """The number, or 0 if it is too small to be a normal one; NaN stays NaN.

    The memory of a gradient that has become 0, such as that of a pixel at the border, decays until it is
    subnormal and stays so, as rounding stops it. Processors are slow on such numbers: Adam, one row of MNIST
    per step, takes 1.4 to 2.2 times as long with them.
    """
    return np.float32(0) if abs(number) < TINY else number


@inlined
def _descend(code, rate, momentum, parameters, gradient, velocity):
    """v = momentum · v + g; w -= lr · v, or with Nesterov's look ahead lr · (g + momentum · v)."""
    if code == SGD:
        for i in range(gradient.size):
            parameters[i] -= rate * gradient[i]
    elif code == MOMENTUM:
        for i in range(gradient.size):
            velocity[i] = _normal(momentum * velocity[i] + gradient[i])
            parameters[i] -= rate * velocity[i]
    else:
        for i in range(gradient.size):
            velocity[i] = _normal(momentum * velocity[i] + gradient[i])
            parameters[i] -= rate * (gradient[i] + momentum * velocity[i])


@inlined
def _adam(settings, step, parameters, gradient, first, second):
    """w -= lr · m̂ / (√v̂ + eps): Kingma & Ba 2015, arXiv:1412.6980, algorithm 1.

    The bias corrections are taken in float64: in float32, 1 - 0.999 is off by 5e-5 of itself.
    """
    rate, beta1, beta2, eps = settings[0], settings[3], settings[4], np.float32(settings[5])
    stride = np.float32(rate / (1 - beta1 ** (step + 1)))
    unbias = np.float32(1 / math.sqrt(1 - beta2 ** (step + 1)))
    keep1, add1, keep2, add2 = np.float32(beta1), np.float32(1 - beta1), np.float32(beta2), np.float32(1 - beta2)
    for i in range(gradient.size):
        first[i] = _normal(keep1 * first[i] + add1 * gradient[i])
        second[i] = _normal(keep2 * second[i] + add2 * gradient[i] * gradient[i])
        parameters[i] -= stride * first[i] / (np.float32(math.sqrt(second[i])) * unbias + eps)
