"""The programs of the fault bench: each can be built and trained, and what is called a fault does harm."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from benchmarks.faults import check, plain
from benchmarks.faults.programs import catalogue
from torch import nn

from unstuck.diagnosis.causes import CAUSES
from unstuck.training.program import Program

pytestmark = pytest.mark.filterwarnings("ignore:Using a target size")  # a fault that torch itself warns of

CASES = catalogue.by_id()
QUICK = ["two-clouds-too-short", "sign-flipped", "circles-without-activation", "numbers-broadcast", "wine-raw"]


@pytest.mark.parametrize("name", CASES)
def test_every_program_trains_an_epoch(name):
    case = CASES[name]
    for make in {case.program, case.healthy or case.program}:
        assert plain.LOWEST <= plain.retrain(replace(make(), epochs=1), seed=1) <= 1


def test_every_cause_has_two_programs_and_nothing_else_is_expected():
    first = [case.causes[0] for case in CASES.values() if not case.is_control]
    assert {cause for cause in CAUSES if first.count(cause) < 2} == set()
    assert {cause for case in CASES.values() for cause in case.causes} <= set(CAUSES)


def test_there_are_forty_five_controls():
    assert sum(case.is_control for case in CASES.values()) >= 45


@pytest.mark.parametrize("name", QUICK)
def test_a_fault_does_harm(name):
    assert check.harm(CASES[name], seeds=[1]).is_fine


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.is_control])
def test_every_fault_does_harm(name):
    assert check.harm(CASES[name]).is_fine


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.is_control])
def test_no_obvious_change_betters_a_control(name):
    assert check.tuned(CASES[name]).is_fine


# the plain loop


def line(**changes) -> Program:
    x = torch.linspace(-1, 1, 40)[:, None]
    given = Program(
        model=lambda: nn.Linear(1, 1),
        train=(x, 2 * x),
        test=(x, 2 * x),
        loss=nn.MSELoss(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.3),
        epochs=30,
    )
    return replace(given, **changes)


def test_the_plain_loop_learns_a_line_and_repeats_itself():
    scores = [plain.retrain(line(epochs=1), seed) for seed in (1, 1, 2)]
    assert scores[0] == scores[1] != scores[2]
    assert plain.retrain(line(), 0) > 0.99


def test_a_training_that_diverges_has_the_lowest_score():
    assert plain.retrain(line(optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1e3)), 0) == plain.LOWEST


@pytest.mark.parametrize(
    ("outputs", "targets", "loss", "expected"),
    [
        ([[2.0, 1.0], [0.0, 1.0]], [0, 0], nn.CrossEntropyLoss(), 0.5),
        ([[0.2], [-0.2]], [[1.0], [0.0]], nn.BCEWithLogitsLoss(), 1.0),
        ([[0.2], [0.7]], [[1.0], [1.0]], nn.BCELoss(), 0.5),
        ([[1.0], [3.0]], [[1.0], [3.0]], nn.MSELoss(), 1.0),
        ([[2.0], [2.0]], [[1.0], [3.0]], nn.MSELoss(), 0.0),
    ],
)
def test_a_program_without_a_score_gets_that_of_its_targets(outputs, targets, loss, expected):
    measured = plain.measure(line(loss=loss), torch.tensor(outputs), torch.tensor(targets))
    np.testing.assert_allclose(measured, expected)
