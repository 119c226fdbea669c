"""Objective: whether outputs, loss and targets are made for each other."""

import numpy as np

from unstuck.diagnosis.terms import Finding, Symptom
from unstuck.evidence.evidence import Evidence

BEYOND = 0.01
"""Share of targets that outputs cannot reach: one in a hundred may be an outlier; docs/thresholds.md."""
FEW = 10
"""Different whole numbers up to which one output may stand for classes; docs/thresholds.md."""
SQUEEZED = 0.8
"""Largest probability reached: of a softmax or sigmoid behind another e / (e + 1) = 0.73 at most, else 1."""
_OF_CLASSES = ("classes", "binary", "labels")
_OF_NUMBERS = ("mse", "mae", "huber")


def _reach(evidence: Evidence) -> tuple[float, float]:
    if "outputs_reach" not in evidence:
        return -np.inf, np.inf
    least, most = evidence["outputs_reach"].values
    return float(least), float(most)


def _is_shares(evidence: Evidence) -> bool:
    """Whether every row's outputs sum to 1."""
    return evidence.number("outputs_sum_axis") >= 1


def _into_cross_entropy(evidence: Evidence) -> Finding | None:
    is_softmaxed = _is_shares(evidence) or _reach(evidence) == (0.0, 1.0)
    if evidence.word("loss_name") != "cross-entropy" or not is_softmaxed or evidence.number("output_units") < 2:
        return None
    said = "Outputs are probabilities already, and cross-entropy applies softmax to them again."
    return Finding("probabilities-into-cross-entropy", said, _reach(evidence)[1], np.inf, "largest output reached")


def _into_logits(evidence: Evidence) -> Finding | None:
    if evidence.word("loss_name") != "bce-logits" or _reach(evidence) != (0.0, 1.0):
        return None
    said = "Outputs are probabilities already, and the loss applies a sigmoid to them again."
    return Finding("probabilities-into-logit-loss", said, 1.0, np.inf, "largest output reached")


def _squeezed(evidence: Evidence) -> Finding | None:
    if "outputs_seen" not in evidence or evidence.number("outputs_constant") > 0:
        return None
    operation, (least, most) = evidence.word("outputs_operation"), evidence["outputs_seen"].values
    if operation not in ("softmax", "log-softmax", "sigmoid"):
        return None
    probability = float(np.exp(most) if operation == "log-softmax" else most)
    if not probability < SQUEEZED or (operation == "sigmoid" and least < 1 - SQUEEZED):
        return None
    said = "However large the weights, no answer comes out as sure: probabilities are made of what is bounded."
    return Finding("outputs-squeezed", said, probability, SQUEEZED, "largest probability")


def _one_unit(evidence: Evidence) -> Finding | None:
    if not (evidence.number("output_units") == 1 and _is_shares(evidence)):
        return None
    said = "Softmax of a single unit is 1, whatever the input."
    return Finding("one-unit-softmax", said, 1.0, 2.0, "units")


def _across_others(evidence: Evidence) -> Finding | None:
    axis, classes = evidence.number("outputs_sum_axis"), evidence.number("class_axis")
    if axis == 0:
        said = "Softmax runs over the rows of a batch: they compete with each other, instead of the classes."
    elif axis > 0 and classes > 0 and axis != classes:
        said = f"Softmax runs over axis {axis:g} of the outputs, and the classes lie along axis {classes:g}."
    else:
        return None
    return Finding("softmax-across-rows", said, axis, max(classes, 1.0), "axis")


def _bounded(evidence: Evidence) -> Finding | None:
    least, most = _reach(evidence)
    kind, takes = evidence.word("target_kind"), evidence.word("loss_takes")
    reach = f"Outputs reach from {least:g} to {most:g}"
    beyond = evidence.number("targets_beyond")
    if kind == "numbers" and beyond > BEYOND:
        return Finding("outputs-bounded", f"{reach}, and targets lie beyond.", beyond, BEYOND, "share of targets")
    if takes == "logits" and np.isfinite(least) and (least, most) != (0.0, 1.0):
        said = f"{reach}, and the loss wants any numbers."
        return Finding("outputs-bounded", said, least, -np.inf, "least output")
    if takes == "probabilities" and (least, most) != (0.0, 1.0):
        said = f"{reach}, and the loss wants probabilities."
        return Finding("outputs-bounded", said, most, 1.0, "largest output")
    if kind == "labels" and _is_shares(evidence) and evidence.number("output_units") > 1:
        said = "A row's outputs sum to 1, and several of its labels may be 1, or none."
        return Finding("outputs-bounded", said, 1.0, np.inf, "sum of outputs")
    return None


def _loss_unfit(evidence: Evidence) -> Finding | None:
    kind, loss = evidence.word("target_kind"), evidence.word("loss_name")
    if kind in _OF_CLASSES and loss in _OF_NUMBERS:
        return _unfit(f"Targets are {kind}, and the loss, {loss}, is for numbers.")
    if evidence.number("loss_undefined") > 0:
        return _unfit("The loss of these targets is no finite number, whatever outputs are.")
    if loss == "cross-entropy" and kind in ("labels", "numbers", "binary"):
        return _unfit(f"Targets are {kind}, and cross-entropy is for one class of several.")
    is_log = evidence.word("outputs_operation") in ("log-softmax", "log-sigmoid")
    if evidence.word("loss_takes") == "log-probabilities" and not is_log and _reach(evidence)[1] > 0:
        return _unfit("The loss wants logarithms of probabilities, and outputs are none.")
    return None


def _unfit(said: str) -> Finding:
    return Finding("loss-unfit", said, 1.0, 0.0, "whether")


def _targets_unfit(evidence: Evidence) -> Finding | None:
    kind, loss = evidence.word("target_kind"), evidence.word("loss_name")
    if kind == "other":
        return Finding("targets-unfit", "Targets do not pair with outputs.", 1.0, 0.0, "whether")
    if "targets_silent" in evidence and (silent := evidence["targets_silent"].values).size:
        said = f"Where a target is {_listed(silent)}, the loss is the same, whatever the output is."
        return Finding("targets-unfit", said, float(silent.size), 0.0, "values")
    if "targets_range" not in evidence or kind == "classes":
        return None
    least, most = evidence["targets_range"].values
    if loss in ("bce", "bce-logits") and (least < 0 or most > 1):
        said = f"Targets reach from {least:g} to {most:g}, and the loss wants them between 0 and 1."
        return Finding("targets-unfit", said, float(least if least < 0 else most), float(least >= 0), "target")
    sums = evidence["targets_sum"].values
    if loss == "cross-entropy" and evidence.number("output_units") > 1 and not np.allclose(sums, 1, atol=1e-3):
        said = "The targets of a row do not sum to 1, as cross-entropy wants them to."
        return Finding("targets-unfit", said, float(sums[1]), 1.0, "sum of a row's targets")
    values = evidence.number("target_values")
    if kind == "numbers" and evidence.number("output_units") == 1 and 2 <= values <= FEW:
        said = f"Targets are {values:g} different whole numbers: perhaps classes, which have no order."
        return Finding("targets-unfit", said, values, float(FEW), "different targets")
    return None


def _listed(values: np.ndarray) -> str:
    return ", ".join(f"{value:g}" for value in values[:4]) + (", …" if len(values) > 4 else "")


_EXACT = "by definition"

SYMPTOMS: tuple[Symptom, ...] = (
    Symptom("probabilities-into-cross-entropy", "softmax twice", _into_cross_entropy, _EXACT),
    Symptom("probabilities-into-logit-loss", "sigmoid twice", _into_logits, _EXACT),
    Symptom("outputs-squeezed", "probabilities of probabilities", _squeezed, _EXACT),
    Symptom("one-unit-softmax", "softmax of one unit", _one_unit, _EXACT),
    Symptom("softmax-across-rows", "softmax over something else than the classes", _across_others, _EXACT),
    Symptom("outputs-bounded", "outputs cannot reach targets", _bounded, "docs/thresholds.md"),
    Symptom("loss-unfit", "the loss is for other targets", _loss_unfit, _EXACT),
    Symptom("targets-unfit", "targets are not as the loss wants them", _targets_unfit, "docs/thresholds.md"),
)
