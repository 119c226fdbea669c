"""The table of causes is whole, and says nothing that does not exist."""

import pytest

from unstuck.diagnosis.causes import CAUSES
from unstuck.diagnosis.search import TOGETHER, joined
from unstuck.diagnosis.suspects import cause_of, causes_of, suspects, suspicion
from unstuck.diagnosis.symptoms import SYMPTOMS
from unstuck.diagnosis.terms import Finding
from unstuck.diagnosis.treatments import TREATMENTS

# The public ids, as the design lists them.
IDS = [
    "learning-rate-too-high",
    "learning-rate-too-low",
    "too-few-epochs",
    "poor-optimizer",
    "batch-size-too-large",
    "batch-size-too-small",
    "saddle-point",
    "local-minimum",
    "seed-dependent",
    "poor-initialisation",
    "saturating-activation",
    "exploding-activation",
    "dead-relu",
    "missing-nonlinearity",
    "missing-normalisation",
    "too-deep",
    "model-bias",
    "overfitting",
    "over-regularised",
    "wrong-loss",
    "wrong-output-activation",
    "wrong-target-encoding",
    "shape-mismatch",
    "unscaled-inputs",
    "unscaled-targets",
    "no-signal",
    "label-noise",
    "class-imbalance",
    "distribution-mismatch",
    "harmful-augmentation",
    "leakage",
    "invalid-data",
    "missing-zero-grad",
    "frozen-parameters",
    "detached-parameters",
    "gradient-sign",
    "wrong-mode",
]

each = pytest.mark.parametrize("cause", CAUSES.values(), ids=lambda cause: cause.id)


def finding(symptom):
    return Finding(symptom, "", 1.0, 0.0, "")


def test_every_public_id_has_a_record():
    assert sorted(CAUSES) == sorted(IDS)


@each
def test_a_cause_names_symptoms_treatments_and_neighbours_that_exist(cause):
    assert {*cause.symptoms} <= {symptom.id for symptom in SYMPTOMS}
    assert {*cause.treatments} <= {*TREATMENTS}
    assert {*cause.neighbours} <= {*CAUSES} - {cause.id}
    assert all(0 < weight <= 1 for weight in cause.symptoms.values())


@each
def test_a_cause_says_what_will_happen_before_it_is_tried(cause):
    for text in (cause.explains, cause.fault, cause.experiment, cause.prediction):
        assert text.endswith(".")


def test_every_symptom_points_at_a_cause_and_every_treatment_cures_one():
    assert {symptom for cause in CAUSES.values() for symptom in cause.symptoms} == {one.id for one in SYMPTOMS}
    assert {name for cause in CAUSES.values() for name in cause.treatments} == {*TREATMENTS}


def test_every_treatment_has_a_place_in_the_order():
    assert set(joined((), tuple(TREATMENTS))) == {*TREATMENTS}
    assert {name for arm in TOGETHER for name in arm} <= {*TREATMENTS}


@each
def test_what_points_at_a_cause_brings_its_treatments_forward(cause):
    points = suspicion([finding(symptom) for symptom in cause.symptoms])
    assert points[cause.id] == max(sum(cause.symptoms.values()), points[cause.id])
    queue = [suspect.treatment for suspect in suspects(points, TREATMENTS, lambda name: True)]
    assert {*cause.treatments} <= {*queue}


def test_the_first_treatment_that_applies_is_as_suspected_as_its_cause():
    points = suspicion([finding("modules-unregistered")])
    others = {"optimize-all", "register-modules"}
    queue = suspects(points, TREATMENTS, lambda name: name not in others)
    assert queue[0] == ("reconnect", "detached-parameters", points["detached-parameters"])
    assert not others & {suspect.treatment for suspect in queue}


def test_what_helped_confirms_the_cause_that_was_suspected_most():
    points = suspicion([finding("units-dead"), finding("gradient-gone")])
    assert cause_of("reinitialize", points).id == "dead-relu"
    assert cause_of("reinitialize", suspicion([finding("units-alike")])).id == "poor-initialisation"


def test_a_rate_on_top_of_another_optimizers_own_says_nothing_of_the_rate_as_given():
    points = suspicion([finding("loss-not-finite"), finding("updates-too-large")])
    assert [one.id for one in causes_of(("adam", "lr-tenfold"), points)] == ["learning-rate-too-high"]
    assert [one.id for one in causes_of(("lr-tenfold",), points)] == ["learning-rate-too-low"]
    assert [one.id for one in causes_of(("adam", "lr-tenfold"), suspicion([]))] == ["poor-optimizer"]


def test_without_findings_the_usual_suspects_are_left():
    plain = {"plain-length", "keep-rate", "constant-rate"}
    queue = suspects(suspicion([]), TREATMENTS, lambda name: name not in plain)
    assert {suspect.treatment for suspect in queue[:3]} == {"lr-tenth", "lr-tenfold", "adam"}


def test_a_rate_that_vanishes_is_kept_before_another_one_is_tried():
    queue = suspects(suspicion([finding("rate-vanishes")]), TREATMENTS, lambda name: name != "keep-rate")
    assert [suspect.treatment for suspect in queue[:2]] == ["constant-rate", "lr-tenfold"]


def test_a_gradient_that_was_made_longer_is_mended_before_the_rate_is():
    queue = suspects(suspicion([finding("gradient-lengthened")]), TREATMENTS, lambda name: True)
    assert queue[0].treatment == "plain-length"
