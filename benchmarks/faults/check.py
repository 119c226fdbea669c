"""`python -m benchmarks.faults.check`: is every fault harmful, and every control well tuned? By plain retraining.

A fault must cost at least 0.05 of the healthy score. Of a control no obvious change may gain more than 0.04:
the learning rate by 3 either way, three times the epochs, Adam, scaled inputs, batch norm.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from benchmarks.faults import plain, surgery
from benchmarks.faults.case import Case
from benchmarks.faults.parts import adam
from benchmarks.faults.programs import catalogue
from benchmarks.faults.remedies import faster
from benchmarks.table import markdown
from unstuck.training.program import Program

SEEDS = (90_001, 90_002, 90_003)
HARM, GAIN = 0.05, 0.04


class Row(NamedTuple):
    """A case, scores by seed, and whether it is as it should be."""

    id: str
    cells: tuple[str, ...]
    is_fine: bool


def harm(case: Case, seeds: Iterable[int] = SEEDS) -> Row:
    """A fault beside its healthy version."""
    assert case.healthy
    faulty, healthy = (np.array(plain.scores(make(), tuple(seeds))) for make in (case.program, case.healthy))
    lost = float((healthy - faulty).mean())
    lost = -lost if case.effect == "flatters" else lost
    cells = (case.id, case.source, case.causes[0], _listed(faulty), _listed(healthy), f"{lost:+.2f}")
    return Row(case.id, cells, lost >= HARM)


def tuned(case: Case, seeds: Iterable[int] = SEEDS) -> Row:
    """A control, and what the best obvious change gains."""
    given = np.array(plain.scores(case.program(), tuple(seeds)))
    gains = {
        name: float((np.array(plain.scores(program, tuple(seeds))) - given).mean())
        for name, program in obvious(case.program())
    }
    best = max(gains, key=lambda name: gains[name])
    return Row(case.id, (case.id, _listed(given), best, f"{gains[best]:+.3f}"), gains[best] <= GAIN)


def obvious(program: Program) -> Iterator[tuple[str, Program]]:
    """What anybody would try."""
    yield "lr × 3", faster(program, 3.0)
    yield "lr / 3", faster(program, 1 / 3)
    longer = (lambda step: given(step // 3)) if (given := program.schedule) else None
    yield "3 × epochs", replace(program, epochs=3 * program.epochs, schedule=longer)
    if not program.step:
        yield "adam", replace(program, optimizer=adam())
        yield "adam 0.01", replace(program, optimizer=adam(0.01))
    if isinstance(program.train, tuple) and torch.as_tensor(program.train[0]).is_floating_point():
        yield "scaled inputs", scaled(program)
    if normed := surgery.changed(program, surgery.norms):
        yield "batch norm", normed


def scaled(program: Program) -> Program:
    """Inputs to mean 0 and deviation 1 by the training rows."""
    x = torch.as_tensor(program.train[0]).float()
    shift, spread = x.mean(0), x.std(0).clamp_min(1e-6)
    train, test = (((torch.as_tensor(x) - shift) / spread, y) for x, y in (program.train, program.test))
    return replace(program, train=train, test=test)


def _listed(scores: np.ndarray) -> str:
    return " ".join(f"{score:.2f}" for score in scores)


def rows(check: Callable[[Case], Row], cases: list[Case], workers: int) -> Iterator[Row]:
    """In order, each as soon as it and those before it are there."""
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(partial(_by_id, check), [case.id for case in cases])


def _by_id(check: Callable[[Case], Row], name: str) -> Row:
    torch.set_num_threads(1)
    return check(catalogue.by_id()[name])


def main() -> int:
    """Exit code: 0 all are as they should be; 1 some are not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults.check", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="ID", help="these cases, by part of their id")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    cases = [
        case
        for case in catalogue.by_id().values()
        if not asked.only or any(part in case.id for part in asked.only)
    ]
    wrong: list[str] = []
    for check, header, chosen in (
        (harm, ("fault", "source", "cause", "faulty", "healthy", "lost"), [c for c in cases if not c.is_control]),
        (tuned, ("control", "scores", "best change", "gains"), [c for c in cases if c.is_control]),
    ):
        found: list[Row] = []
        for row in rows(check, chosen, asked.workers) if chosen else ():
            print(*row.cells, "" if row.is_fine else "<<<", sep="  ", file=sys.stderr, flush=True)
            found.append(row)
        print(markdown([header, *(row.cells for row in found)]), end="\n\n")
        wrong += [row.id for row in found if not row.is_fine]
    print(f"not as they should be: {', '.join(wrong) or 'none'}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
