"""The edge of stability is where torch's optimizers begin to diverge on a quadratic."""

import pytest
import torch

from unstuck.interval import Interval
from unstuck.landscape.stability import edge
from unstuck.recipe.optimizer import Adagrad, Adam, AdamW, Momentum, Nesterov, RmsProp, Sgd

RECIPES = {
    "sgd": Sgd(lr=0.1),
    "momentum": Momentum(lr=0.1, momentum=0.8),
    "nesterov": Nesterov(lr=0.1, momentum=0.8),
    "decayed": Momentum(lr=0.1, momentum=0.5, weight_decay=3.0),
}


def after(optimizer, curvature, steps=2000):
    """How far from the bottom of a parabola torch's optimizer is, from 1."""
    w = torch.ones(1, dtype=torch.float64, requires_grad=True)
    beta = getattr(optimizer, "momentum", 0.0)
    rule = torch.optim.SGD(
        [w],
        lr=optimizer.lr,
        momentum=beta,
        nesterov=isinstance(optimizer, Nesterov),
        weight_decay=optimizer.weight_decay,
    )
    for _ in range(steps):
        rule.zero_grad()
        (curvature * w**2 / 2).sum().backward()
        rule.step()
    return abs(float(w.detach()))


@pytest.mark.parametrize("name", RECIPES)
def test_descent_converges_just_below_the_limit_and_diverges_just_above(name):
    limit = edge(Interval(1, 1, 1), RECIPES[name]).limit
    assert after(RECIPES[name], 0.99 * limit) < 1e-3
    assert after(RECIPES[name], 1.01 * limit) > 1e3


@pytest.mark.parametrize(
    ("ends", "is_below"), [((18, 19, 19.9), True), ((19, 20.5, 21), None), ((20.1, 21, 22), False)]
)
def test_the_sharpness_is_below_or_above_unless_its_error_reaches_the_limit(ends, is_below):
    assert edge(Interval(*ends), Sgd(lr=0.1)).is_below is is_below


@pytest.mark.parametrize("optimizer", [Adam(), AdamW(), RmsProp(), Adagrad()])
def test_of_optimizers_that_scale_each_step_nothing_is_told(optimizer):
    assert edge(Interval(1, 1, 1), optimizer) is None
