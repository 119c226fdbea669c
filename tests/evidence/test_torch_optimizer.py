"""An optimizer's settings are measured beside its own defaults."""

import numpy as np
import pytest
import torch
from torch import nn

from unstuck.evidence.torch_optimizer import of_optimizer


def measured(kind, **settings):
    column = of_optimizer(kind(nn.Linear(2, 1).parameters(), **settings))["optimizer_odd"]
    return dict(zip(column.along, column.values, strict=True))


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.RMSprop, torch.optim.Adadelta, torch.optim.AdamW])
def test_defaults_are_once_as_large_as_themselves(kind):
    assert list(measured(kind).values()) == pytest.approx([1.0] * len(measured(kind)))


def test_memories_are_compared_by_how_many_steps_they_reach_back():
    found = measured(torch.optim.Adam, betas=(0.99, 0.9))
    assert (found["betas[0]"], found["betas[1]"]) == pytest.approx((10, 100))
    assert measured(torch.optim.RMSprop, alpha=0.9)["alpha"] == pytest.approx(10)
    assert measured(torch.optim.Adam, eps=1e-4)["eps"] == pytest.approx(1e4)
    assert measured(torch.optim.Adam, eps=1e-12)["eps"] == pytest.approx(1e4)


def test_a_setting_that_is_left_open_is_not_compared():
    assert measured(torch.optim.Adafactor) == {"eps[1]": 1.0}


def test_momentum_may_be_less_than_usual_but_not_nearly_all():
    assert "momentum" not in measured(torch.optim.SGD, lr=0.1)
    assert "momentum" not in measured(torch.optim.SGD, lr=0.1, momentum=0.5)
    assert measured(torch.optim.SGD, lr=0.1, momentum=0.999)["momentum"] == pytest.approx(100)


def test_what_forgets_nothing_is_infinitely_far_off():
    assert np.isinf(measured(torch.optim.SGD, lr=0.1, momentum=1.0)["momentum"])
