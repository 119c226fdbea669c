"""Faulty programs from public posts (StackOverflow, gathered by DeepLocalize and DeepFD), ported from Keras.

Built from descriptions in our own words; weights are drawn as Keras draws them.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.faults import data
from benchmarks.faults.case import fault
from benchmarks.faults.parts import adam, glorot, mlp, narrow, normal, r2, rmsprop, sgd
from unstuck.training.program import Program


def keras_bce(outputs: Tensor, targets: Tensor) -> Tensor:
    """Keras's binary_crossentropy: probabilities are clipped at 1e-7, whatever they are."""
    return nn.functional.binary_cross_entropy(outputs.clamp(1e-7, 1 - 1e-7), targets)


def keras_ce(outputs: Tensor, targets: Tensor) -> Tensor:
    """Keras's categorical_crossentropy: outputs are divided by their sum, then clipped."""
    chances = outputs / outputs.sum(1, keepdim=True)
    return nn.functional.nll_loss(chances.clamp(1e-7, 1 - 1e-7).log(), targets)


def xor_mae() -> Program:
    train, test = data.xor_rows()
    return Program(
        model=mlp(2, 4, 1, act=nn.Sigmoid, out=(nn.Sigmoid(),), draw=glorot),
        train=train,
        test=test,
        loss=nn.L1Loss(),
        optimizer=sgd(0.05, momentum=0.11, nesterov=True),
        batch_size=4,
        epochs=1000,
    )


def xor_mse() -> Program:
    return replace(xor_mae(), loss=nn.MSELoss(), optimizer=adam(0.03))


def one_softmax_unit() -> Program:
    (x, y), test = (
        (torch.cat([torch.ones(rows, 128), torch.zeros(rows, 128)]), torch.arange(2 * rows)[:, None] < rows)
        for rows in (400, 100)
    )
    return Program(
        model=mlp(128, 50, 50, 1, out=(nn.Softmax(dim=1),), draw=glorot, between=lambda width: nn.Dropout(0.2)),
        train=(x, y.float()),
        test=(test[0], test[1].float()),
        loss=keras_bce,
        optimizer=rmsprop(),
        epochs=3,
    )


def one_sigmoid_unit() -> Program:
    model = mlp(128, 50, 50, 1, out=(nn.Sigmoid(),), draw=glorot, between=lambda width: nn.Dropout(0.2))
    return replace(one_softmax_unit(), model=model)


def two_clouds_too_short() -> Program:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(0.2, 0.4, (200, 2)), rng.uniform(0.5, 0.7, (200, 2))])
    order = rng.permutation(400)
    train, test = data.split(x[order], (np.arange(400) >= 200).astype(np.int64)[order], 200)
    return Program(
        model=mlp(2, 2, 2, act=nn.Sigmoid, draw=glorot),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(),
        epochs=5,
    )


def two_clouds() -> Program:
    return replace(two_clouds_too_short(), optimizer=adam(0.1), epochs=50)


def quadratic_exploding() -> Program:
    x = np.arange(0, 5, 0.1)[:, None]
    y = 5 * x**2 + np.random.default_rng(0).standard_normal(x.shape) ** 3
    both = data.split(np.tile(x, (2, 1)), np.tile(y, (2, 1)), 50)

    def make() -> nn.Module:
        model = mlp(1, 50, 30, 1, draw=glorot)()
        assert isinstance(model, nn.Sequential)
        model[2].apply(narrow)
        return model

    return Program(
        model=make, train=both.train, test=both.test, loss=nn.MSELoss(), optimizer=sgd(0.1), epochs=400, score=r2
    )


def quadratic() -> Program:
    return replace(quadratic_exploding(), optimizer=sgd(1e-4), epochs=800)


def fourth_power(*, scaled: bool = False) -> Program:
    x = np.arange(-100, 100, 0.5)[:, None]
    both = data.split(np.tile(x, (2, 1)), np.tile(x**4, (2, 1)), 400)
    train, test = data.standard(both, targets=True) if scaled else both

    def make() -> nn.Module:
        model = nn.Sequential(nn.Linear(1, 50), nn.Sigmoid(), nn.Linear(50, 50), nn.ELU(), nn.Linear(50, 1))
        return model.apply(glorot)

    return Program(
        model=make, train=train, test=test, loss=nn.MSELoss(), optimizer=adam(), batch_size=400, epochs=1000
    )


def fourth_power_unscaled() -> Program:
    return fourth_power()


def fourth_power_scaled() -> Program:
    return fourth_power(scaled=True)


def linear_target(*, mended: bool) -> Program:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1e4, (3000, 3))
    both = data.split(x, x @ np.array([[2.0], [1.0], [0.5]]) + 2.2, 2000)
    train, test = data.standard(both, targets=True) if mended else both
    faulty = mlp(3, 3, 2, 1, act=nn.Tanh, out=(nn.Softmax(dim=1),), draw=narrow, between=lambda _: nn.Dropout(0.5))
    return Program(
        model=mlp(3, 3, 2, 1, act=nn.Tanh, draw=glorot) if mended else faulty,
        train=train,
        test=test,
        loss=nn.MSELoss(),
        optimizer=sgd(0.01 if mended else 0.1, momentum=0.9),
        epochs=20,
    )


def linear_target_softmax() -> Program:
    return linear_target(mended=False)


def linear_target_mended() -> Program:
    return linear_target(mended=True)


def seven_from_bits() -> Program:
    """Bits of a number, and the bits of its remainder by 7, behind a softmax; the score is exact matches."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(2**20, size=3500)
    place = 2 ** np.arange(20)
    x, y = ((part[:, None] // place % 2).astype(np.float32) for part in (numbers, numbers % 7))
    train, test = data.split(x, y, 2500)

    def exact(outputs: Tensor, targets: Tensor) -> float:
        return ((outputs > 0.5) == (targets > 0.5)).all(1).float().mean().item()

    return Program(
        model=mlp(20, 20, 20, 20, out=(nn.Softmax(dim=1),), draw=glorot),
        train=train,
        test=test,
        loss=lambda outputs, targets: -(targets * outputs.clamp_min(1e-7).log()).sum(1).mean(),
        optimizer=sgd(0.01),
        batch_size=50,
        epochs=10,
        score=exact,
    )


def seven_from_its_remainder() -> Program:
    """What the score would be if the answer could be read off: the remainder is among the inputs."""
    given = seven_from_bits()
    (x, y), (test_x, test_y) = given.train, given.test
    return replace(
        given,
        model=mlp(40, 64, 20, out=(nn.Sigmoid(),)),
        train=(torch.cat([x, y], 1), y),
        test=(torch.cat([test_x, test_y], 1), test_y),
        loss=nn.BCELoss(),
        optimizer=adam(3e-3),
        epochs=20,
    )


def income(*, mended: bool) -> Program:
    incomes = np.random.default_rng(0).integers(15041, 24988, (2000, 1)).astype(np.float64)
    both = data.split(incomes, (incomes < 20_000).astype(np.float32), 1000)
    train, test = data.standard(both) if mended else both
    last = nn.Sigmoid() if mended else nn.Softmax(dim=1)
    return Program(
        model=mlp(1, 1, 1, act=nn.Sigmoid, out=(last,), draw=glorot),
        train=train,
        test=test,
        loss=nn.BCELoss() if mended else nn.L1Loss(),
        optimizer=rmsprop(0.01 if mended else 1e-3),
        batch_size=32 if mended else 200,
        epochs=50,
    )


def income_softmax_mae() -> Program:
    return income(mended=False)


def income_mended() -> Program:
    return income(mended=True)


def sizes_of_two(*, scaled: bool) -> Program:
    kinds = np.array([[65, 66, 67], [65, 66, 70], [68, 69, 67], [68, 69, 70]], dtype=np.float32)
    of = np.random.default_rng(0).integers(4, size=21)
    x, y = kinds[of], (of >= 2).astype(np.float32)[:, None]
    both = data.split(np.concatenate([x, x]), np.concatenate([y, y]), 21)
    train, test = data.standard(both) if scaled else both

    def make() -> nn.Module:
        model = nn.Sequential(
            nn.Linear(3, 12), nn.ReLU(), nn.Linear(12, 3), nn.Sigmoid(), nn.Linear(3, 1), nn.Sigmoid()
        )
        return model.apply(narrow)

    return Program(
        model=make, train=train, test=test, loss=nn.BCELoss(), optimizer=adam(), batch_size=5, epochs=150
    )


def two_clusters_unscaled() -> Program:
    return sizes_of_two(scaled=False)


def two_clusters_scaled() -> Program:
    return replace(sizes_of_two(scaled=True), epochs=200, batch_size=1)


def packets(*, mended: bool) -> Program:
    rng = np.random.default_rng(0)
    y = (np.arange(42) % 2).astype(np.float32)[:, None]
    large = np.array([3.2e9, 5e5, 5e4, 3.2e9, 5e4]) * (1 + 0.2 * rng.standard_normal((42, 5)) + 0.2 * y)
    flags = (rng.random((42, 6)) < 0.3 + 0.4 * y).astype(np.float64)
    both = data.split(np.concatenate([large, flags], 1), y, 21)
    train, test = data.standard(both) if mended else both
    return Program(
        model=mlp(11, 12, 12, 1, out=(nn.Sigmoid() if mended else nn.ReLU(),), draw=normal),
        train=train,
        test=test,
        loss=keras_bce,
        optimizer=adam(),
        batch_size=5,
        epochs=100,
    )


def packets_raw_relu_output() -> Program:
    return packets(mended=False)


def packets_mended() -> Program:
    return packets(mended=True)


def counties(*, mended: bool) -> Program:
    rng = np.random.default_rng(1)
    y = np.arange(60) % 2
    size = 10 ** rng.uniform(0, 5.8, 16)
    x = size * (1 + 0.5 * rng.standard_normal((60, 16)) + 0.5 * y[:, None])
    both = data.split(x, y, 10)
    train, test = data.standard(both) if mended else both
    soft = () if mended else (nn.Softmax(dim=1),)

    def squares(outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.mse_loss(outputs, nn.functional.one_hot(targets, 2).float())

    return Program(
        model=mlp(16, 64, 64, 2, act=nn.Tanh, out=soft, draw=glorot, between=lambda _: nn.Dropout(0.5)),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss() if mended else squares,
        optimizer=sgd(0.01 if mended else 0.1, momentum=0.9),
        batch_size=10,
        epochs=40 if mended else 20,
    )


def counties_raw() -> Program:
    return counties(mended=False)


def counties_mended() -> Program:
    return counties(mended=True)


CASES = (
    fault(
        xor_mae,
        xor_mse,
        "wrong-loss",
        "poor-optimizer",
        "learning-rate-too-low",
        "local-minimum",
        "saddle-point",
        "saturating-activation",
        "too-few-epochs",
        source="SO-31556268",
    ),
    fault(one_softmax_unit, one_sigmoid_unit, "wrong-output-activation", source="SO-31880720"),
    fault(
        two_clouds_too_short,
        two_clouds,
        "learning-rate-too-low",
        "too-few-epochs",
        "poor-optimizer",
        "batch-size-too-large",
        "saturating-activation",
        source="SO-50306988",
    ),
    fault(quadratic_exploding, quadratic, "learning-rate-too-high", "unscaled-targets", source="SO-48934338"),
    fault(fourth_power_unscaled, fourth_power_scaled, "unscaled-targets", "unscaled-inputs", source="SO-52800582"),
    fault(
        linear_target_softmax,
        linear_target_mended,
        "wrong-output-activation",
        "unscaled-targets",
        "unscaled-inputs",
        "over-regularised",
        source="SO-33969059",
    ),
    fault(
        seven_from_bits,
        seven_from_its_remainder,
        "model-bias",
        "overfitting",
        "no-signal",
        "wrong-output-activation",
        "too-few-epochs",
        source="SO-56380303",
        effect="beyond-cure",
    ),
    fault(
        income_softmax_mae,
        income_mended,
        "unscaled-inputs",
        "wrong-output-activation",
        "wrong-loss",
        source="SO-45442843",
    ),
    fault(two_clusters_unscaled, two_clusters_scaled, "unscaled-inputs", source="SO-39525358"),
    fault(
        packets_raw_relu_output, packets_mended, "unscaled-inputs", "wrong-output-activation", source="SO-44066044"
    ),
    fault(
        counties_raw,
        counties_mended,
        "unscaled-inputs",
        "missing-normalisation",
        "wrong-loss",
        source="SO-34673164",
    ),
)  # fmt: skip (a case to two lines)
