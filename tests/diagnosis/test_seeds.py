"""Whether a program trains on some seeds only: by definition of a failed seed, and by trainings of the program."""

import pytest

from unstuck.diagnosis.scale import Scale
from unstuck.diagnosis.seeds import FEWEST, LEARNT, LOST, SEEDS, fails, of_seeds, seed_dependent, unless_untested
from unstuck.diagnosis.suspects import SURE
from unstuck.diagnosis.terms import Status
from unstuck.evidence.learnable import wilson

CONFIRMED, RULED_OUT, UNDECIDED = Status.CONFIRMED, Status.RULED_OUT, Status.UNDECIDED
SCALE = Scale(0.5, 1.0, 10_000)


def trials(scores, rows=SCALE.rows):
    return [type("Trial", (), {"clipped": score, "rows": rows}) for score in scores]


class World:
    """A lab whose program scores so, seed by seed, and which can pay so many trainings."""

    def __init__(self, scores, pays=99):
        self.scores, self.pays, self.scale, self.done, self.tell = scores, pays, SCALE, 3, lambda line: None

    def of(self, arm):
        assert arm == ()
        return trials(self.scores[: self.done])

    def trial(self, arm, number):
        if self.done >= min(self.pays, len(self.scores)):
            return None
        assert (arm, number) == ((), self.done)
        self.done += 1
        return self.scores[number]


@pytest.mark.parametrize(("lost", "is_failed"), [(LOST + 0.01, True), (LOST - 0.01, False)])
def test_a_seed_fails_that_ends_far_below_the_best_one(lost, is_failed):
    best = 0.9
    assert fails([best, best - lost * (best - SCALE.chance)], SCALE, SCALE.rows).tolist() == [False, is_failed]


def test_of_few_rows_it_must_be_further_below():
    scores = [0.9, 0.65]
    assert fails(scores, SCALE, SCALE.rows).any()
    assert not fails(scores, SCALE, 20).any()
    assert seed_dependent(trials([0.9] * 7 + [0.65], rows=20), SCALE).status is RULED_OUT


@pytest.mark.parametrize(
    ("scores", "status"),
    [
        ([0.9] * (SEEDS - 1) + [0.5], CONFIRMED),
        ([0.9] * SEEDS, RULED_OUT),
        ([0.9] * (SEEDS - 1), UNDECIDED),
        ([0.9, 0.9, 0.5], UNDECIDED),
        ([0.9] * (FEWEST - 1) + [0.5], CONFIRMED),
        ([SCALE.chance + 0.9 * LEARNT * SCALE.span, *[0.5] * (SEEDS - 1)], UNDECIDED),
    ],
    ids=["one of all", "none of all", "none of some", "one of three", "one of five", "none learns"],
)
def test_the_verdict_is_the_share_of_seeds_that_fail(scores, status):
    assert seed_dependent(trials(scores), SCALE).status is status


@pytest.mark.parametrize(("attainable", "status"), [(0.79, CONFIRMED), (0.81, UNDECIDED)])
def test_where_the_best_seed_fails_beside_other_models_it_is_no_matter_of_seeds(attainable, status):
    best = 0.5 + LOST * 0.3
    assert seed_dependent(trials([best] * 6 + [0.5] * 2), SCALE, attainable).status is status


def test_the_share_has_wilsons_interval():
    effect = seed_dependent(trials([0.9] * 6 + [0.5] * 2), SCALE).effect
    assert (effect.low, effect.high) == wilson(0.25, 8)
    assert effect.mean == 0.25


@pytest.mark.parametrize(
    ("scores", "asked", "status"),
    [
        ([0.9] * 20, SEEDS, RULED_OUT),
        ([0.9, 0.5, 0.9, 0.5, 0.9, 0.9], FEWEST, CONFIRMED),
        ([0.5] * 20, 3, UNDECIDED),
    ],
    ids=["until all are well", "until two have failed", "not if nothing is learnt"],
)
def test_more_seeds_are_trained_until_it_is_plain(scores, asked, status):
    world = World(scores)
    assert of_seeds(world).status is status
    assert world.done == asked


def test_what_cannot_be_paid_leaves_it_undecided():
    world = World([0.9] * 20, pays=4)
    assert of_seeds(world).status is UNDECIDED
    assert world.done == 4


def test_seeds_are_not_blamed_while_what_is_surely_wrong_was_not_tried():
    verdict = seed_dependent(trials([0.95, 0.95, 0.95, 0.5, 0.5]), SCALE)
    assert verdict.status is CONFIRMED
    cause = {"detached-parameters": SURE}
    assert unless_untested(verdict, cause, [("adam",)]).status is UNDECIDED
    assert unless_untested(verdict, cause, [("adam", "reconnect")]) == verdict
    assert unless_untested(verdict, {"detached-parameters": SURE - 0.1}, []) == verdict
    assert unless_untested(verdict, {"no-signal": SURE}, []) == verdict  # which has no treatment
