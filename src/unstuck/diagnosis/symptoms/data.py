"""What is seen in the data: sizes, constants, numbers that are none, twins, shifts, noise, what is in reach."""

import numpy as np

from unstuck.diagnosis.terms import Finding, Symptom
from unstuck.evidence.evidence import Evidence

LARGE = 10.0
"""Root mean square of all inputs or targets. Weights of variance 1/(3 F), torch's, make of such inputs first sums
of which 60 % are beyond ±3, where tanh has 1 % of its slope."""
SMALL = 0.1
"""Distance of a row from the mean row, in which a standardized feature alone has 1."""
UNLIKE = 100.0
"""Spreads per median spread. Gradient descent on squares takes as many steps as their square."""
MATERIAL = 0.05
"""Share of rows, or of variance, by which a score is materially wrong."""
IMBALANCE = 10.0
"""Rows of the commonest class per row of the rarest."""
APART = 0.75
"""Area under the ROC curve of which of two splits a row is from."""
SHIFT = 0.1
"""Distance of two distributions of targets: the share of rows by which any score may differ for it."""
CHANCE = 0.05
"""Probability, above which what was seen may be chance; by custom."""
SURELY = 0.001
"""The same where one such accident must not be called a fault."""
UNMATCHED = 0.002
"""Probability that is told where none of 999 shuffles, of two models, comes up to what was seen."""
ERRORS = 3.0
"""Standard errors that are beyond doubt."""
FEWEST_FOR_NONE = 160.0
"""Rows, of which a correlation of r² = 0.05 is found with a chance of 80 %: (1.96 + 0.84)² / 0.05."""
NOISE = 0.1
"""Share of labels that are wrong."""
EVENLY = 0.75
"""Share of labels off in the surest tenth of rows per that in two fifths: noise is even, overlap is not."""
ALIKE = 0.65
"""Share of labels off in the surest fifth of rows per that in all: noise is even, overlap is not."""
GUESSED = 0.65
"""Of the error of guessing, from which on overlap lies as evenly as noise."""
FEW = 100.0
"""Rows. The error of an accuracy of as many is 5 points."""
SHORT = 0.1
"""Of the way from chance to what other models reach, by which a program may fall short."""
TELLING = 0.99
"""Score that one feature reaches alone, if it is the answer."""


def _inputs_not_finite(evidence: Evidence) -> Finding | None:
    return _not_finite(evidence, "inputs_not_finite_rows", "inputs-not-finite", "hold inputs that are not finite")


def _inputs_coded(evidence: Evidence) -> Finding | None:
    share = evidence.number("inputs_coded_rows")
    if not share > 0:
        return None
    where = _named(evidence, "inputs_coded")
    sentence = f"{_percent(share)} of the rows hold a number far from all others, again and again, as if missing"
    return Finding("inputs-coded", sentence, share, 0.0, "share of rows", where=where)


def _targets_not_finite(evidence: Evidence) -> Finding | None:
    said = "have a target that is not finite, or a negative class number"
    return _not_finite(evidence, "targets_bad", "targets-not-finite", said)


def _not_finite(evidence: Evidence, column: str, symptom: str, said: str) -> Finding | None:
    """One such row makes the loss NaN."""
    if column not in evidence:
        return None
    shares, splits = evidence[column].values, evidence[column].along
    worst = int(np.argmax(shares))
    if not shares[worst] > 0:
        return None
    share = float(shares[worst])
    sentence = f"{_percent(share)} of the {splits[worst]} rows {said}"
    return Finding(symptom, sentence, share, 0.0, "share of rows", where=splits[worst])


def _inputs_unscaled(evidence: Evidence) -> Finding | None:
    if (found := _out_of_size(evidence, "inputs")) is not None:
        return found
    ratio = evidence.number("inputs_spread_ratio")
    if not ratio > UNLIKE:
        return None
    where = _named(evidence, "inputs_spread")
    sentence = f"one input varies {ratio:.3g} times as much as the median one"
    return Finding("inputs-unscaled", sentence, ratio, UNLIKE, "spreads per median spread", where=where)


def _targets_unscaled(evidence: Evidence) -> Finding | None:
    return _out_of_size(evidence, "targets")


def _out_of_size(evidence: Evidence, what: str) -> Finding | None:
    """Constant ones are not called small: that is another finding."""
    size, reach = evidence.number(f"{what}_size"), evidence.number(f"{what}_reach")
    symptom, where = f"{what}-unscaled", _named(evidence, f"{what}_spread")
    if size > LARGE:
        sentence = f"{what} have a size of {size:.3g}, where networks are made for about 1"
        return Finding(symptom, sentence, size, LARGE, "root mean square", where=where)
    if 0 < reach < SMALL:
        sentence = f"{what} lie only {reach:.2g} from their mean, where networks are made for about 1"
        return Finding(symptom, sentence, reach, SMALL, "root mean square distance from the mean", where=where)
    return None


def _inputs_constant(evidence: Evidence) -> Finding | None:
    """Some constant features are usual: the border of a picture."""
    share = evidence.number("inputs_constant_share")
    if not share >= 1:
        return None
    return Finding("inputs-constant", "all training rows have the same inputs", share, 1.0, "share of features")


def _targets_constant(evidence: Evidence) -> Finding | None:
    distinct = evidence.number("targets_distinct")
    if not distinct <= 1:
        return None
    return Finding("targets-constant", "all training rows have the same target", distinct, 1.0, "distinct targets")


def _classes_imbalanced(evidence: Evidence) -> Finding | None:
    ratio = evidence.number("imbalance")
    if not ratio > IMBALANCE:
        return None
    where = ""
    if "class_rows" in evidence:
        where = evidence["class_rows"].along[int(np.argmin(evidence["class_rows"].values))]
    sentence = f"the rarest class has one row for every {ratio:.3g} of the commonest"
    return Finding("classes-imbalanced", sentence, ratio, IMBALANCE, "rows per row", where=where)


def _twins_across_splits(evidence: Evidence) -> Finding | None:
    beyond, error = evidence.number("twins_beyond_chance"), evidence.number("twins_error")
    if not (beyond > MATERIAL and beyond > ERRORS * error):
        return None
    sentence = (
        f"{_percent(evidence.number('twins'))} of the held-out rows stand among the training rows too, "
        f"{_percent(evidence.number('twins') - beyond)} would by chance"
    )
    return Finding("twins-across-splits", sentence, beyond, MATERIAL, "share of held-out rows beyond chance")


def _labels_contradict(evidence: Evidence) -> Finding | None:
    lost = evidence.number("contradictions")
    if not lost > MATERIAL or evidence.number("inputs_constant_share") >= 1:
        return None
    unit = "share of rows" if "class_rows" in evidence or "label_shares" in evidence else "share of variance"
    sentence = f"equal inputs have different targets: no function gets {_percent(lost)} ({unit}) right"
    return Finding("labels-contradict", sentence, lost, MATERIAL, unit)


def _inputs_shifted(evidence: Evidence) -> Finding | None:
    auc, error = evidence.number("two_sample_auc"), evidence.number("two_sample_error")
    if not (auc > APART and auc - ERRORS * error > 0.5):
        return None
    where = _named(evidence, "feature_shift")
    sentence = f"a classifier tells held-out inputs from training inputs, with an area of {auc:.2f} (0.5 is alike)"
    return Finding("inputs-shifted", sentence, auc, APART, "area under the ROC curve", where=where)


def _targets_shifted(evidence: Evidence) -> Finding | None:
    distance, p = evidence.number("targets_shift"), evidence.number("targets_shift_p")
    if not (distance > SHIFT and p < SURELY):
        return None
    sentence = f"the targets of {_percent(distance)} of the rows would have to change to have training's shares"
    return Finding("targets-shifted", sentence, distance, SHIFT, "distance of distributions")


def _no_better_than_chance(evidence: Evidence) -> Finding | None:
    """Not said of few rows, nor where the program itself beats chance: a forest does not see everything."""
    p = evidence.number("chance_p")
    is_few = evidence.number("rows_tried") < FEWEST_FOR_NONE
    if not is_without_signal(evidence) or is_few or beats_chance(evidence) is True:
        return None
    sentence = "neither a forest nor a linear model predicts rows that they have not seen better than chance"
    return Finding("no-better-than-chance", sentence, p, CHANCE, "probability by chance")


def _labels_noisy(evidence: Evidence) -> Finding | None:
    off, low = evidence.number("labels_off"), evidence.number("labels_off_low")
    if not (low > NOISE and is_known(evidence) and is_even(evidence)):
        return None
    sentence = f"{_percent(off)} of the labels differ from the class of which held-out models are surest"
    return Finding("labels-noisy", sentence, low, NOISE, "share of rows, the interval's lower end")


def _few_rows(evidence: Evidence) -> Finding | None:
    rows = _of_split(evidence, "rows", "train")
    if not rows < FEW:
        return None
    return Finding("few-rows", f"there are {rows:.0f} rows to train on", rows, FEW, "rows", where="train")


def _fit_poor(evidence: Evidence) -> Finding | None:
    """Others are asked for rows that they have not seen, so that nothing learned by heart counts for them."""
    reached, unit = _control(evidence, "control_train_score")
    if "attainable_unseen" not in evidence or unit != evidence["attainable_unseen"].unit:
        return None
    other, chance = evidence.number("attainable_unseen"), evidence.number("chance_train")
    least = other - max(SHORT * (other - chance), 2 * evidence.number("attainable_error"))
    if evidence.number("chance_p") > CHANCE or other <= chance or not reached < least:
        return None
    sentence = f"the program reaches {reached:.3f} on its training rows; a small model {other:.3f} on unseen ones"
    return Finding("fit-poor", sentence, reached, least, unit)


def _feature_tells_all(evidence: Evidence) -> Finding | None:
    """Told as it is: what is the answer, and what a good input, is known to people alone."""
    alone, rest = evidence.number("one_feature_score"), evidence.number("other_features_score")
    chance = evidence.number("chance_train")
    if not (alone >= TELLING and rest < (alone + chance) / 2):
        return None
    where = f"feature {evidence.number('one_feature'):.0f}"
    sentence = f"{where} alone predicts {alone:.3f}, all others {rest:.3f}: does it hold the answer?"
    return Finding("feature-tells-all", sentence, alone, TELLING, "score", where=where)


# what experiments on the data ask too


def is_without_signal(evidence: Evidence) -> bool:
    """Whether no model makes anything of unseen rows.

    What goes together with the targets by more than chance, and predicts them no better than their mean, is an
    accident of one in twenty, unless no shuffle comes up to it.
    """
    p = evidence.number("chance_p")
    return p > CHANCE or (p > UNMATCHED and evidence.number("unseen_gain") <= 0)


def is_known(evidence: Evidence) -> bool:
    """Whether models know enough of the classes to call a label wrong."""
    if "class_rows" not in evidence or not evidence.number("chance_p") <= CHANCE:
        return False
    guessing = 1 - 1 / len(evidence["class_rows"].values)
    return evidence.number("labels_off_high") < GUESSED * guessing


def is_even(evidence: Evidence) -> bool:
    """Whether labels are off as often where a model is surest as where it is less sure."""
    tenth, two_fifths = evidence.number("labels_off_tenth"), evidence.number("labels_off_two_fifths")
    off, missed = evidence.number("labels_off"), evidence.number("labels_missed")
    return tenth >= EVENLY * two_fifths and off >= ALIKE * missed


def beats_chance(evidence: Evidence) -> bool | None:
    """Whether the program's held-out score lies beyond doubt above chance; None where it was not measured."""
    reached, unit = _control(evidence, "control_test_score")
    if "chance" not in evidence or unit != evidence["chance"].unit:
        return None
    rows = _of_split(evidence, "rows", "test")
    rows = _of_split(evidence, "rows", "validation") if np.isnan(rows) else rows
    chance = evidence.number("chance")
    return bool(reached > chance + ERRORS * error_at_chance(chance, rows, unit))


def error_at_chance(chance: float, rows: float, unit: str) -> float:
    """Standard error of the score of who knows nothing: of a share binomial, of R² at most a correlation's."""
    share = float(np.clip(chance, 0, 1)) if unit == "share of rows" else np.nan
    variance = 1.0 if np.isnan(share) else max(share * (1 - share), 1 / rows)
    return float(np.sqrt(variance / rows))


def _control(evidence: Evidence, name: str) -> tuple[float, str]:
    """Median over seeds, and the unit; NaN where no seed has a finite score."""
    if name not in evidence:
        return np.nan, ""
    scores = evidence[name].values.ravel()
    finite = scores[np.isfinite(scores)]
    return (float(np.median(finite)) if len(finite) else np.nan), evidence[name].unit


def _of_split(evidence: Evidence, column: str, split: str) -> float:
    if column not in evidence or split not in evidence[column].along:
        return np.nan
    return float(evidence[column].values[evidence[column].along.index(split)])


def _named(evidence: Evidence, column: str) -> str:
    """The name of the largest, where there are names."""
    if column not in evidence or not evidence[column].along:
        return ""
    return evidence[column].along[int(np.argmax(evidence[column].values))]


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


_OURS = "docs/thresholds.md"
_NAN = "IEEE 754: a sum with NaN is NaN"

SYMPTOMS: tuple[Symptom, ...] = (
    Symptom("inputs-not-finite", "inputs that are NaN or infinite", _inputs_not_finite, _NAN),
    Symptom("inputs-coded", "a number that stands for a missing one", _inputs_coded, _OURS),
    Symptom("targets-not-finite", "targets that are none", _targets_not_finite, _NAN),
    Symptom("inputs-unscaled", "inputs much larger or smaller than 1", _inputs_unscaled, _OURS),
    Symptom("targets-unscaled", "targets much larger or smaller than 1", _targets_unscaled, _OURS),
    Symptom("inputs-constant", "inputs that do not differ", _inputs_constant, "no function tells equals apart"),
    Symptom("targets-constant", "targets that do not differ", _targets_constant, "any constant is right"),
    Symptom(
        "classes-imbalanced",
        "a class that is rare",
        _classes_imbalanced,
        "who always answers the commoner of two classes is right on 10 of 11 rows",
    ),
    Symptom(
        "twins-across-splits",
        "held-out rows that were trained on",
        _twins_across_splits,
        "a share q that is known by heart raises an accuracy by q at most; 5 points are material",
    ),
    Symptom(
        "labels-contradict",
        "equal inputs with different targets",
        _labels_contradict,
        "what no function gets right; 5 points are material",
    ),
    Symptom("inputs-shifted", "held-out inputs of another kind", _inputs_shifted, _OURS),
    Symptom(
        "targets-shifted",
        "held-out targets in other shares",
        _targets_shifted,
        "total variation bounds how far the mean of anything in [0, 1] can differ",
    ),
    Symptom(
        "no-better-than-chance",
        "nothing that small models can learn",
        _no_better_than_chance,
        "permutation test at 5 %; rows for a power of 80 %, Cohen 1988, chapter 3",
    ),
    Symptom("labels-noisy", "labels that confident models contradict", _labels_noisy, _OURS),
    Symptom("few-rows", "few rows to train on", _few_rows, "√(0.25 / 100) = 0.05, a share's error"),
    Symptom("fit-poor", "training rows fitted worse than by small models", _fit_poor, _OURS),
    Symptom("feature-tells-all", "a feature that may be the answer", _feature_tells_all, _OURS),
)
