"""Faulty programs after AutoTrainer's models, TheDeepChecker's synthetic faults and TrainCheck's silent bugs.

TheDeepChecker's are tried on the handwritten digits, with a network that a CPU trains in a second.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.datasets import make_blobs, make_circles
from torch import Tensor, nn

from benchmarks.faults import data
from benchmarks.faults.case import fault
from benchmarks.faults.parts import adam, drawn, glorot, he, mlp, sgd
from benchmarks.faults.programs.healthy_digits import digits_sgd
from unstuck.training.program import Program

# AutoTrainer


class Exponential(nn.Module):
    """e to the x."""

    def forward(self, x: Tensor) -> Tensor:
        return x.exp()


def circle(hidden: int, act: Callable[[], nn.Module], *, shallow: bool = False) -> Program:
    x, y = make_circles(1400, noise=0.1, random_state=1)
    train, test = data.split(x, y.astype(np.float32)[:, None], 700)
    widths = (16, 16) if shallow else (5,) * hidden
    return Program(
        model=mlp(2, *widths, 1, act=act, draw=he),
        train=train,
        test=test,
        loss=nn.BCEWithLogitsLoss(),
        optimizer=adam(5e-3 if shallow else 1e-3),
        batch_size=128,
        epochs=100,
    )


def circle_healthy() -> Program:
    return circle(2, nn.SELU, shallow=True)


def circle_eight_sigmoids() -> Program:
    return circle(8, nn.Sigmoid)


def circle_twelve_sigmoids() -> Program:
    return circle(12, nn.Sigmoid)


def circle_sixteen_relus() -> Program:
    return circle(16, nn.ReLU)


def circle_nine_relus() -> Program:
    return circle(9, nn.ReLU)


def blob(hidden: int, act: Callable[[], nn.Module], optimizer: Callable[..., torch.optim.Optimizer]) -> Program:
    x, y = make_blobs(1400, centers=3, n_features=2, cluster_std=2.0, random_state=2)
    train, test = data.split(x, y, 700)
    return Program(
        model=mlp(2, *(5,) * hidden, 3, act=act, draw=he),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=optimizer,
        batch_size=256,
        epochs=100,
    )


def blob_healthy() -> Program:
    return blob(2, nn.ReLU, adam(0.01))


def blob_eight_exponentials() -> Program:
    return blob(8, Exponential, adam())


def blob_adagrad() -> Program:
    return blob(2, nn.ReLU, lambda parameters: torch.optim.Adagrad(parameters, lr=1e-3))


def digits_very_deep_relu() -> Program:
    """Of AutoTrainer's 33 layers for MNIST."""
    return replace(
        digits_sgd(), model=mlp(64, *(32,) * 30, 10, draw=glorot), optimizer=adam(), batch_size=64, epochs=12
    )


# TheDeepChecker


def constant_weights() -> Program:
    return replace(digits_sgd(), model=mlp(64, 64, 64, 10, draw=drawn(lambda w: nn.init.constant_(w, 0.01))))


def ascending(model: nn.Module, x: Tensor, y: Tensor, loss: Any, optimizer: Any) -> Tensor:
    optimizer.zero_grad()
    value = -loss(model(x), y)
    value.backward()
    optimizer.step()
    return value


def sign_flipped() -> Program:
    return replace(digits_sgd(), step=ascending)


def softmax_twice() -> Program:
    return replace(digits_gentle(), model=mlp(64, 64, 64, 10, out=(nn.Softmax(dim=1),), draw=he))


def digits_gentle() -> Program:
    return replace(digits_sgd(), optimizer=sgd(0.05))


def squares_of_softmax() -> Program:
    return replace(
        softmax_twice(),
        loss=lambda outputs, targets: nn.functional.mse_loss(outputs, nn.functional.one_hot(targets, 10).float()),
    )


def rate_of_a_tenthousandth() -> Program:
    return replace(digits_sgd(), optimizer=sgd(1e-4))


def rate_of_five() -> Program:
    return replace(digits_sgd(), optimizer=sgd(5.0))


def adam_without_epsilon() -> Program:
    return replace(
        digits_sgd(), optimizer=lambda parameters: torch.optim.Adam(parameters, lr=0.1, eps=1e-16), epochs=20
    )


def scaled_twice() -> Program:
    given = digits_sgd()
    return replace(given, train=(given.train[0] / 255, given.train[1]), test=(given.test[0] / 255, given.test[1]))


def softmax_inside() -> Program:
    return replace(digits_sgd(), model=mlp(64, 64, 64, 10, act=lambda: nn.Softmax(dim=1), draw=he))


def sigmoid_on_two_sided_targets(*, last: nn.Module) -> Program:
    train, test = data.wave(noise=0.05)
    return Program(
        model=mlp(1, 32, 32, 1, act=nn.Tanh, out=(last,), draw=glorot),
        train=train,
        test=test,
        loss=nn.MSELoss(),
        optimizer=adam(0.01),
        epochs=50,
    )


def sigmoid_on_a_wave() -> Program:
    return sigmoid_on_two_sided_targets(last=nn.Sigmoid())


def linear_on_a_wave() -> Program:
    return sigmoid_on_two_sided_targets(last=nn.Identity())


def targets_times_thousand() -> Program:
    (x, y), (test_x, test_y) = data.column(data.standard(data.friedman(600), targets=True))
    return Program(
        model=mlp(10, 32, 1),
        train=(x, 1000 * y + 3000),
        test=(test_x, 1000 * test_y + 3000),
        loss=nn.MSELoss(),
        optimizer=adam(),
        epochs=30,
    )


def targets_standard() -> Program:
    train, test = data.column(data.standard(data.friedman(600), targets=True))
    return replace(targets_times_thousand(), train=train, test=test, optimizer=adam(3e-3))


def classes_thinned() -> Program:
    """Classes 0 to 5 have 2 % of their rows."""
    given = digits_sgd()
    x, y = given.train
    kept = (y > 5) | (torch.arange(len(y)) % 50 == 0)
    return replace(given, train=(x[kept], y[kept]))


class Smudged(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    """Rows of which most is erased at random, as they are asked for."""

    def __init__(self, x: Tensor, y: Tensor, share: float) -> None:
        self.x, self.y, self.share = x, y, share

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        x = self.x[row]
        return torch.where(torch.rand_like(x) < self.share, torch.ones_like(x), x), self.y[row]


def erased() -> Program:
    given = digits_sgd()
    return replace(given, train=Smudged(*given.train, 0.8), epochs=15)


# TrainCheck


class Backboned(nn.Module):
    """Two normalised layers and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU()
        )
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.backbone(x))


def backboned() -> Program:
    return replace(digits_sgd(), model=Backboned, optimizer=adam(), batch_size=64, epochs=15)


def all_but_norms_frozen() -> Program:
    """After TC-84911."""

    def make() -> nn.Module:
        model = Backboned()
        for module in model.modules():
            if isinstance(module, nn.Linear):
                module.requires_grad_(False)
        return model

    return replace(backboned(), model=make)


CASES = (
    fault(
        circle_eight_sigmoids,
        circle_healthy,
        "saturating-activation",
        "too-deep",
        "missing-normalisation",
        "poor-initialisation",
        source="AT-C1",
    ),
    fault(
        circle_twelve_sigmoids,
        circle_healthy,
        "saturating-activation",
        "too-deep",
        "missing-normalisation",
        "poor-initialisation",
        source="AT-C1",
    ),
    fault(
        circle_sixteen_relus,
        circle_healthy,
        "dead-relu",
        "too-deep",
        "seed-dependent",
        "missing-normalisation",
        "model-bias",
        source="AT-C3",
    ),
    fault(
        circle_nine_relus,
        circle_healthy,
        "dead-relu",
        "too-deep",
        "seed-dependent",
        "missing-normalisation",
        "model-bias",
        "too-few-epochs",
        "learning-rate-too-low",
        source="AT-C3",
    ),
    fault(
        blob_eight_exponentials,
        blob_healthy,
        "exploding-activation",
        "too-deep",
        "missing-normalisation",
        "poor-initialisation",
        source="AT-B3",
    ),
    fault(
        blob_adagrad,
        blob_healthy,
        "learning-rate-too-low",
        "poor-optimizer",
        "too-few-epochs",
        "batch-size-too-large",
        source="AT-B4",
    ),
    fault(
        digits_very_deep_relu,
        digits_sgd,
        "too-deep",
        "dead-relu",
        "poor-initialisation",
        "saturating-activation",
        "missing-normalisation",
        source="AT-M1",
    ),
    fault(constant_weights, digits_sgd, "poor-initialisation", "saddle-point", source="TDC-01"),
    fault(sign_flipped, digits_sgd, "gradient-sign", source="TDC-04"),
    fault(softmax_twice, digits_gentle, "wrong-output-activation", "wrong-loss", source="TDC-06"),
    fault(
        squares_of_softmax,
        digits_sgd,
        "wrong-loss",
        "wrong-output-activation",
        "learning-rate-too-low",
        "poor-optimizer",
        "too-few-epochs",
        "batch-size-too-large",
        source="TDC-09",
    ),
    fault(rate_of_a_tenthousandth, digits_sgd, "learning-rate-too-low", "poor-optimizer", source="TDC-10"),
    fault(rate_of_five, digits_sgd, "learning-rate-too-high", "poor-optimizer", source="TDC-11"),
    fault(
        adam_without_epsilon, digits_sgd, "learning-rate-too-high", "poor-optimizer", "dead-relu", source="TDC-12"
    ),
    fault(scaled_twice, digits_sgd, "unscaled-inputs", "missing-normalisation", source="TDC-15"),
    fault(
        softmax_inside,
        digits_sgd,
        "saturating-activation",
        "missing-normalisation",
        "poor-optimizer",
        "learning-rate-too-low",
        "too-few-epochs",
        "poor-initialisation",
        source="TDC-18",
    ),
    fault(sigmoid_on_a_wave, linear_on_a_wave, "wrong-output-activation", "unscaled-targets", source="TDC-18"),
    fault(targets_times_thousand, targets_standard, "unscaled-targets", source="TDC-20"),
    fault(
        classes_thinned,
        digits_sgd,
        "class-imbalance",
        "overfitting",
        "distribution-mismatch",
        source="TDC-21",
        effect="beyond-cure",
    ),
    fault(erased, digits_sgd, "harmful-augmentation", "distribution-mismatch", source="TDC-22"),
    fault(all_but_norms_frozen, backboned, "frozen-parameters", source="TC-84911"),
)  # fmt: skip (a case to two lines)
