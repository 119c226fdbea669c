"""The learning-rate range test: the rate rises at every step, and the loss tells how large it may be.

Smith 2017, arXiv:1506.01186, 3.3. The proposal is the rate by which half of the loss's fall has happened: there
the curve is steepest, so that noise moves the rate least. Measured over five seeds on seven pairs of data and
optimizer it varies by 0.05 to 0.09 decades, against 0.2 to 0.4 for a tenth of the rate of the least loss, and it
lies within a factor of 3.5 of the rate that trains best, within 1.6 without RMSProp and Adam (docs/log.md).
"""

from dataclasses import dataclass

import numpy as np

from unstuck.data import Dataset, load_for
from unstuck.errors import RecipeError
from unstuck.recipe.spec import Recipe
from unstuck.training.task import Task, task_of_recipe

LOWEST, HIGHEST = 1e-6, 10.0
STEPS = 300
"""Of each test: 43 for each factor of ten."""
_START = 30  # steps at rates that move nothing yet, whose mean is the loss at the start
_MEMORY = 0.9  # of the running mean that smooths the losses
# A fall that noise alone might give: so many deviations of the running mean, the least of 300 steps against a mean
# of 30 that is itself uncertain; of 500 series of pure noise at most two fall as far.
_NOISE = 8.0


@dataclass(frozen=True, kw_only=True, eq=False)
class RateTest:
    """What the test measured, seed by seed."""

    rates: np.ndarray
    """(S,) rate of each step."""
    losses: np.ndarray
    """(seeds, S), smoothed; NaN from where training failed."""
    starts: np.ndarray
    """(seeds,) loss before the rate moves anything."""
    halves: np.ndarray
    """(seeds,) rate by which half the fall has happened; NaN where the loss did not fall."""
    bests: np.ndarray
    """(seeds,) rate at the least loss."""
    unit: str
    """Of the losses."""

    @property
    def proposal(self) -> float | None:
        """Geometric mean of the seeds' rates; None where the loss fell for fewer than all of them."""
        return float(np.exp(np.log(self.halves).mean())) if np.isfinite(self.halves).all() else None

    @property
    def reason(self) -> str:
        """Why this rate, or why none, in a sentence."""
        if np.isnan(self.starts).any():
            return "the loss is no finite number at rates that move nothing: the start itself is wrong"
        if self.proposal is None:
            fell = int(np.isfinite(self.halves).sum())
            return (
                f"no rate between {LOWEST:g} and {HIGHEST:g} made the loss fall beyond its noise "
                f"for {len(self.halves) - fell} of {len(self.halves)} seeds: something else is wrong"
            )
        least = float(np.exp(np.log(self.bests).mean()))
        return (
            f"half of the loss's fall has happened at {self.proposal:.2g} "
            f"({self.halves.min():.2g} to {self.halves.max():.2g} over {len(self.halves)} seeds); "
            f"it is least at {least:.2g}, and from there on the steps are too long"
        )


def rate_test(recipe: Recipe, *, seeds: int = 3, dataset: Dataset | None = None) -> RateTest:
    """Test a recipe at rates rising evenly on a logarithmic scale, from its own start for every seed.

    Batches, dropout and augmentation are the recipe's; its schedule plays no part. Nothing is written.
    """
    if seeds < 1:
        raise RecipeError("seeds", "be 1 or more", seeds)
    dataset = dataset or load_for(recipe)
    rates = np.geomspace(LOWEST, HIGHEST, STEPS)
    tasks = [task_of_recipe(recipe.edit("seed", recipe.seed + number), dataset) for number in range(seeds)]
    losses = np.stack([_losses(task, recipe.optimizer.lr, rates) for task in tasks])
    smoothed = np.stack([_smoothed(row) for row in losses])
    measured = [_judged(rates, row, start) for row, start in zip(smoothed, losses[:, :_START], strict=True)]
    starts, halves, bests = (np.array(column) for column in zip(*measured, strict=True))
    return RateTest(
        rates=rates, losses=smoothed, starts=starts, halves=halves, bests=bests, unit=tasks[0].loss_unit
    )


def _losses(task: Task, peak: float, rates: np.ndarray) -> np.ndarray:
    """(S,) loss of each step; NaN from where training failed."""
    losses = np.full(rates.size, np.nan)
    for first in range(0, rates.size, task.plan.steps):  # an epoch's steps at a time
        part = rates[first : first + task.plan.steps]
        order = task.plan.order(first // task.plan.steps)[: part.size * task.plan.batch_size]
        said = task.engine.advance(order, part / peak, first)
        losses[first : first + said.size] = said
        if not np.isfinite(said[-1]):
            losses[first + said.size - 1] = np.nan
            break
    return losses


def _smoothed(losses: np.ndarray) -> np.ndarray:
    """(S,) running mean that weighs each step's loss by 0.9 to the power of its age."""
    weight = np.cumsum(_MEMORY ** np.arange(losses.size))
    total, smoothed = 0.0, np.empty_like(losses)
    for step, loss in enumerate(losses):
        total = _MEMORY * total + loss
        smoothed[step] = total / weight[step]
    return smoothed


def _judged(rates: np.ndarray, losses: np.ndarray, start: np.ndarray) -> tuple[float, float, float]:
    """The loss at the start, the rate of half the fall, and that of the least loss."""
    if not np.isfinite(start).all():  # training fails at rates that move nothing
        return np.nan, np.nan, np.nan
    before = float(start.mean())
    best = _START + int(np.nanargmin(np.append(losses[_START:], np.inf)))
    fall = before - float(losses[best]) if best < losses.size else -np.inf
    if not fall > _NOISE * float(start.std()) * np.sqrt((1 - _MEMORY) / (1 + _MEMORY)):
        return before, np.nan, np.nan
    above = np.flatnonzero(losses[:best] > before - fall / 2)  # the last of them: noise crosses back and forth
    return before, float(rates[above[-1] + 1]) if above.size else np.nan, float(rates[best])
