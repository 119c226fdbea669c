"""skorch's NeuralNetClassifier with its default callbacks, silent, without a validation split."""

from collections.abc import Callable

import numpy as np
from skorch import NeuralNetClassifier
from torch import nn

from benchmarks.network import OPTIMIZERS, build
from benchmarks.task import Task


def prepare(task: Task) -> Callable[[int], np.ndarray]:
    order = task.order.ravel().tolist()

    def run(steps: int) -> np.ndarray:
        net = NeuralNetClassifier(
            build,
            module__task=task,
            criterion=nn.CrossEntropyLoss,
            optimizer=OPTIMIZERS[task.optimizer],
            lr=task.lr,
            batch_size=task.batch,
            max_epochs=1,
            train_split=None,
            iterator_train__sampler=order[: steps * task.batch],
            verbose=0,
        )
        net.fit(task.inputs, task.labels)
        return np.array(net.history[-1, "batches", :, "train_loss"])

    return run
