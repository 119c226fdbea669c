"""The words of a diagnosis, as plain data: finding, cause, treatment, verdict, cure, cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, NamedTuple

from unstuck.evidence.evidence import Evidence
from unstuck.recipe.edit import Edit
from unstuck.study.statistics import Interval

Group = Literal["optimization", "signal", "capacity", "objective", "data", "wiring"]


class Finding(NamedTuple):
    """A symptom that is present: what was measured, against which limit, in which unit, where and when."""

    symptom: str
    sentence: str
    value: float
    limit: float
    unit: str
    where: str = ""
    """The layer, the parameter, the feature or the split."""
    steps: tuple[int, ...] = ()


class Symptom(NamedTuple):
    """Something to look for in the evidence: (evidence) → a finding, or nothing."""

    id: str
    title: str
    look: Callable[[Evidence], Finding | None]
    source: str
    """Of the limit: a paper with its section, a derivation, or docs/thresholds.md."""


class Treated(NamedTuple):
    """A program after a treatment, and the lines of code that say what changed ("- lr = 5", "+ lr = 0.5")."""

    program: Any
    lines: tuple[str, ...]


class Treatment(NamedTuple):
    """A change that may cure: of a recipe by edits, of live objects by new settings or module surgery."""

    id: str
    says: str
    """What is done, for people: "take the learning rate times 10"."""
    size: int
    """How much is changed: 1 a setting, 2 an objective, 3 an activation or the weights' start, 4 the layers."""
    treat: Callable[[Any, Any], Treated | None]
    """(program, its facts) → the program treated; None where it does not apply, or would change nothing."""
    edits: Callable[[Any], Sequence[Edit] | None] = lambda recipe: None
    """(recipe) → the same as edits; None where a recipe cannot have what this mends."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What can be wrong.

    Args:
        id: stable, of the design.
        group: where it sits.
        explains: what it does to a training, and why.
        fault: what somebody did who has it.
        experiment: what is changed, to tell it from its neighbours.
        prediction: what happens then if this is the cause; written before it is run.
        symptoms: ids of what points at it, with how strongly, in (0, 1].
        treatments: ids, from least to most change.
        neighbours: causes that look alike, or that the same treatments cure.
    """

    id: str
    group: Group
    explains: str
    fault: str
    experiment: str
    prediction: str
    symptoms: Mapping[str, float]
    treatments: tuple[str, ...]
    neighbours: tuple[str, ...] = ()


class Status(Enum):
    """What an experiment says of a cause. Undecided is an honest answer."""

    CONFIRMED = "confirmed"
    RULED_OUT = "ruled out"
    UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found of one cause.

    Args:
        cause: its id.
        status: confirmed, ruled out or undecided.
        effect: of the treatment on the score, paired by seed; None where no treatment was tried.
        evidence: sentences: what was seen, predicted, done, and what came of it.
        treatment: ids of what was tried, joined by " + ".
    """

    cause: str
    status: Status
    effect: Interval | None
    evidence: tuple[str, ...]
    treatment: str = ""


class Tried(NamedTuple):
    """Treatments that were trained while a cure was looked for, and what they gained on each seed.

    `beside` are those that the other side had, too: none of them where that was the program as given. `helps`
    says whether the gain counts.
    """

    treatments: tuple[str, ...]
    beside: tuple[str, ...]
    gains: tuple[float, ...]
    helps: bool


class Cost(NamedTuple):
    """What a diagnosis took; trainings are in trainings of the program as given, by their epochs."""

    seconds: float
    trainings: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Cure:
    """Treatments that were retrained beside the control, on seeds that did not choose them.

    Args:
        treatments: ids, none of which can be left out.
        says: what is done, for people.
        edits: the same for a recipe; empty for live objects.
        lines: the same as lines of code.
        program: that it gives; a Recipe for a recipe.
        before: the control's scores (S,), by seed.
        after: the cured program's (S,), on the same seeds.
        effect: the difference.
        verified: whether it is large enough and beyond chance.
    """

    treatments: tuple[str, ...]
    says: tuple[str, ...]
    edits: tuple[Edit, ...]
    lines: tuple[str, ...]
    program: Any
    before: tuple[float, ...]
    after: tuple[float, ...]
    effect: Interval
    verified: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Diagnosis:
    """Why a program does not train, or that nothing wrong was found.

    Args:
        findings: symptoms that are present.
        verdicts: of every cause that was looked into; confirmed ones first.
        cure: that was proven, or None.
        cost: seconds and trainings.
        score: what is measured.
        control: scores (S,) of the program as given, by seed.
        looked_at: what was measured, in words, also where nothing was found.
        tried: what was trained to find a cure, in order.
        evidence: all of it.
    """

    findings: tuple[Finding, ...]
    verdicts: tuple[Verdict, ...]
    cure: Cure | None
    cost: Cost
    score: str
    control: tuple[float, ...]
    looked_at: tuple[str, ...]
    tried: tuple[Tried, ...]
    evidence: Evidence

    @property
    def confirmed(self) -> tuple[Verdict, ...]:
        """Verdicts that stand."""
        return tuple(one for one in self.verdicts if one.status is Status.CONFIRMED)

    @property
    def cause(self) -> str | None:
        """Id of the first confirmed cause, or None."""
        return self.confirmed[0].cause if self.confirmed else None

    @property
    def healthy(self) -> bool:
        """Whether no cause was confirmed."""
        return not self.confirmed
