"""A diagnosis from end to end, on programs whose fault is known, and on one that has none."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from faults import FAULTS
from healthy import HEALTHY, classes, trained
from unstuck.diagnosis.causes import CAUSES
from unstuck.diagnosis.doctor import diagnosed
from unstuck.diagnosis.experiment import Budget
from unstuck.diagnosis.terms import Status
from unstuck.errors import ProgramError
from unstuck.recipe.spec import Recipe
from unstuck.training import torch_random

BY_EXPERIMENT = {
    "no-signal",
    "label-noise",
    "distribution-mismatch",
    "leakage",
    "overfitting",
    "seed-dependent",
}
"""Causes whose fault is confirmed by an experiment of its own: nothing that is tried makes up for it."""


def asked(what, trainings=40.0, seeds=3, lines=None):
    tell = lines.append if lines is not None else lambda line: None
    return diagnosed(what, seeds=seeds, seed=0, budget=Budget(trainings=trainings), tell=tell)


@pytest.mark.parametrize("cause", FAULTS)
def test_a_fault_is_traced_to_its_cause_or_to_a_neighbour_and_cured_if_it_can_be(cause):
    fault = FAULTS[cause]
    found = asked(fault(), trainings=30)
    assert found.cause in {cause, *CAUSES[cause].neighbours}
    if cause in BY_EXPERIMENT:
        assert cause in {one.cause for one in found.confirmed}
    else:
        assert found.cure.verified
        assert trained(found.cure.program, seed=77) > trained(HEALTHY[fault.of]()) - 0.1


def test_all_but_two_causes_that_have_a_treatment_are_told_by_their_cure():
    assert {id for id in CAUSES if not CAUSES[id].treatments} | {"overfitting", "seed-dependent"} == BY_EXPERIMENT


def test_nothing_is_found_in_a_program_that_has_nothing():
    found = asked(classes())
    assert found.healthy
    assert found.cause is None
    assert found.cure is None
    assert found.looked_at
    assert not any(one.status is Status.CONFIRMED for one in found.verdicts)


def test_the_same_diagnosis_twice_says_the_same():
    fault = FAULTS["gradient-sign"]
    first, second = asked(fault()), asked(fault())
    assert first.verdicts == second.verdicts
    assert first.control == second.control
    assert first.cure.after == second.cure.after


def test_nothing_of_the_users_is_touched():
    program = replace(FAULTS["learning-rate-too-high"](), epochs=2)
    program = replace(program, model=program.model())
    before = {name: tensor.clone() for name, tensor in program.model.state_dict().items()}
    torch.manual_seed(3)
    np.random.seed(3)
    random.seed(3)
    state = torch_random.current(torch.device("cpu"))
    asked(program, trainings=5)
    assert all(torch.equal(tensor, before[name]) for name, tensor in program.model.state_dict().items())
    assert torch_random.same(state, torch_random.current(torch.device("cpu")))


@pytest.mark.parametrize("trainings", [1.0, 4.0, 9.0])
def test_a_budget_is_kept_and_the_best_answer_so_far_is_given(trainings):
    found = asked(FAULTS["learning-rate-too-high"](), trainings=trainings)
    assert found.cost.trainings <= trainings
    assert found.findings


def test_without_a_single_training_nothing_can_be_said():
    with pytest.raises(ProgramError, match="the budget must be 1 training or more"):
        asked(classes(), trainings=0.5)


def test_it_is_told_what_is_tested():
    lines = []
    asked(FAULTS["gradient-sign"](), lines=lines)
    assert any(line.startswith("found loss-falls-in-vain") for line in lines)
    assert any(line.startswith("proving flip-sign") for line in lines)


def test_a_recipe_is_diagnosed_by_its_edits():
    recipe = Recipe(
        data={"name": "wine"},
        model={"hidden": [16]},
        optimizer={"name": "sgd", "lr": 30.0},
        epochs=20,
        engine="dense",
    )
    found = asked(recipe)
    assert found.cause in ("learning-rate-too-high", "poor-optimizer")
    assert found.cure.edits
    assert found.cure.program.optimizer != recipe.optimizer
