"""The way from what is suspected to a cure: treatments that help, without those that are not needed, proven."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from unstuck.diagnosis.controls import of_controls
from unstuck.diagnosis.experiment import Lab, Trial
from unstuck.diagnosis.look import at_program, known
from unstuck.diagnosis.proof import proven
from unstuck.diagnosis.scale import MATERIAL
from unstuck.diagnosis.search import SUSPICIOUS, Search, added
from unstuck.diagnosis.subject import Arm, OfProgram
from unstuck.diagnosis.suspects import SURE, Suspect, hunches, sure, suspects, suspicion
from unstuck.diagnosis.symptoms import found
from unstuck.diagnosis.terms import Cure, Finding
from unstuck.diagnosis.treatments import TREATMENTS
from unstuck.errors import REFUSALS
from unstuck.evidence.evidence import Evidence
from unstuck.evidence.facts import Facts

WELL = 0.9
"""Share of the way from chance to perfection from which nothing more is looked for without a finding."""
ENOUGH = 1 - MATERIAL
"""Share from which nothing is put on top of what helped: no gain could count."""
PROOFS = 3
"""Arms that are put to the proof, at most; the first of them also as it was found."""
FEW = 3
"""Treatments that are tried of a program that does well."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """What is known of a program before a cure is looked for.

    Args:
        facts: of the program.
        rows: what was measured of its data.
        evidence: all that was measured.
        findings: symptoms that are present.
        points: of each cause that is suspected.
        controls: trainings of the program as given, to choose by.
        attainable: score of other models of the same rows; NaN where the program has another score.
    """

    facts: Facts
    rows: Evidence
    evidence: Evidence
    findings: tuple[Finding, ...]
    points: dict[str, float]
    controls: list[Trial]
    attainable: float


class Sought(NamedTuple):
    """The search, with all that was tried, and what it came to: a cure, verified or not, or None."""

    search: Search
    cure: Cure | None

    @property
    def proven(self) -> Cure | None:
        """The cure, if it was."""
        return self.cure if self.cure and self.cure.verified else None


def sought(lab: Lab, case: Case, seeds: int) -> Sought:
    """Treatments that help, without those that are not needed, proven; the next best if the best is not."""
    queue = _queue(lab, case.points)
    search = _search(lab, case, queue, seeds)
    is_well = _is_well(lab, case, queue[0].points if queue else 0.0)
    arm = search.singly(queue[:FEW] if is_well else queue)
    if not is_well and (not arm or search.mean(arm) < _share(lab, WELL)):
        other = search.together(queue, arm)
        if other and (not arm or _is_worth_it(search, other, arm)):
            arm = other
    cure: Cure | None = None
    for candidate in candidates(search, arm):
        if not lab.affords(2 * lab.price(candidate)):
            continue
        lab.tell(f"proving {' + '.join(candidate)} on {seeds} fresh seeds, judged by {lab.subject.judges_by}")
        tested = proven(lab, candidate, seeds, is_sure=search.sure >= {*candidate})
        cure = tested or cure
        if tested and tested.verified:
            break
    return Sought(search, cure)


def _is_worth_it(search: Search, other: Arm, arm: Arm) -> bool:
    """Whether an arm that changes more is materially better, and can be taken apart and proven."""
    usual = search.mean(arm)
    is_better = search.mean(other) > usual + search.lab.scale.material(usual)
    return is_better and search.lab.affords(search.settling(other))


def _search(lab: Lab, case: Case, queue: list[Suspect], seeds: int) -> Search:
    """By the seeds on which the control does worst: two, if all do about alike."""
    scores = [trial.clipped for trial in case.controls]
    agree = max(scores) - min(scores) < lab.scale.material(min(scores))
    worst_first = sorted(range(len(scores)), key=lambda number: scores[number])
    return Search(
        lab=lab,
        numbers=worst_first[: 2 if agree else len(scores)],
        target=_share(lab, ENOUGH),
        again=partial(_suspected_again, lab, case),
        sure=sure(queue),
        hunches=hunches(queue, case.findings),
        seeds=seeds,
        sizes={name: treatment.size for name, treatment in TREATMENTS.items()},
    )


def _queue(lab: Lab, points: Mapping[str, float], arm: Arm = ()) -> list[Suspect]:
    """Treatments that change something on top of an arm."""
    return suspects(points, TREATMENTS, lambda name: lab.treated(added(arm, (name,))) is not None)


def _share(lab: Lab, share: float) -> float:
    return lab.scale.chance + share * lab.scale.span


def _is_well(lab: Lab, case: Case, strongest: float) -> bool:
    """Whether the program does well, or as well as other models do, and nothing speaks strongly against it."""
    usual = lab.mean(())
    is_as_good = usual >= case.attainable - lab.scale.close and strongest < SUSPICIOUS
    return (usual >= _share(lab, WELL) and strongest < SURE) or is_as_good


def _suspected_again(lab: Lab, case: Case, arm: Arm) -> list[Suspect]:
    """What is suspected of a program that is partly cured: by its own layers and curves, not by the control's.

    Nothing else is tried on top: what nothing points at was tried, if at all, beside the program as given.
    """
    treated = lab.treated(arm)
    if treated is None:  # it broke when it was trained once more
        return []
    lab.tell(f"looking at layers and curves with {' + '.join(arm)}")
    try:
        program, facts = known(treated.program, lab.seed)
        seen = case.rows | at_program(program, facts, lab.seed)
    except REFUSALS as error:
        lab.tell(f"it cannot be looked at: {' '.join(str(error).split())[:100]}")
        return []
    trials = lab.of(arm)
    held = lab.subject.held if isinstance(lab.subject, OfProgram) else None
    curves = of_controls(trials, facts, held, [np.zeros(0)] * len(trials))
    findings = found(seen | curves)
    queue = _queue(lab, suspicion(findings), arm)
    return [one for one in queue if one.treatment not in hunches(queue, findings)]


def candidates(search: Search, arm: Arm) -> Iterator[Arm]:
    """The best first, then others that counted beside the control, the best of them first; in a tie as tried.

    Each without what it does not need; the best then as it was found, if it was found with more.
    """
    if not arm:
        return
    others = dict.fromkeys(one.arm for one in search.outcomes if one.counts and not one.beside and one.arm != arm)
    known: set[Arm] = set()
    for whole in (arm, *sorted(others, key=lambda one: -search.mean(one))[: PROOFS - 1]):
        least = search.least(whole)
        for candidate in (least, arm) if whole == arm else (least,):
            if candidate not in known:
                known.add(candidate)
                yield candidate
