"""The edge of stability: the curvature beyond which an optimizer at a fixed rate is thrown out of a valley."""

from typing import NamedTuple

from unstuck.interval import Interval
from unstuck.recipe.optimizer import Momentum, Nesterov, Optimizer, Sgd


class Edge(NamedTuple):
    """The sharpness, the largest curvature, beside what an optimizer stands on the local quadratic."""

    sharpness: Interval
    limit: float
    formula: str

    @property
    def is_below(self) -> bool | None:
        """Whether the sharpness is below the limit; None where its error does not tell."""
        if self.sharpness.low <= self.limit <= self.sharpness.high:
            return None
        return self.sharpness.mean < self.limit


def edge(sharpness: Interval, optimizer: Optimizer) -> Edge | None:
    """Where an optimizer at its peak rate, on all rows at once, stands; None for those that scale each step.

    Along an eigenvector a step is linear, and the limit is where its factor reaches -1. Weight decay adds to
    every curvature. Of noise, from batches, less is stood.

    For adagrad, rmsprop, adam and adamw the limit is one of the Hessian divided by the scales that the optimizer
    keeps, for Adam 2 (1 + beta1) / (1 - beta1) / lr (Cohen et al. 2022, arXiv:2207.14484). Of the Hessian's own
    eigenvalues none can be told.

    Source: Cohen et al. 2021, arXiv:2103.00065, section 2 and appendix B.
    """
    match optimizer:
        case Sgd():
            limit, formula = 2 / optimizer.lr, "2 / lr"
        case Momentum():
            limit, formula = 2 * (1 + optimizer.momentum) / optimizer.lr, "2 (1 + momentum) / lr"
        case Nesterov():
            beta = optimizer.momentum
            limit = 2 * (1 + beta) / (1 + 2 * beta) / optimizer.lr
            formula = "2 (1 + momentum) / (1 + 2 momentum) / lr"
        case _:
            return None
    if optimizer.weight_decay:
        limit, formula = limit - optimizer.weight_decay, f"{formula} - weight decay"
    return Edge(sharpness, limit, formula)
