"""What experiments train: by the dense engine where it takes the same steps, with the same verdict."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from faults import FAULTS
from healthy import classes, clouds, sgd, stack
from unstuck.diagnosis import experiment
from unstuck.diagnosis.doctor import diagnosed
from unstuck.diagnosis.experiment import Budget
from unstuck.diagnosis.held import Held
from unstuck.diagnosis.subject import OfProgram
from unstuck.diagnosis.terms import Status
from unstuck.diagnosis.treatments import TREATMENTS
from unstuck.evidence.torch_facts import facts_of, settled
from unstuck.evidence.torch_watch import Watch
from unstuck.training import torch_lowering
from unstuck.training.task import task_of_program
from unstuck.training.training import Training


def subject_of(program):
    held = Held.of(settled(program, device="cpu"), seed=0)
    return OfProgram(program=program, held=held, facts=facts_of(program, seed=0), treatments=TREATMENTS)


def trained(task, watch=iter):
    return experiment.trained(Training(task), watch)


def scaled_and_shifted():
    x, y = clouds(240, 0)
    return replace(classes(), train=(100 * x + 1000, y), test=None, optimizer=sgd)


ARMS = [(), ("scale-inputs",), ("lr-tenth",), ("normalize",), ("scale-inputs", "normalize"), ("relu",), ("wider",)]


@pytest.mark.parametrize("arm", ARMS, ids=" + ".join)
def test_every_arm_that_the_dense_engine_trains_is_as_torch_trains_it(arm):
    program = replace(scaled_and_shifted(), model=sigmoids) if arm == ("relu",) else scaled_and_shifted()
    subject = subject_of(program)
    treated = subject.treated(arm, judging=False)
    if treated is None:
        pytest.skip("does not apply")
    task = subject.task(treated, 3, judging=False)
    assert task.engine.name == "dense"
    ours, theirs = trained(task), trained(task_of_program(treated.program, seed=3, device="cpu"))
    np.testing.assert_allclose(ours.record["step_loss"][:50], theirs.record["step_loss"][:50], rtol=1e-4)
    assert ours.weights.keys() == theirs.weights.keys()


def sigmoids():
    return stack(2, 32, 32, 3, activation=nn.Sigmoid)


CASES = ("learning-rate-too-high", "unscaled-inputs", "missing-nonlinearity")


@pytest.mark.parametrize("cause", CASES)
def test_the_verdict_is_the_same_on_both_engines(cause, monkeypatch):
    first = asked(FAULTS[cause]())
    monkeypatch.setattr(torch_lowering, "lowered", lambda program, engine, **settings: engine)
    second = asked(FAULTS[cause]())
    assert first.cause == second.cause
    assert confirmed(first) == confirmed(second)
    assert first.cure.treatments == second.cure.treatments


def confirmed(diagnosis):
    return [verdict.cause for verdict in diagnosis.verdicts if verdict.status is Status.CONFIRMED]


def asked(program):
    return diagnosed(program, seeds=3, seed=0, budget=Budget(trainings=40.0), tell=lambda line: None)


def test_a_training_by_the_dense_engine_can_be_watched_and_is_not_changed():
    subject = subject_of(classes())
    treated = subject.treated((), judging=False)
    seen = []

    def watched(training):
        seen.append(Watch(training, treated.program, subject.facts, seed=0))
        return seen[0]

    first = trained(subject.task(treated, 0, judging=False), watched)
    second = trained(subject.task(treated, 0, judging=False))
    for name, value in first.weights.items():
        np.testing.assert_array_equal(value, second.weights[name])
    moved = seen[0].evidence["weights_moved"]
    assert (moved.values[0] == 0).all()
    assert (moved.values[-1] > 0).all()


def test_the_random_streams_are_as_they_were():
    subject = subject_of(classes())
    before = torch.get_rng_state()
    trained(subject.task(subject.treated((), judging=False), 0, judging=False))
    assert torch.equal(torch.get_rng_state(), before)
