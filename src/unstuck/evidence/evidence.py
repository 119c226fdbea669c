"""What was measured, as columns, each with a name, a unit, and what its last axis runs over.

Columns of the controls, the program as given trained from S seeds, which whoever trains them fills in:

control_losses (S, T)         loss of each step; a training that broke down ends in NaN, and of one that stopped
                              early the last number is repeated
control_train_loss (S, E)     after each epoch, of training rows
control_choose_loss (S, E)    likewise, of rows that treatments are chosen by
control_train_score (S,)      at the end
control_choose_score (S,)     likewise
control_test_score (S,)       likewise, of rows that nothing is chosen by
control_recall (S, C)         share of each class's rows that are told, along the classes

What is measured of a training while it runs (`torch_watch`) has names that begin with watched_, and steps.
"""

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
