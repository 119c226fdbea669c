"""Settings: each symptom on both sides of its limit, and none where nothing was measured."""

import numpy as np
import pytest

from unstuck.diagnosis.symptoms import settings
from unstuck.evidence.evidence import Column, Evidence

LOOKS = {symptom.id: symptom.look for symptom in settings.SYMPTOMS}


def odd(ratio):
    return Evidence({"optimizer_odd": Column(np.array([1.0, ratio]), "times", ("betas[0]", "betas[1]"))})


def of(**numbers):
    return Evidence({name: Column(np.array(value, float), "") for name, value in numbers.items()})


@pytest.mark.parametrize(
    ("symptom", "beyond", "before"),
    [
        ("few-steps", of(steps=299), of(steps=300)),
        ("tiny-batches", of(batch_rows=2, steps=300), of(batch_rows=3, steps=300)),
        ("tiny-batches", of(batch_rows=2, steps=300), of(batch_rows=2, steps=299)),
        ("decay-heavy", of(weight_decay=0.021), of(weight_decay=0.02)),
        ("rate-vanishes", of(rate_faint=0.51), of(rate_faint=0.5)),
        ("rate-grows", of(rate_end=10.1), of(rate_end=10)),
        ("optimizer-odd", odd(101), odd(100)),
        ("rows-random", of(rows_random=1), of(rows_random=0)),
    ],
)
def test_a_setting_is_found_only_beyond_its_limit(symptom, beyond, before):
    assert LOOKS[symptom](beyond).symptom == symptom
    assert LOOKS[symptom](before) is None


def test_what_was_not_measured_is_no_symptom():
    assert all(look(Evidence()) is None for look in LOOKS.values())
