"""A fault is put into a program that trains well; the treatment that mends it brings the score back."""

from dataclasses import replace

import pytest

from faults import FAULTS
from healthy import HEALTHY, trained
from unstuck.diagnosis.causes import CAUSES
from unstuck.diagnosis.treatments.table import TREATMENTS
from unstuck.evidence.torch_facts import facts_of

# What mends the fault as it is put in; of others of its cause a treatment may do as well
MENDED = {
    "learning-rate-too-high": "lr-hundredth",
    "too-few-epochs": "epochs-tenfold",
    "poor-optimizer": "adam",
    "batch-size-too-large": "smaller-batch",
    "batch-size-too-small": "larger-batch",
    "saddle-point": "reinitialize",
    "local-minimum": "reinitialize",
    "seed-dependent": "wider",
    "poor-initialisation": "reinitialize",
    "saturating-activation": "relu",
    "exploding-activation": "reinitialize",
    "dead-relu": "reinitialize",
    "missing-nonlinearity": "add-nonlinearity",
    "missing-normalisation": "normalize",
    "too-deep": "shallower",
    "model-bias": "wider",
    "over-regularised": "no-weight-decay",
    "wrong-loss": "cross-entropy",
    "wrong-output-activation": "output-logits",
    "wrong-target-encoding": "encode-targets",
    "shape-mismatch": "match-shapes",
    "unscaled-inputs": "scale-inputs",
    "unscaled-targets": "scale-targets",
    "class-imbalance": "class-weights",
    "harmful-augmentation": "no-augmentation",
    "invalid-data": "drop-invalid-rows",
    "missing-zero-grad": "plain-step",
    "frozen-parameters": "unfreeze",
    "detached-parameters": "reconnect",
    "gradient-sign": "flip-sign",
    "wrong-mode": "respect-mode",
}


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("cause", MENDED)
def test_what_mends_a_fault_brings_back_the_healthy_score(cause):
    faulty, healthy = FAULTS[cause](), trained(HEALTHY[FAULTS[cause].of]())
    cured = TREATMENTS[MENDED[cause]].treat(faulty, facts_of(faulty, seed=0)).program
    assert trained(faulty) < healthy - 0.05
    assert trained(cured) > healthy - 0.05


@pytest.mark.parametrize("cause", sorted(FAULTS.keys() - MENDED.keys() - {"leakage"}))
def test_a_fault_that_no_single_treatment_mends_harms_all_the_same(cause):
    assert trained(FAULTS[cause]()) < trained(HEALTHY[FAULTS[cause].of]()) - 0.05


def test_a_leak_flatters():
    leaked = FAULTS["leakage"]()
    x, y = leaked.train
    apart = replace(leaked, train=(x[60:], y[60:]))
    assert trained(leaked) > trained(apart) + 0.05


def test_every_cause_has_a_fault_that_is_put_into_a_healthy_program():
    assert set(FAULTS) == set(CAUSES)
    for fault in FAULTS.values():
        facts_of(fault(), seed=0)


def test_every_treatment_that_a_cause_names_is_there():
    named = {id for cause in CAUSES.values() for id in cause.treatments}
    assert named <= set(TREATMENTS)
