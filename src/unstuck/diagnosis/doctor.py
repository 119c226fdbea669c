"""The procedure: look, train the control, suspect, experiment, prove, and say what was found."""

import importlib
import math
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from unstuck.diagnosis.controls import Following, of_controls
from unstuck.diagnosis.decided import in_order, of_data, rows_mixed, verdicts
from unstuck.diagnosis.experiment import Budget, Lab, Tell, Trial
from unstuck.diagnosis.held import Held
from unstuck.diagnosis.proof import proven
from unstuck.diagnosis.scale import Scale, scale_of
from unstuck.diagnosis.search import SUSPICIOUS, Again, Search
from unstuck.diagnosis.seeds import of_seeds, seed_dependent
from unstuck.diagnosis.subject import Arm, OfProgram, OfRecipe, Subject, lowered
from unstuck.diagnosis.suspects import SURE, Suspect, sure, suspects, suspicion
from unstuck.diagnosis.symptoms import found
from unstuck.diagnosis.terms import Cure, Diagnosis, Tried
from unstuck.diagnosis.treatments import TREATMENTS
from unstuck.errors import ProgramError
from unstuck.evidence import data
from unstuck.evidence.evidence import Evidence
from unstuck.evidence.facts import Facts
from unstuck.recipe.spec import Recipe
from unstuck.training.program import Program
from unstuck.training.training import Training

CHOOSING = 3
"""Seeds that the control is trained with before anything is tried."""
WELL = 0.9
"""Share of the way from chance to perfection from which nothing more is looked for without a finding."""
ENOUGH = 0.97
"""Share from which nothing is put on top of what helped."""
OF_A_TRAINING = ("control_", "watched_", "update_ratio")
"""Beginnings of columns that tell of the control's trainings."""
PROOFS = 3
"""Arms that are put to the proof, at most."""
STUCK = frozenset({"gradient-gone", "loss-flat", "units-alike", "units-dead"})
"""Symptoms of a training that may stand at a critical point, of which the Hessian is asked."""
LOOKED_AT = (
    "data: finite, scaled, balanced, alike in all splits; what a forest and a linear model make of them",
    "wiring: two steps beside the plain gradient; parameters, modes, shapes",
    "objective: outputs, targets and loss beside each other",
    "layers: activations and gradients at the start, and whether a batch can be fitted",
    "training: curves and scores of the program as given, from several seeds",
)


def diagnosed(what: Program | Recipe, *, seeds: int, seed: int, budget: Budget, tell: Tell) -> Diagnosis:
    """What is wrong with a program or a recipe, if anything is.

    Args:
        what: none of its objects is touched.
        seeds: on which a cure is proven.
        seed: that all else follows from.
        budget: what may be spent; when it is, the best answer so far is given.
        tell: is told what is being tested, and why.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they warn of is looked for
        return _diagnosed(what, seeds, seed, budget, tell)


def _diagnosed(what: Program | Recipe, seeds: int, seed: int, budget: Budget, tell: Tell) -> Diagnosis:
    began = time.monotonic()
    tell("looking at data, wiring and layers, without training")
    program = lowered(what) if isinstance(what, Recipe) else what
    torch_facts = importlib.import_module("unstuck.evidence.torch_facts")
    facts = torch_facts.facts_of(program, seed=seed)
    if facts.score == "negative_loss":  # of the given loss, for every arm
        program = replace(program, score=partial(_negated, torch_facts.copied(program.loss, "loss")))
    evidence = _looked(program, facts, seed)
    subject: Subject
    if isinstance(what, Recipe):
        subject = OfRecipe.of(what, TREATMENTS)
    else:
        is_random = evidence.number("rows_random") > 0
        held = Held.of(torch_facts.settled(program, device="cpu"), seed=seed, is_random=is_random)
        subject = OfProgram(program=program, held=held, facts=facts, treatments=TREATMENTS)
    scale = _scale(subject, facts, seed)
    lab = Lab(subject=subject, scale=scale, budget=budget, tell=tell, seed=seed, started=began)
    tell(f"training the program as given, from {CHOOSING} seeds")
    controls, measured = _controls(lab, program, facts, seed)
    if not controls:
        raise ProgramError("the budget must be 1 training or more: nothing can be said of a program untrained.")
    evidence = evidence | measured
    findings = found(evidence)
    if {finding.symptom for finding in findings} & STUCK:
        tell("looking at the Hessian where the first training ended")
        where = importlib.import_module("unstuck.evidence.torch_point").of_point(controls[0].run, seed=seed)
        evidence = evidence | where
        findings = found(evidence)
    for finding in findings:
        tell(f"found {finding.symptom}: {finding.sentence}")
    points = suspicion(findings)
    attainable = evidence.number("attainable") if facts.score in ("accuracy", "r2") else math.nan
    again = partial(_suspected_again, lab, evidence, facts)
    search, cure = _sought(lab, controls, suspects(points, TREATMENTS), again, attainable, seeds)
    judged = lab.of((), judging=True) or controls
    if cure and cure.verified:
        alike = seed_dependent([trial.clipped for trial in judged], lab.scale)
    else:
        alike = of_seeds(lab)
    best = lab.of(cure.treatments, judging=True) if cure and cure.verified else judged
    return Diagnosis(
        findings=findings,
        verdicts=in_order(
            [
                *verdicts(lab, findings, points, search.outcomes, cure),
                *of_data(lab, facts, evidence, points, best),
                *rows_mixed({one.symptom: one.sentence for one in findings}, evidence, cure),
                alike,
            ]
        ),
        cure=cure if cure and cure.verified else None,
        cost=lab.cost,
        score=facts.score,
        control=tuple(trial.score for trial in judged),
        looked_at=LOOKED_AT,
        tried=tuple(Tried(one.arm, one.beside, one.gains, one.counts) for one in search.outcomes),
        evidence=evidence,
    )


def _negated(loss: Any, outputs: Any, targets: Any) -> float:
    return -float(loss(outputs, targets))


def _looked(program: Program, facts: Facts, seed: int) -> Evidence:
    """All that is measured without training."""
    parts = {"train": facts.train, "validation": facts.validation, "test": facts.test}
    splits = {name: (part.x, part.y) for name, part in parts.items() if part is not None}
    measured = data.of_data(splits, facts.kind, seed=seed)
    for name in ("wiring", "start"):
        module = importlib.import_module(f"unstuck.evidence.torch_{name}")
        measured = measured | getattr(module, f"of_{name}")(program, facts, seed=seed)
    return measured


def _scale(subject: Subject, facts: Facts, seed: int) -> Scale:
    treated = subject.treated((), judging=True)
    assert treated is not None
    task = subject.task(treated, seed, judging=True)
    return scale_of(task.score, facts, task.engine.evaluate(task.rows["test"]))


def _controls(lab: Lab, program: Program, facts: Facts, seed: int) -> tuple[list[Trial], Evidence]:
    """The control, trained to choose by; the first training is watched."""
    held = lab.subject.held if isinstance(lab.subject, OfProgram) else None
    torch_watch = importlib.import_module("unstuck.evidence.torch_watch")
    following, trials, seen = Following(), [], Evidence()
    for number in range(CHOOSING):
        watched: list[Any] = []

        def watch(training: Training, first: bool = number == 0, watched: list[Any] = watched) -> Iterator[Any]:
            if first and held is not None:
                watched.append(torch_watch.Watch(training, held.choosing, facts, seed=seed))
            return following(training, *watched)

        trial = lab.trial((), number, watch=watch)
        if trial is None:
            break
        trials.append(trial)
        seen = watched[0].evidence if watched else seen
    return trials, seen | of_controls(trials, facts, held, following.losses)


def _suspected_again(lab: Lab, evidence: Evidence, facts: Facts, arm: Arm) -> list[Suspect]:
    """What is suspected of a program that is partly cured: by its own curves, not by those of the control."""
    trials = lab.of(arm)
    held = lab.subject.held if isinstance(lab.subject, OfProgram) else None
    kept = {name: column for name, column in evidence.items() if not name.startswith(OF_A_TRAINING)}
    curves = of_controls(trials, facts, held, [np.zeros(0)] * len(trials))
    return suspects(suspicion(found(Evidence(kept) | curves)), TREATMENTS)


def _sought(
    lab: Lab, controls: Sequence[Trial], queue: Sequence[Suspect], again: Again, attainable: float, seeds: int
) -> tuple[Search, Cure | None]:
    """Treatments that help, without those that are not needed, proven; the next best if the best is not."""
    worst_first = sorted(range(len(controls)), key=lambda number: controls[number].clipped)
    scores = [trial.clipped for trial in controls]
    agree = max(scores) - min(scores) < lab.scale.material(min(scores))
    well = lab.scale.chance + WELL * lab.scale.span
    search = Search(
        lab=lab,
        numbers=worst_first[: 2 if agree else CHOOSING],
        target=lab.scale.chance + ENOUGH * lab.scale.span,
        again=again,
        sure=sure(queue),
        seeds=seeds,
        sizes={name: treatment.size for name, treatment in TREATMENTS.items()},
    )
    usual, strongest = lab.mean(()), queue[0].points
    is_as_good = usual >= attainable - lab.scale.close and strongest < SUSPICIOUS
    is_well = (usual >= well and strongest < SURE) or is_as_good
    arm = search.singly(queue[:CHOOSING] if is_well else queue)
    if not is_well and (not arm or search.mean(arm) < well):
        other = search.together(queue)
        if other and (not arm or search.mean(other) > search.mean(arm) + lab.scale.close):
            arm = other
    cure: Cure | None = None
    for candidate in _candidates(search, arm):
        least = search.least(candidate)
        lab.tell(f"proving {' + '.join(least)} on {seeds} fresh seeds, judged by {lab.subject.judges_by}")
        found = proven(lab, least, seeds, is_sure=search.sure >= {*least})
        cure = found or cure
        if found is None or found.verified:
            break
    return search, cure


def _candidates(search: Search, arm: Arm) -> Iterator[Arm]:
    """The best first, then others that counted beside the control, the best of them first."""
    if not arm:
        return
    yield arm
    others = {one.arm for one in search.outcomes if one.counts and not one.beside} - {arm}
    yield from sorted(others, key=lambda one: -search.mean(one))[: PROOFS - 1]
