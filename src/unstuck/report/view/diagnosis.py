"""A diagnosis as plain data: the answer in a sentence, what was seen, tested and ruled out, the cure, the cost."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

import numpy as np

from unstuck.diagnosis.causes import CAUSES
from unstuck.diagnosis.terms import Cure, Diagnosis, Finding, Status, Tried, Verdict
from unstuck.diagnosis.treatments.table import TREATMENTS
from unstuck.report.wording import Measure, between, measure_of, number, score_name
from unstuck.training.scores import ACCURACY

POINTED = 0.5
"""Weight of a symptom from which on a cause that it points at must be tested before nothing is called wrong."""

ILL = ("loss-not-finite", "loss-rises", "fit-poor")
"""Symptoms with which a program is not well, whatever has caused them."""

Kind = Literal["confirmed", "undecided", "healthy"]


class Seen(NamedTuple):
    """A finding in words."""

    sentence: str
    measured: str
    """Value, unit and limit."""
    where: str


class Tested(NamedTuple):
    """An experiment in words: what was changed, predicted, and came of it."""

    cause: str
    status: str
    changed: str
    predicted: str
    came: str


class Cured(NamedTuple):
    """A cure in words, and its scores (S,) by seed."""

    says: tuple[str, ...]
    lines: tuple[str, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]
    gained: str


@dataclass(frozen=True, kw_only=True, eq=False)
class DiagnosisView:
    """What is said of a diagnosis, in the order in which it is said."""

    kind: Kind
    answer: str
    """In one sentence."""
    explained: tuple[str, ...]
    """What each confirmed cause does."""
    looked_at: tuple[str, ...]
    score: str
    """What is measured, in words."""
    control: tuple[float, ...]
    seen: tuple[Seen, ...]
    tested: tuple[Tested, ...]
    """Causes that were confirmed or are undecided after an experiment."""
    ruled_out: tuple[Tested, ...]
    untested: tuple[str, ...]
    """Causes that something points at and that no experiment was made of."""
    cure: Cured | None
    cost: str

    @classmethod
    def of(cls, found: Diagnosis) -> Self:
        """The view of a diagnosis."""
        made = [_tested(verdict, found) for verdict in found.verdicts]
        done = [one for one, verdict in zip(made, found.verdicts, strict=True) if _is_decided_or_tried(verdict)]
        out = Status.RULED_OUT.value
        return cls(
            kind=_kind(found),
            answer=_answer(found),
            explained=tuple(CAUSES[verdict.cause].explains for verdict in found.confirmed),
            looked_at=found.looked_at,
            score=said(found.score),
            control=found.control,
            seen=tuple(map(_seen, found.findings)),
            tested=tuple(one for one in done if one.status != out),
            ruled_out=tuple(one for one in done if one.status == out),
            untested=tuple(named(verdict.cause) for verdict in _open(found) if not _is_decided_or_tried(verdict)),
            cure=_cured(found.cure, found.score) if found.cure else None,
            cost=f"{found.cost.trainings:.3g} trainings of the program, {found.cost.seconds:.3g} s",
        )


def named(cause: str) -> str:
    """A cause's id as words."""
    return cause.replace("-", " ")


def said(score: str) -> str:
    """A score's name as words."""
    return score_name(score).replace("_", " ")


def measure(score: str) -> Measure:
    """How its differences are told: of a share of rows in points."""
    return measure_of(ACCURACY.unit if score == ACCURACY.name else "")


def changes(treatments: Sequence[str]) -> str:
    """What treatments do, in words."""
    return listed([TREATMENTS[one].says for one in treatments])


def listed(parts: Sequence[str]) -> str:
    """With commas, and "and" before the last; after one that has a comma of its own, with a comma too."""
    if len(parts) < 2:
        return "".join(parts)
    more = ", and " if any("," in part for part in parts) else " and "
    return ", ".join(parts[:-1]) + more + parts[-1]


def arm(tried: Tried) -> str:
    """What was tried, in words; what it came on top of, if that was not the program as given."""
    added = [one for one in tried.treatments if one not in tried.beside]
    return changes(added) + (f", after: {changes(tried.beside)}" if tried.beside else "")


def _seen(finding: Finding) -> Seen:
    measured = f"{_short(finding.value)} {finding.unit}".rstrip()
    sentence = finding.sentence[:1].upper() + finding.sentence[1:]
    if np.isfinite(finding.limit) and finding.limit:  # else it is no matter of degree
        measured += f", limit {_short(finding.limit)}"
    return Seen(sentence.rstrip("."), measured, finding.where)


def _short(value: float) -> str:
    return "not a number" if np.isnan(value) else f"{value:.3g}"


def _tested(verdict: Verdict, found: Diagnosis) -> Tested:
    """Of a treatment by its gain; of data, where none was tried, as the experiment tells it."""
    cause, status = CAUSES[verdict.cause], verdict.status.value
    if not verdict.treatment or verdict.effect is None:
        predicted, came = _own_experiment(verdict)
        return Tested(named(cause.id), status, cause.experiment.rstrip("."), predicted, came)
    ways = changes(verdict.treatment.split(" + "))
    came = gained(verdict, found.score)
    if verdict.status is Status.CONFIRMED and sum(bool(one.treatment) for one in found.confirmed) > 1:
        came += ", by all of the cure"
    return Tested(named(cause.id), status, ways, cause.prediction, came)


def _own_experiment(verdict: Verdict) -> tuple[str, str]:
    """What was predicted, and what came, of an experiment that is told in sentences."""
    told = [one for one in verdict.evidence if not one.startswith("seen: ")]
    predicted = [one for one in told if one.lower().startswith("predicted: ")]
    came = " ".join(one for one in told if one not in predicted)
    said = " ".join(one[len("predicted: ") :] for one in predicted)
    return said[:1].upper() + said[1:], came


def gained(verdict: Verdict, score: str) -> str:
    """What a treatment did to the score; two seeds' interval would be wider than any screen."""
    low, mean, high = verdict.effect or (np.nan,) * 3
    if verdict.status is not Status.CONFIRMED:
        low = high = np.nan
    return _gain(low, mean, high, score)


def _gain(low: float, mean: float, high: float, score: str) -> str:
    factor, unit, places = measure(score)
    return f"{said(score)} {between(low * factor, mean * factor, high * factor, places=places)} {unit}".rstrip()


def _cured(cure: Cure, score: str) -> Cured:
    plain = float(np.mean(np.subtract(cure.after, cure.before)))
    counted = (
        "" if math.isclose(plain, cure.effect.mean, abs_tol=1e-6) else "; scores below chance count as chance"
    )
    return Cured(
        says=cure.says,
        lines=cure.lines,
        before=cure.before,
        after=cure.after,
        gained=f"{_gain(*cure.effect, score)} on {len(cure.before)} fresh seeds, 95 % interval{counted}",
    )


# the answer


def _kind(found: Diagnosis) -> Kind:
    if found.confirmed:
        return "confirmed"
    return "undecided" if _open(found) or _unproven(found) or _ill(found) else "healthy"


def _answer(found: Diagnosis) -> str:
    kind = _kind(found)
    if kind == "confirmed":
        return _confirmed(found)
    if kind == "undecided" and (helped := _unproven(found)):
        return f"Undecided: {arm(helped[0])} helped where it was tried, but it was not proven on fresh seeds"
    if kind == "undecided" and (ill := _ill(found)):
        seen = ill[0].sentence.rstrip(".")
        seen = seen[:1].lower() + seen[1:]
        return f"Undecided: {seen}, and {_in_vain(found, 'mend', 'it')}"
    if kind == "undecided":
        causes = " or ".join(named(verdict.cause) for verdict in _open(found))
        return f"Undecided: what was seen points at {causes}, which no experiment confirmed or ruled out"
    none = f", and {_in_vain(found, 'make', 'it better')}" if found.tried else ""
    count = len(found.control)
    seeds = "one seed" if count == 1 else f"{count} seeds"
    return f"Nothing wrong found: {said(found.score)} {level(found.control)} over {seeds}{none}"


def _in_vain(found: Diagnosis, plural: str, rest: str) -> str:
    """That no change did so; the verb is given as for many of them."""
    match len(found.tried):
        case 0:
            return "no change was tried"
        case 1:
            return f"the one change tried does not {plural} {rest}"
        case count:
            return f"none of {count} changes tried {plural}s {rest}"


def _confirmed(found: Diagnosis) -> str:
    names = " and ".join(named(verdict.cause) for verdict in found.confirmed)
    names = names[:1].upper() + names[1:]
    cure = found.cure
    if cure is None:
        return f"{names}, which nothing that was tried cures" if found.tried else f"{names}; no change was tried"
    levels = f"{said(found.score)} goes from {level(cure.before)} to {level(cure.after)}"
    return f"{names}: {listed(cure.says)}, and {levels} on {len(cure.before)} fresh seeds"


def level(scores: Sequence[float]) -> str:
    """The mean of the scores that are numbers, and how many are not."""
    finite = [score for score in scores if np.isfinite(score)]
    if not finite:
        return "no score at all"
    failed = len(scores) - len(finite)
    return number(float(np.mean(finite)), 3) + (f" ({failed} of {len(scores)} failed)" if failed else "")


def _unproven(found: Diagnosis) -> list[Tried]:
    """What helped on the seeds that choose, the largest gain first, though no cure was proven."""
    helping = [one for one in found.tried if one.helps and not one.beside]
    return [] if found.cure else sorted(helping, key=lambda one: -float(np.mean(one.gains)))


def _open(found: Diagnosis) -> list[Verdict]:
    """Undecided causes that a finding points at strongly."""
    present = {finding.symptom for finding in found.findings}
    undecided = [verdict for verdict in found.verdicts if verdict.status is Status.UNDECIDED]
    return [
        verdict
        for verdict in undecided
        if any(CAUSES[verdict.cause].symptoms.get(one, 0.0) >= POINTED for one in present)
    ]


def _ill(found: Diagnosis) -> list[Finding]:
    return [finding for finding in found.findings if finding.symptom in ILL]


def _is_decided_or_tried(verdict: Verdict) -> bool:
    return verdict.effect is not None or verdict.status is not Status.UNDECIDED
