"""What is suspected: causes ranked by the findings that point at them, and the treatments to try, in order."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from unstuck.diagnosis.causes import CAUSES
from unstuck.diagnosis.terms import Cause, Finding, Treatment

SURE = 0.9
"""Suspicion from which a treatment that helps is taken at once."""
LATER = 0.8
"""How much less a cause's next treatment is expected to help than the one before it that applies."""
USUAL: Mapping[str, float] = {
    "learning-rate-too-low": 0.13,
    "learning-rate-too-high": 0.12,
    "poor-optimizer": 0.11,
    "unscaled-inputs": 0.1,
}
"""Suspicion without any finding: what is wrong most often, and cheap to try."""


class Suspect(NamedTuple):
    """A treatment worth trying, the cause that it would confirm, and how strongly that is suspected, above 0."""

    treatment: str
    cause: str
    points: float


def suspicion(findings: Iterable[Finding]) -> dict[str, float]:
    """Points of each cause that something points at: the sum over findings, the strongest first."""
    present = {finding.symptom for finding in findings}
    points = {
        cause.id: sum(weight for symptom, weight in cause.symptoms.items() if symptom in present)
        for cause in CAUSES.values()
    }
    for cause, least in USUAL.items():
        points[cause] = max(points[cause], least)
    ranked = sorted((cause for cause in points if points[cause] > 0), key=lambda cause: -points[cause])
    return {cause: points[cause] for cause in ranked}


def suspects(
    points: Mapping[str, float], treatments: Mapping[str, Treatment], applies: Callable[[str], bool]
) -> list[Suspect]:
    """Treatments that apply, by how much they are expected to tell; of equals that first which changes least."""
    best: dict[str, Suspect] = {}
    for cause, weight in points.items():
        known = (name for name in CAUSES[cause].treatments if name in treatments and applies(name))
        for place, treatment in enumerate(known):
            found = Suspect(treatment, cause, weight * LATER**place)
            if found.points > best.get(treatment, _NONE).points:
                best[treatment] = found
    return sorted(best.values(), key=lambda one: (-round(one.points, 2), treatments[one.treatment].size))


def sure(queue: Iterable[Suspect]) -> frozenset[str]:
    """Treatments of what is surely wrong by what the wiring, the data or the objective are, not by a setting."""
    found = (one for one in queue if one.points >= SURE)
    return frozenset(one.treatment for one in found if CAUSES[one.cause].group in ("wiring", "data", "objective"))


def hunches(queue: Iterable[Suspect], findings: Iterable[Finding]) -> frozenset[str]:
    """Treatments that are tried though no finding points at what they mend."""
    present = {finding.symptom for finding in findings}
    return frozenset(one.treatment for one in queue if not present & CAUSES[one.cause].symptoms.keys())


def cause_of(treatment: str, points: Mapping[str, float]) -> Cause:
    """The cause that a treatment's success confirms: the most suspected of those that it cures.

    Of a cause that others of its treatments cure sooner it says less.
    """
    curing = [cause for cause in CAUSES.values() if treatment in cause.treatments]
    place = {cause.id: cause.treatments.index(treatment) for cause in curing}
    return max(curing, key=lambda one: (points.get(one.id, 0.0) * LATER ** place[one.id], -place[one.id]))


def causes_of(treatments: Sequence[str], points: Mapping[str, float]) -> list[Cause]:
    """Those of several treatments, each cause once, the most suspected first.

    Of a rate on top of another optimizer's own it is not known what it says of the rate as given.
    """
    telling = [one for one in treatments if "adam" not in treatments or one not in _RATES]
    found = {cause.id: cause for cause in (cause_of(one, points) for one in telling)}
    return sorted(found.values(), key=lambda cause: -points.get(cause.id, 0.0))


_RATES = frozenset({"lr-tenth", "lr-hundredth", "lr-tenfold", "lr-hundredfold"})
_NONE = Suspect("", "", 0.0)
