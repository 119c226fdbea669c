"""Healthy programs with training steps of their own."""

from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.faults import data
from benchmarks.faults.case import controls
from benchmarks.faults.parts import accuracy, adam, mlp, sgd
from benchmarks.faults.programs.healthy_sequences import Reader
from unstuck.training.program import Program


def clipped(model: nn.Module, x: Tensor, y: Tensor, loss: Any, optimizer: Any) -> Tensor:
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return value


def totals_lstm_clipped() -> Program:
    train, test = data.totals(800, steps=6)
    return Program(
        model=lambda: Reader(nn.LSTM, 2, 24, 1),
        train=train,
        test=test,
        loss=nn.MSELoss(),
        optimizer=adam(0.02),
        batch_size=50,
        epochs=25,
        step=clipped,
    )


def accumulated(model: nn.Module, x: Tensor, y: Tensor, loss: Any, optimizer: Any) -> Tensor:
    """Four small batches to a step."""
    optimizer.zero_grad()
    total = torch.zeros(())
    for part_x, part_y in zip(x.chunk(4), y.chunk(4), strict=True):
        value = loss(model(part_x), part_y) * len(part_x) / len(x)
        value.backward()
        total = total + value.detach()
    optimizer.step()
    return total


def digits_accumulated() -> Program:
    train, test = data.digits()
    return Program(
        model=mlp(64, 64, 10),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(3e-3),
        batch_size=64,
        epochs=20,
        step=accumulated,
    )


def mixed(model: nn.Module, x: Tensor, y: Tensor, loss: Any, optimizer: Any) -> Tensor:
    """Mixup (Zhang et al. 2018, arXiv:1710.09412)."""
    share = torch.distributions.Beta(0.3, 0.3).sample().item()
    other = torch.randperm(len(x))
    optimizer.zero_grad()
    outputs = model(share * x + (1 - share) * x[other])
    value = share * loss(outputs, y) + (1 - share) * loss(outputs, y[other])
    value.backward()
    optimizer.step()
    return value.detach()


def digits_mixup() -> Program:
    train, test = data.digits()
    return Program(
        model=mlp(64, 96, 10),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(3e-3),
        epochs=25,
        step=mixed,
    )


def penalized(model: nn.Module, x: Tensor, y: Tensor, loss: Any, optimizer: Any) -> Tensor:
    """A penalty on how steeply the loss depends on the inputs."""
    optimizer.zero_grad()
    x = x.clone().requires_grad_()
    value = loss(model(x), y)
    (slope,) = torch.autograd.grad(value, x, create_graph=True)
    (value + 0.1 * slope.square().sum()).backward()
    optimizer.step()
    return value.detach()


def moons_gradient_penalty() -> Program:
    train, test = data.moons()
    return Program(
        model=mlp(2, 32, 2, act=nn.Softplus),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(0.03),
        epochs=40,
        step=penalized,
    )


def closed(model: nn.Module, x: Tensor, y: Tensor, loss: Any, optimizer: Any) -> Tensor:
    """As optimizers take it that ask for the loss themselves."""

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        return value

    return torch.as_tensor(optimizer.step(closure)).detach()


def plane_lbfgs() -> Program:
    """A second-order method on all rows at once."""
    train, test = data.plane()
    return Program(
        model=lambda: nn.Linear(8, 1),
        train=train,
        test=test,
        loss=nn.MSELoss(),
        optimizer=lambda parameters: torch.optim.LBFGS(parameters, lr=1.0, max_iter=5),
        batch_size=300,
        epochs=4,
        step=closed,
    )


class Wrapped(nn.Module):
    """A network inside another."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = mlp(64, 64, 10)()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


def noisy_inputs(model: nn.Module, x: Tensor, y: Tensor, loss: Any, optimizer: Any) -> Tensor:
    """A little noise on the inputs, none in evaluation."""
    optimizer.zero_grad()
    value = loss(model(x + 0.05 * torch.randn_like(x)), y)
    value.backward()
    optimizer.step()
    return value


def digits_noisy_inputs() -> Program:
    train, test = data.digits()
    return Program(
        model=Wrapped,
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=sgd(0.05, momentum=0.9),
        epochs=20,
        step=noisy_inputs,
        score=accuracy,
    )


CASES = controls(
    totals_lstm_clipped,
    digits_accumulated,
    digits_mixup,
    moons_gradient_penalty,
    plane_lbfgs,
    digits_noisy_inputs,
)
