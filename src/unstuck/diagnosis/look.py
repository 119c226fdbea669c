"""What is known of a program, and measured of it, without training it."""

import importlib
from dataclasses import replace
from functools import partial
from typing import Any

from unstuck.diagnosis.subject import lowered
from unstuck.evidence import data
from unstuck.evidence.evidence import Evidence
from unstuck.evidence.facts import Facts
from unstuck.recipe.spec import Recipe
from unstuck.training.program import Program


def known(what: Program | Recipe, seed: int) -> tuple[Program, Facts]:
    """The program, a recipe's as it is lowered, and its facts.

    Where its score is minus the loss, that is the loss as given, also of arms that train by another one.
    """
    program = lowered(what) if isinstance(what, Recipe) else what
    torch_facts = importlib.import_module("unstuck.evidence.torch_facts")
    facts = torch_facts.facts_of(program, seed=seed)
    if facts.score == "negative_loss":
        program = replace(program, score=partial(_negated, torch_facts.copied(program.loss, "loss")))
    return program, facts


def _negated(loss: Any, outputs: Any, targets: Any) -> float:
    return -float(loss(outputs, targets))


def at_data(facts: Facts, seed: int) -> Evidence:
    """Measured of its rows: sizes, twins, shifts, and what other models make of them."""
    parts = {"train": facts.train, "validation": facts.validation, "test": facts.test}
    splits = {name: (part.x, part.y) for name, part in parts.items() if part is not None}
    return data.of_data(splits, facts.kind, seed=seed)


def at_program(program: Program, facts: Facts, seed: int) -> Evidence:
    """Measured of its step, its objective, its settings and its layers."""
    measured = Evidence()
    for name in ("wiring", "start"):
        module = importlib.import_module(f"unstuck.evidence.torch_{name}")
        measured = measured | getattr(module, f"of_{name}")(program, facts, seed=seed)
    return measured
