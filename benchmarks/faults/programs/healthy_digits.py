"""Healthy programs that learn handwritten digits from 64 numbers: optimizers, norms, residuals, autoencoders."""

import math

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.faults import data
from benchmarks.faults.case import controls
from benchmarks.faults.parts import adam, he, instance, mlp, r2, rmsprop, sgd
from unstuck.training.program import Program


def digits_sgd() -> Program:
    train, test = data.digits()
    return Program(
        model=mlp(64, 64, 64, 10, draw=he),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=sgd(0.1),
        epochs=20,
    )


class DroppedOut(nn.Module):
    """Two hidden layers, written as a class."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(64, 128)
        self.second = nn.Linear(128, 64)
        self.last = nn.Linear(64, 10)
        self.dropout = nn.Dropout(0.2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.dropout(self.first(x).relu())
        return self.last(self.dropout(self.second(x).relu()))


def digits_dropout_adam() -> Program:
    train, test = data.digits()
    return Program(
        model=DroppedOut,
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(2e-3),
        batch_size=64,
        epochs=20,
    )


def digits_batch_norm_momentum() -> Program:
    train, test = data.digits()
    return Program(
        model=mlp(64, 64, 64, 10, between=nn.BatchNorm1d),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=sgd(0.05, momentum=0.9),
        batch_size=64,
        epochs=15,
    )


def digits_rmsprop_tanh() -> Program:
    train, test = data.digits()
    return Program(
        model=instance(mlp(64, 64, 10, act=nn.Tanh)),  # each training starts a copy
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=rmsprop(1e-3),
        epochs=25,
    )


def digits_low_rate_long() -> Program:
    """A low learning rate, with the epochs that it takes."""
    train, test = data.digits()
    return Program(
        model=mlp(64, 128, 10),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(3e-4),
        epochs=50,
    )


def digits_high_rate() -> Program:
    """A learning rate of 1 that works."""
    train, test = data.digits()
    return Program(
        model=mlp(64, 64, 10),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=sgd(1.0),
        batch_size=128,
        epochs=30,
    )


def digits_raw_adam() -> Program:
    """Inputs from 0 to 16, which do no harm."""
    (x, y), (test_x, test_y) = data.digits()
    return Program(
        model=mlp(64, 64, 10),
        train=(x * 16, y),
        test=(test_x * 16, test_y),
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(1e-3),
        epochs=25,
    )


def digits_cosine() -> Program:
    train, test = data.digits()
    steps = 20 * math.ceil(len(train[0]) / 64)
    return Program(
        model=mlp(64, 100, 10, act=nn.GELU, between=nn.LayerNorm),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(label_smoothing=0.05),
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=5e-3, weight_decay=0.01),
        batch_size=64,
        epochs=20,
        schedule=lambda step: 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps))),
    )


class Residual(nn.Module):
    """x + f(x)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


def digits_deep_residual() -> Program:
    train, test = data.digits()
    return Program(
        model=lambda: nn.Sequential(nn.Linear(64, 32), *(Residual(32) for _ in range(8)), nn.Linear(32, 10)),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(1e-3),
        batch_size=64,
        epochs=12,
    )


def digits_soft_targets() -> Program:
    """One-hot targets, smoothed by hand; cross-entropy takes them."""
    (x, y), (test_x, test_y) = data.digits()
    soft, test_soft = (nn.functional.one_hot(part, 10).float() * 0.9 + 0.01 for part in (y, test_y))
    return Program(
        model=mlp(64, 64, 10),
        train=(x, soft),
        test=(test_x, test_soft),
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(2e-3),
        epochs=20,
        score=lambda outputs, targets: (outputs.argmax(1) == targets.argmax(1)).float().mean().item(),
    )


def digits_loader_patience() -> Program:
    """DataLoaders; the training stops when validation no longer improves."""
    (x, y), (test_x, test_y) = data.digits()
    return Program(
        model=mlp(64, 96, 10),
        train=DataLoader(TensorDataset(x[:900], y[:900]), batch_size=50, shuffle=True),
        validation=DataLoader(TensorDataset(x[900:], y[900:]), batch_size=100),
        test=DataLoader(TensorDataset(test_x, test_y), batch_size=100),
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(3e-3),
        epochs=40,
        patience=5,
    )


def digits_autoencoder() -> Program:
    train, test = data.digits()
    return Program(
        model=mlp(64, 48, 24, 48, 64, out=(nn.Sigmoid(),)),
        train=(train[0], train[0]),
        test=(test[0], test[0]),
        loss=nn.MSELoss(),
        optimizer=adam(3e-3),
        epochs=50,
        score=r2,
    )


class Tied(nn.Module):
    """An autoencoder whose decoder has the encoder's weights."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(32, 64))
        self.shift = nn.Parameter(torch.zeros(32))
        self.back = nn.Parameter(torch.zeros(64))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        code = (x @ self.weight.T + self.shift).relu()
        return code @ self.weight + self.back


def digits_tied_weights() -> Program:
    train, test = data.digits()
    return Program(
        model=Tied,
        train=(train[0], train[0]),
        test=(test[0], test[0]),
        loss=nn.MSELoss(),
        optimizer=adam(5e-3),
        epochs=40,
        score=r2,
    )


CASES = controls(
    digits_sgd,
    digits_dropout_adam,
    digits_batch_norm_momentum,
    digits_rmsprop_tanh,
    digits_low_rate_long,
    digits_high_rate,
    digits_raw_adam,
    digits_cosine,
    digits_deep_residual,
    digits_soft_targets,
    digits_loader_patience,
    digits_autoencoder,
    digits_tied_weights,
)
