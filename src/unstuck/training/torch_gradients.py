"""A network's loss and gradients by torch's automatic differentiation, in float64: a witness for the graph."""

import numpy as np
import torch

from unstuck.engine import Arrays
from unstuck.network.network import Network
from unstuck.network.torch_module import torch_module
from unstuck.recipe.loss import Loss
from unstuck.training.torch_loss import WeighedLoss


def gradients(
    network: Network, weights: Arrays, x: np.ndarray, targets: np.ndarray, loss: Loss
) -> tuple[float, dict[str, np.ndarray]]:
    """The mean loss of some rows, and its gradient by every weight, in training mode.

    Shapes: x (B, I) as networks see it; targets (B,) class numbers, or (B, O).
    """
    module = torch_module(network, weights).double()
    numbers = torch.from_numpy(np.array(targets, np.float64 if targets.dtype.kind == "f" else np.int64))
    measure = WeighedLoss(loss)
    if measure.weights is not None:  # which are rounded to float32 there
        measure.weights = torch.tensor(loss.class_weights, dtype=torch.float64)
    value = measure(module(torch.from_numpy(np.array(x, np.float64))), numbers)
    value.backward()
    found = {name: parameter.grad for name, parameter in module.named_parameters()}
    return value.item(), {name: slope.numpy() for name, slope in found.items() if slope is not None}
