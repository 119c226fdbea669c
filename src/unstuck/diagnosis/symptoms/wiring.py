"""Wiring: whether each step goes down the loss that was meant, with all that should learn."""

from collections.abc import Callable

import numpy as np

from unstuck.diagnosis.terms import Finding, Symptom
from unstuck.evidence.evidence import Evidence

BROADCAST = 1e-3
"""Relative difference between a batch's loss and its rows'; float32 sums of a batch differ by 1e-6."""
FLIPPED, UPHILL = -0.5, -0.9
"""Cosines: of the gradient with the plain one, of an update with the way downhill; docs/thresholds.md."""
CARRIED = 0.5
"""Share of the earlier gradient that is in the next; by definition 0 with zero_grad, and 1 without."""
ALIKE = 0.5
"""A gradient's least cosine with the plain one; docs/thresholds.md."""
SAME, SHORTER, LONGER = 0.9, 0.1, 10.0
"""Cosine, or share of signs, from which only a gradient's length differs, and that beside the plain one's;
docs/thresholds.md."""
ADDED, BY_ROWS = 0.1, 0.01
"""Length of what a step adds beside the plain gradient, and its change with the rows; docs/thresholds.md."""
MODE = 1e-3
"""Difference between outputs, as a share of their spread, below which a mode, or chance, hardly matters."""
MIXED = 1e-4
"""Change of an output with other rows, as a share of outputs' size; sums in another order make 1e-6."""
IGNORED = 1e-7
"""Spread of outputs over rows as a share of their size: float32 has no less."""
UNLEARNT, MOMENTUM = 0.1, 0.1
"""Share of the first statistics in what evaluation uses, docs/thresholds.md; of a batch's, as torch has it."""
SUMMED = 1.5
"""Loss of a batch twice over, or gradient of several batches beside their mean one, as a multiple; by definition 1
of a mean, 2 or more of a sum."""


def _where(evidence: Evidence, chosen: np.ndarray) -> str:
    names = np.array(evidence["parameter_trainable"].along)[chosen]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _share(evidence: Evidence, chosen: np.ndarray) -> float:
    """Of all numbers that the model could learn."""
    numbers = evidence["parameter_numbers"].values
    return float(numbers[chosen].sum() / max(numbers.sum(), 1))


def _broadcast(evidence: Evidence) -> Finding | None:
    apart = abs(evidence.number("loss_of_rows") - 1)
    if evidence.number("shapes_differ") != 1 or not apart > BROADCAST:
        return None
    said = "Outputs and targets have different shapes, and the loss compares every row with every other."
    return Finding("outputs-broadcast", said, apart, BROADCAST, "of the batch's loss")


def _flipped(evidence: Evidence) -> Finding | None:
    if not _has(evidence, "step_gradient_cosine"):
        return None
    sign = -1 if evidence.number("optimizer_maximizes") > 0 else 1
    cosine = sign * float(evidence["step_gradient_cosine"].values[0])
    update = float(evidence["step_update_cosine"].values[0])
    is_uphill, is_inverted = cosine < FLIPPED or update < UPHILL, evidence.number("loss_inverted") > 0
    if is_inverted and not is_uphill:
        said = "The loss is higher for right answers than for wrong ones, and the step goes down it."
        return Finding("gradient-flipped", said, 1.0, 0.0, "whether")
    if not is_uphill or is_inverted:  # what is better when it is larger may be maximized
        return None
    said = "The step goes up the loss: its direction is opposite to the plain gradient's."
    if cosine < FLIPPED:
        return Finding("gradient-flipped", said, cosine, FLIPPED, "cosine")
    return Finding("gradient-flipped", said, update, UPHILL, "cosine")


def _accumulates(evidence: Evidence) -> Finding | None:
    value = evidence.number("step_gradient_carried")
    if not value > CARRIED:
        return None
    said = "An update's gradient contains the gradient before it, which was used already."
    return Finding("gradient-accumulates", said, value, CARRIED, "share of it")


def _not_plain(evidence: Evidence) -> Finding | None:
    """On the first batch that was given, or on as many of the first rows; what is cut short is told as that."""
    first = evidence["step_gradient_cosine"].values[:1] if _has(evidence, "step_gradient_cosine") else []
    cosine = min(
        (one for one in (*first, evidence.number("step_cosine")) if abs(one) < ALIKE), default=None, key=abs
    )
    if cosine is None or shortened(evidence):
        return None
    said = "The step's gradient has little to do with the loss's."
    return Finding("gradient-not-plain", said, cosine, ALIKE, "cosine")


def shortened(evidence: Evidence) -> Finding | None:
    """A step's gradient that is a small part of the loss's."""
    length = evidence.number("step_length")
    is_along = evidence.number("step_cosine") > SAME or evidence.number("step_signs") > SAME
    if not (is_along and length < SHORTER):
        return None
    said = "The step's gradient is a small part of the loss's, in the same direction."
    return Finding("gradient-shortened", said, length, SHORTER, "times the plain gradient's length")


def lengthened(evidence: Evidence) -> Finding | None:
    """A step's gradient that is a multiple of the loss's: of a batch's, or of the mean over several."""
    if (times := _of_mean(evidence)) > SUMMED:
        batches = evidence.number("step_batches")
        said = f"An update's gradient is the sum over {batches:.0f} batches, not their mean."
        return Finding("gradient-lengthened", said, times, SUMMED, "times the mean gradient's length")
    length = evidence.number("step_length")
    if not (evidence.number("step_cosine") > SAME and length > LONGER):
        return None
    said = "The step's gradient is a multiple of the loss's, in the same direction."
    return Finding("gradient-lengthened", said, length, LONGER, "times the plain gradient's length")


def _of_mean(evidence: Evidence) -> float:
    """Length of the first update's gradient beside the mean one of its batches; NaN where it is of one alone."""
    batches = evidence.number("step_batches")
    if not (batches > 1 and evidence["step_gradient_cosine"].values[0] > SAME):
        return np.nan
    return float(evidence["step_gradient_ratio"].values[0] * batches)


def penalised(evidence: Evidence) -> Finding | None:
    """A penalty on the weights, which is the same for all rows."""
    added = evidence.number("step_added")
    if not (added > ADDED and evidence.number("step_added_by_rows") < BY_ROWS):
        return None
    said = "The step adds to the loss's gradient what is the same for other rows: a penalty on the weights."
    return Finding("weights-penalised", said, added, ADDED, "times the plain gradient's length")


def _no_step(evidence: Evidence) -> Finding | None:
    if not _has(evidence, "step_updates"):
        return None
    if (evidence["parameter_moved"].values > 0).any():
        return None
    is_cleared = _has(evidence, "step_gradient_ratio") and (evidence["step_gradient_ratio"].values == 0).all()
    if evidence["step_updates"].values.sum() > 0 and not is_cleared:
        return None  # it was moved by nothing: so are weights of which no gradient is left
    said = "No call of the step moved a parameter"
    why = evidence.word("step_refused")
    return Finding("step-missing", f"{said}: {why}." if why else f"{said}.", 0.0, 1.0, "updates")


def _mode(evidence: Evidence) -> Finding | None:
    share, difference = evidence.number("step_training"), evidence.number("mode_difference")
    if not (share < 1 and difference > MODE):
        return None
    said = "The step's forward pass is in evaluation mode, which makes another function of the model."
    return Finding("wrong-mode-in-training", said, share, 1.0, "share of forward passes")


def _still(evidence: Evidence) -> Finding | None:
    if not _has(evidence, "statistics_left"):
        return None
    left, momentum = evidence["statistics_left"].values, evidence["statistics_momentum"].values
    chosen = (left == 1) | (left > UNLEARNT) & (momentum < MOMENTUM)
    if not chosen.any():
        return None
    said = "Batch normalization trains, and hardly learns its statistics: evaluation uses what they began with."
    where = ", ".join(np.array(evidence["statistics_left"].along)[chosen][:3])
    return Finding("statistics-still", said, float(left[chosen].max()), UNLEARNT, "share of it", where)


def _random(evidence: Evidence) -> Finding | None:
    value = evidence.number("outputs_random")
    if not value > MODE:
        return None
    said = "In evaluation mode the same rows get different outputs each time."
    return Finding("random-in-evaluation", said, value, MODE, "share of outputs' spread")


def _frozen(evidence: Evidence) -> Finding | None:
    return _parameters(
        evidence,
        "parameters-frozen",
        "Parameters are frozen: requires_grad is False.",
        lambda has: ~has("trainable"),
    )


def _not_optimized(evidence: Evidence) -> Finding | None:
    said = "Parameters that could learn are not in the optimizer, or are there at a learning rate of 0."
    if evidence.number("optimizer_strangers") > 0:
        said = "Parameters that could learn are not in the optimizer, which holds some that are not the model's."
    return _parameters(
        evidence, "parameters-not-optimized", said, lambda has: has("trainable") & ~has("optimized")
    )


def _no_gradient(evidence: Evidence) -> Finding | None:
    return _parameters(
        evidence,
        "parameters-without-gradient",
        "No gradient reaches parameters that the forward pass uses.",
        lambda has: has("trainable") & has("used") & ~has("gradient"),
    )


def _parameters(
    evidence: Evidence, symptom: str, said: str, choose: Callable[[Callable[[str], np.ndarray]], np.ndarray]
) -> Finding | None:
    """The finding of some parameters; `choose` gets (column) → whether each has more than nothing there."""
    if not _has(evidence, "parameter_trainable"):
        return None
    chosen = choose(lambda name: evidence[f"parameter_{name}"].values > 0)
    if not chosen.any():
        return None
    share = _share(evidence, chosen)
    return Finding(symptom, said, share, 0.0, "share of the model's numbers", _where(evidence, chosen))


def _unregistered(evidence: Evidence) -> Finding | None:
    if not _has(evidence, "unregistered"):
        return None
    column = evidence["unregistered"]
    said = "The forward pass uses what could learn and is not registered in the model: no optimizer has it."
    return Finding(
        "modules-unregistered", said, float(column.values.sum()), 0.0, "numbers", ", ".join(column.along[:3])
    )


def _mixed(evidence: Evidence) -> Finding | None:
    value = evidence.number("rows_mixed")
    if not value > MIXED:
        return None
    said = "A row's output depends on the other rows of its batch, also in evaluation mode."
    return Finding("rows-mixed", said, value, MIXED, "share of outputs' size")


def _ignored(evidence: Evidence) -> Finding | None:
    value = evidence.number("outputs_spread")
    if not value <= IGNORED:
        return None
    return Finding("input-ignored", "Every row has the same output.", value, IGNORED, "share of outputs' size")


def _summed(evidence: Evidence) -> Finding | None:
    value = evidence.number("loss_doubled")
    if not value > SUMMED:
        return None
    said = "The loss is a sum over rows: gradients grow with the batch."
    return Finding("loss-summed", said, value, SUMMED, "times, for a batch twice over")


def _has(evidence: Evidence, name: str) -> bool:
    return name in evidence and evidence[name].values.size > 0


_OURS = "docs/thresholds.md"
_EXACT = "by definition, but for rounding"

SYMPTOMS: tuple[Symptom, ...] = (
    Symptom("outputs-broadcast", "outputs and targets broadcast", _broadcast, _EXACT),
    Symptom("gradient-flipped", "steps go uphill", _flipped, _OURS),
    Symptom("gradient-accumulates", "gradients pile up", _accumulates, _EXACT),
    Symptom("gradient-not-plain", "the gradient is not the loss's", _not_plain, _OURS),
    Symptom("gradient-shortened", "a fraction of the gradient", shortened, _OURS),
    Symptom("gradient-lengthened", "a multiple of the gradient", lengthened, _OURS),
    Symptom("weights-penalised", "a penalty on the weights", penalised, _OURS),
    Symptom("step-missing", "nothing is updated", _no_step, _EXACT),
    Symptom("wrong-mode-in-training", "trained in evaluation mode", _mode, _EXACT),
    Symptom("statistics-still", "statistics never learned", _still, _OURS),
    Symptom("random-in-evaluation", "evaluation is random", _random, _EXACT),
    Symptom("parameters-frozen", "frozen parameters", _frozen, _EXACT),
    Symptom("parameters-not-optimized", "parameters outside the optimizer", _not_optimized, _EXACT),
    Symptom("parameters-without-gradient", "parameters without a gradient", _no_gradient, _EXACT),
    Symptom("modules-unregistered", "modules that are not registered", _unregistered, _EXACT),
    Symptom("rows-mixed", "rows depend on each other", _mixed, _OURS),
    Symptom("input-ignored", "outputs ignore inputs", _ignored, _EXACT),
    Symptom("loss-summed", "the loss is summed", _summed, _EXACT),
)
