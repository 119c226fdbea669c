"""A cure is verified by a gain that is material and beyond chance, on seeds that judge."""

import numpy as np
import pytest

from unstuck.diagnosis.experiment import Trial
from unstuck.diagnosis.proof import FEWEST, RISK, proven
from unstuck.diagnosis.scale import Scale
from unstuck.diagnosis.terms import Treated
from unstuck.study.statistics import paired_test, t_interval

ARM = ("adam",)


class World:
    """A lab that knows the scores of the control and of the arm, and can pay so many pairs."""

    def __init__(self, before, after, rows=1000, pairs=None):
        self.scores, self.pairs, self.subject = {(): before, ARM: after}, pairs or len(before), self
        self.scale, self.asked = Scale(0.0, 1.0, rows), 0

    def gain(self, arm, number, *, judging):
        assert judging
        if number == self.pairs:
            return None
        self.asked += 1
        return self.scale.clipped(self.scores[arm][number]) - self.scale.clipped(self.scores[()][number])

    def of(self, arm, *, judging):
        scores = self.scores[arm][: self.asked]
        return [Trial(arm, n, one, self.scale.clipped(one), None) for n, one in enumerate(scores)]

    def cured(self, arm):
        return Treated("cured", ("+ adam",))


@pytest.mark.parametrize(("gain", "verified"), [(0.051, True), (0.049, False)])
def test_the_gain_must_be_material(gain, verified):
    before = np.array([0.90, 0.901, 0.902, 0.903, 0.904])
    assert proven(World(before, before + gain), ARM, 5).verified is verified


@pytest.mark.parametrize(
    ("gains", "verified"),
    [
        ([0.6, 0.3, 0.4, 0.5, 0.4], True),
        ([0.9, 0.9, 0.001, 0.001, 0.001], False),
        ([0.9, 0.9, 0.03, 0.03, 0.03], True),
        ([0.9, 0.9, 0.1, 0.1], False),
    ],
    ids=["interval above zero", "most seeds gain nothing", "wide, but all of five", "wide, and all of four"],
)
def test_it_must_be_beyond_chance(gains, verified):
    assert FEWEST == 5
    world = World([0.0] * len(gains), gains)
    assert proven(world, ARM, len(gains)).verified is verified


@pytest.mark.parametrize(("rows", "verified"), [(1000, True), (10, False)])
def test_two_equal_gains_prove_something_only_if_a_row_more_or_less_does_not_matter(rows, verified):
    assert proven(World([0.0, 0.0], [0.6, 0.6], rows=rows), ARM, 2).verified is verified


def test_failed_trainings_count_as_chance():
    found = proven(World([np.nan] * 5, [0.9, 0.92, 0.91, 0.9, 0.93]), ARM, 5)
    assert found.verified
    assert np.isnan(found.before).all()
    assert found.effect.mean == pytest.approx(0.912)


def test_once_most_seeds_gain_nothing_no_more_are_trained():
    world = World([0.9] * 5, [0.9] * 5)
    assert not proven(world, ARM, 5).verified
    assert world.asked == 3


@pytest.mark.parametrize(("pairs", "is_given"), [(1, False), (2, True)])
def test_less_than_two_pairs_are_no_proof(pairs, is_given):
    world = World([0.1, 0.11, 0.12, 0.1, 0.1], [0.9, 0.91, 0.92, 0.9, 0.9], pairs=pairs)
    found = proven(world, ARM, 5)
    assert (found is not None) is is_given
    assert found is None or len(found.before) == len(found.after) == 2


@pytest.mark.parametrize(
    ("gains", "asked"),
    [
        ([0.4, 0.5, 0.4, 0.5, 0.4], 5),
        ([0.01, 0.01, 0.01, 0.02, 0.01], 3),
        ([0.0, 0.9, 0.0, 0.9, 0.9], 10),
        ([0.06, 0.03, 0.06, 0.0, 0.06], 5),
    ],
    ids=["plain", "hopeless", "large and perhaps chance", "too small"],
)
def test_what_is_large_and_may_be_chance_gets_as_many_seeds_again(gains, asked):
    world = World([0.0] * 10, gains * 2)
    proven(world, ARM, 5)
    assert world.asked == asked


def test_a_program_that_fails_on_some_seeds_only_is_cured_where_enough_of_them_show_it():
    gains = [0.0, 0.05, 0.42, 0.34, 0.42, 0.4, 0.0, 0.42, 0.42, 0.05]
    assert not proven(World([0.5] * 10, [0.5 + gain for gain in gains], pairs=5), ARM, 5).verified
    assert proven(World([0.5] * 10, [0.5 + gain for gain in gains]), ARM, 5).verified


def test_a_second_look_asks_for_less_of_a_risk():
    gains = [0.0, 0.3, 0.05, 0.0, 0.5, 0.0, 0.3, 0.05, 0.0, 0.5]
    assert t_interval(gains).low > 0
    assert RISK < paired_test(gains, [0.0] * 10).p < 0.05
    assert not proven(World([0.0] * 10, gains), ARM, 5).verified
