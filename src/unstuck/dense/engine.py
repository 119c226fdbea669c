"""The engine of our own: multi-layer perceptrons on the processor, whole stretches of steps compiled."""

import math
from dataclasses import dataclass

import numpy as np

from unstuck.data.dataset import Split
from unstuck.dense import epoch, losses, optimizers
from unstuck.dense.compiled import is_compiled
from unstuck.dense.threads import one_thread
from unstuck.engine import Arrays, Evaluation
from unstuck.network import shapes
from unstuck.network.layers import Activation, Dropout, LayerNorm, Linear
from unstuck.network.network import Network
from unstuck.recipe.loss import Loss
from unstuck.recipe.spec import Recipe

# Rows per block where no gradient is wanted: large enough for the products' full rate, small enough for the cache.
_BLOCK = 256


def why_not(recipe: Recipe, network: Network) -> str | None:
    """What this engine lacks to train the recipe's network; None if it can."""
    for layer in network.layers:
        if not isinstance(layer, Linear | LayerNorm | Activation):
            return type(layer).__name__
        if isinstance(layer, Activation) and layer.name not in ("identity", *epoch.KINDS):
            return layer.name
    for word, known in ((recipe.optimizer.name, optimizers.CODES), (recipe.loss.name, losses.CODES)):
        if word not in known:
            return word
    lacking = {
        "clip_norm": recipe.optimizer.clip_norm is not None,
        "label_smoothing": recipe.loss.label_smoothing > 0,
        "class_weights": recipe.loss.class_weights != "none",
        "augmentation": recipe.augment.is_on,
        "frozen layers": recipe.transfer is not None,
        "bf16": recipe.precision != "float32",
        "torch.compile": recipe.compile,
    }
    return next((what for what, is_asked in lacking.items() if is_asked), None)


def can_evaluate(network: Network, loss: Loss | None) -> bool:
    """Whether `evaluated` can run the network: by layers that this engine has, or that rest in evaluation."""
    known = all(
        isinstance(layer, Linear | LayerNorm | Dropout)
        or (isinstance(layer, Activation) and layer.name in ("identity", *epoch.KINDS))
        for layer in network.layers
    )
    plain = loss is None or (
        loss.name in losses.CODES and not loss.label_smoothing and loss.class_weights == "none"
    )
    return known and plain


@dataclass(frozen=True, eq=False)
class DenseEngine:
    """Trains a network in place. One thread; two engines may train at once in two threads. `make` makes one."""

    network: Network
    plan: epoch.Plan
    data: epoch.Rows
    settings: np.ndarray
    batch_size: int
    state: epoch.State
    work: epoch.Workspace
    factor: float
    lr: float
    name: str = "dense"

    @classmethod
    def make(
        cls,
        network: Network,
        recipe: Recipe,
        *,
        parameters: np.ndarray,
        train: Split,
        factor: float,
    ) -> "DenseEngine":
        """An engine at the start of training.

        Args:
            network: of layers that this engine has; `why_not` tells.
            recipe: resolved; its loss, optimizer and batch_size are what counts.
            parameters: (P,) float32 in the network's order; training changes them in place.
            train: the rows to train on.
            factor: what bytes are multiplied by.
        """
        table, constants = _table(network)
        optimizer, batch_size = recipe.optimizer, recipe.batch_size
        plan = epoch.Plan(table, constants, losses.CODES[recipe.loss.name], optimizers.CODES[optimizer.name])
        settings = np.array([getattr(optimizer, name, 0.0) for name in optimizers.SETTINGS])
        state = epoch.State(parameters, *(np.zeros_like(parameters) for _ in range(3)))
        work = _workspace(table, batch_size)
        return cls(network, plan, _rows(train, factor), settings, batch_size, state, work, factor, optimizer.lr)

    @staticmethod
    def is_ready() -> bool:
        """Whether the compiled code lies on disk; if not, the first call compiles it, some ten seconds."""
        return all(map(is_compiled, (epoch.advance, epoch.evaluate)))

    def prepare(self) -> None:
        """Compile, or load what was compiled, by training for no step and evaluating no row."""
        self.advance(np.zeros(0, np.int64), np.zeros(0), 0)
        self.outputs(np.zeros((0, self.network.inputs), np.uint8))

    def advance(self, order: np.ndarray, factors: np.ndarray, done: int) -> np.ndarray:
        """Train on consecutive batches, as `Engine` says."""
        losses = np.empty(factors.size)
        rates = factors * self.lr
        with one_thread():
            taken = epoch.advance(
                self.plan,
                self.data,
                np.require(order, np.int64, ["C", "W"]),
                self.batch_size,
                rates,
                self.settings,
                done,
                self.state,
                self.work,
                losses,
            )
        return losses[: taken + 1]

    def evaluate(self, rows: Split) -> Evaluation:
        """Outputs (N, O) and mean loss."""
        return _evaluate(self.plan, rows, self.factor, self.state.parameters)

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """Outputs (N, O) for inputs (N, …), bytes or scaled numbers."""
        nothing = np.zeros(0, np.int64)
        return _evaluate(self.plan, Split(x, nothing, nothing), self.factor, self.state.parameters).outputs

    def trouble(self) -> str | None:
        """The first layer of the last batch whose output is not finite; if none, the loss itself overflowed."""
        for number, layer in enumerate(self.network.layers):
            start = self.plan.table[number, epoch.START] * self.batch_size
            width = self.plan.table[number, epoch.OUTPUTS] * self.batch_size
            if not np.isfinite(self.work.outputs[start : start + width]).all():
                return f"layer {number} ({type(layer).__name__})"
        return None

    def weights(self) -> dict[str, np.ndarray]:
        """Copies of the parameters, by name."""
        return {name: value.copy() for name, value in self.network.named(self.state.parameters).items()}

    def memory(self) -> dict[str, np.ndarray]:
        """Copies of the optimizer's moments, flat (P,)."""
        return {"first": self.state.first.copy(), "second": self.state.second.copy()}

    def restore(self, weights: Arrays, memory: Arrays | None = None) -> None:
        """Put weights, and moments if given, back in place."""
        for name, place in self.network.named(self.state.parameters).items():
            place[:] = weights[name]
        if memory is not None:
            self.state.first[:], self.state.second[:] = memory["first"], memory["second"]


def evaluated(network: Network, weights: Arrays, rows: Split, loss: Loss | None) -> Evaluation:
    """What a network says of rows whose inputs are scaled (N, …), whichever engine trained it.

    Rows without targets, and no loss, give a loss of 0.
    """
    code = losses.CODES[loss.name] if loss else losses.MSE
    plan = epoch.Plan(*_table(network), code, optimizers.SGD)
    return _evaluate(plan, rows, 1.0, network.flat(weights))


def _evaluate(plan: epoch.Plan, rows: Split, factor: float, parameters: np.ndarray) -> Evaluation:
    results = np.empty((len(rows), plan.table[-1, epoch.OUTPUTS]), dtype=np.float32)
    work = _workspace(plan.table, _BLOCK)
    with one_thread():
        loss = epoch.evaluate(plan, _rows(rows, factor), parameters, _BLOCK, work, results)
    return Evaluation(results, rows.y, loss)


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
            case Activation(name="identity") | Dropout():  # dropout in evaluation; `why_not` bars it from training
                row, constant = (epoch.RELU, width, width), 1.0  # its slope below zero
            case Activation(name=name, slope=slope):
                row, constant = (epoch.KINDS[name], width, width), slope if name == "leaky-relu" else 0.0
            case _:
                raise TypeError(f"the dense engine has no {layer}; `why_not` tells beforehand")
        table.append((*row, parameters, start))
        constants.append(constant)
        parameters += sum(math.prod(shape) for shape in shapes.parameters(layer).values())
        width, start = row[2], start + row[2]
    return np.array(table, dtype=np.int64), np.array(constants, dtype=np.float32)


def _workspace(table: np.ndarray, capacity: int) -> epoch.Workspace:
    widths = table[0, epoch.INPUTS] + table[:, epoch.OUTPUTS].sum()
    widest = max(table[:, epoch.INPUTS].max(), table[:, epoch.OUTPUTS].max())
    return epoch.Workspace(
        outputs=np.zeros(widths * capacity, dtype=np.float32),
        errors=np.zeros(2 * widest * capacity, dtype=np.float32),
        statistics=np.zeros(len(table) * capacity * 2, dtype=np.float32),
    )


def _rows(split: Split, factor: float) -> epoch.Rows:
    """The rows as compiled code takes them: flat examples, writable and contiguous, whatever they were."""
    x = split.x.reshape(-1)
    is_bytes, is_classes = x.dtype == np.uint8, split.y.ndim == 1
    return epoch.Rows(
        pixels=np.require(x if is_bytes else np.zeros(0), np.uint8, ["C", "W"]),
        numbers=np.require(np.zeros(0) if is_bytes else x, np.float32, ["C", "W"]),
        factor=np.float32(factor),
        labels=np.require(split.y if is_classes else np.zeros(0), np.int64, ["C", "W"]),
        values=np.require(np.zeros((0, 0)) if is_classes else split.y, np.float32, ["C", "W"]),
    )
