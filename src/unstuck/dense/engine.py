"""The engine of our own: multi-layer perceptrons on the processor, whole stretches of steps compiled."""

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from unstuck.data.dataset import Split
from unstuck.dense import epoch, losses, optimizers
from unstuck.network.layers import Activation, Dropout, LayerNorm, Linear, Network
from unstuck.recipe.spec import Optimizer

# Rows per block where no gradient is wanted: large enough for the products' full rate, small enough for the cache.
_BLOCK = 256


def why_not(network: Network) -> str | None:
    """What this engine lacks to train the network; None if it can."""
    return "dropout" if any(isinstance(layer, Dropout) for layer in network.layers) else None


@dataclass(frozen=True, eq=False)
class DenseEngine:
    """Trains a network in place. One thread; two engines may train at once in two threads.

    Args:
        network: of linear, activation and layer-norm layers.
        loss: cross-entropy, bce or mse.
        optimizer: with its settings.
        batch_size: most rows of one step.
        parameters: (P,) float32 in the network's order; training changes them in place.
        train: the rows to train on.
        factor: what bytes are multiplied by.
    """

    network: Network
    plan: epoch.Plan
    data: epoch.Rows
    settings: np.ndarray
    batch_size: int
    state: epoch.State
    work: epoch.Workspace
    factor: float
    name: str = "dense"

    @classmethod
    def make(
        cls,
        network: Network,
        loss: str,
        optimizer: Optimizer,
        *,
        batch_size: int,
        parameters: np.ndarray,
        train: Split,
        factor: float,
    ) -> "DenseEngine":
        """An engine at the start of training."""
        table, constants = _table(network)
        plan = epoch.Plan(table, constants, losses.CODES[loss], optimizers.CODES[optimizer.name])
        settings = np.array([getattr(optimizer, name, 0.0) for name in optimizers.SETTINGS])
        state = epoch.State(parameters, *(np.zeros_like(parameters) for _ in range(3)))
        work = _workspace(table, batch_size)
        return cls(network, plan, _rows(train, factor), settings, batch_size, state, work, factor)

    def advance(self, order: np.ndarray, rates: np.ndarray, done: int) -> np.ndarray:
        """Train on consecutive batches of the rows in `order` (M,), one per rate (S,); `done` steps before.

        Returns the losses; the last one is not finite, and there are fewer than S, if training failed there.
        """
        losses = np.empty(rates.size)
        with threadpool_limits(1, user_api="blas"):
            taken = epoch.advance(
                self.plan, self.data, order, self.batch_size, rates, self.settings, done, self.state, self.work, losses
            )
        return losses[: taken + 1]

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """The network's outputs (N, O) for inputs (N, …), without training on them."""
        data = _rows(Split(x, np.zeros(0, np.int64), np.zeros(0, np.int64)), self.factor)
        results = np.empty((len(x), self.network.outputs), dtype=np.float32)
        with threadpool_limits(1, user_api="blas"):
            work = _workspace(self.plan.table, _BLOCK)
            epoch.outputs_of(self.plan, data, self.state.parameters, _BLOCK, work, results)
        return results


def _table(network: Network) -> tuple[np.ndarray, np.ndarray]:
    """The network as numbers: (L, 5) int64 and (L,) float32, as `epoch.Plan` describes them."""
    table, constants = [], []
    parameters, width, start = 0, network.inputs, network.inputs
    for layer in network.layers:
        match layer:
            case Linear(inputs=inputs, outputs=outputs):
                row, constant = (epoch.LINEAR, inputs, outputs), 0.0
            case LayerNorm(features=features, eps=eps):
                row, constant = (epoch.LAYER_NORM, features, features), eps
            case Activation(name=name, slope=slope):
                row, constant = (epoch.KINDS[name], width, width), slope if name == "leaky-relu" else 0.0
            case Dropout():
                raise ValueError("the dense engine has no dropout; why_not tells before it is made")
        table.append((*row, parameters, start))
        constants.append(constant)
        parameters += sum(int(np.prod(shape)) for shape in layer.shapes.values())
        width, start = row[2], start + row[2]
    return np.array(table, dtype=np.int64), np.array(constants, dtype=np.float32)


def _workspace(table: np.ndarray, capacity: int) -> epoch.Workspace:
    widths = table[0, epoch.INPUTS] + table[:, epoch.OUTPUTS].sum()
    widest = max(table[:, epoch.INPUTS].max(), table[:, epoch.OUTPUTS].max())
    return epoch.Workspace(
        outputs=np.zeros(widths * capacity, dtype=np.float32),
        errors=np.zeros((2, widest * capacity), dtype=np.float32),
        statistics=np.zeros((len(table), capacity, 2), dtype=np.float32),
    )


def _rows(split: Split, factor: float) -> epoch.Rows:
    """The rows as compiled code takes them: flat examples, writable and contiguous, whatever they were."""
    x = split.x.reshape(len(split.x), -1)
    is_bytes, is_classes = x.dtype == np.uint8, split.y.ndim == 1
    return epoch.Rows(
        pixels=np.require(x if is_bytes else np.zeros((0, 0)), np.uint8, "CW"),
        numbers=np.require(np.zeros((0, 0)) if is_bytes else x, np.float32, "CW"),
        factor=np.float32(factor),
        labels=np.require(split.y if is_classes else np.zeros(0), np.int64, "CW"),
        values=np.require(np.zeros((0, 0)) if is_classes else split.y, np.float32, "CW"),
    )
