"""What the programs are put together from: optimizers, networks, ways to draw weights, scores."""

from collections.abc import Callable, Iterable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

Optimize = Callable[[Iterable[nn.Parameter]], Optimizer]


def sgd(lr: float, momentum: float = 0.0, weight_decay: float = 0.0, *, nesterov: bool = False) -> Optimize:
    return lambda parameters: torch.optim.SGD(
        parameters, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov
    )


def adam(lr: float = 1e-3, weight_decay: float = 0.0, betas: tuple[float, float] = (0.9, 0.999)) -> Optimize:
    return lambda parameters: torch.optim.Adam(parameters, lr=lr, weight_decay=weight_decay, betas=betas)


def rmsprop(lr: float = 1e-3) -> Optimize:
    """As Keras has it."""
    return lambda parameters: torch.optim.RMSprop(parameters, lr=lr, alpha=0.9, eps=1e-7)


def mlp(
    *sizes: int,
    act: Callable[[], nn.Module] = nn.ReLU,
    out: Iterable[nn.Module] = (),
    draw: Callable[[nn.Module], None] | None = None,
    between: Callable[[int], nn.Module] | None = None,
) -> Callable[[], nn.Module]:
    """() → linear layers with an activation after each but the last; `between` comes before it, by width."""

    def make() -> nn.Module:
        layers: list[nn.Module] = []
        for number, (inputs, outputs) in enumerate(pairwise(sizes)):
            layers.append(nn.Linear(inputs, outputs))
            if number < len(sizes) - 2:
                layers += [between(outputs)] if between else []
                layers.append(act())
        model = nn.Sequential(*layers, *out)
        return model.apply(draw) if draw else model

    return make


def instance(make: Callable[[], nn.Module]) -> nn.Module:
    """A module that is there before any training, with the same weights whenever it is asked for."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make()


# ways to draw weights, with zero bias, for `model.apply`


def drawn(weights: Callable[[Tensor], object]) -> Callable[[nn.Module], None]:
    """Weights of linear layers and convolutions."""

    def draw(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            weights(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    return draw


glorot = drawn(nn.init.xavier_uniform_)
he = drawn(lambda weight: nn.init.kaiming_uniform_(weight, nonlinearity="relu"))
narrow = drawn(lambda weight: nn.init.uniform_(weight, -0.05, 0.05))  # Keras 1, "uniform"
normal = drawn(lambda weight: nn.init.normal_(weight, std=0.05))  # Keras 1, "normal"


# scores


def accuracy(outputs: Tensor, targets: Tensor) -> float:
    return (outputs.argmax(1) == targets).float().mean().item()


def halves(outputs: Tensor, targets: Tensor) -> float:
    """Share of probabilities on the right side of one half."""
    return ((outputs.flatten() > 0.5) == (targets.flatten() > 0.5)).float().mean().item()


def signs(outputs: Tensor, targets: Tensor) -> float:
    """Share of logits with the right sign."""
    return ((outputs.flatten() > 0) == (targets.flatten() > 0.5)).float().mean().item()


def balanced(outputs: Tensor, targets: Tensor) -> float:
    """Mean over the classes of the share of their rows that are recognised."""
    found = outputs.argmax(1) == targets
    return torch.stack([found[targets == kind].float().mean() for kind in targets.unique()]).mean().item()


def r2(outputs: Tensor, targets: Tensor) -> float:
    """Share of the variance that is explained, all outputs together."""
    targets = targets.flatten()
    left = (outputs.flatten() - targets).square().sum()
    return (1 - left / (targets - targets.mean()).square().sum()).item()
