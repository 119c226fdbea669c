"""Own injections: learning rates, epochs, optimizers, batches, critical points, and seeds that decide."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from benchmarks.faults import data
from benchmarks.faults.case import fault
from benchmarks.faults.parts import accuracy, adam, drawn, glorot, mlp, r2, rmsprop, sgd
from benchmarks.faults.programs.healthy_digits import digits_sgd
from benchmarks.faults.programs.healthy_images import digits_convolutions
from benchmarks.faults.programs.healthy_numbers import friedman_relu, plane_linear, products_swish, wave_tanh
from benchmarks.faults.programs.healthy_sequences import pulses_lstm, swing_rnn, words_bag
from benchmarks.faults.programs.healthy_tables import circles_selu, moons_tanh, wine_sgd
from unstuck.training.program import Program

# learning rates


def images_rate_too_high() -> Program:
    return replace(digits_convolutions(), optimizer=adam(0.3))


def numbers_rate_too_high() -> Program:
    return replace(friedman_relu(), optimizer=sgd(1.0))


def sequences_rate_too_high() -> Program:
    return replace(pulses_lstm(), optimizer=adam(1.0))


def plane_rate_too_high() -> Program:
    """Beyond 2 over the largest curvature, by which even a linear model diverges."""
    return replace(plane_linear(), optimizer=sgd(3.0))


def images_rate_too_low() -> Program:
    return replace(digits_convolutions(), optimizer=adam(1e-5))


def numbers_rate_too_low() -> Program:
    return replace(products_swish(), optimizer=sgd(1e-4))


def words_rate_too_low() -> Program:
    return replace(words_bag(), optimizer=adam(1e-5))


# epochs


def moons_two_epochs() -> Program:
    return replace(moons_tanh(), optimizer=adam(3e-3), epochs=2)


def sequences_two_epochs() -> Program:
    return replace(pulses_lstm(), epochs=2)


def numbers_three_epochs() -> Program:
    return replace(products_swish(), epochs=2)


# optimizers


def adadelta_of_old_rate() -> Program:
    """Keras's rate for Adadelta, 0.001, which was meant to be 1."""
    return replace(wine_sgd(), optimizer=lambda parameters: torch.optim.Adadelta(parameters, lr=1e-3))


def valley_by_sgd() -> Program:
    """Features whose scales differ by 30 give the loss a narrow valley, along which plain SGD creeps."""
    both = data.plane(400, features=6, noise=0.1)
    scale = torch.tensor([1.0, 0.03, 1.0, 0.03, 1.0, 0.03])
    train, test = ((x * scale, y) for x, y in both)
    return Program(
        model=lambda: nn.Linear(6, 1), train=train, test=test, loss=nn.MSELoss(), optimizer=sgd(0.05), epochs=25
    )


def valley_scaled() -> Program:
    train, test = data.plane(400, features=6, noise=0.1)
    return replace(valley_by_sgd(), train=train, test=test)


def rprop_on_batches() -> Program:
    """Rprop follows signs, which small batches make random."""
    return replace(
        friedman_relu(),
        optimizer=lambda parameters: torch.optim.Rprop(parameters, lr=0.01),
        batch_size=4,
        epochs=10,
    )


def memoryless_adam() -> Program:
    """Adam that forgets its squares at once follows the last batch's signs."""
    return replace(products_swish(), optimizer=adam(0.05, betas=(0.0, 0.0)), batch_size=4, epochs=5)


# batches


def one_batch_an_epoch() -> Program:
    return replace(digits_sgd(), batch_size=1000)


def one_batch_of_sequences() -> Program:
    return replace(swing_rnn(), batch_size=500, optimizer=adam(2e-3))


def one_row_a_step() -> Program:
    """Batches of one row, with a learning rate for batches."""
    return replace(products_swish(), batch_size=1, optimizer=sgd(0.1), epochs=4)


def pairs_with_batch_norm() -> Program:
    """Batch norm that sees two rows at a time."""
    return replace(
        digits_sgd(), model=mlp(64, 64, 64, 10, between=nn.BatchNorm1d), batch_size=2, optimizer=sgd(0.1), epochs=4
    )


def batches_with_batch_norm() -> Program:
    return replace(pairs_with_batch_norm(), batch_size=32, epochs=15)


# critical points


def linear_net_at_its_saddle() -> Program:
    """A product of matrices that start at zero: no gradient, and downhill in no direction that is seen."""
    return replace(plane_linear(), model=mlp(8, 8, 3, act=nn.Identity, draw=drawn(nn.init.zeros_)))


def linear_net_off_its_saddle() -> Program:
    return replace(plane_linear(), model=mlp(8, 8, 3, act=nn.Identity, draw=glorot))


def alike_hidden_units() -> Program:
    """All hidden units start alike, and stay so: the loss has a saddle there."""
    alike = drawn(lambda weight: nn.init.constant_(weight, 0.1))
    return replace(circles_selu(), model=mlp(2, 16, 2, act=nn.Tanh, draw=alike))


def zeros_throughout() -> Program:
    return replace(digits_sgd(), model=mlp(64, 64, 10, draw=drawn(nn.init.zeros_)))


class Frequency(nn.Module):
    """a sin(w x + b): the loss has a minimum for about every w, and one of them is good."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([start]))
        self.b = nn.Parameter(torch.zeros(1))
        self.a = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.a * torch.sin(self.w * x + self.b)


def wrong_frequency() -> Program:
    train, test = data.wave(frequency=5.0)
    return Program(
        model=lambda: Frequency(9.0), train=train, test=test, loss=nn.MSELoss(), optimizer=sgd(0.01), epochs=30
    )


def right_frequency() -> Program:
    return replace(wrong_frequency(), model=lambda: Frequency(4.5))


class Bumps(nn.Module):
    """Round bumps, of which all start on the same side."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.empty(12).uniform_(low, high))
        self.out = nn.Linear(12, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out((-((x - self.centres) ** 2) * 4).exp())


def bumps_on_one_side() -> Program:
    return replace(wave_tanh(), model=lambda: Bumps(-8.0, -3.5), optimizer=adam(0.01), epochs=40)


def bumps_everywhere() -> Program:
    return replace(wave_tanh(), model=lambda: Bumps(-2.2, 2.2), optimizer=adam(0.03), epochs=60)


# seeds that decide


def xor_with_three_units() -> Program:
    """Three ReLUs solve XOR on some seeds and are stuck on others."""
    train, test = data.xor_points(400)
    return Program(
        model=mlp(2, 3, 2),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(0.02),
        epochs=30,
        score=accuracy,
    )


def xor_with_many_units() -> Program:
    return replace(xor_with_three_units(), model=mlp(2, 32, 2))


def wave_with_deep_narrow_relus() -> Program:
    """Layers of 3 ReLUs die on part of the seeds."""
    return replace(wave_tanh(), model=mlp(1, 3, 3, 3, 1), optimizer=adam(0.02), score=r2)


def rings_by_rmsprop_with_four_units() -> Program:
    train, test = data.circles()
    return Program(
        model=mlp(2, 3, 1),
        train=train,
        test=test,
        loss=lambda outputs, targets: nn.functional.binary_cross_entropy_with_logits(
            outputs.squeeze(1), targets.float()
        ),
        optimizer=rmsprop(0.02),
        epochs=25,
        score=lambda outputs, targets: ((outputs.squeeze(1) > 0) == (targets > 0)).float().mean().item(),
    )


def rings_by_rmsprop() -> Program:
    return replace(rings_by_rmsprop_with_four_units(), model=mlp(2, 32, 1))


_STUCK = ("poor-initialisation", "saddle-point", "local-minimum")

CASES = (
    fault(images_rate_too_high, digits_convolutions, "learning-rate-too-high", "dead-relu"),
    fault(numbers_rate_too_high, friedman_relu, "learning-rate-too-high", "dead-relu"),
    fault(sequences_rate_too_high, pulses_lstm, "learning-rate-too-high"),
    fault(plane_rate_too_high, plane_linear, "learning-rate-too-high"),
    fault(images_rate_too_low, digits_convolutions, "learning-rate-too-low", "too-few-epochs", "poor-optimizer"),
    fault(numbers_rate_too_low, products_swish, "learning-rate-too-low", "too-few-epochs", "poor-optimizer"),
    fault(words_rate_too_low, words_bag, "learning-rate-too-low", "too-few-epochs"),
    fault(moons_two_epochs, moons_tanh, "too-few-epochs", "learning-rate-too-low", "batch-size-too-large"),
    fault(sequences_two_epochs, pulses_lstm, "too-few-epochs", "learning-rate-too-low", "batch-size-too-large"),
    fault(numbers_three_epochs, products_swish, "too-few-epochs", "learning-rate-too-low", "batch-size-too-large"),
    fault(adadelta_of_old_rate, wine_sgd, "poor-optimizer", "learning-rate-too-low", "too-few-epochs"),
    fault(
        valley_by_sgd,
        valley_scaled,
        "poor-optimizer",
        "unscaled-inputs",
        "missing-normalisation",
        "learning-rate-too-low",
        "too-few-epochs",
    ),
    fault(rprop_on_batches, friedman_relu, "poor-optimizer", "batch-size-too-small", "learning-rate-too-high"),
    fault(memoryless_adam, products_swish, "poor-optimizer", "learning-rate-too-high", "batch-size-too-small"),
    fault(
        one_batch_an_epoch,
        digits_sgd,
        "batch-size-too-large",
        "too-few-epochs",
        "learning-rate-too-low",
        "poor-optimizer",
    ),
    fault(one_batch_of_sequences, swing_rnn, "batch-size-too-large", "too-few-epochs", "learning-rate-too-low"),
    fault(one_row_a_step, products_swish, "batch-size-too-small", "learning-rate-too-high", "poor-optimizer"),
    fault(
        pairs_with_batch_norm,
        batches_with_batch_norm,
        "batch-size-too-small",
        "wrong-mode",
        "learning-rate-too-high",
    ),
    fault(linear_net_at_its_saddle, linear_net_off_its_saddle, "saddle-point", "poor-initialisation"),
    fault(alike_hidden_units, circles_selu, "saddle-point", "poor-initialisation"),
    fault(zeros_throughout, digits_sgd, "saddle-point", "poor-initialisation"),
    fault(
        wrong_frequency,
        right_frequency,
        "local-minimum",
        "learning-rate-too-low",
        "learning-rate-too-high",
        "poor-initialisation",
        "poor-optimizer",
        "model-bias",
    ),
    fault(
        bumps_on_one_side,
        bumps_everywhere,
        "local-minimum",
        "poor-initialisation",
        "learning-rate-too-low",
        "too-few-epochs",
        "saddle-point",
    ),
    fault(xor_with_three_units, xor_with_many_units, "seed-dependent", "model-bias", *_STUCK, "dead-relu"),
    fault(
        wave_with_deep_narrow_relus, wave_tanh, "seed-dependent", "dead-relu", "model-bias", *_STUCK, "too-deep"
    ),
    fault(
        rings_by_rmsprop_with_four_units, rings_by_rmsprop, "seed-dependent", "model-bias", *_STUCK, "dead-relu"
    ),
)  # fmt: skip (a case to two lines)
