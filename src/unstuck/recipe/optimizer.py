"""recipe.optimizer: how the weights move."""

from typing import Annotated, Literal

from pydantic import Field

from unstuck.recipe.part import Fraction, NotNegative, Part, Positive, named


class AbstractOptimizer(Part):
    """What every optimizer can do beside its own rule."""

    lr: Positive
    """Peak learning rate; the schedule multiplies it."""
    weight_decay: NotNegative = 0.0
    """L2: adds weight_decay · w to the gradient; adamw takes lr · weight_decay · w off the weight instead."""
    clip_norm: Positive | None = None
    """Longest gradient over all parameters, longer ones are shortened: Pascanu et al. 2013, arXiv:1211.5063."""


class Sgd(AbstractOptimizer):
    """Gradient descent on batches: w ← w - lr · g."""

    name: Literal["sgd"] = "sgd"
    lr: Positive = 0.01
    """Peak learning rate; the schedule multiplies it."""


class Momentum(AbstractOptimizer):
    """Heavy ball: v ← momentum · v + g, w ← w - lr · v."""

    name: Literal["momentum"] = "momentum"
    lr: Positive = 0.01
    """Peak learning rate; the schedule multiplies it."""
    momentum: Fraction = 0.9
    """Share of the velocity kept at each step, in [0, 1)."""


class Nesterov(AbstractOptimizer):
    """Momentum that looks ahead: v ← momentum · v + g, w ← w - lr · (g + momentum · v)."""

    name: Literal["nesterov"] = "nesterov"
    lr: Positive = 0.01
    """Peak learning rate; the schedule multiplies it."""
    momentum: Fraction = 0.9
    """Share of the velocity kept at each step, in [0, 1)."""


class Adagrad(AbstractOptimizer):
    """Adagrad, Duchi et al. 2011, JMLR 12: steps scaled by the root of all squared gradients so far."""

    name: Literal["adagrad"] = "adagrad"
    lr: Positive = 0.01
    """Peak learning rate; the schedule multiplies it."""
    eps: Positive = 1e-10
    """Added to the root of the sum."""


class RmsProp(AbstractOptimizer):
    """RMSProp, Hinton 2012, Coursera lecture 6e: steps scaled by a running mean of the squared gradient."""

    name: Literal["rmsprop"] = "rmsprop"
    lr: Positive = 0.001
    """Peak learning rate; the schedule multiplies it."""
    alpha: Fraction = 0.99
    """Memory of the squared gradient, in [0, 1)."""
    eps: Positive = 1e-8
    """Added to the root of the mean."""


class Adam(AbstractOptimizer):
    """Adam, Kingma & Ba 2015, arXiv:1412.6980: steps scaled by running moments of the gradient."""

    name: Literal["adam"] = "adam"
    lr: Positive = 0.002
    """Peak learning rate; over the usual schedule, half a cosine, its mean is Adam's usual 0.001."""
    beta1: Fraction = 0.9
    """Memory of the mean of the gradient, in [0, 1)."""
    beta2: Fraction = 0.999
    """Memory of its square, in [0, 1)."""
    eps: Positive = 1e-8
    """Added to the root of the second moment."""


class AdamW(AbstractOptimizer):
    """AdamW, Loshchilov & Hutter 2019, arXiv:1711.05101: Adam whose weight decay leaves the moments alone."""

    name: Literal["adamw"] = "adamw"
    lr: Positive = 0.002
    """Peak learning rate; over the usual schedule, half a cosine, its mean is Adam's usual 0.001."""
    beta1: Fraction = 0.9
    """Memory of the mean of the gradient, in [0, 1)."""
    beta2: Fraction = 0.999
    """Memory of its square, in [0, 1)."""
    eps: Positive = 1e-8
    """Added to the root of the second moment."""
    weight_decay: NotNegative = 0.01
    """Each step takes lr · weight_decay · w off the weight."""


Optimizer = Annotated[
    Sgd | Momentum | Nesterov | Adagrad | RmsProp | Adam | AdamW, Field(discriminator="name"), named("adam")
]
