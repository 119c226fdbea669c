"""Own injections: networks too small or too large, and too much that holds them back."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.faults import data
from benchmarks.faults.case import fault
from benchmarks.faults.parts import adam, mlp, sgd
from benchmarks.faults.programs.healthy_digits import digits_dropout_adam, digits_sgd
from benchmarks.faults.programs.healthy_images import mnist_flat
from benchmarks.faults.programs.healthy_numbers import friedman_relu, wave_tanh
from benchmarks.faults.programs.healthy_sequences import Reader, swing_rnn
from benchmarks.faults.programs.healthy_tables import moons_tanh
from unstuck.training.program import Program


def two_units_for_ten_classes() -> Program:
    return replace(digits_sgd(), model=mlp(64, 2, 10))


def line_for_a_wave() -> Program:
    return replace(wave_tanh(), model=lambda: nn.Linear(1, 1))


def parity_of_six() -> Program:
    """The parity of six signs, by three units."""
    signs = torch.randint(0, 2, (900, 6), generator=torch.Generator().manual_seed(0))
    x, y = signs.float() * 2 - 1, signs.sum(1) % 2
    return Program(
        model=mlp(6, 2, 2, act=nn.Tanh),
        train=(x[:600], y[:600]),
        test=(x[600:], y[600:]),
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(0.02),
        epochs=40,
    )


def parity_of_six_wide() -> Program:
    return replace(parity_of_six(), model=mlp(6, 64, 2, act=nn.Tanh))


def memory_of_one_state() -> Program:
    return replace(swing_rnn(), model=lambda: Reader(nn.RNN, 1, 1, 1))


def forty_rows_large_network() -> Program:
    """Forty rows, and a network that learns their noise by heart."""
    train, test = data.plane(40, features=12, noise=0.7)
    return Program(
        model=mlp(12, 256, 256, 1),
        train=train,
        test=test,
        loss=nn.MSELoss(),
        optimizer=adam(3e-3),
        batch_size=10,
        epochs=150,
    )


def forty_rows_small_network() -> Program:
    small = forty_rows_large_network()
    return replace(small, model=lambda: nn.Linear(12, 1), optimizer=adam(0.02, weight_decay=0.1), epochs=50)


def noisy_table_by_heart() -> Program:
    """Much noise, a large network, hundreds of epochs."""
    train, test = data.column(data.standard(data.friedman(300, noise=5.0), targets=True))
    return Program(
        model=mlp(10, 128, 128, 1),
        train=train,
        test=test,
        loss=nn.MSELoss(),
        optimizer=adam(2e-3),
        batch_size=50,
        epochs=100,
    )


def noisy_table() -> Program:
    return replace(noisy_table_by_heart(), optimizer=adam(2e-3, weight_decay=0.01), epochs=6)


def thirty_columns_by_heart() -> Program:
    """Thirty columns, half of the targets noise, and a network that learns it."""
    train, test = data.plane(200, features=30, noise=1.0)
    return Program(
        model=mlp(30, 256, 1),
        train=train,
        test=test,
        loss=nn.MSELoss(),
        optimizer=adam(3e-3),
        batch_size=50,
        epochs=100,
    )


def thirty_columns() -> Program:
    linear = thirty_columns_by_heart()
    return replace(linear, model=lambda: nn.Linear(30, 1), optimizer=adam(0.02, weight_decay=0.02), epochs=30)


def dropout_of_nine_tenths() -> Program:
    class Dropping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(
                nn.Linear(64, 32),
                nn.ReLU(),
                nn.Dropout(0.9),
                nn.Linear(32, 32),
                nn.ReLU(),
                nn.Dropout(0.9),
                nn.Linear(32, 10),
            )

        def forward(self, x: Tensor) -> Tensor:
            return self.layers(x)

    return replace(digits_dropout_adam(), model=Dropping)


def decay_too_strong() -> Program:
    return replace(friedman_relu(), optimizer=adam(3e-3, weight_decay=1.0))


def decay_too_strong_for_images() -> Program:
    return replace(mnist_flat(), optimizer=sgd(0.1, momentum=0.9, weight_decay=0.2))


def penalty_too_strong() -> Program:
    """An L1 penalty by hand."""

    def penalized(model: nn.Module, x: Tensor, y: Tensor, loss: Any, optimizer: Any) -> Tensor:
        optimizer.zero_grad()
        value = loss(model(x), y)
        (value + 0.1 * sum(parameter.abs().sum() for parameter in model.parameters())).backward()
        optimizer.step()
        return value

    return replace(moons_tanh(), step=penalized)


CASES = (
    fault(two_units_for_ten_classes, digits_sgd, "model-bias"),
    fault(line_for_a_wave, wave_tanh, "model-bias", "missing-nonlinearity"),
    fault(parity_of_six, parity_of_six_wide, "model-bias"),
    fault(memory_of_one_state, swing_rnn, "model-bias"),
    fault(forty_rows_large_network, forty_rows_small_network, "overfitting", "label-noise"),
    fault(noisy_table_by_heart, noisy_table, "overfitting", "label-noise"),
    fault(thirty_columns_by_heart, thirty_columns, "overfitting", "label-noise"),
    fault(dropout_of_nine_tenths, digits_dropout_adam, "over-regularised", "model-bias"),
    fault(decay_too_strong, friedman_relu, "over-regularised"),
    fault(decay_too_strong_for_images, mnist_flat, "over-regularised"),
    fault(penalty_too_strong, moons_tanh, "over-regularised", "wrong-loss"),
)  # fmt: skip (a case to two lines)
