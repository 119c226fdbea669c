"""The verdicts: what the experiments say of each cause that was suspected."""

from collections.abc import Mapping, Sequence

import numpy as np

from unstuck.diagnosis import data_experiments as data
from unstuck.diagnosis.causes import CAUSES
from unstuck.diagnosis.controls import correctness
from unstuck.diagnosis.experiment import Lab, Trial
from unstuck.diagnosis.search import Outcome
from unstuck.diagnosis.subject import OfProgram
from unstuck.diagnosis.suspects import causes_of
from unstuck.diagnosis.terms import Cure, Finding, Status, Verdict
from unstuck.diagnosis.treatments import TREATMENTS
from unstuck.evidence.evidence import Evidence
from unstuck.evidence.facts import Facts
from unstuck.evidence.shift import twins
from unstuck.study.statistics import t_interval

LEARNT_BY_HEART = 0.1
"""Score of the training rows above that of others, from which wrong labels are learnt; docs/thresholds.md."""


def verdicts(
    lab: Lab,
    findings: Sequence[Finding],
    points: Mapping[str, float],
    outcomes: Sequence[Outcome],
    cure: Cure | None,
) -> list[Verdict]:
    """Confirmed by a proven cure; ruled out where every treatment was tried and none helped; else undecided."""
    confirmed = causes_of(cure.treatments, points) if cure and cure.verified else []
    seen = {finding.symptom: finding.sentence for finding in findings}
    made = [_confirmed(cause.id, cure, seen) for cause in confirmed] if cure else []
    others = [cause for cause in points if cause not in {one.id for one in confirmed}]
    return made + [_of_outcomes(cause, outcomes, seen, lab) for cause in others]


def in_order(made: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Confirmed ones first, then undecided ones; of each cause the verdict that says most."""
    order = (Status.CONFIRMED, Status.UNDECIDED, Status.RULED_OUT)
    said: dict[str, Verdict] = {}
    for verdict in sorted(made, key=lambda one: order.index(one.status)):
        if verdict.cause not in said or verdict.status is Status.CONFIRMED:
            said.setdefault(verdict.cause, verdict)
    return tuple(said.values())


def _symptoms(cause: str, seen: Mapping[str, str]) -> list[str]:
    return [f"seen: {seen[symptom]}" for symptom in CAUSES[cause].symptoms if symptom in seen]


def _confirmed(cause: str, cure: Cure, seen: Mapping[str, str]) -> Verdict:
    own = [name for name in cure.treatments if name in CAUSES[cause].treatments]
    return Verdict(
        cause=cause,
        status=Status.CONFIRMED,
        effect=cure.effect,
        evidence=(
            *_symptoms(cause, seen),
            f"predicted: {CAUSES[cause].prediction}",
            f"tested: {', '.join(cure.says)}",
            f"came: {cure.effect} on {len(cure.before)} fresh seeds",
        ),
        treatment=" + ".join(own),
    )


def _of_outcomes(cause: str, outcomes: Sequence[Outcome], seen: Mapping[str, str], lab: Lab) -> Verdict:
    """Of a cause that no proven cure confirms."""
    alone = [one for one in outcomes if len(one.arm) == 1 and one.arm[0] in CAUSES[cause].treatments]
    evidence = _symptoms(cause, seen)
    if not alone:
        said = (*evidence, "not tried: something else explains it, or nothing applies")
        return Verdict(cause=cause, status=Status.UNDECIDED, effect=None, evidence=said)
    best = max(alone, key=lambda one: sum(one.gains) / len(one.gains))
    tried = {one.arm[0] for one in alone}
    applicable = {name for name in CAUSES[cause].treatments if lab.treated((name,)) is not None}
    is_out = not best.counts and tried >= applicable
    return Verdict(
        cause=cause,
        status=Status.RULED_OUT if is_out else Status.UNDECIDED,
        effect=t_interval(best.gains),
        evidence=(
            *evidence,
            f"predicted: {CAUSES[cause].prediction}",
            f"tested: {TREATMENTS[best.arm[0]].says}",
            f"came: {', '.join(f'{gain:+.3f}' for gain in best.gains)}",
        ),
        treatment=best.arm[0],
    )


def of_data(
    lab: Lab, facts: Facts, evidence: Evidence, points: Mapping[str, float], best: Sequence[Trial]
) -> list[Verdict]:
    """Of the causes that lie in the data and that no treatment cures, where something points at them.

    Args:
        lab: that trained the control.
        facts: of the program.
        evidence: with the control's scores.
        points: of each cause that is suspected.
        best: trials of the best arm that there is.
    """
    made: list[Verdict] = []
    if "no-signal" in points and best and (scores := [one.score for one in best]):
        made.append(data.no_signal(evidence, scores, rows=lab.scale.rows))
    if "label-noise" in points:
        made.append(_label_noise(evidence))
    if "distribution-mismatch" in points and "control_test_score" in evidence:
        held, test = (evidence[f"control_{name}_score"].values for name in ("choose", "test"))
        if lab.subject.chooses_by == "held-out training rows":
            kind = "numbers" if facts.kind == "numbers" else "classes"
            rows = _counts(lab)
            made.append(data.distribution_mismatch(held, test, evidence, rows=rows, kind=kind))
    if "leakage" in points and (verdict := _leakage(lab, facts)):
        made.append(verdict)
    return made


def _counts(lab: Lab) -> tuple[int, int]:
    assert isinstance(lab.subject, OfProgram)
    return len(lab.subject.held.choosing.test), len(lab.subject.held.judging.test)


def _label_noise(evidence: Evidence) -> Verdict:
    """It is a fault of the training only where the network learns the wrong labels by heart."""
    verdict = data.label_noise(evidence)
    seen, held = (np.nanmean(evidence[f"control_{name}_score"].values) for name in ("train", "choose"))
    if verdict.status is not Status.CONFIRMED or seen - held >= LEARNT_BY_HEART:
        return verdict
    said = f"The network does not learn them by heart: {seen:.3f} on rows it saw, {held:.3f} on others."
    return Verdict(
        cause=verdict.cause,
        status=Status.RULED_OUT,
        effect=verdict.effect,
        evidence=(*verdict.evidence, said),
    )


def _leakage(lab: Lab, facts: Facts) -> Verdict | None:
    """Of the control as it is judged, by rows that have a twin among those trained on."""
    if facts.test is None or facts.test.x is None or facts.train.x is None:
        return None
    trials = lab.of((), judging=True) or [one for one in [lab.trial((), 0, judging=True)] if one]
    said = [correctness(one.run.test, facts) for one in trials if one.run.test is not None]
    right = [one for one in said if one is not None]
    if not right:
        return None
    x, known = (part.reshape(len(part), -1) for part in (facts.test.x, facts.train.x))
    return data.leakage(np.stack(right), twins(x, known))
