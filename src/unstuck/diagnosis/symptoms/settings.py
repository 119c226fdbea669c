"""Settings that are far from usual: seen without training. Columns: evidence/torch_start.py."""

import numpy as np

from unstuck.diagnosis.terms import Finding, Symptom
from unstuck.evidence.evidence import Evidence

FEW = 300.0
"""Updates in all; docs/thresholds.md."""
TINY = 2.0
"""Rows of a batch, where there are many more; docs/thresholds.md."""
HEAVY = 0.02
"""Weight decay: AdamW's own is 0.01; docs/thresholds.md."""
ODD = 100.0
"""Times a setting of the optimizer is as large as its default, or as small: betas[1] = 0.95, which many use, is 50
times as forgetful as Adam's own; docs/thresholds.md."""
FAINT = 0.5
"""Share of a training whose rate is below a hundredth of its peak; docs/thresholds.md."""
GROWN = 10.0
"""Rate that a schedule ends at, as a multiple of its median; docs/thresholds.md."""


def _few_steps(evidence: Evidence) -> Finding | None:
    steps = evidence.number("steps")
    if not steps < FEW:
        return None
    return Finding("few-steps", f"weights are updated {steps:.0f} times in all", steps, FEW, "updates")


def _tiny_batches(evidence: Evidence) -> Finding | None:
    rows = evidence.number("batch_rows")
    if not (rows <= TINY and evidence.number("steps") >= FEW):
        return None
    return Finding("tiny-batches", f"each update sees {rows:.0f} rows", rows, TINY, "rows")


def _decay_heavy(evidence: Evidence) -> Finding | None:
    decay = evidence.number("weight_decay")
    if not decay > HEAVY:
        return None
    return Finding("decay-heavy", f"weights are pulled to zero by {decay:g}", decay, HEAVY, "per unit of rate")


def _odd(evidence: Evidence) -> Finding | None:
    if "optimizer_odd" not in evidence or not evidence["optimizer_odd"].values.size:
        return None
    column = evidence["optimizer_odd"]
    worst = int(np.argmax(column.values))
    ratio = float(column.values[worst])
    if not ratio > ODD:
        return None
    said = f"The optimizer's {column.along[worst]} is {ratio:.3g} times off its default."
    return Finding("optimizer-odd", said, ratio, ODD, "times", where=column.along[worst])


def _rows_random(evidence: Evidence) -> Finding | None:
    if not evidence.number("rows_random") > 0:
        return None
    return Finding("rows-random", "a training row is another each time it is asked for", 1.0, 0.0, "whether")


def _rate_vanishes(evidence: Evidence) -> Finding | None:
    share = evidence.number("rate_faint")
    if not share > FAINT:
        return None
    said = f"for {share:.0%} of the training the schedule, or the step if it goes on so, leaves hardly any rate"
    return Finding("rate-vanishes", said, share, FAINT, "share of the updates")


def _rate_grows(evidence: Evidence) -> Finding | None:
    end = evidence.number("rate_end")
    if not end > GROWN:
        return None
    return Finding("rate-grows", f"the schedule ends at {end:.3g} times the usual rate", end, GROWN, "times")


_OURS = "docs/thresholds.md"

SYMPTOMS = (
    Symptom("few-steps", "few updates", _few_steps, _OURS),
    Symptom("tiny-batches", "batches of a row or two", _tiny_batches, _OURS),
    Symptom("decay-heavy", "heavy weight decay", _decay_heavy, _OURS),
    Symptom("rate-vanishes", "a rate that vanishes", _rate_vanishes, _OURS),
    Symptom("rate-grows", "a rate that grows", _rate_grows, _OURS),
    Symptom("optimizer-odd", "odd settings of the optimizer", _odd, _OURS),
    Symptom("rows-random", "training rows that change", _rows_random, "by definition"),
)
