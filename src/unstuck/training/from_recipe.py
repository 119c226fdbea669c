"""A resolved recipe on the torch engine: its network, loss and optimizer as a program."""

from collections import OrderedDict
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import nn

from unstuck.data.dataset import Split
from unstuck.engine import Arrays, Evaluation
from unstuck.errors import ProgramError
from unstuck.network.network import Network
from unstuck.network.torch_module import torch_module
from unstuck.recipe.loss import Loss
from unstuck.recipe.model import Own
from unstuck.recipe.optimizer import Adagrad, Adam, AdamW, Momentum, Nesterov, Optimizer, RmsProp, Sgd
from unstuck.recipe.spec import Recipe
from unstuck.training.own import called, maker
from unstuck.training.program import Program
from unstuck.training.torch_loss import WeighedLoss
from unstuck.training.torch_rows import Resident

# Rows per block where no gradient is wanted
BLOCK = 500


def module_of(
    recipe: Recipe,
    network: Network | None,
    weights: Arrays | None,
    *,
    shape: tuple[int, ...],
    outputs: int,
    pictures: bool,
    make: Callable[..., nn.Module] | None = None,
) -> nn.Module:
    """The recipe's network as a module, with weights; or the user's own, which takes pictures as (B, C, H, W).

    `shape` is a row's, and `pictures` says whether rows are pictures, which may be (H, W) or (C, H, W).
    Without weights the user's own draws them by itself. `make` is what makes it; a library's needs none.
    """
    if network:
        return torch_module(network, weights or {}, seed=recipe.seed)
    assert isinstance(recipe.model, Own)
    shape = (1, *shape) if pictures and len(shape) == 2 else shape
    made = called(make or maker(recipe.model.function), shape, outputs)
    if not isinstance(made, nn.Module):
        raise ProgramError(f"{recipe.model.function} must return an nn.Module, got {type(made).__name__}.")
    _check_trainable(made, recipe.model.function)
    whole = nn.Sequential(OrderedDict(shape=nn.Unflatten(1, shape), own=made))
    if weights:
        try:
            whole.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
        except RuntimeError as error:
            said = " ".join(str(error).split())
            raise ProgramError(f"{recipe.model.function} must be the network that was trained; {said}") from error
    return whole


def _check_trainable(model: nn.Module, name: str) -> None:
    parameters = [*model.parameters()]
    if any(isinstance(parameter, nn.UninitializedParameter) for parameter in parameters):
        raise ProgramError(f"{name} must know its sizes: give lazy layers theirs, from shape and outputs.")
    if not any(parameter.requires_grad for parameter in parameters):
        raise ProgramError(f"{name} must have something to train: no parameter of it requires a gradient.")


def evaluated(model: nn.Module, rows: Split, loss: Loss | None) -> Evaluation:
    """What a trained module says of rows whose inputs are scaled (N, …); a loss of 0 where none is asked for."""
    x = torch.from_numpy(np.require(rows.x.reshape(len(rows), -1), np.float32, ["C", "W"]))
    model.eval()
    with torch.no_grad():
        outputs = torch.cat([model(block) for block in x.split(BLOCK)])
        value = 0.0 if loss is None else float(WeighedLoss(loss)(outputs, torch.from_numpy(rows.y)))
    return Evaluation(outputs.numpy(), rows.y, value)


def program_of(recipe: Recipe, model: nn.Module | Callable[[], nn.Module], train: Resident) -> Program:
    """The program that trains a model, and of which the torch engine sets the rates."""
    return Program(
        model=model,
        train=train,
        loss=WeighedLoss(recipe.loss),
        optimizer=lambda parameters: optimizer(recipe.optimizer, parameters),
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        schedule=lambda step: 1.0,
    )


def resident(split: Split, factor: float, device: torch.device) -> Resident:
    """A split's rows as flat examples on the device; bytes stay bytes until they are in a batch."""
    x = torch.from_numpy(split.x.reshape(len(split), -1)).to(device)
    return Resident(x, torch.from_numpy(split.y).to(device), factor if x.dtype == torch.uint8 else None)


def optimizer(spec: Optimizer, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """torch's own, fused where it has that."""
    lr, decay = spec.lr, spec.weight_decay
    match spec:
        case Adam() | AdamW():
            kind = torch.optim.Adam if isinstance(spec, Adam) else torch.optim.AdamW
            betas = (spec.beta1, spec.beta2)
            return kind(parameters, lr=lr, betas=betas, eps=spec.eps, weight_decay=decay, fused=True)
        case Adagrad():
            return torch.optim.Adagrad(parameters, lr=lr, eps=spec.eps, weight_decay=decay, fused=True)
        case RmsProp():
            return torch.optim.RMSprop(parameters, lr=lr, alpha=spec.alpha, eps=spec.eps, weight_decay=decay)
        case Sgd() | Momentum() | Nesterov():
            momentum = 0.0 if isinstance(spec, Sgd) else spec.momentum
            ahead = isinstance(spec, Nesterov)
            return torch.optim.SGD(
                parameters, lr=lr, momentum=momentum, nesterov=ahead, weight_decay=decay, fused=True
            )
