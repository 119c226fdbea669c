"""Start: whether signals go forward and errors come back through the layers, before anything is learned."""

import numpy as np

from unstuck.diagnosis.terms import Finding, Symptom
from unstuck.evidence.evidence import Column, Evidence

HIGH = 3.0
"""Loss at the start, as a multiple of what constant outputs reach; docs/thresholds.md."""
SATURATED = 0.5
"""Share of a layer's outputs where the activation's slope is a hundredth of its largest; docs/thresholds.md."""
EXPLODED, VANISHED = 100.0, 0.01
"""Spread over rows of a layer's outputs, as a multiple of the first layer's; docs/thresholds.md."""
DEAD = 0.5
"""Share of a layer's units that are zero for every row; docs/thresholds.md."""
WEAK, STRONG = 1e-3, 1e3
"""Typical gradient of a layer's weights, as a multiple of the last layer's; docs/thresholds.md."""
ALIKE = 0.5
"""Share of a layer's units that have a twin, in weights and in gradients: they stay one unit."""
STRAIGHT = 1e-4
"""How far outputs are from linear in inputs, as a share of their change; float32 makes 1e-6."""
STEEP = 30.0
"""Growth of outputs, from ten to a hundred times the inputs: 10 of a line, 100 of a square; between them."""
UNFITTED = 0.5
"""Loss of one batch that was trained on alone, as a share of what constant outputs reach; docs/thresholds.md."""
DROPPED, KEPT = 0.6, 4.0
"""Share of units that dropout takes at most, and units that it leaves at least; docs/thresholds.md."""


def _column(evidence: Evidence, name: str) -> Column | None:
    column = evidence.get(name)
    return column if column is not None and column.values.size else None


def _worst(evidence: Evidence, name: str) -> tuple[float, str]:
    """The largest number of a column, and where it is; NaN where there is none."""
    if (column := _column(evidence, name)) is None or np.isnan(column.values).all():
        return np.nan, ""
    place = int(np.nanargmax(column.values))
    return float(column.values[place]), column.along[place]


def _loss_high(evidence: Evidence) -> Finding | None:
    ratio = evidence.number("probe_loss") / (evidence.number("chance_loss") or np.nan)
    if not ratio > HIGH:
        return None
    said = "The loss starts far above what outputs reach that are the same for all rows."
    return Finding("loss-at-start-high", said, ratio, HIGH, "times the loss by chance")


def _saturated(evidence: Evidence) -> Finding | None:
    value, where = _worst(evidence, "activation_saturated")
    if not value > SATURATED:
        return None
    said = "Activations are where they are flat: hardly any gradient comes through."
    return Finding("activations-saturated", said, value, SATURATED, "share of outputs", where)


def _spreads(evidence: Evidence) -> tuple[np.ndarray, tuple[str, ...]] | None:
    """Of each layer, as a multiple of the first one's; the last one's is the outputs' and chosen by the task."""
    column = _column(evidence, "layer_spread")
    if column is None or len(column.values) < 3 or not column.values[0] > 0:
        return None
    return column.values[1:-1] / column.values[0], column.along[1:-1]


def _explode(evidence: Evidence) -> Finding | None:
    said = "Signals grow from layer to layer."
    column = _column(evidence, "layer_spread")
    if column is not None and not np.isfinite(column.values).all():
        where = column.along[int(np.argmin(np.isfinite(column.values)))]
        return Finding("activations-explode", said, np.inf, EXPLODED, "times the first layer's spread", where)
    if (found := _spreads(evidence)) is None or not found[0].max() > EXPLODED:
        return None
    value, where = float(found[0].max()), found[1][int(found[0].argmax())]
    return Finding("activations-explode", said, value, EXPLODED, "times the first layer's spread", where)


def _vanish(evidence: Evidence) -> Finding | None:
    if (found := _spreads(evidence)) is None or not found[0].min() < VANISHED:
        return None
    value, where = float(found[0].min()), found[1][int(found[0].argmin())]
    said = "Signals shrink from layer to layer: every row looks the same to the last one."
    return Finding("activations-vanish", said, value, VANISHED, "times the first layer's spread", where)


def _dead(evidence: Evidence) -> Finding | None:
    value, where = _worst(evidence, "units_dead")
    if not value > DEAD:
        return None
    said = "Units are zero for every row: they pass nothing on, and get no gradient."
    return Finding("units-dead", said, value, DEAD, "share of units", where)


def _gradients(evidence: Evidence) -> tuple[np.ndarray, tuple[str, ...]] | None:
    column = _column(evidence, "gradient_typical")
    if column is None or len(column.values) < 2 or not column.values[-1] > 0:
        return None
    return column.values[:-1] / column.values[-1], column.along[:-1]


def _gradients_vanish(evidence: Evidence) -> Finding | None:
    if (found := _gradients(evidence)) is None or not found[0].min() < WEAK:
        return None
    value, where = float(found[0].min()), found[1][int(found[0].argmin())]
    said = "Hardly any of the error reaches the first layers."
    return Finding("gradients-vanish", said, value, WEAK, "times the last layer's", where)


def _gradients_explode(evidence: Evidence) -> Finding | None:
    said = "The error grows on its way back."
    if not np.isfinite(evidence.number("gradient_length")) and "gradient_length" in evidence:
        return Finding("gradients-explode", said, np.inf, STRONG, "times the last layer's")
    if (found := _gradients(evidence)) is None or not found[0].max() > STRONG:
        return None
    value, where = float(found[0].max()), found[1][int(found[0].argmax())]
    return Finding("gradients-explode", said, value, STRONG, "times the last layer's", where)


def _alike(evidence: Evidence) -> Finding | None:
    value, where = _worst(evidence, "units_alike")
    if not value > ALIKE:
        return None
    said = "Units have the same weights and the same gradients: they learn the same."
    return Finding("units-alike", said, value, ALIKE, "share of units", where)


def _straight(evidence: Evidence) -> Finding | None:
    value, layers = evidence.number("nonlinearity"), evidence.number("weight_layers")
    if not (value < STRAIGHT and layers >= 2):
        return None
    said = f"{layers:g} layers, and outputs that are linear in the inputs: one layer could do it."
    return Finding("no-nonlinearity", said, value, STRAIGHT, "share of the outputs' change")


def _steep(evidence: Evidence) -> Finding | None:
    value = evidence.number("growth")
    if not value > STEEP:
        return None
    said = "The network grows faster than a line: what is somewhat larger comes out larger by far."
    return Finding("growth-steep", said, value, STEEP, "times, for ten times the inputs")


def _unfitted(evidence: Evidence) -> Finding | None:
    value = evidence.number("fit_loss")
    if not value > UNFITTED:
        return None
    said = "Trained on a single batch, the model does not learn it by heart."
    return Finding("batch-not-fitted", said, value, UNFITTED, "times the loss by chance")


def _dropped(evidence: Evidence) -> Finding | None:
    share, where = _worst(evidence, "dropout_share")
    if share > DROPPED:
        said = "Dropout takes most units away."
        return Finding("dropout-heavy", said, share, DROPPED, "share of units", where)
    column = _column(evidence, "dropout_kept")
    if column is None or not column.values.min() < KEPT:
        return None
    said = "Dropout leaves a handful of units."
    where = column.along[int(column.values.argmin())]
    return Finding("dropout-heavy", said, float(column.values.min()), KEPT, "units", where)


_OURS = "docs/thresholds.md"

SYMPTOMS: tuple[Symptom, ...] = (
    Symptom("loss-at-start-high", "the loss starts high", _loss_high, _OURS),
    Symptom("activations-saturated", "saturated activations", _saturated, _OURS),
    Symptom("activations-explode", "growing signals", _explode, _OURS),
    Symptom("activations-vanish", "shrinking signals", _vanish, _OURS),
    Symptom("units-dead", "dead units", _dead, _OURS),
    Symptom("gradients-vanish", "vanishing gradients", _gradients_vanish, _OURS),
    Symptom("gradients-explode", "exploding gradients", _gradients_explode, _OURS),
    Symptom("units-alike", "units that are alike", _alike, "by definition"),
    Symptom("no-nonlinearity", "no nonlinearity", _straight, "by definition, but for rounding"),
    Symptom("growth-steep", "steeper than a line", _steep, "by definition"),
    Symptom("batch-not-fitted", "one batch is not fitted", _unfitted, _OURS),
    Symptom("dropout-heavy", "heavy dropout", _dropped, _OURS),
)
