"""A trained network with all that belongs to it: raw inputs to answers."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from unstuck.data import Dataset, Intake, Scaling, Split
from unstuck.dense import engine as dense
from unstuck.engine import Arrays, Evaluation
from unstuck.errors import DataError
from unstuck.network.build import LINKS
from unstuck.network.network import Network, linked
from unstuck.recipe.loss import Loss
from unstuck.recipe.spec import Recipe
from unstuck.training.own import retyped
from unstuck.training.resolve import network_of


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """What must be known of the data to use the network, without the data themselves."""

    name: str
    fingerprint: str
    outputs: int
    classes: tuple[str, ...] | None
    rows: dict[str, int]
    is_padded: bool
    """Whether some rows are sequences that end early."""
    intake: Intake
    """How new inputs are made like the training data."""

    @classmethod
    def of(cls, dataset: Dataset) -> "DataFacts":
        """The facts of a data set."""
        return cls(
            name=dataset.name,
            fingerprint=dataset.fingerprint,
            outputs=dataset.outputs,
            classes=dataset.classes,
            rows={name: len(split) for name, split in dataset.splits.items()},
            is_padded=dataset.is_padded,
            intake=Intake.of(dataset),
        )

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> "DataFacts":
        """The facts as a checkpoint keeps them, as plain data."""
        classes = None if said["classes"] is None else tuple(said["classes"])
        facts: dict[str, Any] = {**said, "classes": classes, "intake": Intake.from_facts(said["intake"])}
        return cls(**facts)


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor:
    """A trained network with the scaling that belongs to it.

    Perceptrons are evaluated by the dense engine, whichever trained them; all else by torch.
    """

    recipe: Recipe
    weights: Arrays
    inputs: Scaling
    targets: Scaling | None
    facts: DataFacts
    make: Callable[..., Any] | None = None
    """What makes a model of the user's own; without it such a model does not answer."""

    @cached_property
    def network(self) -> Network | None:
        """The recipe's network; None for a model of the user's own."""
        return network_of(self.recipe, self.facts.intake.shape, self.facts.outputs, padded=self.facts.is_padded)

    @cached_property
    def module(self) -> Any:
        """The network in torch, with its weights."""
        make = self.make or retyped(self.recipe, None, "the run")
        return importlib.import_module("unstuck.training.from_recipe").module_of(
            self.recipe,
            self.network,
            self.weights,
            shape=self.facts.intake.shape,
            outputs=self.facts.outputs,
            pictures=self.facts.intake.sequence is None and len(self.facts.intake.shape) in (2, 3),
            make=make,
        )

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """Probabilities (N, C), or numbers (N, O) in their original unit, for raw inputs (N, …)."""
        ready = self._ready(np.asarray(x))
        nothing = np.zeros(0, np.int64)
        answers = self._linked(self._evaluated(Split(ready, nothing, nothing), None).outputs)
        return answers if self.targets is None else self.targets.undo(answers)

    def evaluate(self, x: np.ndarray, y: np.ndarray) -> Evaluation:
        """Predictions (N, …) and mean loss for raw inputs (N, …) and raw targets (N,) or (N, O)."""
        targets = y if self.targets is None else self.targets.apply(y)
        said = self._evaluated(Split(self._ready(x), targets, np.arange(len(x))), self.recipe.loss)
        return said._replace(outputs=self._linked(said.outputs))

    def _linked(self, outputs: np.ndarray) -> np.ndarray:
        return linked(LINKS.get(self.recipe.loss.name, "identity"), outputs)

    def _evaluated(self, rows: Split, loss: Loss | None) -> Evaluation:
        if self.network and dense.can_evaluate(self.network, loss):
            return dense.evaluated(self.network, self.weights, rows, loss)
        return importlib.import_module("unstuck.training.from_recipe").evaluated(self.module, rows, loss)

    def _ready(self, x: np.ndarray) -> np.ndarray:
        ready = self.facts.intake.alike(x)
        if self.facts.intake.sequence and not self.facts.is_padded and np.isnan(ready).any():
            raise DataError(f"x must have {ready.shape[1]} steps in each sequence, as all that were trained on.")
        return self.inputs.apply(ready).reshape(len(x), int(np.prod(ready.shape[1:])))
