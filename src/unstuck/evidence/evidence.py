"""What was measured, as columns, each with a name, a unit, and what its last axis runs over."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


class Column(NamedTuple):
    """Numbers of one kind.

    `along` names the entries of the last axis (layers, parameters, features); `steps` says after how many
    steps each entry of the first axis was measured, where it was measured more than once.
    """

    values: np.ndarray
    unit: str
    along: tuple[str, ...] = ()
    steps: tuple[int, ...] = ()


@dataclass(frozen=True)
class Evidence(Mapping[str, Column]):
    """Columns by name. What could not be measured has none, and no symptom is found in it."""

    columns: Mapping[str, Column] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __or__(self, other: "Evidence") -> "Evidence":
        """Both; of a name that both have, the other's."""
        return Evidence({**self.columns, **other.columns})

    def number(self, name: str) -> float:
        """A column of one number; NaN where it was not measured."""
        return float(self.columns[name].values) if name in self.columns else np.nan

    def word(self, name: str) -> str:
        """A column of one word; empty where it was not measured."""
        return self.columns[name].along[0] if name in self.columns and self.columns[name].along else ""


def word(said: str) -> Column:
    """A column of one word: an operation, a kind of target."""
    return Column(np.ones(1), "", (said,))
