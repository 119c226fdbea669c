"""What is said of each cause: confirmed by what was proven, ruled out only by what was tried, else undecided."""

import numpy as np
import pytest

from unstuck.diagnosis.causes import CAUSES
from unstuck.diagnosis.decided import FELT, NEARLY, gradient_cut, in_order, of_data, rows_mixed, verdicts
from unstuck.diagnosis.scale import Scale
from unstuck.diagnosis.search import Outcome
from unstuck.diagnosis.terms import Cure, Status, Verdict
from unstuck.engine import Evaluation
from unstuck.evidence.evidence import Column, Evidence
from unstuck.study.statistics import t_interval

CONFIRMED, RULED_OUT, UNDECIDED = Status.CONFIRMED, Status.RULED_OUT, Status.UNDECIDED
SCALE = Scale(0.0, 1.0, 10_000)
USUAL = 0.6
COUNTS = SCALE.material(USUAL)


class Known:
    """A lab whose control scores what is usual, and where some treatments do not apply."""

    def __init__(self, *idle: str) -> None:
        self.idle, self.scale = idle, SCALE

    def treated(self, arm):
        return None if set(arm) & set(self.idle) else arm

    def mean(self, arm):
        return USUAL

    def of(self, arm):
        return []


def outcome(*arm, gains=(0.0,), beside=()):
    counts = sum(gains) / len(gains) >= COUNTS
    return Outcome((*beside, *arm), beside, None, gains, counts)


def of(cause, *outcomes, lab=None, cure=None):
    found = verdicts(lab or Known(), [], {cause: 1.0}, outcomes, cure)
    return next(one for one in found if one.cause == cause)


def cure(*treatments, verified=True):
    scores = (0.5, 0.6), (0.9, 0.95)
    return Cure(
        treatments=treatments,
        says=treatments,
        edits=(),
        lines=(),
        program=None,
        before=scores[0],
        after=scores[1],
        effect=t_interval([0.4, 0.35]),
        verified=verified,
    )


def test_a_cause_is_ruled_out_once_all_its_treatments_were_tried_and_none_helped():
    every = CAUSES["too-few-epochs"].treatments
    assert of("too-few-epochs", *(outcome(name) for name in every)).status is RULED_OUT
    assert of("too-few-epochs", outcome(every[0])).status is UNDECIDED
    assert of("too-few-epochs", outcome(every[0]), lab=Known(*every[1:])).status is RULED_OUT


@pytest.mark.parametrize(
    ("gain", "status"), [(NEARLY * COUNTS - 1e-6, RULED_OUT), (NEARLY * COUNTS + 1e-6, UNDECIDED)]
)
def test_what_nearly_helped_is_not_ruled_out_by_so_few_seeds(gain, status):
    every = [outcome(name) for name in CAUSES["too-few-epochs"].treatments[1:]]
    nearly = outcome(CAUSES["too-few-epochs"].treatments[0], gains=(gain,))
    assert of("too-few-epochs", nearly, *every).status is status


def test_what_helped_and_was_not_proven_is_undecided_whatever_the_others_did():
    first, *others = CAUSES["learning-rate-too-high"].treatments
    tried = [outcome(first, gains=(0.5, 0.4)), *(outcome(name) for name in others)]
    verdict = of("learning-rate-too-high", *tried, cure=cure(first, verified=False))
    assert verdict.status is UNDECIDED
    assert verdict.treatment == first


@pytest.mark.parametrize(
    ("idle", "outcomes", "words"),
    [
        ((), [], "another cause came first, or the budget was spent"),
        (("smaller-batch",), [], "no treatment of it applies"),
        ((), [outcome("smaller-batch", beside=("adam",))], "together with other treatments only"),
    ],
)
def test_a_cause_that_was_not_tried_is_undecided_and_it_is_said_why(idle, outcomes, words):
    verdict = of("batch-size-too-large", *outcomes, lab=Known(*idle))
    assert (verdict.status, verdict.effect) == (UNDECIDED, None)
    assert words in verdict.evidence[-1]


def test_a_proven_cure_confirms_its_causes_and_no_others():
    points = {"unscaled-inputs": 1.0, "gradient-sign": 0.5, "dead-relu": 0.3}
    found = {one.cause: one for one in verdicts(Known(), [], points, [], cure("flip-sign", "scale-inputs"))}
    assert [cause for cause, one in found.items() if one.status is CONFIRMED] == [
        "unscaled-inputs",
        "gradient-sign",
    ]
    assert found["unscaled-inputs"].treatment == "scale-inputs"
    assert found["gradient-sign"].evidence[-1].endswith("on 2 fresh seeds, by all of the cure")


@pytest.mark.parametrize(("without", "expected"), [(None, "learning-rate-too-low"), (0.9, "too-few-epochs")])
def test_of_two_causes_that_one_puts_right_more_comes_first(without, expected):
    scores = {("epochs-threefold",): without, ("lr-tenfold",): 0.85, ("lr-tenfold", "epochs-threefold"): 0.9}

    class Taken(Known):
        def of(self, arm):
            return [] if scores.get(arm) is None else [type("Trial", (), {"number": 0})]

        def mean(self, arm, numbers=None):
            return scores.get(arm, USUAL)

    rate = outcome("lr-tenfold", gains=(0.3,))
    longer = outcome("epochs-threefold", gains=(0.05,), beside=("lr-tenfold",))
    points = {"too-few-epochs": 0.8, "learning-rate-too-low": 0.7}
    both = cure("lr-tenfold", "epochs-threefold")
    assert verdicts(Taken(), [], points, [rate, longer], both)[0].cause == expected


def said(cause, status):
    return Verdict(cause=cause, status=status, effect=None, evidence=())


def test_of_two_verdicts_the_later_experiment_stands_unless_a_cure_was_proven():
    earlier = [said("leakage", UNDECIDED), said("dead-relu", CONFIRMED)]
    found = in_order([*earlier, said("leakage", RULED_OUT), said("dead-relu", RULED_OUT)])
    assert [(one.cause, one.status) for one in found] == [("dead-relu", CONFIRMED), ("leakage", RULED_OUT)]


def test_confirmed_ones_are_told_first_and_those_ruled_out_last():
    made = [said("leakage", RULED_OUT), said("dead-relu", UNDECIDED), said("too-deep", CONFIRMED)]
    assert [one.status for one in in_order(made)] == [CONFIRMED, UNDECIDED, RULED_OUT]


# in the data


def noisy(seen, held):
    columns = {
        "labels_off_low": 0.2,
        "labels_off": 0.25,
        "labels_off_high": 0.3,
        "labels_off_tenth": 0.25,
        "labels_missed": 0.3,
    }
    made = {name: Column(np.array(value), "share of rows") for name, value in columns.items()}
    for name, values in (("train", seen), ("choose", held)):
        made[f"control_{name}_score"] = Column(np.array(values), "share of rows")
    return Evidence(made)


@pytest.mark.parametrize(
    ("seen", "held", "status"),
    [
        ([0.95, 0.95], [0.7, 0.7], CONFIRMED),
        ([0.75, 0.75], [0.7, 0.7], RULED_OUT),
        ([np.nan, np.nan], [np.nan, np.nan], UNDECIDED),
        ([0.95, np.nan], [0.7, 0.1], CONFIRMED),
    ],
    ids=["learnt by heart", "not learnt", "never trained", "one seed failed"],
)
def test_wrong_labels_are_a_fault_where_they_are_learnt_by_heart(monkeypatch, seen, held, status):
    one = Verdict(cause="label-noise", status=CONFIRMED, effect=None, evidence=("many are off",))
    monkeypatch.setattr("unstuck.diagnosis.decided.data.label_noise", lambda evidence: one)
    (verdict,) = of_data(Known(), None, noisy(seen, held), {"label-noise": 1.0}, [])
    assert verdict.status is status


class Asked:
    """A trial whose network answers so, and the facts of its rows."""

    kind, class_axis, is_one_hot = "classes", 1, False

    def __init__(self, answers, classes):
        self.test = Evaluation(np.eye(2)[answers], classes, 0.0)
        self.run = self


RARE = Evidence(
    {
        "class_rows": Column(np.array([990.0, 10.0]), "rows", ("class 0", "class 1")),
        "class_recall": Column(np.array([0.99, 0.9]), "share of rows", ("class 0", "class 1")),
    }
)
CLASSES = np.repeat([0, 1], [180, 60])
NONE, ALL = Asked(np.zeros(240, dtype=int), CLASSES), Asked(CLASSES, CLASSES)


@pytest.mark.parametrize(
    ("control", "weighed", "status"),
    [(NONE, [ALL], CONFIRMED), (NONE, [NONE], UNDECIDED), (NONE, [], UNDECIDED), (ALL, [ALL], RULED_OUT)],
    ids=["weights find them", "weights do not", "weights were not tried", "they are found"],
)
def test_rare_rows_must_be_missed_and_be_found_once_classes_weigh_the_same(monkeypatch, control, weighed, status):
    lab = Known()
    monkeypatch.setattr(lab, "of", lambda arm: weighed if arm == ("class-weights",) else [])
    (verdict,) = of_data(lab, control, RARE, {"class-imbalance": 1.0}, [control])
    assert verdict.status is status


def mixed(*symptoms, normalized=0.0, cure=None):
    measured = Evidence(
        {
            name: Column(np.array(value), "")
            for name, value in {"rows_mixed": 0.2, "rows_normalized": normalized}.items()
        }
    )
    return [one.status for one in rows_mixed(dict.fromkeys(symptoms, "seen"), measured, cure)]


def test_rows_that_decide_each_others_answers_are_confirmed_where_they_are_fitted_worse_than_they_can_be():
    assert mixed("rows-mixed", "fit-poor") == [CONFIRMED]
    assert mixed("rows-mixed") == [UNDECIDED]
    assert mixed("rows-mixed", "fit-poor", normalized=1.0) == [UNDECIDED]
    assert mixed("fit-poor") == []


def test_rows_that_are_mixed_are_not_to_blame_where_something_else_cures():
    assert mixed("rows-mixed", "fit-poor", cure=cure("adam")) == []
    assert mixed("rows-mixed", "fit-poor", cure=cure("adam", verified=False)) == [CONFIRMED]


def cut(*symptoms, felt=2 * FELT, idle=("reconnect", "register-modules")):
    measured = Evidence({"cut_felt": Column(np.array(felt), "")})
    found = gradient_cut(Known(*idle), dict.fromkeys(symptoms, "seen"), measured)
    return [(one.cause, one.status) for one in found]


def test_parameters_that_outputs_feel_and_no_gradient_reaches_are_cut_off_where_rows_are_fitted_poorly():
    cause = "detached-parameters"
    assert cut("parameters-without-gradient", "fit-poor") == [(cause, CONFIRMED)]
    assert cut("parameters-without-gradient") == [(cause, UNDECIDED)]  # features that serve as they are
    assert cut("parameters-without-gradient", "fit-poor", felt=FELT) == []
    assert cut("fit-poor") == []


def test_what_a_treatment_connects_is_told_by_its_trial():
    assert cut("parameters-without-gradient", "fit-poor", idle=["register-modules"]) == []
    assert cut("parameters-without-gradient", "fit-poor", idle=["reconnect"]) == []
