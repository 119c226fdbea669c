"""Critical points: where a training that has not learned stands. Columns: evidence/torch_point.py."""

from unstuck.diagnosis.terms import Finding, Symptom
from unstuck.evidence.evidence import Evidence


def _at_a_saddle(evidence: Evidence) -> Finding | None:
    if evidence.word("point_kind") != "saddle":
        return None
    smallest, error = evidence.number("point_smallest"), evidence.number("point_smallest_error")
    before, after = evidence.number("point_loss"), evidence.number("point_escaped")
    said = (
        f"It ends at a saddle: curvature {smallest:.3g} in one direction, along which the loss falls from "
        f"{before:.4g} to {after:.4g}."
    )
    return Finding("at-a-saddle", said, smallest, -error, "loss per squared parameter")


def _in_a_minimum(evidence: Evidence) -> Finding | None:
    if evidence.word("point_kind") != "minimum":
        return None
    smallest, error = evidence.number("point_smallest"), evidence.number("point_smallest_error")
    said = f"It ends in a minimum at a loss of {evidence.number('point_loss'):.4g}: every direction leads up."
    return Finding("in-a-minimum", said, smallest, error, "loss per squared parameter")


def _on_a_plateau(evidence: Evidence) -> Finding | None:
    if evidence.word("point_kind") != "plateau":
        return None
    largest = evidence.number("point_largest")
    said = "It ends on a plateau: no gradient, and no curvature in any direction."
    return Finding("on-a-plateau", said, largest, 0.0, "loss per squared parameter")


_HESSIAN = "landscape/point.py: eigenvalues of the Hessian, with their error"

SYMPTOMS = (
    Symptom("at-a-saddle", "a saddle", _at_a_saddle, _HESSIAN),
    Symptom("in-a-minimum", "a poor minimum", _in_a_minimum, _HESSIAN),
    Symptom("on-a-plateau", "a plateau", _on_a_plateau, _HESSIAN),
)
