"""What every contestant is given: the same pixels, network, initial weights and order of batches."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from unstuck.data import load
from unstuck.network.build import build
from unstuck.network.initial import initial_parameters
from unstuck.network.network import Network
from unstuck.recipe.data import Data
from unstuck.recipe.initializer import Scaled
from unstuck.recipe.loss import Loss
from unstuck.recipe.model import LeNet, Recurrent
from unstuck.rng import stream

SEED = 0
ROWS = 1_000_000  # that an order has, enough for seconds of training


@dataclass(frozen=True, kw_only=True)
class Case:
    """A network trained by cross-entropy: fully connected layers with ReLU between them, LeNet-5, or an LSTM of
    128 units that reads pictures row by row.

    Its `contestants` are those that have such a network; None: all of them, and the limit.
    """

    optimizer: str
    lr: float
    batch: int
    network: str = "mlp"
    widths: tuple[int, ...] = ()
    contestants: tuple[str, ...] | None = None

    @property
    def most_steps(self) -> int:
        """How many steps there is an order for."""
        return ROWS // self.batch

    def __str__(self) -> str:
        name = {"mlp": "-".join(map(str, self.widths)), "lenet": "LeNet-5", "lstm": "LSTM of 128 units"}
        return f"{name[self.network]}, {self.optimizer} {self.lr:g}, batch {self.batch}"


CASES = {
    "A": Case(widths=(784, 64, 32, 10), optimizer="sgd", lr=0.1, batch=10),
    "B": Case(widths=(784, 128, 128, 10), optimizer="adam", lr=0.001, batch=100),
    "C": Case(
        network="lenet",
        optimizer="sgd",
        lr=0.05,
        batch=64,
        contestants=("torch", "resident", "tutorial", "lightning", "keras"),
    ),
    # Keras has one bias where torch has two, which learn twice as fast: another network after a step.
    "D": Case(
        network="lstm",
        optimizer="adam",
        lr=0.001,
        batch=64,
        contestants=("torch", "resident", "tutorial", "lightning"),
    ),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """A case with its data. Adam is torch's: betas 0.9 and 0.999, eps 1e-8.

    Shapes: pixels (N, I) uint8, of which networks see pixels / 255; labels (N,) int64; order (S, B) int64, the
    rows of each step; weights, for each layer W (O, I) and b (O,), float32, as nn.Linear keeps them, which a
    perceptron starts from; named, the parameters of the other networks by their names in `built`.
    """

    pixels: np.ndarray
    labels: np.ndarray
    widths: tuple[int, ...]
    batch: int
    optimizer: str
    lr: float
    order: np.ndarray
    weights: tuple[tuple[np.ndarray, np.ndarray], ...]
    network: str = "mlp"

    @cached_property
    def built(self) -> Network:
        """LeNet-5 or the LSTM as data."""
        model = {"lenet": LeNet(), "lstm": Recurrent(name="lstm", hidden=128)}[self.network]
        return build(model, Loss(name="cross-entropy"), shape=(28, 28), outputs=10)

    @cached_property
    def named(self) -> dict[str, np.ndarray]:
        """The initial parameters of LeNet-5 or the LSTM, in the order in which torch has them."""
        return self.built.named(initial_parameters(self.built, Scaled(), SEED))

    @cached_property
    def inputs(self) -> np.ndarray:
        """(N, I) float32, for those who keep their data as the numbers that networks see."""
        return self.pixels.astype(np.float32) / 255


def mnist() -> tuple[np.ndarray, np.ndarray]:
    """The training images (60000, 784) uint8 and their labels (60000,) int64."""
    train = load(Data(name="mnist", validation=0.0)).train
    return np.ascontiguousarray(train.x).reshape(len(train.x), -1), train.y


def make_task(case: Case, pixels: np.ndarray, labels: np.ndarray) -> Task:
    """The case on this data."""
    return Task(
        pixels=pixels,
        labels=labels,
        widths=case.widths,
        batch=case.batch,
        optimizer=case.optimizer,
        lr=case.lr,
        order=batches(len(labels), case.batch, case.most_steps),
        weights=initial_weights(case.widths),
        network=case.network,
    )


def batches(rows: int, batch: int, steps: int) -> np.ndarray:
    """Shuffled whole batches (S, B), epoch after epoch; rows left over at an epoch's end are dropped."""
    per_epoch = rows // batch
    epochs = [
        stream(SEED, "order", epoch).permutation(rows)[: per_epoch * batch].reshape(per_epoch, batch)
        for epoch in range(math.ceil(steps / per_epoch))
    ]
    return np.concatenate(epochs)[:steps]


def initial_weights(widths: tuple[int, ...]) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """W (O, I) and b (O,) of each layer, from torch's default U(±1/√I)."""
    return tuple(_linear(layer, *shape) for layer, shape in enumerate(zip(widths, widths[1:], strict=False)))


def _linear(layer: int, inputs: int, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    rng, bound = stream(SEED, "weights", layer), 1 / math.sqrt(inputs)
    weight = rng.uniform(-bound, bound, (outputs, inputs)).astype(np.float32)
    return weight, rng.uniform(-bound, bound, outputs).astype(np.float32)
