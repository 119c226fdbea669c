"""What a run measured: columns of numbers, each with a name and a unit."""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

UNITS = {
    "epoch": "epochs done",
    "seconds": "s",
    "step_loss": "mean over the batch",
}


@dataclass
class Record(Mapping[str, np.ndarray]):
    """Columns by name. Those of an epoch have one value per epoch, those named `step_…` one per step.

    They grow in place and are copied at once: a checkpoint of a million steps must not take a tenth of a second.
    """

    columns: dict[str, "array[float]"] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=lambda: dict(UNITS))

    def restore(self, columns: Mapping[str, np.ndarray]) -> None:
        """Put columns back as they were read."""
        self.columns = {name: _column(values) for name, values in columns.items()}

    def add(self, **values: float) -> None:
        """One more value in each named column."""
        for name, value in values.items():
            self.columns.setdefault(name, array("d")).append(float(value))

    def extend(self, **values: np.ndarray) -> None:
        """More values (S,) in each named column."""
        for name, column in values.items():
            self.columns.setdefault(name, array("d")).extend(_column(column))

    def epochs(self) -> Iterator[dict[str, float]]:
        """The epoch's columns as rows, first epoch first."""
        names = [name for name in self.columns if not name.startswith("step_")]
        for values in zip(*(self.columns[name] for name in names), strict=True):
            yield dict(zip(names, values, strict=True))

    def __getitem__(self, name: str) -> np.ndarray:
        return np.array(self.columns[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


def _column(values: np.ndarray) -> "array[float]":
    return array("d", np.asarray(values, np.float64).tobytes())
