"""Data sets generated from a seed: nothing to fetch, any of them small enough to understand whole.

Each takes a generator, the stream "data" of the recipe's `data.seed`, and gives inputs (N, features), or
sequences (N, T, features), float32 and class numbers (N,) int64.
"""

import math

import numpy as np

Sample = tuple[np.ndarray, np.ndarray]

INTERVALS = np.arange(-10, 31, 5)
"""Edges between the classes of `sum_intervals`; the lower edge belongs to the class above it."""


def sum_intervals(generator: np.random.Generator, rows: int = 10_000, features: int = 784) -> Sample:
    """Features drawn from N(0, 1); the class is the interval that their sum falls in.

    Ten classes: below -10, [-10, -5), …, [25, 30), 30 and above. The sum has deviation √784 = 28, so that the
    two open intervals hold half of the rows.
    """
    x = generator.standard_normal((rows, features), dtype=np.float32)
    return x, np.digitize(x.sum(axis=1, dtype=np.float64), INTERVALS).astype(np.int64)


def interval_names() -> tuple[str, ...]:
    """The classes of `sum_intervals` in words."""
    inner = (f"[{low}, {low + 5})" for low in INTERVALS[:-1])
    return (f"below {INTERVALS[0]}", *inner, f"{INTERVALS[-1]} and above")


def blobs(generator: np.random.Generator, rows: int = 1000) -> Sample:
    """Three round clouds of deviation 1/2, around the corners of a triangle with sides of √3."""
    y = np.arange(rows) % 3
    angle = 2 * math.pi * y / 3
    return _noisy(np.cos(angle), np.sin(angle), y, 0.5, generator)


def circles(generator: np.random.Generator, rows: int = 1000) -> Sample:
    """A circle of radius 1/2 inside one of radius 1, with noise of deviation 0.05."""
    y = np.arange(rows) % 2
    angle = generator.uniform(0, 2 * math.pi, rows)
    radius = np.where(y == 0, 1.0, 0.5)
    return _noisy(radius * np.cos(angle), radius * np.sin(angle), y, 0.05, generator)


def moons(generator: np.random.Generator, rows: int = 1000) -> Sample:
    """Two half circles of radius 1 that reach into each other, with noise of deviation 0.1."""
    y = np.arange(rows) % 2
    angle = generator.uniform(0, math.pi, rows)
    across = np.where(y == 0, np.cos(angle), 1 - np.cos(angle))
    upward = np.where(y == 0, np.sin(angle), 0.5 - np.sin(angle))
    return _noisy(across, upward, y, 0.1, generator)


def pulses(generator: np.random.Generator, rows: int = 2000, longest: int = 24) -> Sample:
    """A signal of 8 to 24 steps, noise of deviation 0.3, with one pulse of 2 and one of -2; which comes first.

    Nothing but the order tells the classes apart: backwards, a sequence is one of the other class. Sequences
    (N, 24, 1), NaN after their end.
    """
    y = np.arange(rows) % 2
    lengths = generator.integers(8, longest, rows, endpoint=True)
    first = generator.integers(0, lengths - 1)
    second = generator.integers(first + 1, lengths)
    x = 0.3 * generator.standard_normal((rows, longest, 1))
    every = np.arange(rows)
    x[every, first, 0] += np.where(y == 0, 2, -2)
    x[every, second, 0] -= np.where(y == 0, 2, -2)
    x[np.arange(longest) >= lengths[:, None]] = np.nan
    return x.astype(np.float32), y.astype(np.int64)


def xor(generator: np.random.Generator, rows: int = 1000) -> Sample:
    """Points of the square [-1, 1]²; the class is whether their coordinates have different signs."""
    x = generator.uniform(-1, 1, (rows, 2)).astype(np.float32)
    return x, ((x[:, 0] < 0) != (x[:, 1] < 0)).astype(np.int64)


def _noisy(
    across: np.ndarray, upward: np.ndarray, y: np.ndarray, noise: float, generator: np.random.Generator
) -> Sample:
    x = np.stack([across, upward], axis=1) + noise * generator.standard_normal((len(y), 2))
    return x.astype(np.float32), y.astype(np.int64)
