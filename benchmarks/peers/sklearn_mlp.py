"""scikit-learn's MLPClassifier.

It takes no order, so the rows are laid out in order beforehand and it is told not to shuffle: this saves it
the gathering, which the others pay for. It shows the mean loss only. One `fit` is one pass over these rows.
"""

import warnings
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.task import Task


def prepare(task: Task) -> Callable[[int], np.ndarray]:
    network = MLPClassifier(
        hidden_layer_sizes=task.widths[1:-1],
        solver=task.optimizer,
        learning_rate_init=task.lr,
        batch_size=task.batch,
        momentum=0,
        nesterovs_momentum=False,
        alpha=0,
        shuffle=False,
        max_iter=1,
    )
    # After this it has weights, which `run` replaces; a warm start keeps them, and starts the optimizer anew.
    network.partial_fit(task.inputs[: task.batch], task.labels[: task.batch], classes=np.unique(task.labels))
    network.set_params(warm_start=True)

    @lru_cache(maxsize=1)
    def rows(steps: int) -> tuple[np.ndarray, np.ndarray]:
        order = task.order[:steps].ravel()
        return task.inputs[order], task.labels[order]

    def run(steps: int) -> np.ndarray:
        network.coefs_ = [np.array(weight.T, order="C") for weight, _ in task.weights]
        network.intercepts_ = [bias.copy() for _, bias in task.weights]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # one pass converges to nothing, as is meant
            network.fit(*rows(steps))
        return np.array([network.loss_])

    return run
