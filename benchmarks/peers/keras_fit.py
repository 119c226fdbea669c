"""Keras 3 on its torch backend: compile and fit, over a DataLoader, which can be given the order.

It shows the mean loss only, and its Adam adds eps before the correction of the bias, not after, which
moves the losses by some 5e-4.
"""

import os

os.environ["KERAS_BACKEND"] = "torch"  # read when keras is imported

from collections.abc import Callable

import keras
import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.task import Task


def build(task: Task) -> keras.Model:
    if task.network == "lenet":
        return lenet(task)
    *hidden, outputs = task.widths[1:]
    layers = [keras.layers.Dense(width, activation="relu") for width in hidden]
    model = keras.Sequential([keras.Input(task.widths[:1]), *layers, keras.layers.Dense(outputs)])
    model.set_weights([array for weight, bias in task.weights for array in (weight.T, bias)])
    return model


def lenet(task: Task) -> keras.Model:
    """LeNet-5 as Keras lays it out: channels last, so that the first dense layer's inputs are in another order."""
    dense = [keras.layers.Dense(width, activation="relu") for width in (120, 84)]
    model = keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Reshape((28, 28, 1)),
            keras.layers.Conv2D(6, 5, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(16, 5, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            *dense,
            keras.layers.Dense(10),
        ]
    )
    arrays = []
    for array in task.named.values():
        if array.ndim == 4:
            array = array.transpose(2, 3, 1, 0)
        elif array.shape == (120, 400):
            array = array.reshape(120, 16, 5, 5).transpose(2, 3, 1, 0).reshape(400, 120)
        elif array.ndim == 2:
            array = array.T
        arrays.append(array)
    model.set_weights(arrays)
    return model


def prepare(task: Task) -> Callable[[int], np.ndarray]:
    rows = TensorDataset(torch.from_numpy(task.inputs), torch.from_numpy(task.labels))
    order = task.order.ravel().tolist()
    optimizers = {
        "sgd": lambda: keras.optimizers.SGD(task.lr),
        "adam": lambda: keras.optimizers.Adam(task.lr, epsilon=1e-8),
    }

    def run(steps: int) -> np.ndarray:
        model = build(task)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=optimizers[task.optimizer](), loss=loss)
        loader = DataLoader(rows, batch_size=task.batch, sampler=order[: steps * task.batch])
        return np.array(model.fit(loader, shuffle=False, verbose=0).history["loss"])

    return run
