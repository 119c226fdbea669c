"""Our dense engine, as a run uses it: all the steps in one compiled call."""

from collections.abc import Callable

import numpy as np

from benchmarks.task import Task
from unstuck.data import Split
from unstuck.dense.engine import DenseEngine
from unstuck.network.build import build
from unstuck.recipe.loss import Loss
from unstuck.recipe.model import Mlp
from unstuck.recipe.optimizer import Adam, Sgd
from unstuck.recipe.spec import Recipe


def prepare(task: Task) -> Callable[[int], np.ndarray]:
    recipe = Recipe(
        data="mnist",
        batch_size=task.batch,
        model=Mlp(hidden=task.widths[1:-1]),
        loss=Loss(name="cross-entropy"),
        optimizer={"sgd": Sgd, "adam": Adam}[task.optimizer](lr=task.lr),
    )
    network = build(recipe.model, recipe.loss, shape=task.widths[:1], outputs=task.widths[-1])
    train = Split(task.pixels, task.labels, np.arange(len(task.labels)))
    initial = np.concatenate([array.ravel() for pair in task.weights for array in pair])

    def run(steps: int) -> np.ndarray:
        engine = DenseEngine.make(
            network,
            recipe,
            parameters=initial.copy(),
            train=train,
            factor=1 / 255,
        )
        return engine.advance(task.order[:steps].ravel(), np.ones(steps), done=0)

    return run
