"""Curves: each symptom on both sides of its limit, and none where nothing was measured."""

import numpy as np
import pytest

from unstuck.diagnosis.symptoms import curves, objective, start, wiring
from unstuck.evidence.evidence import Column, Evidence

SEEDS, STEPS, EPOCHS = 3, 100, 10


def of(**columns):
    return Evidence({name: Column(np.asarray(values, float), "") for name, values in columns.items()})


def seeds(values):
    return np.tile(np.asarray(values, float), (SEEDS, 1))


def step_losses(first, last):
    return of(control_losses=seeds(np.r_[np.full(STEPS // 2, first), np.full(STEPS // 2, last)]))


def epochs(values):
    return of(control_train_loss=seeds(values))


def falling(late):
    """Of a fall of 1, so much in the last fifth."""
    return epochs(np.r_[2.0, np.full(7, 1 + late), np.full(2, 1.0)])


def dancing(size):
    """Rises on every other epoch of the late half, which has 5 epochs and 4 changes, 2 of them rises."""
    return epochs(np.r_[np.full(5, 2.0), 1, 1 + size, 1, 1 + size, 1])


def scores(**values):
    return of(**{name: np.full(SEEDS, value) for name, value in values.items()})


def gone(share, loss):
    return of(watched_gradient_length=[1.0, share], watched_probe_loss=[1.0, loss])


def rate(value):
    return of(update_ratio=[value, 0.0, value])


def recall(least, imbalance=4.0):
    return of(control_recall=seeds([0.9, least]), imbalance=imbalance)


def turned(rise):
    return of(control_choose_loss=seeds([2.0, 1.0, 1.0 + rise]))


def in_vain(last, score):
    return epochs(np.linspace(1, last, EPOCHS)) | scores(control_train_score=score) | of(chance_train=0.3)


BOTH_SIDES = {  # a program that has it, one that just has not
    "loss-not-finite": (of(control_losses=[[1.0, 2], [1, np.nan]]), of(control_losses=[[1.0, 2], [1, 3]])),
    "loss-falls-in-vain": (in_vain(0.49, 0.31), in_vain(0.49, 0.33)),
    "loss-rises": (step_losses(1, 1.11), step_losses(1, 1.09)),
    "loss-oscillates": (dancing(0.7), dancing(0.3)),
    "loss-still-falls": (falling(0.06), falling(0.04)),
    "loss-flat": (step_losses(1, 0.99), step_losses(1, 0.97)),
    "updates-too-large": (rate(0.11), rate(0.09)),
    "updates-too-small": (rate(0.9e-5), rate(1.1e-5)),
    "generalization-gap": (
        scores(control_train_score=0.9, control_test_score=0.79),
        scores(control_train_score=0.9, control_test_score=0.81),
    ),
    "validation-turns": (turned(0.11), turned(0.09)),
    "seeds-differ": (of(control_test_score=[0.9, 0.9, 0.79]), of(control_test_score=[0.9, 0.9, 0.81])),
    "minority-missed": (recall(0.09), recall(0.11)),
    "gradient-gone": (gone(0.9e-3, 0.9), gone(1.1e-3, 0.9)),
}


def look(symptom, evidence):
    return next(one for one in curves.SYMPTOMS if one.id == symptom).look(evidence)


@pytest.mark.parametrize("symptom", BOTH_SIDES)
def test_a_symptom_is_found_beyond_its_limit_and_not_before_it(symptom):
    beyond, before = BOTH_SIDES[symptom]
    assert look(symptom, beyond).symptom == symptom
    assert look(symptom, before) is None


def test_every_curve_has_both_sides():
    assert {symptom.id for symptom in curves.SYMPTOMS} == set(BOTH_SIDES)


def test_a_gradient_may_go_where_the_loss_is_gone_too():
    assert look("gradient-gone", gone(1e-6, 0.1)) is None


def test_a_loss_may_dance_where_nearly_nothing_is_left_of_it():
    assert look("loss-oscillates", epochs(np.r_[np.full(5, 200.0), 1, 3, 1, 3, 1])) is None


@pytest.mark.parametrize("area", [curves, objective, start, wiring])
def test_where_nothing_was_measured_nothing_is_found(area):
    assert [symptom.id for symptom in area.SYMPTOMS if symptom.look(Evidence())] == []


@pytest.mark.parametrize("area", [curves, objective, start, wiring])
def test_every_symptom_has_a_title_and_a_source(area):
    assert all(symptom.title and symptom.source for symptom in area.SYMPTOMS)
    assert len({symptom.id for symptom in area.SYMPTOMS}) == len(area.SYMPTOMS)


def test_a_loss_that_hardly_falls_does_not_fall_in_vain():
    assert look("loss-falls-in-vain", in_vain(0.51, 0.31)) is None


@pytest.mark.parametrize(("imbalance", "is_found"), [(3.1, True), (3.0, False), (np.nan, False)])
def test_a_class_is_missed_for_its_few_rows_only_if_it_has_few(imbalance, is_found):
    assert (look("minority-missed", recall(0.0, imbalance)) is not None) is is_found
