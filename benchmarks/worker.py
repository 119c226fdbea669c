"""One contestant in a process of its own, so that none shares threads, settings or imports with another.

It is told what to do by lines of JSON on its standard input, and answers each with a `Timing`, as a line:

    {"prepare": "A"}    make the case's task, and the contestant's runner for it; the time is the contestant's
    {"run": 500}        train 500 steps

Whatever the contestant prints goes to standard error, so that the answers stay legible.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any, TextIO

from benchmarks.task import CASES, make_task, mnist

CHECKED = 100  # first steps, whose losses are sent back


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How long something took, in seconds, and the first losses (or the mean of all) if it was training."""

    processor: float
    wall: float
    losses: list[float]


def measure(action: Callable[[Any], Any], argument: Any) -> tuple[Any, float, float]:
    """What the action returns, and the seconds of processor and of wall that it took."""
    gc.collect()
    wall, processor = time.perf_counter(), time.process_time()
    result = action(argument)
    return result, time.process_time() - processor, time.perf_counter() - wall


def answers(module: str, commands: TextIO) -> Iterator[Timing]:
    """Carry out one command after the other."""
    contestant, (pixels, labels), run = import_module(module), mnist(), None
    for line in commands:
        losses = []
        match json.loads(line):
            case {"prepare": case}:
                task = make_task(CASES[case], pixels, labels)
                run, processor, wall = measure(contestant.prepare, task)
            case {"run": steps}:
                losses, processor, wall = measure(run, steps)
        yield Timing(processor=processor, wall=wall, losses=[float(loss) for loss in losses[:CHECKED]])


def pin() -> None:
    """Keep to one core, where the system lets us: threads that a library starts all the same gain nothing."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def main(module: str) -> None:
    pin()
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for timing in answers(module, sys.stdin):
        print(json.dumps(asdict(timing)), file=pipe, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
