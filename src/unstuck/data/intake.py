"""How new inputs are made like the training data: pictures of any size, rows of a table."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unstuck.data import photo, sequences
from unstuck.data.dataset import Dataset
from unstuck.data.paper import Paper, fit
from unstuck.data.readers import rows
from unstuck.errors import DataError

_SAMPLE = 1000  # training pictures that are looked at, evenly spaced
_PIXELS = 2**24  # in all, at most
_WHITES = (1.0, 16.0, 255.0)  # what pictures are stored up to: fractions, scikit-learn's digits, bytes


@dataclass(frozen=True, kw_only=True)
class Intake:
    """What must be known of the training data to make new inputs like them; `facts` are it as plain data."""

    shape: tuple[int, ...]
    """Of one example."""
    features: tuple[str, ...] | None
    """Names of a table's inputs, in order, one-hot encoded words as column=word; None if they have none."""
    white: float | None
    """What white is in the raw numbers of pictures, 255 for bytes; None where inputs are no pictures."""
    paper: Paper | None
    """The even background that grey pictures are drawn on, such as MNIST's black; None if they have none."""
    sequence: str | None = None
    """Where inputs are sequences: the column or array that says which steps belong to which; else None."""

    @classmethod
    def of(cls, dataset: Dataset) -> "Intake":
        """Fitted on the training split alone."""
        shape, white, paper = dataset.shape, None, None
        if dataset.features is None and dataset.has_pictures and (len(shape) == 2 or shape[0] == 3):
            raw = _sample(dataset)
            white = next((white for white in _WHITES if raw.min() >= 0 and raw.max() <= white), None)
            paper = fit(raw * (255 / white)) if white and len(shape) == 2 else None
        return cls(shape=shape, features=dataset.features, white=white, paper=paper, sequence=dataset.sequence)

    def facts(self) -> dict[str, Any]:
        """As numbers, words, lists and dicts, which JSON can hold."""
        return asdict(self)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "Intake":
        """The intake that gave these facts, also after JSON has made lists of its tuples."""
        features = facts["features"]
        return cls(
            shape=tuple(facts["shape"]),
            features=None if features is None else tuple(features),
            white=facts["white"],
            paper=facts["paper"] and Paper.from_facts(facts["paper"]),
            sequence=facts.get("sequence"),
        )

    def pictures(self, paths: Sequence[str | Path]) -> np.ndarray:
        """Files of pictures as raw inputs (N, *shape): uint8, or float32 where white is not 255.

        Where the training pictures are drawn on an even background, the new ones are redrawn on it; else they
        are stretched to the shape, as readers of image folders do.
        """
        if self.white is None:
            what = f"rows of {self.shape[0]} numbers" if len(self.shape) == 1 else f"inputs of shape {self.shape}"
            raise DataError(
                f"{paths[0] if paths else 'a picture'} is no input for a network that was trained on {what}, "
                f"not on pictures; give a file {', '.join(rows.ENDINGS)}."
            )
        taken = np.empty((len(paths), *self.shape), dtype=np.uint8)
        for picture, path in zip(taken, map(Path, paths), strict=True):
            image = photo.read(path)
            if self.paper:
                picture[...] = photo.redrawn(image, self.shape, self.paper, path)
            else:
                picture[...] = photo.resized(image, self.shape)
        return taken if self.white == 255 else taken * np.float32(self.white / 255)

    def rows(self, path: str | Path) -> np.ndarray:
        """Rows of a .csv, .parquet or .npz file as raw inputs (N, *shape), the target left out if it is there.

        Tables are float64, since scaling was fitted so: float32 would round large numbers before it. Sequences
        shorter than the longest that was trained on are NaN after their end.
        """
        if self.sequence:
            return rows.read_sequences(Path(path), self.shape, self.features, self.sequence)
        return rows.read(Path(path), self.shape, self.features)

    def alike(self, x: np.ndarray) -> np.ndarray:
        """Raw inputs (N, …), handed over as an array, as inputs of the shape; `DataError` if they cannot be."""
        shape = self.shape
        if self.sequence:
            if x.ndim != 3 or x.shape[2] != shape[1]:
                raise DataError(f"x must be sequences (rows, steps, {shape[1]}), got shape {x.shape}.")
            return sequences.lengthened(sequences.padded(x, None, "x"), shape[0], "x")
        if x.ndim < 2 or int(np.prod(x.shape[1:])) != int(np.prod(shape)):
            raise DataError(f"x must have shape (rows, {', '.join(map(str, shape))}), got {x.shape}.")
        if x.dtype.kind not in "biuf" or not np.isfinite(x).all():
            raise DataError(f"x must hold finite numbers, got {x.dtype} with others among them.")
        return x.reshape(len(x), *shape)


def _sample(dataset: Dataset) -> np.ndarray:
    """Some training inputs (N, …), as they were before scaling."""
    x = dataset.train.x
    count = min(len(x), _SAMPLE, max(1, _PIXELS // x[0].size))
    some = x[np.arange(count) * len(x) // count]
    if some.dtype == np.uint8:
        return some
    return dataset.inputs.undo(some).round(3)  # scaling to float32 and back leaves 254.99998
