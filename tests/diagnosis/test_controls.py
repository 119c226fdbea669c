"""What trainings of the program as given leave, in the unit of other models' scores; to follow moves no bit."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from healthy import classes
from unstuck.diagnosis.controls import Following, correctness, of_controls, scored
from unstuck.diagnosis.experiment import Trial, trained
from unstuck.diagnosis.held import Held
from unstuck.engine import Evaluation
from unstuck.evidence.torch_facts import facts_of
from unstuck.training.task import task_of_program
from unstuck.training.training import Training


class Noisy(nn.Linear):
    """Draws random numbers in evaluation mode, too."""

    def forward(self, x):
        return functional.dropout(super().forward(x), 0.5, training=True)


def program(**changed):
    return replace(classes(), epochs=3, **changed)


def run(of, watch=iter):
    return trained(Training(task_of_program(of, seed=1, device="cpu")), watch)


def test_following_a_training_changes_no_bit():
    of = program(model=lambda: Noisy(2, 3))
    following = Following()
    plain, followed = run(of), run(of, following)
    assert all(np.array_equal(plain.weights[name], followed.weights[name]) for name in plain.weights)
    assert len(following.losses[0]) == 3
    assert following.losses[0][-1] == pytest.approx(followed.scores["test"]["loss"], rel=0.5)


@dataclass
class Asked:
    """Of facts what a score asks for."""

    kind: str
    takes: str = "logits"
    is_one_hot: bool = False
    class_axis: int = 1


def test_an_answer_is_right_by_the_kind_of_targets():
    outputs = np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]])
    said = Evaluation(outputs, np.array([0, 0, -100]), 0.0)
    assert correctness(said, Asked("classes")).tolist() == [1, 0, 1]  # a row of no class is not wrong
    hot = Evaluation(outputs, np.eye(2)[[0, 0, 1]], 0.0)
    assert correctness(hot, Asked("classes", is_one_hot=True)).tolist() == [1, 0, 0]
    yes = Evaluation(np.array([0.2, 0.7, -1.0]), np.array([[1.0], [1.0], [0.0]]), 0.0)
    assert correctness(yes, Asked("binary")).tolist() == [1, 1, 1]
    assert correctness(yes, Asked("binary", takes="probabilities")).tolist() == [0, 1, 1]
    several = Evaluation(outputs - 0.5, np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 1.0]]), 0.0)
    assert correctness(several, Asked("labels")).tolist() == [1, 0.5, 0]
    assert correctness(said, Asked("numbers")) is None


def test_whatever_its_score_a_program_is_told_in_the_unit_of_other_models():
    of = program(score=lambda outputs, targets: -1000.0)
    found = run(of)
    right = found.test.outputs.argmax(axis=1) == found.test.targets
    assert scored(found, facts_of(of, seed=0)) == right.mean()


def test_scores_recalls_and_curves_are_by_seed_and_a_broken_training_ends_in_nan():
    of = program()
    held, facts, following = Held.of(of, seed=0), facts_of(of, seed=0), Following()
    broken = replace(held.choosing, optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1e25))
    runs = [run(held.choosing, following), run(broken, following)]
    found = of_controls([Trial((), n, 0.0, 0.0, one) for n, one in enumerate(runs)], facts, held, following.losses)
    assert found["control_train_score"].values.shape == found["control_test_score"].values.shape == (2,)
    assert found["control_choose_score"].values[0] == runs[0].scores["test"]["accuracy"]
    assert np.isnan(found["control_choose_score"].values[1])
    assert np.isfinite(found["control_losses"].values[0]).all()
    assert np.isnan(found["control_losses"].values[1, -1])
    recalls, rows = found["control_recall"].values[0], np.bincount(runs[0].test.targets)
    assert (recalls * rows).sum() / rows.sum() == pytest.approx(runs[0].scores["test"]["accuracy"])
