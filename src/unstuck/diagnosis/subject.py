"""What is diagnosed, as experiments train it: a program of the user's own, or a recipe."""

import copy
import difflib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np

from unstuck.data import load_for
from unstuck.diagnosis.held import Held
from unstuck.diagnosis.terms import Treated, Treatment
from unstuck.evidence.facts import Facts
from unstuck.recipe import file
from unstuck.recipe.data import Data
from unstuck.recipe.edit import edited
from unstuck.recipe.spec import Recipe
from unstuck.training.program import Program
from unstuck.training.task import Task, lowered_task, task_of_recipe

Arm = tuple[str, ...]
"""Ids of the treatments that make an arm differ from the control, in the order in which they are applied."""


class Subject(Protocol):
    """Something that can be trained with treatments: to choose them by some rows, and to judge them by others."""

    @property
    def epochs(self) -> int:
        """As given."""
        ...

    @property
    def chooses_by(self) -> str:
        """Which rows treatments are chosen by, in words."""
        ...

    @property
    def judges_by(self) -> str:
        """Which rows they are judged by."""
        ...

    def treated(self, arm: Arm, *, judging: bool) -> Treated | None:
        """With an arm's treatments; None where one of them does not apply or changes nothing."""
        ...

    def cured(self, arm: Arm) -> Treated | None:
        """The thing as it was given, with an arm's treatments."""
        ...

    def task(self, treated: Treated, seed: int, *, judging: bool) -> Task:
        """Ready to train; its test rows are those to choose or to judge by."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class OfProgram:
    """Live objects, which treatments wrap."""

    program: Program
    held: Held
    facts: Facts
    treatments: Mapping[str, Treatment]

    @property
    def epochs(self) -> int:
        """As given."""
        return self.held.judging.epochs

    @property
    def chooses_by(self) -> str:
        """Which rows treatments are chosen by."""
        return self.held.chooses_by

    @property
    def judges_by(self) -> str:
        """Which rows they are judged by."""
        return self.held.judges_by

    def treated(self, arm: Arm, *, judging: bool) -> Treated | None:
        """The program with an arm's treatments, and with rows held back."""
        return self._treated(arm, self.held.judging if judging else self.held.choosing)

    def cured(self, arm: Arm) -> Treated | None:
        """The user's program, with its own rows."""
        return self._treated(arm, self.program)

    def _treated(self, arm: Arm, program: Program) -> Treated | None:
        made = Treated(program, ())
        for name in arm:
            more = self.treatments[name].treat(made.program, self.facts)
            if more is None:
                return None
            made = Treated(more.program, made.lines + more.lines)
        return made

    def task(self, treated: Treated, seed: int, *, judging: bool) -> Task:
        """On the processor, one thread, so that the same seed gives the same bits; by the dense engine if it can.

        A loss that is a module is a copy, for it may keep something from batch to batch. A score of the user's own
        is not asked what it thinks of NaN.
        """
        program = treated.program
        if isinstance(program.loss, _module()):
            program = replace(program, loss=copy.deepcopy(program.loss))
        inside = importlib.import_module("unstuck.diagnosis.treatments.torch_inside").inside
        task = lowered_task(program, seed=seed, inside=inside)
        if program.score is None:
            return task
        return replace(task, score=task.score._replace(measure=partial(_of_numbers, task.score.measure)))


def _of_numbers(measure: Callable[[np.ndarray, np.ndarray], float], outputs: np.ndarray, y: np.ndarray) -> float:
    return np.nan if np.isnan(outputs).any() else measure(outputs, y)


def _module() -> type:
    return importlib.import_module("torch").nn.Module


@dataclass(frozen=True, kw_only=True, eq=False)
class OfRecipe:
    """A recipe, which treatments edit; the dense engine trains it where it can.

    Validation rows choose, test rows judge.
    """

    recipe: Recipe
    treatments: Mapping[str, Treatment]
    chooses_by: str = "validation rows"
    judges_by: str = "test rows"

    @classmethod
    def of(cls, recipe: Recipe, treatments: Mapping[str, Treatment]) -> "OfRecipe":
        """A recipe that keeps no validation or no test rows keeps the usual share of them here."""
        dataset, usual = load_for(recipe), Data.model_fields
        for name in ("validation", "test"):
            if name not in dataset.splits:
                recipe = recipe.edit(f"data.{name}", usual[name].default)
        return cls(recipe=recipe, treatments=treatments)

    @property
    def epochs(self) -> int:
        """As given."""
        return self.recipe.epochs

    def treated(self, arm: Arm, *, judging: bool) -> Treated | None:
        """The recipe with an arm's edits, and the difference as lines of TOML."""
        recipe = self.recipe
        for name in arm:
            edits = self.treatments[name].edits(recipe)
            changed = edited(recipe, edits) if edits else recipe
            if changed == recipe:
                return None
            recipe = changed
        return Treated(recipe, lines_of(self.recipe, recipe))

    def cured(self, arm: Arm) -> Treated | None:
        """The same: a recipe says which rows it keeps back."""
        return self.treated(arm, judging=True)

    def task(self, treated: Treated, seed: int, *, judging: bool) -> Task:
        """On the processor; rows that judge, or those that choose, stand in the place of test rows."""
        recipe = treated.program.edit("seed", seed).edit("device", "cpu")
        dataset = load_for(recipe)
        return task_of_recipe(recipe, dataset if judging else replace(dataset, test=dataset.validation))


def lines_of(before: Recipe, after: Recipe) -> tuple[str, ...]:
    """The difference as the recipe's file has it: each changed line as it was, and as it is."""
    told = difflib.ndiff(file.dumps(before).splitlines(), file.dumps(after).splitlines())
    return tuple(line for line in told if line[0] in "-+")


def lowered(recipe: Recipe) -> Program:
    """A recipe as the program that the torch engine trains, to be looked at; its weights are those of its seed."""
    task = task_of_recipe(recipe.edit("engine", "torch"))
    engine: Any = task.engine
    resolved = task.recipe
    assert resolved is not None
    made = importlib.import_module("unstuck.training.from_recipe").optimizer
    return Program(
        model=engine.model,
        train=task.rows["train"],
        validation=task.rows.get("validation"),
        test=task.rows.get("test"),
        loss=engine.loss,
        optimizer=partial(made, resolved.optimizer),
        batch_size=resolved.batch_size,
        epochs=resolved.epochs,
    )
