"""A data set in memory: named splits of arrays, and the scaling that was fitted to them."""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class Scaling:
    """x ↦ (x - shift) · factor, feature by feature.

    Shapes: shift and factor are float32 and broadcast against one example: () for all features alike, (F,) of
    sequences, whose steps are scaled alike, or else the example's own shape.
    """

    shift: np.ndarray
    factor: np.ndarray

    def apply(self, raw: np.ndarray) -> np.ndarray:
        """Raw numbers (N, …) as the float32 numbers that networks see.

        Rounded to float32 at the end: seconds since 1970 lie 128 apart there before the shift is taken off.
        """
        return ((raw - self.shift) * self.factor).astype(np.float32, copy=False)

    def undo(self, scaled: np.ndarray) -> np.ndarray:
        """Scaled numbers (N, …) back in the original unit."""
        return scaled / self.factor + self.shift


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of a data set.

    Shapes: x (N, …), uint8 as stored, which engines multiply by the data set's factor while gathering, or
    float32, scaled already, and NaN after the end of a sequence (N, T, F) shorter than the longest;
    y (N,) int64 class numbers, or (N, O) float32 scaled numbers.
    rows (N,) int64: where each row stood in its source.
    """

    x: np.ndarray
    y: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: np.ndarray) -> "Split":
        """Copies of some rows, by their place (K,) in this split."""
        return Split(self.x[index], self.y[index], self.rows[index])


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """What a recipe's `data` becomes: splits, their meaning, and a fingerprint of it all."""

    name: str
    train: Split
    validation: Split | None
    test: Split | None
    classes: tuple[str, ...] | None
    """Names of the classes, by number; None where numbers are predicted."""
    features: tuple[str, ...] | None
    """Names of the columns of a table, else None."""
    inputs: Scaling
    targets: Scaling | None
    """How numbers to predict were scaled; None for classes."""
    fingerprint: str
    """SHA-256 over every split's arrays and the scaling, as hexadecimal digits."""
    sequence: str | None = None
    """Where rows are sequences: the column or array that says which steps belong to which; else None."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example: (28, 28) for MNIST, (features,) for a table."""
        return self.train.x.shape[1:]

    @property
    def has_pictures(self) -> bool:
        """Whether rows are pictures, (H, W) or (C, H, W)."""
        return self.sequence is None and len(self.shape) in (2, 3)

    @property
    def is_padded(self) -> bool:
        """Whether rows are sequences of which some end early: what lies after their end is NaN."""
        return self.sequence is not None and any(
            bool(np.isnan(split.x[:, -1, 0]).any()) for split in self.splits.values()
        )

    @property
    def outputs(self) -> int:
        """How many numbers a network must put out: one per class, or one per target column."""
        return len(self.classes) if self.classes else self.train.y.shape[1]

    @property
    def splits(self) -> dict[str, Split]:
        """The splits that there are, by name."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}

    def reconstruction(self) -> "Dataset":
        """The same rows with their inputs as targets (N, I), scaled alike: what an autoencoder learns."""
        factor = np.float32(self.inputs.factor if self.train.x.dtype == np.uint8 else 1)

        def as_targets(split: Split) -> Split:
            return Split(split.x, (split.x * factor).reshape(len(split), -1), split.rows)

        shift, scale = (
            np.broadcast_to(part, self.shape).ravel() for part in (self.inputs.shift, self.inputs.factor)
        )
        return replace(
            self,
            train=as_targets(self.train),
            validation=self.validation and as_targets(self.validation),
            test=self.test and as_targets(self.test),
            classes=None,
            targets=Scaling(shift, scale),
        )
