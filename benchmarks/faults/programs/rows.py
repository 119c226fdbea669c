"""Own injections: what can be wrong with rows: scales, labels, splits, holes, too little signal."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from benchmarks.faults import data
from benchmarks.faults.case import fault
from benchmarks.faults.parts import adam, balanced, mlp, sgd
from benchmarks.faults.programs.healthy_digits import digits_sgd
from benchmarks.faults.programs.healthy_images import digits_convolutions
from benchmarks.faults.programs.healthy_numbers import friedman_relu, plane_linear
from benchmarks.faults.programs.healthy_sequences import pulses_lstm, swing_rnn
from benchmarks.faults.programs.healthy_tables import (
    cancer_logits_column,
    five_tags,
    moons_tanh,
    rare_class_weighted,
    wine_sgd,
)
from unstuck.training.program import Program


def trained_on(program: Program, x: Tensor, y: Tensor) -> Program:
    return replace(program, train=(x, y))


def tested_on(program: Program, x: Tensor, y: Tensor) -> Program:
    return replace(program, test=(x, y))


# scales


def wine_raw() -> Program:
    """Features of 0.1 and of 1700 side by side."""
    train, test = data.wine()
    return replace(wine_sgd(), train=train, test=test)


def cancer_raw() -> Program:
    train, test = data.column(data.as_float(data.breast_cancer()))
    return replace(cancer_logits_column(), train=train, test=test, optimizer=sgd(0.05))


def cancer_standard() -> Program:
    return replace(cancer_logits_column(), optimizer=sgd(0.05))


def sequence_far_from_zero() -> Program:
    """Inputs around 500."""
    (x, y), (test_x, test_y) = data.pulses()
    return replace(pulses_lstm(), train=(x * 10 + 500, y), test=(test_x * 10 + 500, test_y))


def prices_in_full() -> Program:
    """Targets around 200 000."""
    (x, y), (test_x, test_y) = data.column(data.standard(data.friedman(600), targets=True))
    return replace(friedman_relu(), train=(x, 50_000 * y + 200_000), test=(test_x, 50_000 * test_y + 200_000))


def targets_in_billionths() -> Program:
    """Targets so small that the first guess is far off, by SGD."""
    (x, y), (test_x, test_y) = data.plane()
    return replace(
        plane_linear(), model=mlp(8, 16, 1), train=(x, y * 1e-3), test=(test_x, test_y * 1e-3), optimizer=sgd(1e-3)
    )


def targets_of_one() -> Program:
    train, test = data.plane()
    return replace(targets_in_billionths(), train=train, test=test, optimizer=sgd(0.05))


# signal and labels


def labels_of_other_rows() -> Program:
    """Inputs were sorted, targets were not."""
    given = friedman_relu()
    (x, y), (test_x, test_y) = given.train, given.test
    random = torch.Generator().manual_seed(0)
    return replace(
        given,
        train=(x, y[torch.randperm(len(y), generator=random)]),
        test=(test_x, test_y[torch.randperm(len(test_y), generator=random)]),
    )


def coin_tosses() -> Program:
    """Classes that have nothing to do with the inputs."""
    given = moons_tanh()
    random = torch.Generator().manual_seed(0)
    (x, y), (test_x, test_y) = given.train, given.test
    return replace(
        given,
        train=(x, torch.randint(2, y.shape, generator=random)),
        test=(test_x, torch.randint(2, test_y.shape, generator=random)),
    )


def digits_half_mislabelled() -> Program:
    """Half of all labels is another digit's, in what is scored too."""
    given = digits_sgd()
    return replace(given, train=_mislabelled(given.train, 0.5), test=_mislabelled(given.test, 0.5))


def _mislabelled(rows: tuple[Tensor, Tensor], share: float) -> tuple[Tensor, Tensor]:
    x, y = rows
    return x, torch.from_numpy(data.flip(y.numpy(), share, seed=1))


def images_mislabelled_in_training() -> Program:
    given = digits_convolutions()
    return replace(given, train=_mislabelled(given.train, 0.6))


def tags_contradict() -> Program:
    """Each row is there three times, with labels of which some contradict."""
    (x, y) = five_tags().train
    random = torch.Generator().manual_seed(0)
    wrong = (torch.rand((3 * 400, 5), generator=random) < 0.4).float()
    return trained_on(five_tags(), x[:400].repeat(3, 1), (y[:400].repeat(3, 1) - wrong).abs())


# balance


def rare_class_unweighted() -> Program:
    return replace(rare_class_weighted(), loss=nn.CrossEntropyLoss())


def rare_digits() -> Program:
    """One digit in ten has nearly all rows; the score counts each digit the same."""
    given = digits_sgd()
    x, y = given.train
    kept = (y == 1) | (torch.arange(len(y)) % 12 == 0)
    return replace(
        given,
        train=(x[kept].repeat(4, 1), y[kept].repeat(4)),
        model=mlp(64, 16, 10),
        optimizer=sgd(0.02),
        epochs=5,
        score=balanced,
    )


def weighted_digits() -> Program:
    given = rare_digits()
    counts = given.train[1].bincount(minlength=10)
    return replace(given, loss=nn.CrossEntropyLoss(weight=len(given.train[1]) / (10 * counts)), optimizer=sgd(0.1))


def rare_class_by_bce() -> Program:
    """Three rows in a hundred, one output."""
    given = rare_class_by_weighted_bce()
    return replace(given, loss=nn.BCEWithLogitsLoss())


def rare_class_by_weighted_bce() -> Program:
    train, test = data.column(data.as_float(data.rare(1500, share=0.04, apart=2.5)))

    def both(outputs: Tensor, targets: Tensor) -> float:
        found = (outputs > 0) == (targets > 0.5)
        return (found[targets > 0.5].float().mean() + found[targets < 0.5].float().mean()).item() / 2

    return Program(
        model=mlp(5, 16, 1),
        train=train,
        test=test,
        loss=nn.BCEWithLogitsLoss(pos_weight=torch.tensor(24.0)),
        optimizer=adam(3e-3),
        batch_size=64,
        epochs=12,
        score=both,
    )


# splits that differ


def test_in_other_units() -> Program:
    """The test rows were never standardised."""
    raw = data.column(data.as_float(data.breast_cancer()))
    return tested_on(cancer_logits_column(), *raw.test)


def test_turned() -> Program:
    """The test images lie on their side."""
    x, y = digits_convolutions().test
    return tested_on(digits_convolutions(), x.rot90(1, (2, 3)), y)


def test_inverted() -> Program:
    """Black on white to learn, white on black to score."""
    x, y = digits_sgd().test
    return tested_on(digits_sgd(), 1 - x, y)


def test_numbered_otherwise() -> Program:
    """The test's classes are numbered in another order."""
    x, y = digits_sgd().test
    return tested_on(digits_sgd(), x, (y + 1) % 10)


def test_from_another_place() -> Program:
    """Trained on one half of the inputs' space, scored on the other."""
    given = friedman_relu()
    (x, y), (test_x, test_y) = given.train, given.test
    here, there = x[:, 3] < 0, test_x[:, 3] > 0.5
    return replace(given, train=(x[here], y[here]), test=(test_x[there] * 2 + 1, test_y[there]))


# augmentation


class Changed(Dataset[tuple[Tensor, Tensor]]):
    """Rows changed at random as they are asked for, in a way that takes away what tells classes apart."""

    def __init__(self, x: Tensor, y: Tensor, how: str) -> None:
        self.x, self.y, self.how = x, y, how

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        x = self.x[row]
        if self.how == "noise":
            x = x + 3.0 * torch.randn_like(x)
        elif self.how == "backwards" and torch.rand(()) < 0.5:
            x = x.flip(0)
        elif self.how == "scrambled":
            x = x.flatten()[torch.randperm(x.numel())].reshape(x.shape)
        return x, self.y[row]


def changed(program: Program, how: str) -> Program:
    return replace(program, train=Changed(*program.train, how))


def drowned_in_noise() -> Program:
    return changed(digits_convolutions(), "noise")


def sequences_backwards() -> Program:
    """Half of the sequences are turned round, which exchanges the classes."""
    return changed(pulses_lstm(), "backwards")


def pixels_scrambled() -> Program:
    return changed(digits_sgd(), "scrambled")


# leaks


def overlapping_clouds() -> Program:
    """Clouds that cannot be told apart better than seven times in ten."""
    train, test = data.rare(300, share=0.5, apart=1.2)
    return Program(
        model=mlp(5, 128, 128, 2),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(3e-3),
        epochs=8,
    )


def tested_on_trained_rows() -> Program:
    """The test rows are among the training rows, which a large network learns by heart."""
    given = overlapping_clouds()
    x, y = given.train
    return replace(given, test=(x[50:250], y[50:250]), epochs=100)


def answer_among_the_inputs() -> Program:
    """A column that was written after the outcome was known."""
    given = noise_mostly()
    (x, y), (test_x, test_y) = given.train, given.test
    return replace(
        given,
        train=(torch.cat([x, y], 1), y),
        test=(torch.cat([test_x, test_y], 1), test_y),
        model=lambda: nn.Linear(9, 1),
    )


def noise_mostly() -> Program:
    train, test = data.plane(400, noise=1.5)
    return replace(plane_linear(), train=train, test=test, model=lambda: nn.Linear(8, 1))


# holes


def a_nan_in_a_row() -> Program:
    x, y = friedman_relu().train
    x = x.clone()
    x[[7, 311], [2, 5]] = torch.nan
    return trained_on(friedman_relu(), x, y)


def an_infinite_target() -> Program:
    x, y = swing_rnn().train
    y = y.clone()
    y[123] = torch.inf
    return trained_on(swing_rnn(), x, y)


def missing_as_a_large_number() -> Program:
    """-999999 stands for what was not measured."""
    x, y = friedman_relu().train
    holes = torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) < 0.01
    return trained_on(friedman_relu(), torch.where(holes, -999999.0, x), y)


CASES = (
    fault(wine_raw, wine_sgd, "unscaled-inputs", "missing-normalisation", "learning-rate-too-high"),
    fault(cancer_raw, cancer_standard, "unscaled-inputs", "missing-normalisation", "learning-rate-too-high"),
    fault(sequence_far_from_zero, pulses_lstm, "unscaled-inputs", "saturating-activation"),
    fault(prices_in_full, friedman_relu, "unscaled-targets"),
    fault(
        targets_in_billionths,
        targets_of_one,
        "unscaled-targets",
        "learning-rate-too-low",
        "too-few-epochs",
        "poor-optimizer",
    ),
    fault(labels_of_other_rows, friedman_relu, "no-signal", effect="beyond-cure"),
    fault(coin_tosses, moons_tanh, "no-signal", "label-noise", effect="beyond-cure"),
    fault(digits_half_mislabelled, digits_sgd, "label-noise", "overfitting", effect="beyond-cure"),
    fault(images_mislabelled_in_training, digits_convolutions, "label-noise", "overfitting", effect="beyond-cure"),
    fault(tags_contradict, five_tags, "label-noise", "overfitting", effect="beyond-cure"),
    fault(rare_class_unweighted, rare_class_weighted, "class-imbalance"),
    fault(
        rare_digits,
        weighted_digits,
        "class-imbalance",
        "too-few-epochs",
        "learning-rate-too-low",
        "poor-optimizer",
        "batch-size-too-large",
    ),
    fault(rare_class_by_bce, rare_class_by_weighted_bce, "class-imbalance"),
    fault(
        test_in_other_units, cancer_logits_column, "distribution-mismatch", "unscaled-inputs", effect="beyond-cure"
    ),
    fault(test_turned, digits_convolutions, "distribution-mismatch", effect="beyond-cure"),
    fault(test_inverted, digits_sgd, "distribution-mismatch", effect="beyond-cure"),
    fault(
        test_numbered_otherwise, digits_sgd, "distribution-mismatch", "wrong-target-encoding", effect="beyond-cure"
    ),
    fault(test_from_another_place, friedman_relu, "distribution-mismatch", effect="beyond-cure"),
    fault(drowned_in_noise, digits_convolutions, "harmful-augmentation", "distribution-mismatch"),
    fault(sequences_backwards, pulses_lstm, "harmful-augmentation", "label-noise"),
    fault(pixels_scrambled, digits_sgd, "harmful-augmentation", "distribution-mismatch"),
    fault(tested_on_trained_rows, overlapping_clouds, "leakage", effect="flatters"),
    fault(answer_among_the_inputs, noise_mostly, "leakage", effect="flatters"),
    fault(a_nan_in_a_row, friedman_relu, "invalid-data"),
    fault(an_infinite_target, swing_rnn, "invalid-data"),
    fault(missing_as_a_large_number, friedman_relu, "invalid-data", "unscaled-inputs"),
)  # fmt: skip (a case to two lines)
