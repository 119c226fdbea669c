"""Own injections: how weights start, what activations and depth do to signals."""

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor, nn

from benchmarks.faults.case import fault
from benchmarks.faults.parts import drawn, glorot, he, mlp, sgd
from benchmarks.faults.programs.healthy_digits import digits_sgd
from benchmarks.faults.programs.healthy_images import convolutions, digits_convolutions
from benchmarks.faults.programs.healthy_numbers import friedman_relu, products_swish
from benchmarks.faults.programs.healthy_sequences import Reader, swing_rnn
from benchmarks.faults.programs.healthy_tables import circles_selu
from unstuck.training.program import Program

# weights


def weights_too_small() -> Program:
    """Deep, and each layer's signals a tenth of the one's before."""
    return replace(digits_sgd(), model=mlp(64, 64, 64, 64, 10, draw=drawn(lambda w: nn.init.normal_(w, std=0.01))))


def weights_too_large() -> Program:
    return replace(friedman_relu(), model=mlp(10, 64, 64, 1, draw=drawn(lambda w: nn.init.normal_(w, std=3.0))))


def filters_too_large() -> Program:
    large = drawn(lambda w: nn.init.normal_(w, std=2.0))
    return replace(digits_convolutions(), model=lambda: convolutions().apply(large))


def states_saturated() -> Program:
    """A recurrent layer whose weights are so large that its states are at their ends from the start."""

    def make() -> nn.Module:
        model = Reader(nn.RNN, 1, 24, 1)
        for parameter in model.layer.parameters():
            nn.init.normal_(parameter, std=4.0)
        return model

    return replace(swing_rnn(), model=make)


# activations


def ten_sigmoids() -> Program:
    return replace(digits_sgd(), model=mlp(64, *(32,) * 8, 10, act=nn.Sigmoid, draw=glorot))


def saturated_tanh() -> Program:
    """Inputs are scaled; weights push every unit to its end."""
    return replace(
        products_swish(),
        model=mlp(6, 48, 48, 1, act=nn.Tanh, draw=drawn(lambda w: nn.init.normal_(w, std=4.0))),
    )


class Square(nn.Module):
    """x times x."""

    def forward(self, x: Tensor) -> Tensor:
        return x * x


def squares_of_squares() -> Program:
    return replace(digits_sgd(), model=mlp(64, 64, 64, 64, 10, act=Square, draw=glorot))


def cubes_in_regression() -> Program:
    class Cube(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x**3

    return replace(friedman_relu(), model=mlp(10, 64, 64, 64, 1, act=Cube))


def biases_far_below() -> Program:
    """ReLUs that no input wakes."""

    def make() -> nn.Module:
        model = mlp(64, 64, 64, 10, draw=he)()
        assert isinstance(model, nn.Sequential)
        nn.init.constant_(model[2].bias, -10.0)
        return model

    return replace(digits_sgd(), model=make)


def relus_dead_in_regression() -> Program:
    def make() -> nn.Module:
        model = mlp(10, 64, 64, 1)()
        assert isinstance(model, nn.Sequential)
        nn.init.uniform_(model[0].bias, -30.0, -20.0)
        return model

    return replace(friedman_relu(), model=make)


def circles_without_activation() -> Program:
    return replace(circles_selu(), model=mlp(2, 16, 16, 2, act=nn.Identity))


class Forgot(nn.Module):
    """Three layers, and nothing between them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(6, 48), nn.Linear(48, 48), nn.Linear(48, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.third(self.second(self.first(x)))


def products_without_activation() -> Program:
    return replace(products_swish(), model=Forgot)


def thirty_tanh_plain() -> Program:
    return replace(digits_sgd(), model=mlp(64, *(24,) * 25, 10, act=nn.Tanh), optimizer=sgd(0.1), epochs=12)


def deep_relu_regression() -> Program:
    """Deep and plain: the training loss is worse than a shallow copy's."""
    return replace(friedman_relu(), model=mlp(10, *(24,) * 20, 1), epochs=20)


class Unsteady(nn.Module):
    """x + f(x) many times over, with or without a norm before f."""

    def __init__(self, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(64, 32), nn.Linear(32, 10)
        self.blocks = nn.ModuleList(
            nn.Sequential(norm(32), nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 32)) for _ in range(10)
        )
        self.apply(he)

    def forward(self, x: Tensor) -> Tensor:
        x = self.into(x)
        for block in self.blocks:
            x = x + block(x)
        return self.out(x)


def residuals_without_norm() -> Program:
    return replace(
        digits_sgd(),
        model=lambda: Unsteady(lambda _: nn.Identity()),
        optimizer=sgd(0.02),
        batch_size=64,
        epochs=10,
    )


def residuals_with_norm() -> Program:
    return replace(residuals_without_norm(), model=lambda: Unsteady(nn.LayerNorm))


class Deep(nn.Module):
    """Twelve convolutions, with or without batch norm."""

    def __init__(self, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        widths = [1] + [8] * 10
        self.body = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(wide, out, 3, padding=1), norm(out), nn.ReLU())
                for wide, out in zip(widths, widths[1:], strict=False)
            )
        )
        self.out = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.body(x).mean((2, 3)))


def convolutions_without_norm() -> Program:
    return replace(
        digits_convolutions(),
        model=lambda: Deep(lambda _: nn.Identity()),
        optimizer=sgd(0.05, momentum=0.9),
        batch_size=64,
        epochs=10,
    )


def convolutions_with_norm() -> Program:
    return replace(convolutions_without_norm(), model=lambda: Deep(nn.BatchNorm2d))


_DEPTH = ("missing-normalisation", "poor-initialisation", "saturating-activation")

CASES = (
    fault(
        weights_too_small,
        digits_sgd,
        "poor-initialisation",
        "missing-normalisation",
        "learning-rate-too-low",
        "too-few-epochs",
        "poor-optimizer",
        "saddle-point",
    ),
    fault(
        weights_too_large, friedman_relu, "poor-initialisation", "exploding-activation", "missing-normalisation"
    ),
    fault(
        filters_too_large,
        digits_convolutions,
        "poor-initialisation",
        "exploding-activation",
        "missing-normalisation",
    ),
    fault(states_saturated, swing_rnn, "poor-initialisation", "saturating-activation", "exploding-activation"),
    fault(
        ten_sigmoids,
        digits_sgd,
        "saturating-activation",
        "too-deep",
        "missing-normalisation",
        "poor-initialisation",
    ),
    fault(saturated_tanh, products_swish, "saturating-activation", "poor-initialisation", "missing-normalisation"),
    fault(
        squares_of_squares,
        digits_sgd,
        "exploding-activation",
        "missing-normalisation",
        "learning-rate-too-high",
        "poor-initialisation",
    ),
    fault(
        cubes_in_regression,
        friedman_relu,
        "exploding-activation",
        "missing-normalisation",
        "poor-initialisation",
        "learning-rate-too-high",
        "learning-rate-too-low",
    ),
    fault(
        biases_far_below, digits_sgd, "dead-relu", "poor-initialisation", "missing-normalisation", "saddle-point"
    ),
    fault(
        relus_dead_in_regression,
        friedman_relu,
        "dead-relu",
        "poor-initialisation",
        "missing-normalisation",
        "saddle-point",
    ),
    fault(circles_without_activation, circles_selu, "missing-nonlinearity", "model-bias"),
    fault(products_without_activation, products_swish, "missing-nonlinearity", "model-bias"),
    fault(thirty_tanh_plain, digits_sgd, "too-deep", *_DEPTH),
    fault(deep_relu_regression, friedman_relu, "too-deep", *_DEPTH, "dead-relu"),
    fault(
        residuals_without_norm,
        residuals_with_norm,
        "missing-normalisation",
        "poor-initialisation",
        "exploding-activation",
        "learning-rate-too-high",
        "too-deep",
    ),
    fault(
        convolutions_without_norm,
        convolutions_with_norm,
        "missing-normalisation",
        "too-deep",
        "poor-initialisation",
        "poor-optimizer",
        "learning-rate-too-low",
        "too-few-epochs",
    ),
)  # fmt: skip (a case to two lines)
