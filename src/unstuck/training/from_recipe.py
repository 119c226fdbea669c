"""A resolved recipe on the torch engine: its network, loss and optimizer as a program."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unstuck.data.dataset import Split
from unstuck.network.layers import Network
from unstuck.network.torch_module import torch_module
from unstuck.recipe.spec import Adam, Nesterov, Recipe
from unstuck.training.program import Program
from unstuck.training.torch_rows import Resident


def program_of(recipe: Recipe, network: Network, parameters: np.ndarray, train: Resident) -> Program:
    """The program that starts from the flat parameters (size,), and of which the torch engine sets the rates."""
    return Program(
        model=torch_module(network, parameters),
        train=train,
        loss=_loss(recipe.loss.name, network.outputs),
        optimizer=lambda parameters: _optimizer(recipe, parameters),
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        schedule=lambda step: 1.0,
    )


def resident(split: Split, factor: float, device: torch.device) -> Resident:
    """A split's rows as flat examples on the device; bytes stay bytes until they are in a batch."""
    x = torch.from_numpy(split.x.reshape(len(split), -1)).to(device)
    return Resident(x, torch.from_numpy(split.y).to(device), factor if x.dtype == torch.uint8 else None)


def _loss(name: str, outputs: int) -> Callable[[Tensor, Tensor], Tensor]:
    def compared(outcome: Tensor, targets: Tensor) -> Tensor:
        if not targets.is_floating_point():
            targets = functional.one_hot(targets, outputs).to(outcome.dtype)
        if name == "bce":
            return functional.binary_cross_entropy_with_logits(outcome, targets)
        return functional.mse_loss(outcome, targets)

    return functional.cross_entropy if name == "cross-entropy" else compared


def _optimizer(recipe: Recipe, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    spec = recipe.optimizer
    lr, decay = spec.lr, spec.weight_decay
    if isinstance(spec, Adam):
        betas = (spec.beta1, spec.beta2)
        return torch.optim.Adam(parameters, lr=lr, betas=betas, eps=spec.eps, weight_decay=decay, fused=True)
    momentum, nesterov = getattr(spec, "momentum", 0.0), isinstance(spec, Nesterov)
    return torch.optim.SGD(parameters, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=decay, fused=True)
