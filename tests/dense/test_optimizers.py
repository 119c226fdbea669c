"""Each optimizer's step, and the limit of the gradient's length, against torch's in float32."""

import numpy as np
import pytest
import torch

from cases import OPTIMIZERS, recipe
from unstuck.dense import optimizers, plan
from unstuck.training.from_recipe import optimizer as of_torch


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_torch(name, decay):
    rng = np.random.default_rng(0)
    case = recipe(optimizer={"name": name, "lr": 0.01, "weight_decay": decay})
    ours = rng.normal(size=50).astype(np.float32)
    theirs = torch.nn.Parameter(torch.from_numpy(ours.copy()))
    rule = of_torch(case.optimizer, [theirs])
    memory, settings = np.zeros((2, 50), np.float32), plan.settings_of(case)
    for step in range(20):
        gradient = (rng.normal(size=50) * 10.0 ** rng.integers(-3, 2, 50)).astype(np.float32)
        gradient[:5] = 0
        theirs.grad = torch.from_numpy(gradient.copy())
        rule.step()
        optimizers.update(optimizers.CODES[name], settings, step, ours, gradient, *memory)
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("share", [0.5, 0.999, 1.001, 2])
def test_a_gradient_is_shortened_only_beyond_the_limit(share):
    gradient = np.random.default_rng(0).normal(size=300).astype(np.float32)
    longest = float(share * np.linalg.norm(gradient))
    parameter = torch.nn.Parameter(torch.zeros(300))
    parameter.grad = torch.from_numpy(gradient.copy())
    torch.nn.utils.clip_grad_norm_([parameter], longest)
    ours = gradient.copy()
    optimizers.shorten(longest, ours)
    np.testing.assert_allclose(ours, parameter.grad.numpy(), rtol=1e-6)
    assert (ours == gradient).all() == (share > 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_stays_so(bad):
    gradient = np.array([1, bad, 2], np.float32)
    parameter = torch.nn.Parameter(torch.zeros(3))
    parameter.grad = torch.from_numpy(gradient.copy())
    torch.nn.utils.clip_grad_norm_([parameter], 1.0)
    optimizers.shorten(1.0, gradient)
    np.testing.assert_array_equal(gradient, parameter.grad.numpy())
