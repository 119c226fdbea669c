"""Own injections: what a line too few or too many does to a training step or a module."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.faults import data
from benchmarks.faults.case import fault
from benchmarks.faults.parts import adam, mlp, sgd
from benchmarks.faults.programs.healthy_digits import DroppedOut, digits_batch_norm_momentum, digits_sgd
from benchmarks.faults.programs.healthy_images import (
    convolutions,
    digits_convolutions,
    digits_frozen_backbone,
    digits_normed_convolutions,
    learned_backbone,
)
from benchmarks.faults.programs.healthy_numbers import friedman_relu
from benchmarks.faults.programs.healthy_sequences import Reader, pulses_lstm, swing_rnn
from unstuck.training.program import Program

# gradients that pile up


def never_cleared(model: nn.Module, x: Tensor, y: Tensor, loss: Any, optimizer: Any) -> Tensor:
    value = loss(model(x), y)
    value.backward()
    optimizer.step()
    return value


def cleared_too_late(model: nn.Module, x: Tensor, y: Tensor, loss: Any, optimizer: Any) -> Tensor:
    """The gradients are set to zero before they are used."""
    value = loss(model(x), y)
    value.backward()
    optimizer.zero_grad()
    optimizer.step()
    return value


def gradients_pile_up() -> Program:
    return replace(digits_sgd(), step=never_cleared)


def gradients_pile_up_in_images() -> Program:
    return replace(digits_convolutions(), step=never_cleared)


def gradients_pile_up_in_numbers() -> Program:
    return replace(friedman_relu(), step=never_cleared)


def gradients_cleared_too_late() -> Program:
    return replace(digits_convolutions(), step=cleared_too_late)


# parameters that nobody trains


def head_alone_optimized() -> Program:
    """The optimizer is given the last layer only."""
    return replace(
        swing_rnn(), optimizer=lambda parameters: torch.optim.Adam(list(parameters)[-2:], lr=5e-3), epochs=25
    )


def body_alone_optimized() -> Program:
    """The optimizer is given the first parameter only, which is the first layer's."""
    return replace(digits_sgd(), optimizer=lambda parameters: torch.optim.SGD(list(parameters)[:1], lr=1e-3))


def head_frozen_too() -> Program:
    """Transfer gone wrong: the new head is frozen as well as half of the backbone."""

    def make() -> nn.Module:
        model = convolutions(channels=16)
        model[:6].load_state_dict(learned_backbone())
        model.requires_grad_(False)
        model[0].requires_grad_()
        return model

    return replace(digits_frozen_backbone(), model=make)


class Listed(nn.Module):
    """Hidden layers in a plain list, of which torch knows nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = [nn.Linear(10, 8), nn.Linear(8, 3)]
        self.out = nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.hidden:
            x = layer(x).tanh()
        return self.out(x)


def layers_in_a_list() -> Program:
    return replace(friedman_relu(), model=Listed)


# gradients that are cut off


class Detached(nn.Module):
    """The convolutions' answer is detached before the head."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 6, 3), nn.Tanh(), nn.Conv2d(6, 6, 3), nn.Tanh(), nn.AvgPool2d(2))
        self.head = nn.Linear(24, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).flatten(1))

    def features(self, x: Tensor) -> Tensor:
        return self.body(x).detach()


class Attached(Detached):
    """The same without the cut."""

    def features(self, x: Tensor) -> Tensor:
        return self.body(x)


def features_detached() -> Program:
    return replace(digits_convolutions(), model=Detached, epochs=25)


def features_attached() -> Program:
    return replace(digits_convolutions(), model=Attached, epochs=25)


class NoGradient(nn.Module):
    """Hidden layers under no_grad, copied from the evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 4), nn.ReLU())
        self.out = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x = self.hidden(x)
        return self.out(x)


def hidden_under_no_grad() -> Program:
    return replace(friedman_relu(), model=NoGradient)


class Rewrapped(Reader):
    """The states go through `.data` on their way to the head."""

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.layer(x)
        return self.head(states[:, -1].data)


def states_rewrapped() -> Program:
    return replace(pulses_lstm(), model=lambda: Rewrapped(nn.LSTM, 1, 24, 2))


# uphill


def uphill(model: nn.Module, x: Tensor, y: Tensor, loss: Any, optimizer: Any) -> Tensor:
    optimizer.zero_grad()
    value = loss(model(x), y)
    (-value).backward()
    optimizer.step()
    return value


def images_uphill() -> Program:
    return replace(digits_convolutions(), step=uphill)


def numbers_maximized() -> Program:
    """The optimizer is told to maximize."""
    return replace(
        friedman_relu(), optimizer=lambda parameters: torch.optim.Adam(parameters, lr=3e-3, maximize=True)
    )


def likelihood_without_its_sign() -> Program:
    """The log likelihood is minimized, not its negative."""
    return replace(
        digits_sgd(), loss=lambda outputs, targets: outputs.log_softmax(1).gather(1, targets[:, None]).mean()
    )


# training and evaluation mode


class AlwaysDropping(DroppedOut):
    """functional.dropout without `training=`, which drops in evaluation too."""

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.dropout(self.first(x).relu(), 0.7)
        return self.last(nn.functional.dropout(self.second(x).relu(), 0.7))


def drops_in_evaluation() -> Program:
    return replace(digits_sgd(), model=AlwaysDropping, optimizer=adam(2e-3), batch_size=64)


def evaluating(model: nn.Module, x: Tensor, y: Tensor, loss: Any, optimizer: Any) -> Tensor:
    """The model is left in evaluation mode, so that batch norm's statistics stay 0 and 1."""
    model.eval()
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    optimizer.step()
    return value


class Norms(nn.Module):
    """Many normalised layers, which lean on batch norm; optionally one that stays in training mode."""

    def __init__(self, depth: int = 8) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(64 if not place else 32, 32) for place in range(depth))
        self.norms = nn.ModuleList(nn.BatchNorm1d(32) for _ in range(depth))
        self.out = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = norm(layer(x)).relu()
        return self.out(x)


def deep_norms() -> Program:
    return replace(digits_batch_norm_momentum(), model=Norms)


def trained_in_evaluation_mode() -> Program:
    return replace(deep_norms(), step=evaluating)


def statistics_never_learned() -> Program:
    """Batch norm's momentum of 0: its statistics stay 0 and 1 until they are used."""

    def make() -> nn.Module:
        model = Norms(3)
        for norm in model.norms:
            assert isinstance(norm, nn.BatchNorm1d)
            norm.momentum = 0.0
        return model

    return replace(digits_batch_norm_momentum(), model=make)


# shapes that broadcast


def flat_targets(program: Program) -> Program:
    """Targets (N,) beside outputs (N, 1): the loss compares all with all."""
    (x, y), (test_x, test_y) = program.train, program.test
    return replace(program, train=(x, y[:, 0]), test=(test_x, test_y[:, 0]))


def numbers_broadcast() -> Program:
    return flat_targets(friedman_relu())


def sequences_broadcast() -> Program:
    return flat_targets(swing_rnn())


def chances_broadcast() -> Program:
    """Binary classes as numbers, by squares, outputs (N, 1) and targets (N,)."""
    train, test = data.as_float(data.standard(data.breast_cancer()))
    return Program(
        model=mlp(30, 16, 1, out=(nn.Sigmoid(),)), train=train, test=test, loss=nn.MSELoss(), optimizer=adam(0.01)
    )


def chances_in_columns() -> Program:
    train, test = data.column(data.as_float(data.standard(data.breast_cancer())))
    return replace(chances_broadcast(), train=train, test=test)


def rows_mixed() -> Program:
    """Softmax over the rows of a batch, not over the classes."""
    return replace(
        digits_sgd(),
        model=mlp(64, 64, 10, out=(nn.Softmax(dim=0),)),
    )


class Sideways(nn.Module):
    """An LSTM that takes the batch for time: batch_first was forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(1, 24)
        self.head = nn.Linear(24, 2)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.layer(x)
        return self.head(states[:, -1])


def batch_taken_for_time() -> Program:
    return replace(pulses_lstm(), model=Sideways)


def loss_of_a_sum() -> Program:
    """A summed loss with a learning rate for the mean."""
    return replace(
        digits_sgd(), loss=nn.CrossEntropyLoss(reduction="sum"), optimizer=sgd(0.1, momentum=0.5), batch_size=64
    )


CASES = (
    fault(gradients_pile_up, digits_sgd, "missing-zero-grad", "learning-rate-too-high"),
    fault(gradients_pile_up_in_images, digits_convolutions, "missing-zero-grad", "learning-rate-too-high"),
    fault(gradients_pile_up_in_numbers, friedman_relu, "missing-zero-grad", "learning-rate-too-high"),
    fault(
        gradients_cleared_too_late,
        digits_convolutions,
        "missing-zero-grad",
        "frozen-parameters",
        "detached-parameters",
    ),
    fault(head_alone_optimized, swing_rnn, "detached-parameters", "frozen-parameters"),
    fault(body_alone_optimized, digits_sgd, "detached-parameters", "frozen-parameters"),
    fault(head_frozen_too, digits_frozen_backbone, "frozen-parameters"),
    fault(layers_in_a_list, friedman_relu, "frozen-parameters", "detached-parameters"),
    fault(features_detached, features_attached, "detached-parameters", "frozen-parameters"),
    fault(hidden_under_no_grad, friedman_relu, "detached-parameters", "frozen-parameters"),
    fault(states_rewrapped, pulses_lstm, "detached-parameters", "frozen-parameters"),
    fault(images_uphill, digits_convolutions, "gradient-sign"),
    fault(numbers_maximized, friedman_relu, "gradient-sign"),
    fault(likelihood_without_its_sign, digits_sgd, "gradient-sign", "wrong-loss"),
    fault(drops_in_evaluation, digits_sgd, "wrong-mode", "over-regularised"),
    fault(trained_in_evaluation_mode, deep_norms, "wrong-mode"),
    fault(statistics_never_learned, digits_normed_convolutions, "wrong-mode", "distribution-mismatch"),
    fault(numbers_broadcast, friedman_relu, "shape-mismatch"),
    fault(sequences_broadcast, swing_rnn, "shape-mismatch"),
    fault(chances_broadcast, chances_in_columns, "shape-mismatch"),
    fault(rows_mixed, digits_sgd, "wrong-output-activation"),
    fault(batch_taken_for_time, pulses_lstm, "shape-mismatch"),
    fault(loss_of_a_sum, digits_sgd, "learning-rate-too-high", "wrong-loss"),
)  # fmt: skip (a case to two lines)
