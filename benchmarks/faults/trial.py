"""`python -m benchmarks.faults.trial ID`: one case in a process of its own; the last line is the result."""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from benchmarks.faults import plain, rivals
from benchmarks.faults.case import Case
from benchmarks.faults.programs import catalogue
from unstuck.training.program import Program

JUDGES = (90_001, 90_002, 90_003, 90_004, 90_005)
"""Seeds of the plain retraining; unstuck and the rivals choose and prove on others."""
TOLERANCE = 0.05  # of the healthy score that a cured program may lack


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one contestant says of a case.

    Args:
        says: causes, the first one first.
        remedies: of its cure.
        claims: whether it calls its cure proven.
        retrained: plain scores (S,) of the cured program; empty without a cure.
        trainings: that it took, in trainings of the program as given.
        seconds: likewise.
    """

    says: tuple[str, ...]
    remedies: tuple[str, ...]
    claims: bool
    retrained: tuple[float, ...]
    trainings: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Result:
    """A case: plain scores (S,) of its program and of its healthy version, and answers by contestant."""

    id: str
    given: tuple[float, ...]
    healthy: tuple[float, ...]
    answers: dict[str, Answer]
    failure: str = ""


def answer_of(diagnosis: Any, seconds: float) -> Answer:
    """unstuck's."""
    says = tuple(verdict.cause for verdict in diagnosis.verdicts if verdict.status.value == "confirmed")
    cure = diagnosis.cure
    return Answer(
        says=says,
        remedies=tuple(cure.treatments) if cure else (),
        claims=bool(cure and cure.verified),
        retrained=plain.scores(cure.program, JUDGES) if cure else (),
        trainings=float(diagnosis.cost.trainings),
        seconds=seconds,
    )


def answer_of_rival(found: rivals.Found, seconds: float) -> Answer:
    """A rival's; all causes that its cure or its symptom stands for."""
    return Answer(
        says=tuple(sorted(found.says)),
        remedies=found.remedies,
        claims=found.program is not None,
        retrained=plain.scores(found.program, JUDGES) if found.program else (),
        trainings=found.trainings,
        seconds=seconds,
    )


def is_cured(answer: Answer, healthy: tuple[float, ...]) -> bool:
    """Whether the cure is called proven, and holds in the plain retraining."""
    return answer.claims and float(np.mean(answer.retrained)) >= float(np.mean(healthy)) - TOLERANCE


def examine(case: Case, *, seeds: int, compared: bool) -> Result:
    """Everybody's answer; the rivals get as many trainings as unstuck took."""
    from unstuck import diagnose  # pyright: ignore[reportAttributeAccessIssue] (it is loaded when it is used)

    program = case.program()
    begun = time.perf_counter()
    answers = {"unstuck": answer_of(diagnose(program, seeds=seeds), time.perf_counter() - begun)}
    if compared:
        answers |= against(program, answers["unstuck"].trainings)
    given = plain.scores(case.program(), JUDGES)
    healthy = plain.scores(case.healthy(), JUDGES) if case.healthy else given
    return Result(id=case.id, given=given, healthy=healthy, answers=answers)


def against(program: Program, trainings: float) -> dict[str, Answer]:
    """Both rivals, with as many trainings as unstuck took; never below 10, of which 8 prove and control."""
    budget = max(trainings, 10.0)
    treatments, causes = rivals.treatments_of_unstuck(program), rivals.causes_by_treatment()
    begun = time.perf_counter()
    drawn = rivals.random_search(program, treatments, budget=budget, seed=0)
    means = frozenset(cause for remedy in drawn.says for cause in causes.get(remedy, ()))
    middle = time.perf_counter()
    ordered = rivals.fixed_order(program, budget=budget, seed=0)
    return {
        "random": answer_of_rival(drawn._replace(says=means), middle - begun),
        "fixed order": answer_of_rival(ordered, time.perf_counter() - middle),
    }


def read(line: str) -> Result:
    """A result as it was printed."""
    held = json.loads(line)
    tupled = {
        name: Answer(**{key: tuple(value) if isinstance(value, list) else value for key, value in given.items()})
        for name, given in held.pop("answers").items()
    }
    return Result(**{**held, "given": tuple(held["given"]), "healthy": tuple(held["healthy"]), "answers": tupled})


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults.trial", description=__doc__)
    parser.add_argument("id")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help="without the rivals")
    parser.add_argument("--rivals", type=float, metavar="N", help="the rivals alone, at so many trainings")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    case = catalogue.by_id()[asked.id]
    if asked.rivals is not None:
        result = Result(id=case.id, given=(), healthy=(), answers=against(case.program(), asked.rivals))
    else:
        result = examine(case, seeds=asked.seeds, compared=not asked.alone)
    print(json.dumps(asdict(result)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
