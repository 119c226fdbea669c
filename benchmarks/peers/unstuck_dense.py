"""Our dense engine, as a run uses it: all the steps in one compiled call."""

from collections.abc import Callable

import numpy as np

from benchmarks.task import Task
from unstuck.data import Split
from unstuck.dense.engine import DenseEngine
from unstuck.network.mlp import mlp
from unstuck.recipe.spec import Adam, Loss, Mlp, Sgd


def prepare(task: Task) -> Callable[[int], np.ndarray]:
    loss, optimizer = Loss(name="cross-entropy"), {"sgd": Sgd, "adam": Adam}[task.optimizer](lr=task.lr)
    network = mlp(Mlp(hidden=task.widths[1:-1]), loss, inputs=task.widths[0], outputs=task.widths[-1])
    train = Split(task.pixels, task.labels, np.arange(len(task.labels)))
    initial = np.concatenate([array.ravel() for pair in task.weights for array in pair])

    def run(steps: int) -> np.ndarray:
        engine = DenseEngine.make(
            network,
            loss.name,
            optimizer,
            batch_size=task.batch,
            parameters=initial.copy(),
            train=train,
            factor=1 / 255,
        )
        return engine.advance(task.order[:steps].ravel(), np.ones(steps), done=0)

    return run
