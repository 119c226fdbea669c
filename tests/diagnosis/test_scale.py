"""What counts as a gain: by chance, by what is missing, and by how many rows there are."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from unstuck.diagnosis.held import LEAST, Held
from unstuck.diagnosis.scale import Scale, scale_of
from unstuck.errors import ProgramError
from unstuck.evidence.torch_facts import facts_of
from unstuck.training.program import Program
from unstuck.training.task import task_of_program


def program(outputs=1, loss=None, y=None, rows=100, **more):
    x = np.random.default_rng(0).normal(size=(rows, 3)).astype(np.float32)
    y = x.sum(axis=1, keepdims=True) if y is None else y
    return Program(
        model=lambda: nn.Linear(3, outputs),
        train=(x, y),
        loss=loss or nn.MSELoss(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1),
        epochs=2,
        **more,
    )


def scale(of):
    task = task_of_program(of, device="cpu")
    return scale_of(task.score, facts_of(of, seed=0), task.engine.evaluate(task.rows["train"]))


def test_of_r2_chance_is_0_and_perfection_1():
    assert scale(program())[:2] == pytest.approx((0, 1))


def test_of_accuracy_chance_is_the_share_of_the_largest_class():
    y = np.repeat([0, 1, 2], [60, 30, 10])
    assert scale(program(3, nn.CrossEntropyLoss(), y)) == pytest.approx((0.6, 1, 100))


@pytest.mark.parametrize("loss", [nn.BCEWithLogitsLoss(), nn.BCELoss()], ids=["logits", "probabilities"])
def test_of_two_classes_it_is_the_larger_share_whatever_the_loss_takes(loss):
    y = np.repeat([1.0, 0.0], [70, 30]).astype(np.float32)[:, None]
    of = program(1, loss, y)
    if isinstance(loss, nn.BCELoss):
        of = Program(**{**of.__dict__, "model": lambda: nn.Sequential(nn.Linear(3, 1), nn.Sigmoid())})
    assert scale(of) == pytest.approx((0.7, 1, 100))


def test_a_score_of_the_users_own_is_asked_what_it_says_of_right_and_of_constant_outputs():
    of = program(score=lambda outputs, targets: -float((outputs - targets).abs().mean()))
    found = scale(of)
    y = of.train[1]
    assert found.best == 0
    assert found.chance == pytest.approx(-np.abs(y - y.mean()).mean(), rel=1e-4)


def test_a_score_below_chance_is_chance_and_so_is_none():
    of = Scale(0.5, 1.0, 100)
    assert [of.clipped(score) for score in (0.3, np.nan, -np.inf, 0.8)] == [0.5, 0.5, 0.5, 0.8]


@pytest.mark.parametrize(
    ("before", "rows", "expected"),
    [(0.9, 10_000, 0.05), (0.5, 10_000, 0.125), (0.9, 25, 0.1)],
    ids=["a twentieth of the span", "a quarter of what is missing", "what few rows do by chance"],
)
def test_a_gain_counts_from(before, rows, expected):
    assert Scale(0.0, 1.0, rows).material(before) == pytest.approx(expected)


# rows


def rows(of):
    return {name: getattr(of, name) for name in ("train", "validation", "test")}


def numbers(split):
    return {tuple(row) for row in split.x.numpy().tolist()}


def test_with_test_rows_alone_training_rows_are_spared_to_choose_by():
    test = np.ones((10, 3), np.float32), np.ones((10, 1), np.float32)
    held = Held.of(program(test=test), seed=0)
    assert len(held.judging.train) == 100
    assert len(held.judging.test) == 10
    assert len(held.choosing.train) == 80
    assert len(held.choosing.test) == 20
    assert not numbers(held.choosing.train) & numbers(held.choosing.test)


def test_without_any_rows_are_spared_for_both_and_none_is_used_twice():
    held = Held.of(program(), seed=0)
    parts = [numbers(held.choosing.train), numbers(held.choosing.test), numbers(held.judging.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 100


def test_validation_rows_choose_where_there_are_test_rows_and_judge_where_there_are_none():
    some = np.ones((10, 3), np.float32), np.ones((10, 1), np.float32)
    other = np.zeros((5, 3), np.float32), np.zeros((5, 1), np.float32)
    both = Held.of(program(validation=some, test=other), seed=0)
    assert (len(both.choosing.test), len(both.judging.test)) == (10, 5)
    alone = Held.of(program(validation=some), seed=0)
    assert (len(alone.choosing.test), len(alone.judging.test)) == (20, 10)


@pytest.mark.parametrize(("count", "is_spared"), [(LEAST, True), (LEAST - 1, False)])
def test_of_few_rows_none_is_spared(count, is_spared):
    held = Held.of(program(rows=count), seed=0)
    assert (len(held.judging.train) < count) == is_spared


def test_where_training_rows_are_changed_at_random_half_of_the_test_rows_choose():
    test = np.arange(300, dtype=np.float32).reshape(100, 3), np.ones((100, 1), np.float32)
    held = Held.of(program(test=test), seed=0, is_random=True)
    assert len(held.choosing.train) == len(held.judging.train) == 100
    assert not numbers(held.choosing.test) & numbers(held.judging.test)
    assert len(held.choosing.test) == len(held.judging.test) == 50


@pytest.mark.parametrize("size", [16, 1])
def test_no_row_is_left_alone_in_a_batch(size):
    """Of 81 rows 16 are spared, and the 65 left would be four batches of 16 and a row."""
    test = np.ones((10, 3), np.float32), np.ones((10, 1), np.float32)
    held = Held.of(program(rows=81, test=test, batch_size=size), seed=0)
    assert len(held.choosing.train) % 16 == (0 if size == 16 else 1)
    assert len(held.choosing.train) + len(held.choosing.test) == 81


def test_rows_to_stop_by_are_kept_apart_from_those_to_choose_by():
    part = np.ones((20, 3), np.float32), np.ones((20, 1), np.float32)
    held = Held.of(program(validation=part, patience=2), seed=0)
    assert held.choosing.validation is held.judging.validation is not None
    assert (held.chooses_by, held.judges_by) == ("held-out training rows", "validation rows")
    assert not numbers(held.choosing.test) & (numbers(held.choosing.train) | numbers(held.judging.test))


# a score that says nothing of outputs that are imagined


@pytest.mark.parametrize(
    ("untrained", "chance", "best"),
    [(-3.0, -3.0, 0.0), (0.2, 0.2, 1.0), (1.0, 1.0, 2.0), (20.0, 20.0, 40.0), (np.nan, 0.0, 1.0)],
    ids=["an error negated", "a share", "at one", "a count", "none"],
)
def test_chance_is_then_what_an_untrained_network_scores(untrained, chance, best):
    def score(outputs, targets):
        if outputs.std() == 0 or torch.allclose(outputs, targets):
            raise ValueError("no such outputs")
        return untrained

    assert scale(program(score=score)) == (chance, best, 100)


def test_so_it_is_where_constant_outputs_score_best():
    found = scale(program(score=lambda outputs, targets: -float(outputs.std())))
    assert -1 < found.chance < 0
    assert found.best == 0


@pytest.mark.parametrize("got", [np.nan, -np.inf])
def test_a_score_that_is_no_number_even_of_right_answers_is_refused(got):
    with pytest.raises(ProgramError, match="score must be finite where outputs are, got"):
        scale(program(score=lambda outputs, targets: got))


def test_a_score_that_is_a_number_of_right_answers_alone_is_taken():
    """As a correlation is, where all outputs are the same."""

    def of_right_ones(outputs, targets):
        return 1.0 if torch.allclose(outputs, targets) else float("nan")

    assert scale(program(score=of_right_ones))[:2] == (0, 1)


def test_a_score_of_a_broken_model_may_be_none():
    def broken(outputs, targets):
        return float("nan")

    class Nothing(nn.Linear):
        def forward(self, input):
            return super().forward(input) * np.nan

    of = replace(program(score=broken), model=lambda: Nothing(3, 1))
    assert scale(of)[:2] == (0, 1)


@pytest.mark.parametrize("got", [None, "good", torch.zeros(7)], ids=["nothing", "a word", "a number for each row"])
def test_a_score_must_give_a_number(got):
    with pytest.raises(ProgramError, match="score must give a number, got"):
        scale(program(score=lambda outputs, targets: got))


def test_of_what_is_surely_wrong_a_quarter_of_what_is_missing_is_not_asked():
    scale = Scale(0.0, 1.0, 10_000)
    assert scale.material(0.4, is_sure=True) == pytest.approx(0.05)
    assert scale.material(0.4) == pytest.approx(0.15)


def test_where_all_batches_are_whole_those_of_the_rows_that_are_left_are_too():
    test = np.ones((10, 3), np.float32), np.ones((10, 1), np.float32)
    held = Held.of(program(rows=160, test=test, batch_size=16), seed=0)
    assert len(held.choosing.train) == 128
    few = Held.of(program(rows=80, test=test, batch_size=80), seed=0)
    assert len(few.choosing.train) == 64


def test_a_row_of_a_share_counts_alike_wherever_chance_lies():
    assert Scale(0.5, 1.0, 100).error() == Scale(0.0, 1.0, 100).error() == pytest.approx(0.05)
    assert Scale(0.5, 1.0, 100).error(25) == pytest.approx(0.1)
    assert Scale(-8.0, 0.0, 100).error() == pytest.approx(0.4)
