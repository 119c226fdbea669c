"""The procedure: look, train the control, suspect, experiment, prove, and say what was found."""

import importlib
import math
import time
import warnings
from collections.abc import Iterator
from typing import Any

from unstuck.diagnosis.controls import Following, of_controls
from unstuck.diagnosis.cures import Case, Sought, sought
from unstuck.diagnosis.decided import gradient_cut, in_order, of_data, rows_mixed, verdicts
from unstuck.diagnosis.experiment import Budget, Lab, Tell, Trial
from unstuck.diagnosis.held import Held
from unstuck.diagnosis.look import at_data, at_program, known
from unstuck.diagnosis.scale import Scale, scale_of
from unstuck.diagnosis.seeds import of_seeds, seed_dependent, unless_untested
from unstuck.diagnosis.subject import OfProgram, OfRecipe, Subject
from unstuck.diagnosis.suspects import suspicion
from unstuck.diagnosis.symptoms import found
from unstuck.diagnosis.terms import Diagnosis, Tried, Verdict
from unstuck.diagnosis.treatments import TREATMENTS
from unstuck.errors import ProgramError
from unstuck.evidence.evidence import Evidence
from unstuck.evidence.facts import Facts
from unstuck.recipe.spec import Recipe
from unstuck.training.program import Program
from unstuck.training.training import Training

CHOOSING = 3
"""Seeds that the control is trained with before anything is tried."""
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
    program, facts = known(what, seed)
    rows, rest = at_data(facts, seed), at_program(program, facts, seed)
    subject = _subject(what, program, facts, seed, is_random=rest.number("rows_random") > 0)
    scale = _scale(subject, facts, seed)
    lab = Lab(subject=subject, scale=scale, budget=budget, tell=tell, seed=seed, started=began)
    case = _examined(lab, facts, rows, rest)
    for finding in case.findings:
        tell(f"found {finding.symptom}: {finding.sentence}")
    result = sought(lab, case, seeds)
    said = _verdicts(lab, case, result)
    judged = lab.of((), judging=True) or lab.of(())
    return Diagnosis(
        findings=case.findings,
        verdicts=said,
        cure=result.proven,
        cost=lab.cost,
        score=facts.score,
        control=tuple(trial.score for trial in judged),
        looked_at=LOOKED_AT,
        tried=tuple(Tried(one.arm, one.beside, one.gains, one.counts) for one in result.search.outcomes),
        evidence=case.evidence,
    )


def _scale(subject: Subject, facts: Facts, seed: int) -> Scale:
    treated = subject.treated((), judging=True)
    assert treated is not None
    task = subject.task(treated, seed, judging=True)
    return scale_of(task.score, facts, task.engine.evaluate(task.rows["test"]))


def _subject(what: Program | Recipe, program: Program, facts: Facts, seed: int, *, is_random: bool) -> Subject:
    if isinstance(what, Recipe):
        return OfRecipe.of(what, TREATMENTS)
    torch_facts = importlib.import_module("unstuck.evidence.torch_facts")
    held = Held.of(torch_facts.settled(program, device="cpu"), seed=seed, is_random=is_random)
    return OfProgram(program=program, held=held, facts=facts, treatments=TREATMENTS)


def _examined(lab: Lab, facts: Facts, rows: Evidence, rest: Evidence) -> Case:
    """Train the control, and say what is seen in it, in its rows and in the rest that was measured.

    Raises:
        ProgramError: if the budget does not reach for one training.
    """
    lab.tell(f"training the program as given, from {CHOOSING} seeds")
    controls, measured = _controls(lab, facts)
    if not controls:
        raise ProgramError("the budget must be 1 training or more: nothing can be said of a program untrained.")
    evidence = rows | rest | measured
    findings = found(evidence)
    if {finding.symptom for finding in findings} & STUCK:
        lab.tell("looking at the Hessian where the first training ended")
        where = importlib.import_module("unstuck.evidence.torch_point").of_point(controls[0].run, seed=lab.seed)
        evidence = evidence | where
        findings = found(evidence)
    is_comparable = facts.score in ("accuracy", "r2")
    return Case(
        facts=facts,
        rows=rows,
        evidence=evidence,
        findings=findings,
        points=suspicion(findings),
        controls=controls,
        attainable=evidence.number("attainable") if is_comparable else math.nan,
    )


def _verdicts(lab: Lab, case: Case, result: Sought) -> tuple[Verdict, ...]:
    """Of cures, data, rows that are mixed, and seeds, of which more are trained where no cure was proven."""
    cure = result.proven
    judged = lab.of((), judging=True) or case.controls
    alike = seed_dependent(judged, lab.scale, case.attainable) if cure else of_seeds(lab, case.attainable)
    if not result.cure:
        alike = unless_untested(alike, case.points, [one.arm for one in result.search.outcomes])
    best = lab.of(cure.treatments, judging=True) if cure else judged
    seen = {one.symptom: one.sentence for one in case.findings}
    return in_order(
        [
            *gradient_cut(lab, seen, case.evidence),
            *verdicts(lab, case.findings, case.points, result.search.outcomes, result.cure),
            *of_data(lab, case.facts, case.evidence, case.points, best),
            *rows_mixed(seen, case.evidence, result.cure),
            alike,
        ]
    )


def _controls(lab: Lab, facts: Facts) -> tuple[list[Trial], Evidence]:
    """The control, trained to choose by; the first training is watched."""
    held = lab.subject.held if isinstance(lab.subject, OfProgram) else None
    torch_watch = importlib.import_module("unstuck.evidence.torch_watch")
    following, trials, seen = Following(), [], Evidence()
    for number in range(CHOOSING):
        watched: list[Any] = []

        def watch(training: Training, first: bool = number == 0, watched: list[Any] = watched) -> Iterator[Any]:
            if first and held is not None:
                watched.append(torch_watch.Watch(training, held.choosing, facts, seed=lab.seed))
            return following(training, *watched)

        trial = lab.trial((), number, watch=watch)
        if trial is None:
            break
        trials.append(trial)
        seen = watched[0].evidence if watched else seen
    return trials, seen | of_controls(trials, facts, held, following.losses)
