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


def test_what_is_no_memory_is_not_compared():
    assert measured(torch.optim.Adafactor) == {}
    assert "eps" not in measured(torch.optim.Adam, eps=1e-3)


def test_momentum_may_be_less_than_usual_but_not_nearly_all():
    assert "momentum" not in measured(torch.optim.SGD, lr=0.1)
    assert "momentum" not in measured(torch.optim.SGD, lr=0.1, momentum=0.5)
    assert measured(torch.optim.SGD, lr=0.1, momentum=0.999)["momentum"] == pytest.approx(100)


def test_what_forgets_nothing_is_infinitely_far_off():
    assert np.isinf(measured(torch.optim.SGD, lr=0.1, momentum=1.0)["momentum"])


def test_of_several_groups_the_oddest_is_told():
    first, second = nn.Linear(2, 1), nn.Linear(2, 1)
    groups = [{"params": first.parameters(), "betas": (0.9, 0.44)}, {"params": second.parameters()}]
    found = of_optimizer(torch.optim.Adam(groups))["optimizer_odd"]
    assert dict(zip(found.along, found.values, strict=True))["betas[1]"] == pytest.approx(560)
