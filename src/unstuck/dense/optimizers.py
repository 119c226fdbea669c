# numba infers the types of compiled functions from their calls:
# pyright: standard
"""Optimizers: one step of a range of the flat parameters, given their gradient.

`settings` (8,) float64, as SETTINGS names them; unused ones are 0. `first` and `second` are what is remembered
of earlier gradients: velocity, sum or mean of squares, or Adam's two moments.
"""

import math

import numpy as np

from unstuck.dense.compiled import inlined

SGD, MOMENTUM, NESTEROV, ADAM, ADAMW, ADAGRAD, RMSPROP = range(7)
CODES = {
    "sgd": SGD,
    "momentum": MOMENTUM,
    "nesterov": NESTEROV,
    "adam": ADAM,
    "adamw": ADAMW,
    "adagrad": ADAGRAD,
    "rmsprop": RMSPROP,
}
TINY = np.float32(1e-30)  # times a rate it moves no weight, and a rate times it is still a normal number
SETTINGS = ("lr", "weight_decay", "momentum", "beta1", "beta2", "eps", "alpha", "clip_norm")
RATE, DECAY, SPEED, BETA1, BETA2, EPS, ALPHA, CLIP_NORM = range(8)


@inlined
def update(code, settings, step, parameters, gradient, first, second):
    """One step in place, after so many steps before it. All arrays (n,), views of the same range."""
    rate, decay = settings[RATE], np.float32(settings[DECAY])
    if code == ADAMW:  # Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2
        shrink = np.float32(1 - rate * settings[DECAY])
        for i in range(parameters.size):
            parameters[i] *= shrink
    elif decay:
        for i in range(gradient.size):
            gradient[i] += decay * parameters[i]
    if code in (ADAM, ADAMW):
        _adam(settings, step, parameters, gradient, first, second)
    elif code in (ADAGRAD, RMSPROP):
        _scaled(code, settings, parameters, gradient, second)
    else:
        _descend(code, np.float32(rate), np.float32(settings[SPEED]), parameters, gradient, first)


@inlined
def shorten(longest, gradient):
    """Scale the whole gradient (P,) down to the Euclidean length `longest`, if it is longer.

    Pascanu et al. 2013, arXiv:1211.5063, algorithm 1; the 1e-6 is torch's `clip_grad_norm_`. A gradient that is
    not finite makes NaN of the weights, and the next loss tells.
    """
    total = 0.0
    for i in range(gradient.size):
        total += float(gradient[i]) * float(gradient[i])  # in float64: no sum of squares overflows
    share = longest / (math.sqrt(total) + 1e-6)
    if not share >= 1:
        for i in range(gradient.size):
            gradient[i] *= np.float32(share)


@inlined
def _kept(memory):
    """The velocity or first moment to remember: 0 once it is tiny; NaN stays NaN.

    Where the gradient has become 0, as for a pixel at the border, memory decays to subnormal numbers and stays
    there, as rounding keeps them from 0. Processors are slow on them: measured, Adam at one row of MNIST per
    step takes 83 µs with them and 68 without.
    """
    return np.float32(0) if abs(memory) < TINY else memory


@inlined
def _descend(code, rate, momentum, parameters, gradient, velocity):
    """v = momentum · v + g; w -= lr · v, or with Nesterov's look ahead lr · (g + momentum · v)."""
    if code == SGD:
        for i in range(gradient.size):
            parameters[i] -= rate * gradient[i]
    elif code == MOMENTUM:
        for i in range(gradient.size):
            velocity[i] = _kept(momentum * velocity[i] + gradient[i])
            parameters[i] -= rate * velocity[i]
    else:
        for i in range(gradient.size):
            velocity[i] = _kept(momentum * velocity[i] + gradient[i])
            parameters[i] -= rate * (gradient[i] + momentum * velocity[i])


@inlined
def _scaled(code, settings, parameters, gradient, squares):
    """w -= lr · g / (√s + eps), s the sum of all squared gradients or their running mean.

    Adagrad, Duchi et al. 2011, JMLR 12, figure 1; RMSProp, Hinton 2012, Coursera lecture 6e.
    """
    rate, eps = np.float32(settings[RATE]), np.float32(settings[EPS])
    keep, add, least = np.float32(1), np.float32(1), np.float32(0)
    if code == RMSPROP:
        keep, add, least = np.float32(settings[ALPHA]), np.float32(1 - settings[ALPHA]), TINY
    for i in range(gradient.size):
        square = keep * squares[i] + add * gradient[i] * gradient[i]
        squares[i] = np.float32(0) if square < least else square  # as `_kept` says: a mean decays, a sum does not
        parameters[i] -= rate * gradient[i] / (np.float32(math.sqrt(squares[i])) + eps)


@inlined
def _adam(settings, step, parameters, gradient, first, second):
    """w -= lr · m̂ / (√v̂ + eps): Kingma & Ba 2015, arXiv:1412.6980, algorithm 1.

    The bias corrections are taken in float64: in float32, 1 - 0.999 is off by 5e-5 of itself.
    """
    rate, beta1, beta2, eps = settings[RATE], settings[BETA1], settings[BETA2], np.float32(settings[EPS])
    stride = np.float32(rate / (1 - beta1 ** (step + 1)))
    unbias = np.float32(1 / math.sqrt(1 - beta2 ** (step + 1)))
    keep1, add1, keep2, add2 = np.float32(beta1), np.float32(1 - beta1), np.float32(beta2), np.float32(1 - beta2)
    for i in range(gradient.size):
        first[i] = _kept(keep1 * first[i] + add1 * gradient[i])
        second[i] = keep2 * second[i] + add2 * gradient[i] * gradient[i]
        parameters[i] -= stride * first[i] / (np.float32(math.sqrt(second[i])) * unbias + eps)
