"""Own injections: losses, last activations and targets that do not belong together."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from benchmarks.faults import data
from benchmarks.faults.case import fault
from benchmarks.faults.parts import accuracy, adam, glorot, mlp, r2, sgd
from benchmarks.faults.programs.healthy_digits import digits_sgd, digits_soft_targets
from benchmarks.faults.programs.healthy_images import convolutions, digits_convolutions
from benchmarks.faults.programs.healthy_numbers import friedman_relu, wave_tanh
from benchmarks.faults.programs.healthy_sequences import Reader, pulses_lstm
from benchmarks.faults.programs.healthy_tables import cancer_logits_column, five_tags, iris_nll, wine_sgd
from unstuck.training.program import Program

# losses


def classes_by_absolute_error() -> Program:
    """The absolute error of chances, which is content with one half."""
    return replace(
        wine_sgd(),
        model=mlp(13, 16, 3),
        loss=lambda outputs, targets: (outputs.softmax(1) - nn.functional.one_hot(targets, 3)).abs().mean(),
        optimizer=sgd(0.01),
        score=accuracy,
    )


def numbers_by_cross_entropy() -> Program:
    """Cross-entropy of numbers, whose softmax over one output is always 1."""
    return replace(friedman_relu(), loss=nn.CrossEntropyLoss(), score=r2)


def wave_by_bce() -> Program:
    """BCE with logits for numbers from -1 to 1."""
    return replace(wave_tanh(), loss=nn.BCEWithLogitsLoss(), score=r2)


def numbers_by_their_sign() -> Program:
    """A hinge loss, for which a number far beyond its target is as good as it."""
    return replace(
        friedman_relu(), loss=lambda outputs, targets: (1 - outputs * targets).clamp_min(0).mean(), score=r2
    )


# last activations


def images_softmax_twice() -> Program:
    return replace(
        digits_convolutions(), model=lambda: nn.Sequential(*convolutions(), nn.Softmax(dim=1)), optimizer=sgd(0.05)
    )


def sequences_softmax_twice() -> Program:
    class Certain(Reader):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).softmax(1) * 0.2

    return replace(pulses_lstm(), model=lambda: Certain(nn.LSTM, 1, 24, 2), optimizer=sgd(0.05), epochs=20)


def relu_at_the_end() -> Program:
    """A ReLU on the answer, where half of the targets are below zero."""
    return replace(friedman_relu(), model=mlp(10, 64, 64, 1, out=(nn.ReLU(),)))


def tanh_on_wide_targets() -> Program:
    """Targets from -3 to 3 behind a tanh."""
    (x, y), (test_x, test_y) = data.plane(400, noise=0.1)
    return Program(
        model=mlp(8, 16, 1, out=(nn.Tanh(),)),
        train=(x, 3 * y),
        test=(test_x, 3 * test_y),
        loss=nn.MSELoss(),
        optimizer=adam(5e-3),
        epochs=30,
    )


def linear_on_wide_targets() -> Program:
    return replace(tanh_on_wide_targets(), model=mlp(8, 16, 1), optimizer=adam(0.01), epochs=40)


def relu_before_cross_entropy() -> Program:
    """Outputs that can only rise, and start at zero."""

    def make() -> nn.Module:
        model = mlp(64, 64, 10, out=(nn.ReLU(),), draw=glorot)()
        assert isinstance(model, nn.Sequential)
        nn.init.constant_(model[2].bias, -2.0)
        return model

    return replace(digits_sgd(), model=make)


def tags_behind_softmax() -> Program:
    """Labels that are true together, made to compete by a softmax."""
    return replace(five_tags(), model=mlp(12, 64, 5, out=(nn.Softmax(dim=1),)), loss=nn.BCELoss())


def sigmoid_twice() -> Program:
    """A sigmoid before BCE with logits: the chance of a class is never below one half; rows of it are rare."""
    (x, y), (test_x, test_y) = data.as_float(data.rare(1500, share=0.25, apart=4.0))

    def found(outputs: Tensor, targets: Tensor) -> float:
        return ((outputs.sigmoid() > 0.5) == (targets > 0.5)).float().mean().item()

    return Program(
        model=mlp(5, 16, 1, out=(nn.Sigmoid(),)),
        train=(x, y[:, None]),
        test=(test_x, test_y[:, None]),
        loss=nn.BCEWithLogitsLoss(),
        optimizer=adam(5e-3),
        batch_size=64,
        epochs=15,
        score=found,
    )


def sigmoid_once() -> Program:
    return replace(sigmoid_twice(), model=mlp(5, 16, 1))


def chances_of_one_softmax() -> Program:
    return replace(cancer_logits_column(), model=mlp(30, 16, 1, out=(nn.Softmax(dim=1),)), loss=nn.BCELoss())


# targets


def classes_as_amounts() -> Program:
    """Ten classes as the numbers 0 to 9, predicted by squares."""
    train, test = data.column(data.as_float(data.digits()))
    return Program(
        model=mlp(64, 32, 1),
        train=train,
        test=test,
        loss=nn.MSELoss(),
        optimizer=adam(),
        epochs=20,
        score=lambda outputs, targets: (outputs.round() == targets).float().mean().item(),
    )


def shifted_one_hot() -> Program:
    """One-hot targets that were rolled by one column in training."""
    given = digits_soft_targets()
    return replace(given, train=(given.train[0], given.train[1].roll(1, 1)))


def signs_for_bce() -> Program:
    """Classes -1 and 1 for a loss that wants 0 and 1."""
    (x, y), (test_x, test_y) = data.column(data.as_float(data.rare(800, share=0.5, apart=1.5)))
    return Program(
        model=mlp(5, 16, 1),
        train=(x, 2 * y - 1),
        test=(test_x, 2 * test_y - 1),
        loss=nn.BCEWithLogitsLoss(),
        optimizer=adam(5e-3),
        epochs=15,
        score=lambda outputs, targets: _agree(outputs, targets, 0.0),
    )


def ones_for_bce() -> Program:
    train, test = data.column(data.as_float(data.rare(800, share=0.5, apart=1.5)))
    given = signs_for_bce()
    return replace(given, train=train, test=test, score=lambda outputs, targets: _agree(outputs, targets, 0.5))


def _agree(outputs: Tensor, targets: Tensor, limit: float) -> float:
    return ((outputs > 0) == (targets > limit)).float().mean().item()


def classes_one_or_two() -> Program:
    """Classes numbered 1 and 2 as floats, for BCE with logits."""
    (x, y), (test_x, test_y) = data.column(data.as_float(data.standard(data.breast_cancer())))
    return replace(
        cancer_logits_column(),
        train=(x, y + 1),
        test=(test_x, test_y + 1),
        score=lambda outputs, targets: _agree(outputs, targets, 1.5),
    )


def one_hot_by_dice() -> Program:
    """Iris species as one bit code, which calls 0 and 3 far and 1 and 2 half alike."""
    (x, y), (test_x, test_y) = data.standard(data.iris())
    codes = torch.tensor([0.0, 50.0, 1.0])

    def nearest(outputs: Tensor, targets: Tensor) -> float:
        found = (outputs - codes).abs().argmin(1)
        return (codes[found] == targets[:, 0]).float().mean().item()

    return replace(
        iris_nll(),
        model=mlp(4, 16, 1),
        train=(x, codes[y][:, None]),
        test=(test_x, codes[test_y][:, None]),
        loss=nn.MSELoss(),
        score=nearest,
    )


_SLOW = ("learning-rate-too-low", "poor-optimizer", "too-few-epochs", "batch-size-too-large")

CASES = (
    fault(classes_by_absolute_error, wine_sgd, "wrong-loss", *_SLOW),
    fault(numbers_by_cross_entropy, friedman_relu, "wrong-loss"),
    fault(wave_by_bce, wave_tanh, "wrong-loss"),
    fault(numbers_by_their_sign, friedman_relu, "wrong-loss"),
    fault(images_softmax_twice, digits_convolutions, "wrong-output-activation", *_SLOW),
    fault(sequences_softmax_twice, pulses_lstm, "wrong-output-activation", *_SLOW),
    fault(relu_at_the_end, friedman_relu, "wrong-output-activation"),
    fault(tanh_on_wide_targets, linear_on_wide_targets, "wrong-output-activation", "unscaled-targets"),
    fault(relu_before_cross_entropy, digits_sgd, "wrong-output-activation", "dead-relu", "poor-initialisation"),
    fault(tags_behind_softmax, five_tags, "wrong-output-activation"),
    fault(sigmoid_twice, sigmoid_once, "wrong-output-activation", "wrong-loss"),
    fault(chances_of_one_softmax, cancer_logits_column, "wrong-output-activation"),
    fault(classes_as_amounts, digits_sgd, "wrong-target-encoding", "wrong-loss", "model-bias"),
    fault(
        shifted_one_hot,
        digits_soft_targets,
        "wrong-target-encoding",
        "distribution-mismatch",
        effect="beyond-cure",
    ),
    fault(signs_for_bce, ones_for_bce, "wrong-target-encoding", "wrong-loss"),
    fault(classes_one_or_two, cancer_logits_column, "wrong-target-encoding", "wrong-loss"),
    fault(one_hot_by_dice, iris_nll, "wrong-target-encoding", "unscaled-targets", "wrong-loss"),
)  # fmt: skip (a case to two lines)
