"""Each symptom of the data is found above its limit alone, and ordinary sets have none that is not so."""

import numpy as np
import pytest
from sklearn import datasets

from unstuck.data import load
from unstuck.diagnosis.symptoms.data import SYMPTOMS
from unstuck.diagnosis.terms import Finding
from unstuck.evidence.data import of_data
from unstuck.evidence.evidence import Column, Evidence
from unstuck.recipe.data import Data

BY_ID = {symptom.id: symptom for symptom in SYMPTOMS}
SHARE, R2 = "share of rows", "share of variance"
TWO_CLASSES = Column(np.array([500.0, 500.0]), "rows", along=("class 0", "class 1"))


def evidence(along=(), unit=SHARE, **numbers):
    columns = {
        name: Column(np.asarray(value, dtype=np.float64), unit, along=along) for name, value in numbers.items()
    }
    return Evidence(columns | ({"class_rows": TWO_CLASSES} if "labels_off" in numbers else {}))


def control(train=None, test=None, unit=SHARE, **numbers):
    """A yardstick of 0.9 over a chance of 0.5 on 1000 held-out rows, beside the program's scores by seed."""
    known = {
        "attainable_unseen": 0.9,
        "chance_train": 0.5,
        "chance": 0.5,
        "attainable_error": 0.001,
        "chance_p": 0.001,
    }
    found = evidence(**known | numbers) | evidence(rows=[1000.0, 1000.0], along=("train", "test"))
    scores = {"control_train_score": train, "control_test_score": test}
    return found | evidence(unit=unit, **{name: value for name, value in scores.items() if value is not None})


def one_feature(alone, rest):
    return evidence(one_feature=3, one_feature_score=alone, other_features_score=rest, chance_train=0.5)


NOISE = {"labels_off": 0.2, "labels_off_high": 0.25, "chance_p": 0.001}
NOISE |= {"labels_off_tenth": 0.151, "labels_off_two_fifths": 0.2, "labels_missed": 0.3}
SHIFT = {"two_sample_error": 0.01}

CASES = [  # symptom, evidence, whether it is found
    ("inputs-not-finite", evidence(inputs_not_finite_rows=[0, 0], along=("train", "test")), False),
    ("inputs-not-finite", evidence(inputs_not_finite_rows=[0, 0.001], along=("train", "test")), True),
    ("inputs-coded", evidence(inputs_coded_rows=0), False),
    ("inputs-coded", evidence(inputs_coded_rows=0.001), True),
    ("targets-not-finite", evidence(targets_bad=[0.0], along=("train",)), False),
    ("targets-not-finite", evidence(targets_bad=[0.001], along=("train",)), True),
    ("inputs-unscaled", evidence(inputs_size=10, inputs_reach=0.1, inputs_spread_ratio=100), False),
    ("inputs-unscaled", evidence(inputs_size=10.1, inputs_reach=1), True),
    ("inputs-unscaled", evidence(inputs_size=1, inputs_reach=0.099), True),
    ("inputs-unscaled", evidence(inputs_size=1, inputs_reach=0), False),  # constant is another finding
    ("inputs-unscaled", evidence(inputs_size=1, inputs_reach=1, inputs_spread_ratio=101), True),
    ("targets-unscaled", evidence(targets_size=10, targets_reach=0.1), False),
    ("targets-unscaled", evidence(targets_size=10.1, targets_reach=1), True),
    ("targets-unscaled", evidence(targets_size=1, targets_reach=0.099), True),
    ("inputs-constant", evidence(inputs_constant_share=0.99), False),
    ("inputs-constant", evidence(inputs_constant_share=1), True),
    ("targets-constant", evidence(targets_distinct=2), False),
    ("targets-constant", evidence(targets_distinct=1), True),
    ("classes-imbalanced", evidence(imbalance=10), False),
    ("classes-imbalanced", evidence(imbalance=10.1), True),
    ("twins-across-splits", evidence(twins=0.05, twins_beyond_chance=0.05, twins_error=0.001), False),
    ("twins-across-splits", evidence(twins=0.06, twins_beyond_chance=0.06, twins_error=0.001), True),
    ("twins-across-splits", evidence(twins=0.06, twins_beyond_chance=0.06, twins_error=0.02), False),
    ("labels-contradict", evidence(contradictions=0.05), False),
    ("labels-contradict", evidence(contradictions=0.06), True),
    ("labels-contradict", evidence(contradictions=0.06, inputs_constant_share=1), False),
    ("inputs-shifted", evidence(two_sample_auc=0.75, **SHIFT), False),
    ("inputs-shifted", evidence(two_sample_auc=0.76, **SHIFT), True),
    ("inputs-shifted", evidence(two_sample_auc=0.76, two_sample_error=0.1), False),
    ("targets-shifted", evidence(targets_shift=0.1, targets_shift_p=1e-6), False),
    ("targets-shifted", evidence(targets_shift=0.11, targets_shift_p=1e-6), True),
    ("targets-shifted", evidence(targets_shift=0.11, targets_shift_p=0.01), False),
    ("no-better-than-chance", control(chance_p=0.05, rows_tried=500), False),
    ("no-better-than-chance", control(chance_p=0.06, rows_tried=500), True),
    ("no-better-than-chance", control(chance_p=0.06, rows_tried=159), False),
    ("no-better-than-chance", control(chance_p=0.01, unseen_gain=0, rows_tried=500), True),
    ("no-better-than-chance", control(chance_p=0.01, unseen_gain=0.01, rows_tried=500), False),
    ("no-better-than-chance", control(chance_p=0.002, unseen_gain=-0.1, rows_tried=500), False),
    ("no-better-than-chance", control(test=[0.54, 0.54], chance_p=0.06, rows_tried=500), True),
    ("no-better-than-chance", control(test=[0.56, 0.56], chance_p=0.06, rows_tried=500), False),
    ("no-better-than-chance", control(test=[np.nan, np.nan], chance_p=0.06, rows_tried=500), True),
    ("labels-noisy", evidence(labels_off_low=0.1, **NOISE), False),
    ("labels-noisy", evidence(labels_off_low=0.11, **NOISE), True),
    ("labels-noisy", evidence(labels_off_low=0.11, **NOISE | {"labels_off_tenth": 0.149}), False),
    ("labels-noisy", evidence(labels_off_low=0.11, **NOISE | {"labels_missed": 0.31}), False),
    ("labels-noisy", evidence(labels_off_low=0.11, **NOISE | {"labels_off_high": 0.33}), False),
    ("labels-noisy", evidence(labels_off_low=0.11, **NOISE | {"chance_p": 0.06}), False),
    ("few-rows", evidence(rows=[100], along=("train",)), False),
    ("few-rows", evidence(rows=[99], along=("train",)), True),
    ("fit-poor", control(train=[0.86, 0.87, 0.5]), False),
    ("fit-poor", control(train=[0.85, 0.85, 0.99]), True),
    ("fit-poor", control(train=[0.85, 0.85, 0.99], attainable_error=0.05), False),
    ("fit-poor", control(train=[0.5, 0.5], chance_p=0.2), False),
    ("fit-poor", control(train=[0.5, 0.5], unit="nats"), False),
    ("fit-poor", control(train=[np.nan, np.nan]), False),  # that the loss is not finite is another finding
    (
        "feature-tells-all",
        one_feature(0.99, 0.7),
        True,
    ),
    (
        "feature-tells-all",
        one_feature(0.98, 0.7),
        False,
    ),
    (
        "feature-tells-all",
        one_feature(0.99, 0.8),
        False,
    ),
]


@pytest.mark.parametrize(("symptom", "seen", "is_found"), CASES)
def test_a_symptom_is_found_beyond_its_limit_alone(symptom, seen, is_found):
    found = BY_ID[symptom].look(seen)
    assert (found is not None) == is_found
    assert found is None or (found.symptom == symptom and found.sentence and found.unit)


def test_every_symptom_is_tested_on_both_sides():
    assert {(symptom, side) for symptom, _, side in CASES} == {
        (one, side) for one in BY_ID for side in (True, False)
    }


def test_nothing_is_found_in_what_was_not_measured():
    assert [symptom.look(Evidence()) for symptom in SYMPTOMS] == [None] * len(SYMPTOMS)


# sets as they are met


def normal(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


def halves(x, y, seed=0):
    order = np.random.default_rng(seed).permutation(len(x))
    train, test = np.split(order, [3 * len(x) // 4])
    return {"train": (x[train], y[train]), "test": (x[test], y[test])}


def from_sklearn(name, kind="classes", scale=normal):
    loaded = getattr(datasets, f"load_{name}")()
    y = normal(loaded.target) if kind == "numbers" else loaded.target
    return halves(scale(loaded.data), y), kind


def mnist(rows=1200):
    full = load(Data(name="mnist"))
    pairs = (("train", full.train), ("test", full.test))
    return {name: (split.x[:rows].astype(np.float32) / 255, split.y[:rows]) for name, split in pairs}, "classes"


def regression():
    x, y = datasets.make_regression(500, 10, noise=5, random_state=0)
    return halves(x, normal(y)), "numbers"


def noisy(share):
    x, y = datasets.make_moons(1200, noise=0.15, random_state=0)
    return halves(x, np.where(np.random.default_rng(0).random(1200) < share, 1 - y, y)), "classes"


def imbalanced():
    return halves(*datasets.make_classification(2000, weights=[0.95], flip_y=0, random_state=0)), "classes"


def tokens():
    x = np.random.default_rng(0).integers(0, 12, size=(800, 10))
    return halves(x, ((x == 3).sum(axis=1) > 0).astype(int)), "classes"


def coarse():
    """Few values, so that every test row has a twin, and one label in thirty is another."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, size=(600, 6)).astype(float)
    return halves(x, ((x.sum(axis=1) > 3) ^ (rng.random(600) < 0.03)).astype(int)), "binary"


def overlapping():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 5))
    return halves(x, (x[:, 0] + 0.8 * rng.normal(size=1000) > 0).astype(int)), "classes"


def several():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 6))
    return halves(x, (x @ rng.normal(size=(6, 4)) > 0).astype(float)), "labels"


HEALTHY = {
    "digits": (lambda: from_sklearn("digits", scale=lambda x: x / 16), set()),
    "iris": (lambda: from_sklearn("iris"), set()),
    "wine": (lambda: from_sklearn("wine"), set()),
    "breast cancer": (lambda: from_sklearn("breast_cancer", "binary"), set()),
    "diabetes": (lambda: from_sklearn("diabetes", "numbers"), set()),
    "mnist": (mnist, set()),
    "moons": (lambda: noisy(0), set()),
    "regression": (regression, set()),
    "imbalanced": (imbalanced, {"classes-imbalanced"}),
    "tokens": (tokens, set()),
    "coarse": (coarse, set()),
    "overlapping": (overlapping, set()),
    "several labels": (several, set()),
    "a fifth of labels wrong": (lambda: noisy(0.2), {"labels-noisy"}),
    "raw wine": (lambda: from_sklearn("wine", scale=lambda x: x), {"inputs-unscaled"}),
    "raw digits": (lambda: from_sklearn("digits", scale=lambda x: x), set()),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_in_an_ordinary_set_nothing_is_found_that_is_not_so(name):
    make, expected = HEALTHY[name]
    splits, kind = make()
    seen = of_data(splits, kind, seed=0)
    found = [finding for symptom in SYMPTOMS if (finding := symptom.look(seen)) is not None]
    assert all(isinstance(finding, Finding) for finding in found)
    assert {finding.symptom for finding in found} == expected


def broken(name, rng):
    x, y = rng.normal(size=(600, 5)), rng.integers(0, 2, 600)
    signal = (x[:, 0] + x[:, 1] > 0).astype(int)
    return {
        "no-better-than-chance": halves(x, y),
        "inputs-shifted": {"train": (x, signal), "test": (2 * x[:300] + 1, signal[:300])},
        "targets-shifted": {"train": (x, signal), "test": (x[:200] * (1 + 1e-9), np.ones(200, dtype=int))},
        "feature-tells-all": halves(np.concatenate([x, 2.0 * y[:, None]], axis=1), y),
        "twins-across-splits": {"train": (x, signal), "test": (x[:200], signal[:200])},
        "inputs-coded": halves(np.where(rng.random(x.shape) < 0.005, -999.0, x), signal),
        "inputs-not-finite": halves(np.where(rng.random(x.shape) < 0.001, np.inf, x), signal),
        "targets-constant": halves(x, np.zeros(600, dtype=int)),
        "inputs-constant": halves(np.ones((600, 5)), y),
        "inputs-unscaled": halves((x * 255).clip(0, 255).astype(np.uint8), signal),
        "few-rows": halves(x[:40], signal[:40]),
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        "no-better-than-chance", "inputs-shifted", "targets-shifted", "feature-tells-all", "twins-across-splits",
        "inputs-not-finite", "inputs-coded", "targets-constant", "inputs-constant", "inputs-unscaled", "few-rows",
    ],
)  # fmt: skip
def test_what_is_broken_is_found(name):
    seen = of_data(broken(name, np.random.default_rng(0)), "classes", seed=0)
    assert BY_ID[name].look(seen) is not None


@pytest.mark.parametrize("size", [0.2, 1.0, 255.0])
def test_pictures_are_unscaled_as_bytes_alone(size):
    x = np.random.default_rng(0).random((200, 784)) * size
    seen = of_data({"train": (x, np.arange(200) % 2)}, "classes", seed=0)
    assert (BY_ID["inputs-unscaled"].look(seen) is not None) == (size == 255)
