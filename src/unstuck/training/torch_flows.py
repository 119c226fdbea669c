"""How large signal and error are after each layer, by torch: for networks that no graph is laid out for."""

import numpy as np
import torch
from torch import Tensor, nn

from unstuck.engine import Arrays
from unstuck.network.network import Network
from unstuck.network.torch_module import torch_module
from unstuck.recipe.loss import Loss
from unstuck.training.torch_loss import WeighedLoss


def flows(
    network: Network, weights: Arrays, x: np.ndarray, targets: np.ndarray, loss: Loss
) -> tuple[float, list[tuple[float, float]]]:
    """The mean loss of some rows; of each layer's output, and of the loss's gradient by it, the root mean square.

    In float64 and training mode. Weights get no gradient here, which saves their memory.

    Shapes: x (B, I) as networks see it; targets (B,) class numbers, or (B, O).
    """
    module = torch_module(network, weights).double().requires_grad_(False)
    outputs: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        output.retain_grad()
        outputs.append(output)

    for layer in module:
        layer.register_forward_hook(keep)
    numbers = torch.from_numpy(np.array(targets, np.float64 if targets.dtype.kind == "f" else np.int64))
    value = WeighedLoss(loss)(module(torch.from_numpy(np.array(x, np.float64)).requires_grad_()), numbers)
    value.backward()
    return value.item(), [(_rms(output), _rms(output.grad)) for output in outputs]


def _rms(values: Tensor | None) -> float:
    """Over what is there: a step after a sequence's end is NaN. 0 where no error arrives."""
    return 0.0 if values is None else values.detach()[~values.isnan()].square().mean().sqrt().item()
