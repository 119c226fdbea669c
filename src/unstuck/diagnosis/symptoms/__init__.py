"""What is seen: pure functions of the evidence, each with its limit and where the limit comes from."""

from unstuck.diagnosis.symptoms import curves, data, objective, points, settings, start, wiring
from unstuck.diagnosis.terms import Finding, Symptom
from unstuck.evidence.evidence import Evidence

SYMPTOMS: tuple[Symptom, ...] = (
    *data.SYMPTOMS,
    *wiring.SYMPTOMS,
    *objective.SYMPTOMS,
    *settings.SYMPTOMS,
    *start.SYMPTOMS,
    *curves.SYMPTOMS,
    *points.SYMPTOMS,
)


def found(evidence: Evidence) -> tuple[Finding, ...]:
    """Those that are present, in their order."""
    return tuple(finding for symptom in SYMPTOMS if (finding := symptom.look(evidence)) is not None)
