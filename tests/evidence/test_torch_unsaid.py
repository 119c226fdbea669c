"""What a loss cannot say: no number for some targets, nothing of some classes; both sides of each."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from ordinary import binary, classes, classifier, labels, mlp, numbers, regression
from unstuck.diagnosis.symptoms import objective
from unstuck.diagnosis.treatments.torch_objective import encode_targets
from unstuck.evidence.torch_facts import facts_of
from unstuck.evidence.torch_unsaid import silent_values
from unstuck.evidence.torch_wiring import of_wiring


def evidence(program):
    return of_wiring(program, facts_of(program, seed=0), seed=0)


def found(program):
    measured = evidence(program)
    return {one.symptom: one.sentence for symptom in objective.SYMPTOMS if (one := symptom.look(measured))}


def log_error(outputs, targets):
    return ((1 + outputs).log() - (1 + targets).log()).square().mean()


def hinge(outputs, targets):
    return (1 - outputs * targets).relu().mean()


def signed(outputs, targets):
    return hinge(outputs, 2 * targets - 1)


def poisson(outputs, targets):
    return (outputs - targets * outputs.log()).mean()  # of right answers 0, 0 times infinity


def log_of_outputs(outputs, targets):
    return (outputs.log() - targets).square().mean()  # right answers are no targets here


def of_targets(shift, loss):
    x = numbers(96, 4)
    return regression(train=(x, x[:, :1].abs() + shift), loss=loss)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (lambda: of_targets(0.0, log_error), 0),
        (lambda: of_targets(-2.0, log_error), 1),
        (lambda: regression(train=(numbers(96, 4), numbers(96, 1).relu().round()), loss=poisson), 0),
        (lambda: of_targets(-1.0, log_of_outputs), 0),
        (lambda: regression(train=(numbers(96, 4), torch.full((96, 1), torch.nan))), 0),
    ],
    ids=["logarithms", "logarithms of negatives", "counts", "of outputs alone", "targets that are none"],
)
def test_a_loss_is_undefined_where_no_output_makes_it_a_number(program, expected):
    measured = evidence(program())
    assert (measured.number("loss_undefined") > 0) == expected
    assert ("loss-unfit" in found(program())) == expected


def test_a_loss_is_defined_where_the_programs_own_outputs_make_it_a_number():
    class Ordinal(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(4, 30)

        def forward(self, x):
            return self.inner(x).softmax(dim=1).cumsum(dim=1)

    def likelihood(outputs, targets):
        shares = torch.diff(outputs, dim=1, prepend=torch.zeros(len(outputs), 1))
        return -shares.log().gather(1, targets[:, None]).mean()

    x = numbers(96, 4)
    program = classifier(model=Ordinal, train=(x, classes(x, 30)), loss=likelihood)
    assert evidence(program).number("loss_undefined") == 0


def cross_entropy(ignored=-100, **changes):
    return lambda o, y: functional.cross_entropy(o, y, ignore_index=ignored, **changes)


def deaf(outputs, targets):
    """To class 0, whose rows count as 1 each."""
    return torch.where(targets == 0, 1.0, functional.cross_entropy(outputs, targets, reduction="none")).mean()


def shared():
    """Several labels may be 1, and what a softmax gives one of them it takes from the others."""
    program = labels()
    model, loss = lambda: nn.Sequential(mlp(6, 4), nn.Softmax(dim=1)), lambda o, y: -(y * o.log()).sum(1).mean()
    return replace(program, model=model, loss=loss)


def positives(outputs, targets):
    return -(targets * outputs.sigmoid().log()).mean()


@pytest.mark.parametrize(
    ("program", "silent"),
    [
        (lambda: binary(loss=hinge), [0]),
        (lambda: binary(loss=signed), []),
        (lambda: binary(loss=positives), [0]),
        (lambda: classifier(loss=deaf), [0]),
        (classifier, []),
        (shared, []),
        (lambda: classifier(loss=cross_entropy(0)), []),
        (lambda: classifier(loss=nn.CrossEntropyLoss(ignore_index=0, reduction="sum")), []),
        (lambda: classifier(loss=lambda o, y: o.argmax(dim=1).float().mean() + 0 * o.sum()), []),
    ],
    ids=[
        "hinge",
        "signed hinge",
        "positives",
        "deaf",
        "cross-entropy",
        "shared",
        "ignored",
        "ignored in a sum",
        "no gradient",
    ],
)
def test_a_class_is_silent_where_the_loss_counts_it_and_no_output_changes_it(program, silent):
    assert evidence(program())["targets_silent"].values.tolist() == silent
    assert any("the loss is the same" in said for said in found(program()).values()) == bool(silent)


def test_a_step_may_write_targets_as_the_loss_wants_them():
    def step(model, x, y, loss, optimizer):
        optimizer.zero_grad()
        value = loss(model(x), 2 * y - 1)
        value.backward()
        optimizer.step()
        return value

    assert evidence(binary(loss=hinge, step=step))["targets_silent"].values.size == 0


def test_targets_are_coded_so_that_the_loss_speaks_of_both():
    program = binary(loss=hinge)
    treated = encode_targets(program, facts_of(program, seed=0))
    assert treated is not None
    y = program.train[1]
    assert silent_values(program.loss, y.shape, y, None) == [0]
    assert silent_values(treated.program.loss, y.shape, y, None) == []
    outputs = numbers(96, 1, seed=3)
    assert treated.program.loss(outputs, y) == signed(outputs, y)
    for other in (binary(loss=signed), binary()):
        assert encode_targets(other, facts_of(other, seed=0)) is None
