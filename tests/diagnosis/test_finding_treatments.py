"""Treatments are found alone, on top of each other and together, and those that are not needed are taken out."""

from collections.abc import Callable

import pytest

from unstuck.diagnosis.cures import candidates
from unstuck.diagnosis.experiment import Arm
from unstuck.diagnosis.scale import Scale
from unstuck.diagnosis.search import Search, added, joined
from unstuck.diagnosis.suspects import Suspect


class World:
    """A lab where the score of an arm is known, and every training costs one."""

    def __init__(self, score: Callable[[frozenset[str], int], float], budget: float = 100) -> None:
        self.score, self.left, self.arms = score, budget, []
        self.scale = Scale(0.0, 1.0, 10_000)
        self.known: dict[tuple[Arm, int], float] = {}
        self.breaks, self.broken = (None, None), None

    def price(self, arm):
        return 1.0

    def affords(self, trainings):
        return self.left >= trainings

    def treated(self, arm):
        return None if "nothing" in arm or arm == self.broken else arm

    def trial(self, arm, number):
        if (arm, number) == self.breaks:
            self.broken = arm
        if arm == self.broken:
            return None
        if (arm, number) not in self.known:
            self.left -= 1
            self.arms.append(arm)
            self.known[arm, number] = self.score(frozenset(arm), number)
        return type("Trial", (), {"clipped": self.known[arm, number]})

    def gain(self, arm, number, *, beside=()):
        own = self.trial(arm, number)
        return own and own.clipped - self.trial(beside, number).clipped

    def mean(self, arm, numbers=None):
        scores = [
            self.known[one, number]
            for one, number in self.known
            if one == arm and (numbers is None or number in numbers)
        ]
        return sum(scores) / len(scores)


class Sizes(dict):
    def __missing__(self, name):
        return 1


def search(score, *names, points=0.5, budget=100, target=0.95):
    world = World(score, budget)
    for number in range(3):
        world.trial((), number)
    queue = [Suspect(name, "", points) for name in names]
    sizes = Sizes(normalize=4)
    return Search(lab=world, numbers=(0, 1), target=target, seeds=5, sizes=sizes, again=lambda arm: queue), queue


def test_the_treatment_that_helps_is_found_among_those_that_do_not():
    of, queue = search(lambda arm, _: 0.96 if "adam" in arm else 0.5, "lr-tenth", "lr-tenfold", "adam", "relu")
    assert of.singly(queue) == ("adam",)
    assert all("relu" not in outcome.arm for outcome in of.outcomes)  # enough was reached before it


def test_a_gain_on_one_seed_alone_is_none():
    of, queue = search(lambda arm, number: 0.65 if arm and number == 0 else 0.5, "adam")
    assert of.singly(queue) == ()
    assert of.outcomes[0].gains == pytest.approx((0.15, 0.0))


def test_the_better_of_two_is_taken():
    scores = {"lr-tenth": 0.7, "adam": 0.9}
    of, queue = search(lambda arm, _: max([scores[name] for name in arm], default=0.5), "lr-tenth", "adam")
    assert of.singly(queue) == ("adam",)


def test_once_one_helps_five_are_tried_and_no_more():
    names = ("relu", "lr-tenth", "adam", "wider", "dropout", "clip-gradient", "normalize", "momentum", "unfreeze")
    of, queue = search(lambda arm, _: 0.7 if "lr-tenth" in arm else 0.5, *names)
    assert of.singly(queue) == ("lr-tenth",)
    assert [outcome.arm[0] for outcome in of.outcomes if not outcome.beside] == [*names[:5]]
    of, queue = search(lambda arm, _: 0.5, *names)
    assert of.singly(queue) == ()
    assert [outcome.arm[0] for outcome in of.outcomes] == [*names[:8]]


def test_later_rounds_try_four_and_then_three():
    names = ("adam", "relu", "wider", "dropout", "normalize", "momentum", "unfreeze", "clip-gradient")
    of, queue = search(lambda arm, _: 0.5 + 0.13 * len(arm & {"adam", "relu", "wider"}), *names)
    of.singly(queue)
    beside = [outcome.beside for outcome in of.outcomes]
    assert [beside.count(arm) for arm in dict.fromkeys(beside)] == [5, 4, 3]


def test_what_breaks_on_a_later_seed_is_no_treatment():
    of, queue = search(lambda arm, _: 0.8 if "adam" in arm else 0.5, "adam", "relu")
    of.lab.breaks = ("adam",), 1
    assert of.singly(queue) == ()
    assert [outcome.arm for outcome in of.outcomes] == [("relu",)]


def test_where_some_helps_best_more_of_the_same_is_tried_next():
    names = ("adam", "lr-tenfold", "relu", "wider", "dropout", "lr-hundredfold")
    scores = {("adam",): 0.6, ("lr-tenfold",): 0.7, ("lr-hundredfold",): 0.8}
    of, queue = search(lambda arm, _: scores.get(tuple(arm), 0.5), *names)
    assert of.singly(queue) == ("lr-hundredfold",)
    tried = [outcome.arm[0] for outcome in of.outcomes if not outcome.beside]
    assert tried == ["adam", "lr-tenfold", "lr-hundredfold", "relu", "wider"]


@pytest.mark.parametrize(("other", "seeds"), [(0.66, 1), (0.71, 2)])
def test_what_is_behind_the_best_on_one_seed_is_not_tried_on_another(other, seeds):
    of, queue = search(lambda arm, _: {(): 0.5, ("adam",): 0.7}.get(tuple(arm), other), "adam", "relu")
    assert of.singly(queue) == ("adam",)
    assert [len(outcome.gains) for outcome in of.outcomes if outcome.arm == ("relu",)] == [seeds]


def test_what_is_behind_on_its_one_seed_is_not_better_for_a_second_one_of_the_best():
    def score(arm, number):
        return {(): 0.5, ("adam",): (0.9, 0.7)[min(number, 1)], ("relu",): 0.85}.get(tuple(arm), 0.5)

    of, queue = search(score, "adam", "relu")
    assert of.singly(queue) == ("adam",)


def test_of_two_that_are_as_good_the_one_that_changes_less_is_taken():
    for names in (("normalize", "relu"), ("relu", "normalize")):
        of, queue = search(lambda arm, _: 0.8 if arm else 0.5, *names)
        assert of.singly(queue) == ("relu",)


def test_of_two_that_are_as_good_and_change_as_much_the_first_is_taken():
    of, queue = search(lambda arm, _: 0.8 if arm else 0.5, "lr-tenth", "adam")
    assert of.singly(queue) == ("lr-tenth",)


def test_two_faults_that_add_up_are_both_found():
    of, queue = search(
        lambda arm, _: 0.3 + 0.3 * len(arm & {"scale-inputs", "adam"}), "scale-inputs", "relu", "adam"
    )
    assert of.singly(queue) == ("scale-inputs", "adam")


def test_two_faults_of_which_either_hides_the_other_are_found_together_and_no_more_is_kept():
    needed = {"scale-inputs", "adam"}
    of, queue = search(lambda arm, _: 0.97 if needed <= arm else 0.5, "scale-inputs", "relu", "adam")
    assert of.singly(queue) == ()
    arm = of.together(queue, ())
    assert needed < set(arm)
    assert set(of.least(arm)) == needed


def test_what_changes_most_is_taken_out_first():
    of, _ = search(lambda arm, _: 0.97 if arm & {"adam", "normalize"} else 0.5)
    assert of.tried(("normalize", "adam"))
    assert of.least(("normalize", "adam")) == ("adam",)


def test_what_is_surely_wrong_and_helps_alone_is_not_taken_out():
    of, queue = search(lambda arm, _: 0.97 if arm & {"adam", "unfreeze"} else 0.5, "unfreeze", "adam")
    of.sure = frozenset(["unfreeze"])
    assert of.singly(queue) == ("unfreeze",)
    assert of.tried(("unfreeze", "adam"))
    assert of.least(("unfreeze", "adam")) == ("unfreeze",)
    of.sure = frozenset()
    assert of.least(("unfreeze", "adam")) == ("adam",)


def test_beside_what_helps_alone_nothing_is_tried_that_could_not_be_taken_apart_and_proven():
    def score(arm, _):
        return 0.5 + 0.15 * len(arm & {"relu", "scale-inputs", "scale-targets"})

    apart, proof = 3 * 2, 5 * 2
    for left, expected in ((2 + apart + proof, True), (1 + apart + proof, False)):
        of, queue = search(score, "relu")
        assert of.singly(queue) == ("relu",)
        of.lab.left = left
        arm = of.together(queue, ("relu",))
        assert (arm == ("relu", "scale-inputs", "scale-targets")) is expected
        assert of.lab.affords(of.settling(arm)) or not arm


def test_what_is_not_proven_without_a_part_is_proven_whole_and_then_the_next_best_is():
    def score(arm, _):
        return 0.5 + 0.2 * ("adam" in arm) + 0.15 * ("lr-tenth" in arm) + 0.01 * ("relu" in arm)

    of, _ = search(score)
    for arm in (("lr-tenth",), ("relu", "adam")):
        assert of.tried(arm)
    assert [*candidates(of, ("relu", "adam"))] == [("adam",), ("relu", "adam"), ("lr-tenth",)]
    assert [*candidates(of, ())] == []


def test_trainings_for_the_proof_are_left():
    of, queue = search(lambda arm, _: 0.5, "lr-tenth", "lr-tenfold", "adam", budget=3 + 1 + 10)
    of.singly(queue)
    assert len(of.outcomes) == 1
    assert of.lab.left == 10


def test_what_does_not_apply_is_left_out():
    of, _ = search(lambda arm, _: 0.5)
    assert of.applicable(("scale-inputs", "nothing", "adam")) == ("scale-inputs", "adam")


def test_treatments_stand_in_the_order_in_which_they_are_applied():
    assert joined(("adam", "lr-tenth"), ("relu", "adam")) == ("relu", "adam", "lr-tenth")


def test_what_changes_more_must_be_better_by_what_counts():
    def score(by):
        return lambda arm, _: 0.8 + by if "normalize" in arm else 0.8 if arm else 0.5

    for by, expected in ((0.04, "adam"), (0.06, "normalize")):
        of, queue = search(score(by), "adam", "normalize", "relu")
        of.singly(queue)
        assert {outcome.beside for outcome in of.outcomes if outcome.suspect.treatment == "relu"} >= {(expected,)}


def test_on_top_of_what_helped_half_as_much_counts():
    def score(arm, _):
        return 0.5 + 0.3 * ("adam" in arm) + 0.03 * ("relu" in arm)

    of, queue = search(score, "adam", "relu")
    assert of.singly(queue) == ("relu", "adam")


def test_what_is_surely_wrong_is_tried_though_enough_was_reached_before():
    def score(arm, _):
        return 0.5 + 0.45 * ("adam" in arm) + 0.03 * ("output-logits" in arm)

    of, _ = search(score, target=0.9)
    queue = [Suspect("adam", "", 1.0), Suspect("relu", "", 0.5), Suspect("output-logits", "", 1.0)]
    of.again = lambda arm: queue
    assert of.singly(queue) == ("output-logits", "adam")
    assert all("relu" not in outcome.arm for outcome in of.outcomes)


def test_what_is_surely_wrong_need_not_gain_a_quarter_of_what_is_missing():
    of, queue = search(lambda arm, _: 0.56 if "encode-targets" in arm else 0.5, "encode-targets", target=0.9)
    assert of.singly(queue) == ()
    of, queue = search(lambda arm, _: 0.56 if "encode-targets" in arm else 0.5, "encode-targets", target=0.9)
    of.sure = frozenset(["encode-targets"])
    assert of.singly(queue) == ("encode-targets",)


def test_another_optimizer_brings_its_own_rate():
    assert added(("lr-tenth", "relu"), ("adam",)) == ("relu", "adam")
    assert added(("adam",), ("lr-tenth",)) == ("adam", "lr-tenth")


def test_of_what_nothing_points_at_twice_as_much_is_asked():
    def score(arm, _):
        return 0.88 + 0.07 * ("scale-inputs" in arm)

    of, queue = search(score, "scale-inputs")
    assert of.singly(queue) == ("scale-inputs",)
    of, queue = search(score, "scale-inputs")
    of.hunches = frozenset(["scale-inputs"])
    assert of.singly(queue) == ()


def test_trainings_are_left_to_prove_the_best_so_far_however_cheap_the_others_are():
    names = ("epochs-threefold", "relu", "adam", "wider", "dropout")
    of, queue = search(lambda arm, _: 0.7 if "epochs-threefold" in arm else 0.5, *names)
    of.lab.price = lambda arm: 3.0 if "epochs-threefold" in arm else 1.0
    proof = 5 * (1 + 3)
    of.lab.left = 2 + 3 + proof  # the world counts one for each training, so that two are left of the first one's
    assert of.singly(queue) == ("epochs-threefold",)
    assert of.lab.left == proof
    assert [outcome.arm for outcome in of.outcomes] == [(name,) for name in names[:4]]
