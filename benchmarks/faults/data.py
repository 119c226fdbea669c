"""Rows that the programs learn from: sets that ship with unstuck or scikit-learn, and generated ones."""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from sklearn.datasets import make_blobs, make_circles, make_friedman1, make_moons
from torch import Tensor, nn

from unstuck.data import load
from unstuck.recipe.data import Data

Rows = tuple[Tensor, Tensor]


class Sets(NamedTuple):
    """What is trained on, and what is scored."""

    train: Rows
    test: Rows


def split(x: np.ndarray, y: np.ndarray, train: int) -> Sets:
    """The first rows to train on, the others to score; numbers in float32, classes as int64."""
    inputs = torch.from_numpy(np.ascontiguousarray(x))
    targets = torch.from_numpy(np.ascontiguousarray(y))
    inputs = inputs.float() if inputs.is_floating_point() else inputs.long()
    targets = targets.float() if targets.is_floating_point() else targets.long()
    return Sets((inputs[:train], targets[:train]), (inputs[train:], targets[train:]))


def standard(sets: Sets, *, targets: bool = False) -> Sets:
    """Inputs, or inputs and targets, to mean 0 and deviation 1 by the training rows."""
    (x, y), (other_x, other_y) = sets
    shift, spread = x.mean(0), x.std(0).clamp_min(1e-6)
    low, unit = (y.mean(0), y.std(0)) if targets else (0, 1)
    return Sets(
        ((x - shift) / spread, (y - low) / unit if targets else y),
        ((other_x - shift) / spread, (other_y - low) / unit if targets else other_y),
    )


def column(sets: Sets) -> Sets:
    """Targets (N,) as (N, 1)."""
    return Sets(*((x, y[:, None]) for x, y in sets))


def as_float(sets: Sets) -> Sets:
    """Classes 0 and 1 as floats, which BCE takes."""
    return Sets(*((x, y.float()) for x, y in sets))


# published sets


@cache
def digits() -> Sets:
    """1077 and 720 handwritten digits (N, 64), in [0, 1]."""
    return _published("digits", 1 / 255, test=0.4)


def digit_images() -> Sets:
    """The same as images (N, 1, 8, 8)."""
    return Sets(*((x.reshape(-1, 1, 8, 8), y) for x, y in digits()))


@cache
def small_mnist(rows: int = 1000) -> Sets:
    """MNIST digits (N, 1, 14, 14) in [0, 1], halved in size; 1000 to score."""
    splits = load(Data(name="mnist", validation=0.0, rows=rows, scaling="none")).splits
    return Sets(
        *(
            _halved(splits[name].x[:most], splits[name].y[:most])
            for name, most in (("train", rows), ("test", 1000))
        )
    )


def _halved(x: np.ndarray, y: np.ndarray) -> Rows:
    images = torch.from_numpy(x).float().reshape(-1, 1, 28, 28) / 255
    return nn.functional.avg_pool2d(images, 2), torch.from_numpy(y).long()


def iris() -> Sets:
    """90 and 60 flowers (N, 4), in cm."""
    return _published("iris", test=0.4)


def wine() -> Sets:
    """107 and 71 wines (N, 13), of which one feature goes to 1700."""
    return _published("wine", test=0.4)


def breast_cancer() -> Sets:
    """341 and 228 tumours (N, 30), features from 0.001 to 4000."""
    return _published("breast-cancer", test=0.4)


def diabetes() -> Sets:
    """265 and 177 patients (N, 10), targets (N,) from 25 to 346; the best R² is about 0.45."""
    return Sets(*((x, y[:, 0]) for x, y in _published("diabetes", test=0.4)))


@cache
def _published(name: str, factor: float = 1.0, *, test: float) -> Sets:
    splits = load(Data(name=name, validation=0.0, test=test, scaling="none", target_scaling="none")).splits
    x = np.concatenate([splits["train"].x, splits["test"].x]).astype(np.float32) * factor
    y = np.concatenate([splits["train"].y, splits["test"].y])
    y = y if y.dtype.kind == "f" else y.astype(np.int64)
    return split(x.reshape(len(x), -1), y, len(splits["train"].x))


# generated tables


def friedman(rows: int = 500, *, noise: float = 1.0, seed: int = 0) -> Sets:
    """Friedman's function of 5 of 10 features in [0, 1], targets (N,) of mean 14 and deviation 5; and noise."""
    x, y = make_friedman1(rows + 1000, 10, noise=noise, random_state=seed)
    return split(x, y, rows)


def moons(rows: int = 400, *, noise: float = 0.15, flipped: float = 0.0, seed: int = 0) -> Sets:
    """Two half circles that reach into each other; a share of all labels is wrong."""
    x, y = make_moons(rows + 1000, noise=noise, random_state=seed)
    return split(x, flip(y, flipped, seed), rows)


def circles(rows: int = 400, *, noise: float = 0.1, seed: int = 0) -> Sets:
    """A circle inside another."""
    x, y = make_circles(rows + 1000, noise=noise, factor=0.5, random_state=seed)
    return split(x, y, rows)


def blobs(rows: int = 400, *, centers: int = 4, spread: float = 1.0, flipped: float = 0.0, seed: int = 3) -> Sets:
    """Round clouds of 2 features; a share of all labels is wrong."""
    x, y = make_blobs(rows + 1000, centers=centers, n_features=2, cluster_std=spread, random_state=seed)
    return split(x, flip(y, flipped, seed), rows)


def flip(y: np.ndarray, share: float, seed: int = 0) -> np.ndarray:
    """Classes of which a share is another one."""
    rng = np.random.default_rng(seed)
    kinds = int(y.max()) + 1
    wrong = rng.random(len(y)) < share
    return np.where(wrong, (y + rng.integers(1, kinds, len(y))) % kinds, y)


def xor_points(rows: int = 400, *, features: int = 2, seed: int = 0) -> Sets:
    """Points of [-1, 1]ⁿ; the class is whether the first two coordinates have different signs."""
    x = np.random.default_rng(seed).uniform(-1, 1, (rows + 1000, features))
    return split(x, ((x[:, 0] < 0) != (x[:, 1] < 0)).astype(np.int64), rows)


def xor_rows() -> Sets:
    """The four rows of XOR, to learn and to score."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 2, dtype=np.float32)
    return split(x, np.array([0.0, 1.0, 1.0, 0.0] * 2)[:, None], 4)


def wave(rows: int = 300, *, noise: float = 0.1, frequency: float = 3.0, seed: int = 0) -> Sets:
    """sin(frequency · x) over [-2, 2], (N, 1) both, and noise."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, (rows + 1000, 1))
    return split(x, np.sin(frequency * x) + noise * rng.standard_normal(x.shape), rows)


def plane(rows: int = 300, *, features: int = 8, noise: float = 0.3, outputs: int = 1, seed: int = 0) -> Sets:
    """A linear function of standard normal features (N, F), targets (N, O) of deviation about 1, and noise."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows + 1000, features))
    weights = rng.standard_normal((features, outputs)) / np.sqrt(features)
    return split(x, x @ weights + noise * rng.standard_normal((len(x), outputs)), rows)


def products(rows: int = 600, *, noise: float = 0.1, seed: int = 0) -> Sets:
    """x₀ x₁ + sin(2 x₂) of 6 standard normal features, targets (N, 1): no linear function fits it well."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows + 1000, 6))
    y = x[:, :1] * x[:, 1:2] + np.sin(2 * x[:, 2:3])
    return split(x, y + noise * rng.standard_normal(y.shape), rows)


def tags(rows: int = 600, *, seed: int = 0) -> Sets:
    """Five labels of 0 or 1 (N, 5), each on one side of a bent surface over 12 features."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows + 1000, 12))
    y = x @ rng.standard_normal((12, 5)) / 3 + 0.5 * x[:, :5] * x[:, 5:10] + 0.1 * rng.standard_normal((len(x), 5))
    return split(x, (y > 0).astype(np.float32), rows)


def rare(rows: int = 1000, *, share: float = 0.05, apart: float = 2.0, seed: int = 0) -> Sets:
    """Two overlapping clouds of 5 features, of which the second is rare, (N,) 0 or 1."""
    rng = np.random.default_rng(seed)
    y = (rng.random(rows + 2000) < share).astype(np.int64)
    x = rng.standard_normal((len(y), 5)) + apart / np.sqrt(5) * y[:, None]
    return split(x, y, rows)


# generated sequences


def pulses(rows: int = 600, *, steps: int = 12, seed: int = 0) -> Sets:
    """Noise (N, T, 1) with a pulse up and a pulse down; the class is which comes first."""
    rng = np.random.default_rng(seed)
    x = 0.3 * rng.standard_normal((rows + 600, steps, 1))
    places = np.sort(rng.permuted(np.tile(np.arange(steps), (len(x), 1)), axis=1)[:, :2], axis=1)
    y = rng.integers(2, size=len(x))
    every = np.arange(len(x))
    x[every, places[:, 0], 0] += 2.0 * (1 - 2 * y)
    x[every, places[:, 1], 0] -= 2.0 * (1 - 2 * y)
    return split(x, y, rows)


def totals(rows: int = 600, *, steps: int = 10, seed: int = 0) -> Sets:
    """Sequences (N, T, 2) of numbers and marks; the target (N, 1) is the sum of the two that are marked."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(-1, 1, (rows + 600, steps))
    marks = np.argsort(rng.random(values.shape), axis=1) < 2
    return split(np.stack([values, marks], axis=2), (values * marks).sum(1, keepdims=True), rows)


def swing(rows: int = 500, *, steps: int = 12, seed: int = 0) -> Sets:
    """Sines of random frequency and phase (N, T, 1) with noise; the target (N, 1) is the next value."""
    rng = np.random.default_rng(seed)
    frequency, phase = rng.uniform(0.3, 1.0, (rows + 600, 1)), rng.uniform(0, 2 * np.pi, (rows + 600, 1))
    x = np.sin(frequency * np.arange(steps + 1) + phase) + 0.05 * rng.standard_normal((rows + 600, steps + 1))
    return split(x[:, :-1, None], x[:, -1:], rows)


def words(rows: int = 600, *, steps: int = 12, seed: int = 0) -> Sets:
    """Tokens (N, T) of 30 words, of which 8 are kind and 8 are not; the class is which are more."""
    rng = np.random.default_rng(seed)
    x = rng.integers(30, size=(rows + 600, steps))
    balance = (x < 8).sum(1) - ((x >= 8) & (x < 16)).sum(1)
    keep = balance != 0
    return split(x[keep], (balance[keep] > 0).astype(np.int64), int(rows * keep.mean()))
