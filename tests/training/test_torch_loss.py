"""A recipe's loss in torch: the same whether targets are classes, or probabilities that say the same."""

import pytest
import torch
from torch.nn import functional

from unstuck.recipe.loss import Loss
from unstuck.training.torch_loss import WeighedLoss


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", ["none", (0.5, 2.0, 10.0)])
@pytest.mark.parametrize("name", ["cross-entropy", "bce", "mse", "mae", "huber"])
def test_certain_probabilities_are_classes(name, weights, smoothing):
    torch.manual_seed(0)
    outputs, labels = torch.randn(7, 3), torch.tensor([0, 1, 2, 2, 1, 0, 2])
    loss = WeighedLoss(Loss(name=name, class_weights=weights, label_smoothing=smoothing))
    certain = functional.one_hot(labels, 3).float()
    torch.testing.assert_close(loss(outputs, certain), loss(outputs, labels))
    assert loss.count(certain) == pytest.approx(loss.count(labels))
