"""Curves: what a training of the program as given looks like, over seeds. Columns: evidence/evidence.py.

That training rows are fitted poorly is told by what other models make of them: symptoms/data.py.
"""

import numpy as np

from unstuck.diagnosis.terms import Finding, Symptom
from unstuck.evidence.evidence import Evidence

RISES = 1.1
"""Loss at the end of training, as a multiple of that at its start; docs/thresholds.md."""
OSCILLATES = 0.2
"""Change of the training loss from epoch to epoch in the second half, as a share of it; docs/thresholds.md."""
FALLS = 0.05
"""Share of the loss's whole fall in the last fifth of training: a straight line has 0.2; docs/thresholds.md."""
FLAT = 0.02
"""Fall of the loss, as a share of it; docs/thresholds.md."""
LARGE, SMALL = 0.1, 1e-5
"""Length of an update as a share of the weights': a thousandth is usual; docs/thresholds.md."""
GAP = 0.1
"""Score of the training rows above that of others; docs/thresholds.md."""
TURNS = 0.1
"""Rise of the validation loss from its least, as a share of it; docs/thresholds.md."""
VAIN = 0.02
"""Score of the training rows above chance; docs/thresholds.md."""
FALLS_FAR = 0.5
"""Fall of the training loss from the first to the last epoch, as a share of the first; docs/thresholds.md."""
DIFFER = 0.1
"""Difference between seeds in score; docs/thresholds.md."""
MISSED = 0.1
"""Share of a class's rows that are found, where half of all rows are; docs/thresholds.md."""
RARER = 3.0
"""Rows of the commonest class per row of the rarest, from which one is rarer; docs/thresholds.md."""
GONE = 1e-3
"""Gradient's length at the end as a share of that at the start; docs/thresholds.md."""


def _of(evidence: Evidence, name: str) -> np.ndarray | None:
    """(S, T), or (S,); None where it was not measured."""
    column = evidence.get(name)
    return None if column is None or not column.values.size else np.asarray(column.values, np.float64)


def _ends(losses: np.ndarray) -> tuple[float, float]:
    """Means of the first and of the last twentieth, at least one number, over seeds by their median."""
    count = max(1, losses.shape[1] // 20)
    return float(np.median(losses[:, :count].mean(axis=1))), float(np.median(losses[:, -count:].mean(axis=1)))


def _finite(evidence: Evidence, name: str) -> np.ndarray | None:
    """The rows (seeds) of it whose numbers are all finite; None where there is none."""
    values = _of(evidence, name)
    if values is None:
        return None
    kept = values[np.isfinite(values).reshape(len(values), -1).all(axis=1)]
    return kept if len(kept) else None


def _not_finite(evidence: Evidence) -> Finding | None:
    losses = _of(evidence, "control_losses")
    if losses is None:
        return None
    broken = ~np.isfinite(losses).all(axis=1)
    if not broken.any():
        return None
    step = int((~np.isfinite(losses)).any(axis=0).argmax())
    said = "The loss becomes infinite, or no number."
    return Finding("loss-not-finite", said, float(broken.mean()), 0.0, "share of seeds", steps=(step,))


def _rises(evidence: Evidence) -> Finding | None:
    losses = _finite(evidence, "control_losses")
    if losses is None or losses.shape[1] < 2:
        return None
    first, last = _ends(losses)
    if not (first > 0 and last / first > RISES):
        return None
    return Finding(
        "loss-rises", "The loss ends above where it starts.", last / first, RISES, "times the first loss"
    )


def _flat(evidence: Evidence) -> Finding | None:
    losses = _finite(evidence, "control_losses")
    if losses is None or losses.shape[1] < 2:
        return None
    first, last = _ends(losses)
    fall = (first - last) / (abs(first) or np.nan)
    if not abs(fall) < FLAT:
        return None
    return Finding("loss-flat", "The loss stays where it starts.", fall, FLAT, "share of the first loss")


def _oscillates(evidence: Evidence) -> Finding | None:
    losses = _finite(evidence, "control_train_loss")
    if losses is None or losses.shape[1] < 4:
        return None
    late = losses[:, losses.shape[1] // 2 :]
    rises = np.maximum(np.diff(late, axis=1), 0).mean(axis=1)
    value = float(np.median(rises / np.maximum(np.abs(late).mean(axis=1), 1e-12)))
    # what is left of a loss may well dance when nearly nothing is left
    is_learned = _ends(losses)[1] < 0.1 * _ends(losses)[0]
    if not value > OSCILLATES or is_learned:
        return None
    said = "The training loss goes up and down from epoch to epoch."
    return Finding("loss-oscillates", said, value, OSCILLATES, "of the loss per epoch, rises")


def _still_falls(evidence: Evidence) -> Finding | None:
    losses = _finite(evidence, "control_train_loss")
    if losses is None or losses.shape[1] < 2:
        return None
    late = losses.shape[1] - 1 - max(1, losses.shape[1] // 5)
    fall = losses[:, 0] - losses[:, -1]
    share = float(np.median((losses[:, late] - losses[:, -1]) / np.where(fall > 0, fall, np.inf)))
    if not share > FALLS:
        return None
    said = "The training loss is still falling when training ends."
    return Finding("loss-still-falls", said, share, FALLS, "share of its fall, in the last fifth")


def _update(evidence: Evidence) -> float:
    """Median over parameters, of those that move at all."""
    values = _of(evidence, "update_ratio")
    values = None if values is None else values[np.isfinite(values) & (values > 0)]
    return np.nan if values is None or not values.size else float(np.median(values))


def _too_large(evidence: Evidence) -> Finding | None:
    value = _update(evidence)
    if not value > LARGE:
        return None
    said = "An update changes weights by a large part of themselves."
    return Finding("updates-too-large", said, value, LARGE, "share of the weights' length")


def _too_small(evidence: Evidence) -> Finding | None:
    value = _update(evidence)
    if not value < SMALL:
        return None
    said = "An update hardly changes the weights."
    return Finding("updates-too-small", said, value, SMALL, "share of the weights' length")


def _median(evidence: Evidence, name: str) -> float:
    values = _of(evidence, name)
    return np.nan if values is None else float(np.median(np.nan_to_num(values, nan=-np.inf)))


def _gap(evidence: Evidence) -> Finding | None:
    gap = _median(evidence, "control_train_score") - _median(evidence, "control_test_score")
    if not gap > GAP:
        return None
    return Finding(
        "generalization-gap", "Training rows are predicted better than others.", gap, GAP, "of the score"
    )


def _turns(evidence: Evidence) -> Finding | None:
    losses = _finite(evidence, "control_choose_loss")
    if losses is None or losses.shape[1] < 3:
        return None
    least = losses.min(axis=1)
    rise = float(np.median((losses[:, -1] - least) / np.maximum(np.abs(least), 1e-12)))
    if not rise > TURNS:
        return None
    said = "The loss of rows that are not trained on falls, and then rises."
    epoch = int(np.median(losses.argmin(axis=1)))
    return Finding("validation-turns", said, rise, TURNS, "share of its least", steps=(epoch,))


def _in_vain(evidence: Evidence) -> Finding | None:
    losses, chance = _finite(evidence, "control_train_loss"), evidence.number("chance_train")
    over = _median(evidence, "control_train_score") - chance
    if losses is None or losses.shape[1] < 2 or not over <= VAIN:
        return None
    first, last = losses[:, 0], losses[:, -1]
    fall = float(np.median((first - last) / np.maximum(np.abs(first), 1e-12)))
    if not fall > FALLS_FAR:
        return None
    said = "The training loss falls far, and the training rows are predicted no better than by chance."
    return Finding("loss-falls-in-vain", said, over, VAIN, "of the score")


def _differ(evidence: Evidence) -> Finding | None:
    scores = _of(evidence, "control_test_score")
    if scores is None or len(scores) < 3:
        return None
    spread = float(np.ptp(np.nan_to_num(scores, nan=0.0)))
    if not spread > DIFFER:
        return None
    return Finding("seeds-differ", "It depends on the seed how well it ends.", spread, DIFFER, "of the score")


def _missed(evidence: Evidence) -> Finding | None:
    found = _of(evidence, "control_recall")
    if found is None or found.ndim != 2 or not evidence.number("imbalance") > RARER:
        return None
    shares = np.median(found, axis=0)
    if not (shares.min() < MISSED and shares.max() > 0.5):
        return None
    where = evidence["control_recall"].along
    place = int(shares.argmin())
    said = "The rows of one class are hardly ever told."
    return Finding(
        "minority-missed", said, float(shares.min()), MISSED, "of its rows", where[place] if where else ""
    )


def _gone(evidence: Evidence) -> Finding | None:
    lengths, losses = _of(evidence, "watched_gradient_length"), _of(evidence, "watched_probe_loss")
    if lengths is None or losses is None or len(lengths) < 2 or not lengths[0] > 0:
        return None
    share = float(lengths[-1] / lengths[0])
    if not (share < GONE and losses[-1] > 0.5 * losses[0]):
        return None
    said = "Hardly any gradient is left, and the loss is still high."
    return Finding("gradient-gone", said, share, GONE, "of the first gradient's length")


_OURS = "docs/thresholds.md"

SYMPTOMS: tuple[Symptom, ...] = (
    Symptom("loss-not-finite", "the loss is no number", _not_finite, "by definition"),
    Symptom("loss-rises", "the loss rises", _rises, _OURS),
    Symptom("loss-oscillates", "the loss goes up and down", _oscillates, _OURS),
    Symptom("loss-still-falls", "the loss still falls", _still_falls, _OURS),
    Symptom("loss-flat", "the loss stays flat", _flat, _OURS),
    Symptom("updates-too-large", "updates are too large", _too_large, _OURS),
    Symptom("updates-too-small", "updates are too small", _too_small, _OURS),
    Symptom("generalization-gap", "other rows are predicted worse", _gap, _OURS),
    Symptom("validation-turns", "the validation loss turns", _turns, _OURS),
    Symptom("loss-falls-in-vain", "the loss falls in vain", _in_vain, _OURS),
    Symptom("seeds-differ", "seeds differ", _differ, _OURS),
    Symptom("minority-missed", "a class is missed", _missed, _OURS),
    Symptom("gradient-gone", "the gradient is gone", _gone, _OURS),
)
