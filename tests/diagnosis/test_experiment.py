"""Control and arm share seeds, weights and batches; what is spent is counted, and never more than was given."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from unstuck.diagnosis import experiment
from unstuck.diagnosis.experiment import FRESH, Budget, Lab
from unstuck.diagnosis.held import Held
from unstuck.diagnosis.scale import Scale
from unstuck.diagnosis.subject import OfProgram, OfRecipe
from unstuck.diagnosis.terms import Treated, Treatment
from unstuck.diagnosis.treatments import TREATMENTS
from unstuck.errors import ProgramError
from unstuck.evidence.torch_facts import facts_of
from unstuck.recipe.spec import Recipe
from unstuck.training.program import Program


class Counting(nn.MSELoss):
    """A loss that keeps something."""

    calls = 0

    def forward(self, outputs, targets):
        self.calls += 1
        return super().forward(outputs, targets)


def program(**changed):
    x = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
    usual = {
        "model": lambda: nn.Linear(3, 1),
        "train": (x, x.sum(axis=1, keepdims=True)),
        "loss": nn.MSELoss(),
        "optimizer": lambda parameters: torch.optim.SGD(parameters, lr=0.05),
        "epochs": 2,
        "batch_size": 16,
    }
    return Program(**(usual | changed))


def breaking(after):
    """A step that stops working after so many batches."""

    def treat(given, facts):
        done = []

        def step(model, x, y, loss, optimizer):
            done.append(1)
            if len(done) > after:
                raise AttributeError("no such layer")
            return loss(model(x), y)

        return Treated(replace(given, step=step), ())

    return Treatment("broken", "break it", 1, treat)


def lab(of=None, budget=10.0, seconds=np.inf, lines=None, **treatments):
    of = of or program()
    subject = OfProgram(
        program=of, held=Held.of(of, seed=0), facts=facts_of(of, seed=0), treatments=TREATMENTS | treatments
    )
    tell = lines.append if lines is not None else lambda line: None
    budgeted = Budget(trainings=budget, seconds=seconds)
    return Lab(subject=subject, scale=Scale(0.0, 1.0, 1000), budget=budgeted, tell=tell, seed=5)


def test_control_and_arm_start_from_the_same_weights_and_seeds_that_judge_are_others(monkeypatch):
    one, seeds = lab(), []
    task = OfProgram.task

    def noted(self, treated, seed, *, judging):
        made = task(self, treated, seed, judging=judging)
        seeds.append((judging, seed, made.engine.weights()["weight"].tolist()))
        return made

    monkeypatch.setattr(OfProgram, "task", noted)
    for judging in (False, True):
        one.gain(("adam",), 1, judging=judging)
    (_, arm, of_arm), (_, control, of_control), (_, judged, of_judged), _ = seeds
    assert (arm, of_arm) == (control, of_control)
    assert judged == control + FRESH
    assert of_judged != of_control


def test_what_was_trained_once_is_not_trained_again():
    one = lab()
    assert one.trial((), 0) is one.trial((), 0)
    assert one.spent == 1


def test_an_arm_that_trains_three_times_as_long_costs_three():
    one = lab(budget=4.5)
    assert one.trial((), 0)
    assert one.trial(("epochs-threefold",), 0)
    assert one.spent == 4
    assert one.trial((), 1) is None
    assert one.spent == 4


def test_what_does_not_apply_costs_nothing():
    one = lab()
    assert one.trial(("drop-invalid-rows",), 0) is None
    assert one.spent == 0


@pytest.mark.parametrize(("after", "cost"), [(0, 0.0), (4, 0.5)])
def test_an_arm_that_breaks_costs_what_it_trained_and_is_not_tried_again(after, cost):
    lines: list[str] = []
    one = lab(lines=lines, broken=breaking(after))  # 64 rows, 4 steps an epoch
    assert one.trial(("broken",), 0) is None
    assert one.spent == cost
    assert lines == ["broken cannot be trained: no such layer"]
    assert one.treated(("broken",)) is None
    assert one.trial(("broken",), 1) is None
    assert len(lines) == 1


def test_a_program_that_breaks_is_told_in_one_line():
    def step(model, x, y, loss, optimizer):
        raise KeyError("no such\nlayer")

    with pytest.raises(ProgramError, match=r"^the program must be one that trains on its rows; it said KeyError"):
        lab(program(step=step)).trial((), 0)


def test_a_training_that_breaks_down_has_no_score_and_counts_as_chance():
    one = lab(program(optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1e20)))
    trial = one.trial((), 0)
    assert np.isnan(trial.score)
    assert trial.clipped == 0


def test_an_interruption_ends_the_diagnosis():
    def interrupted(training):
        for stretch in training:
            training.interrupt()
            yield stretch

    with pytest.raises(KeyboardInterrupt):
        lab().trial((), 0, watch=interrupted)


@pytest.mark.parametrize(("seconds", "more"), [(30.0, 2), (29.0, 1)])
def test_time_is_kept_by_how_long_a_training_takes(monkeypatch, seconds, more):
    """20 s are gone, of which two trainings took 10: two more fit into 30."""
    one = lab(seconds=seconds)
    monkeypatch.setattr(experiment.time, "monotonic", lambda: one.started + 20.0)
    assert one.affords(3)  # whatever the look has taken: without one training there is no answer
    one.spent, one.seconds = 2.0, 10.0
    assert one.affords(more)
    assert not one.affords(more + 1)


def test_means_are_of_the_seeds_asked_for():
    one = lab()
    scores = [one.trial((), number).clipped for number in range(3)]
    assert one.mean(()) == pytest.approx(np.mean(scores))
    assert one.mean((), [2, 0]) == pytest.approx((scores[0] + scores[2]) / 2)
    assert np.isnan(one.mean(("adam",)))


# what is trained


def test_a_loss_that_keeps_something_is_the_same_at_the_start_of_every_training():
    loss = Counting()
    one = lab(program(loss=loss))
    before = loss.calls
    one.trial((), 0)
    assert loss.calls == before


def test_a_score_of_the_users_own_is_not_asked_about_nan():
    def score(outputs, targets):
        if torch.isnan(outputs).any():
            raise ValueError("input contains NaN")
        return -float((outputs - targets).abs().mean())

    one = lab(program(score=score, optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1e20)))
    assert np.isnan(one.trial((), 0).score)


def test_a_recipe_is_chosen_for_by_its_validation_rows_and_judged_by_its_test_rows():
    recipe = Recipe.model_validate({"data": {"name": "iris", "validation": 0.0}, "epochs": 1, "engine": "torch"})
    of = OfRecipe.of(recipe, TREATMENTS)
    given = of.treated((), judging=False)
    assert given is not None
    chosen, judged = (of.task(given, 3, judging=judging).dataset for judging in (False, True))
    assert np.array_equal(chosen.test.rows, chosen.validation.rows)
    parts = [set(split.rows.tolist()) for split in (judged.train, chosen.test, judged.test)]
    assert all(parts)
    assert sum(map(len, parts)) == len(set.union(*parts))
    assert np.array_equal(of.task(given, 4, judging=True).dataset.test.rows, judged.test.rows)
    assert of.task(given, 3, judging=True).recipe.device == "cpu"


def test_a_recipes_cure_is_its_edits_and_the_lines_of_its_file():
    of = OfRecipe.of(Recipe.model_validate({"data": "iris", "epochs": 2}), TREATMENTS)
    cured = of.cured(("epochs-threefold",))
    assert cured.program.epochs == 3 * of.epochs
    assert cured.lines == ("- epochs = 2", "+ epochs = 6")
    assert of.treated(("drop-invalid-rows",), judging=False) is None


def test_invalid_rows_are_looked_for_among_those_that_an_arm_has():
    """Rows are held back: the number of a row in what was given is not its number in what is trained on."""
    x = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
    x[[70, 79], 1] = np.nan
    given = program(train=(x, np.ones((80, 1), np.float32)), test=(x[:60], np.ones((60, 1), np.float32)))
    one = lab(given)
    for judging in (False, True):
        arm = one.treated(("drop-invalid-rows",), judging=judging)
        assert arm is not None
        whole = one.treated((), judging=judging)
        valid = torch.isfinite(whole.program.train.x).all(dim=1)
        assert torch.equal(arm.program.train.x, whole.program.train.x[valid])
        assert torch.isfinite(arm.program.test.x).all()
    assert len(one.subject.cured(("drop-invalid-rows",)).program.train[0]) == 78


def test_a_treatment_that_fails_on_the_users_objects_is_told_and_left():
    def treat(given, facts):
        raise LookupError("no such layer")

    lines: list[str] = []
    one = lab(lines=lines, odd=Treatment("odd", "do something odd", 1, treat))
    assert one.trial(("odd",), 0) is None
    assert one.price(("odd",)) == one.spent == 0
    assert lines == ["odd cannot be trained: no such layer"]
