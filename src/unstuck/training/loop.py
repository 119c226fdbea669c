"""The loop: stretch after stretch. Watching it is a `for`, stopping it is `break`."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from unstuck.engine import Engine, Stretch
from unstuck.rng import stream

# How long one call of an engine should last, in seconds: short enough for a lively progress bar and a prompt
# Ctrl-C, long enough that its own cost is nothing. How steps are cut into stretches changes no result.
_STRETCH = 0.1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which rows at which step, at which factor of the rate; all of it follows from the seed.

    Args:
        rows: of the training split.
        batch_size: rows per step; an epoch's last batch may be shorter.
        epochs: times that every row is seen.
        seed: draws each epoch's order.
        factors: (steps,) → (steps,), numbers of steps from the start of training to factors of the peak rate.
    """

    rows: int
    batch_size: int
    epochs: int
    seed: int
    factors: Callable[[np.ndarray], np.ndarray]

    @property
    def steps(self) -> int:
        """Per epoch."""
        return -(-self.rows // self.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """(rows,) row numbers, each once, from the stream `order`; the same for every engine."""
        return stream(self.seed, "order", epoch).permutation(self.rows)


def train(
    engine: Engine, plan: Plan, *, done: int = 0, scale: Callable[[], float] = lambda: 1.0
) -> Iterator[Stretch]:
    """Yield after every stretch, so that whoever consumes decides what happens between two.

    Ends after the last epoch, or after a stretch whose last loss is not finite. `done` steps, taken earlier,
    are skipped. `scale` is asked before each stretch, and multiplies the plan's factors.
    """
    length = 1
    for epoch in range(done // plan.steps, plan.epochs):
        order = plan.order(epoch)
        step = done % plan.steps
        while step < plan.steps:
            stop = min(step + length, plan.steps)
            rows = order[step * plan.batch_size : stop * plan.batch_size]
            started = time.perf_counter()
            factors = scale() * plan.factors(np.arange(done, done + stop - step))
            losses = engine.advance(rows, factors, done)
            seconds = time.perf_counter() - started
            yield Stretch(epoch, step, losses, seconds)
            if not np.isfinite(losses[-1]):
                return
            done += len(losses)
            step = stop
            length = max(1, min(4 * len(losses), int(len(losses) * _STRETCH / max(seconds, 1e-6))))
