"""The contest: every contestant is measured once, then every one again, so that a slow spell of the machine
falls on all alike."""

import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import reference
from benchmarks.task import Case, Task
from benchmarks.worker import CHECKED, Timing

ROOT = Path(__file__).parents[1]
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
}
STEPS_GROWTH = 20  # most that a trial is lengthened at once: a first, short one exaggerates the cost of starting


class WorkerError(RuntimeError):
    """A contestant's process ended; what it had to say stands on standard error."""


class Worker:
    """The near end of a contestant's process."""

    def __init__(self, module: str) -> None:
        command = [sys.executable, "-m", "benchmarks.worker", module]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **ONE_THREAD},
        )

    def ask(self, command: str, argument: str | int) -> Timing:
        """Have one command carried out, and wait for it."""
        try:
            print(json.dumps({command: argument}), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            line = ""
        else:
            line = self.process.stdout.readline()
        if not line:
            raise WorkerError(f"its process ended with code {self.process.wait()}")
        return Timing(**json.loads(line))

    def close(self) -> None:
        """Let the process end."""
        with contextlib.suppress(BrokenPipeError):  # of one that ended by itself, with a command unread
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one contestant did in one case. Rates are in steps per second, one for each round.

    deviation: the largest difference of its first losses from the reference, in nats, or that of their mean
    where it shows no more; None for the limit, which trains nothing.
    """

    steps: int
    warm_up: float  # processor-seconds to prepare and to train the first steps, compilation included
    deviation: float | None
    rates: tuple[float, ...]  # by the processor's clock
    wall_rates: tuple[float, ...]

    @property
    def rate(self) -> float:
        """The median."""
        return statistics.median(self.rates)


def times(result: Result, other: Result) -> float:
    """How many times as fast as another: the median over the rounds, each compared with itself."""
    return statistics.median(a / b for a, b in zip(result.rates, other.rates, strict=True))


def deviation(losses: Sequence[float], expected: np.ndarray) -> float | None:
    """The largest difference from the expected losses, or that of the means if only the mean is known."""
    if not losses:
        return None
    if len(losses) == 1:
        return abs(losses[0] - expected.mean())
    return float(np.abs(np.array(losses) - expected).max())


def enough_steps(run: Callable[[int], Timing], *, seconds: float, most: int) -> int:
    """How many steps take about so many seconds, by trials that grow; each number is warmed up first."""
    steps = CHECKED
    while True:
        run(steps)  # some compile anew for each number of steps
        spent = run(steps).processor
        if spent > seconds / 2 or steps == most:
            return steps
        steps = min(most, math.ceil(steps * min(STEPS_GROWTH, 1.1 * seconds / spent)))


def contest(
    name: str,
    case: Case,
    task: Task,
    workers: dict[str, Worker],
    *,
    rounds: int,
    seconds: float,
    say: Callable[[str], None],
) -> dict[str, Result]:
    """Measure all workers on one case. One whose process ends is taken out of the workers, and said."""
    expected = reference.losses(task, CHECKED)
    entries: dict[str, tuple[int, float, float | None]] = {}
    timings: dict[str, list[Timing]] = {contestant: [] for contestant in workers}

    def enter(contestant: str, worker: Worker) -> None:
        prepared, first = worker.ask("prepare", name), worker.ask("run", CHECKED)
        steps = enough_steps(lambda n: worker.ask("run", n), seconds=seconds, most=case.most_steps)
        warm_up = prepared.processor + first.processor
        entries[contestant] = steps, warm_up, deviation(first.losses, expected)

    def measure(contestant: str, worker: Worker) -> None:
        timings[contestant].append(worker.ask("run", entries[contestant][0]))

    for number, act in enumerate([enter, *[measure] * rounds]):
        say(f"case {name}: " + (f"round {number} of {rounds}" if number else "warm-up"))
        for contestant, worker in list(workers.items()):
            try:
                act(contestant, worker)
            except WorkerError as error:
                say(f"{contestant}: {error}; left out from here on")
                workers.pop(contestant).close()
    return {contestant: _result(*entries[contestant], timings[contestant]) for contestant in workers}


def _result(steps: int, warm_up: float, deviation: float | None, timings: list[Timing]) -> Result:
    return Result(
        steps=steps,
        warm_up=warm_up,
        deviation=deviation,
        rates=tuple(steps / timing.processor for timing in timings),
        wall_rates=tuple(steps / timing.wall for timing in timings),
    )
