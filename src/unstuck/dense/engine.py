"""The engine of our own: multi-layer perceptrons on the processor, whole stretches of steps compiled."""

from dataclasses import dataclass

import numpy as np

from unstuck.data.dataset import Split
from unstuck.dense import epoch, losses, optimizers
from unstuck.dense import plan as plans
from unstuck.dense.compiled import is_compiled
from unstuck.dense.plan import Plan, Rows, Rule, State, Workspace
from unstuck.dense.threads import one_thread
from unstuck.engine import Arrays, Evaluation
from unstuck.network.layers import (
    Activation,
    Average,
    BatchNorm,
    Convolution,
    Dropout,
    Flatten,
    GroupNorm,
    LayerNorm,
    Linear,
    Picture,
    Pool,
    Recurrent,
    Residual,
    Sequence,
)
from unstuck.network.network import Network
from unstuck.recipe.loss import Loss
from unstuck.recipe.spec import Recipe

# Rows per block where no gradient is wanted: large enough for the products' full rate, small enough for the cache.
_BLOCK = 256

_KNOWN = (Linear, LayerNorm, GroupNorm, BatchNorm, Activation, Dropout)
# What it lacks, of which the first is named that a network has: a picture is only there for the convolution.
_BEYOND = {
    Convolution: "convolution",
    Recurrent: "recurrent layer",
    Residual: "residual block",
    Pool: "pooling",
    Average: "pooling",
    Picture: "layer for pictures",
    Sequence: "layer for sequences",
    Flatten: "flattening",
}


def why_not(recipe: Recipe, network: Network) -> str | None:
    """What this engine lacks to train the recipe's network, in the words of "it has no …"; None if it can."""
    if lacking := _layer_lacking(network):
        return lacking
    for word, known in ((recipe.optimizer.name, optimizers.CODES), (recipe.loss.name, losses.CODES)):
        if word not in known:
            return word
    others = {
        "augmentation": recipe.augment.is_on,
        "frozen layers": recipe.transfer is not None,
        "bf16": recipe.precision != "float32",
        "torch.compile": recipe.compile,
    }
    return next((what for what, is_asked in others.items() if is_asked), None)


def can_evaluate(network: Network, loss: Loss | None) -> bool:
    """Whether `evaluated` can run the network and measure the loss, whichever engine trained it."""
    return _layer_lacking(network) is None and (loss is None or loss.name in losses.CODES)


def _layer_lacking(network: Network) -> str | None:
    parts = [layer for _, layer in network.parts()]
    for kind, word in _BEYOND.items():
        if any(isinstance(layer, kind) for layer in parts):
            return word
    for layer in parts:
        if not isinstance(layer, _KNOWN):
            return type(layer).__name__.lower()
        if isinstance(layer, BatchNorm) and layer.pictures:
            return "batch norm of pictures"
        if isinstance(layer, Activation) and layer.name not in plans.KINDS:
            return layer.name
    return None


@dataclass(frozen=True, eq=False)
class DenseEngine:
    """Trains a network in place. One thread; two engines may train at once in two threads. `make` makes one."""

    network: Network
    plan: Plan
    data: Rows
    settings: np.ndarray
    batch_size: int
    state: State
    buffers: Arrays
    work: Workspace
    factor: float
    lr: float
    name: str = "dense"
    notes: tuple[str, ...] = ()

    @classmethod
    def make(
        cls,
        network: Network,
        rule: Rule,
        *,
        parameters: np.ndarray,
        train: Split,
        factor: float,
    ) -> "DenseEngine":
        """An engine at the start of training.

        Args:
            network: of layers that this engine has; `why_not` tells.
            rule: how it is trained, such as a resolved recipe.
            parameters: (P,) float32 in the network's order; training changes them in place.
            train: the rows to train on.
            factor: what bytes are multiplied by.
        """
        running, buffers = plans.buffers_of(network)
        plan = plans.plan_of(network, rule)
        gradient, first, second = (np.zeros_like(parameters) for _ in range(3))  # each aligned by itself
        return cls(
            network,
            plan,
            plans.rows_of(train, factor),
            plans.settings_of(rule),
            rule.batch_size,
            State(parameters, gradient, first, second, running),
            buffers,
            plans.workspace(plan, rule.batch_size),
            factor,
            rule.optimizer.lr,
        )

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
        for name, value in self.buffers.items():
            if name.endswith("num_batches_tracked"):
                value[...] += taken
        return losses[: taken + 1]

    def evaluate(self, rows: Split) -> Evaluation:
        """Outputs (N, O) and mean loss, in evaluation mode."""
        return _evaluate(self.plan, rows, self.factor, self.state.parameters, self.state.running)

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """Outputs (N, O) for inputs (N, …), bytes or scaled numbers."""
        nothing = np.zeros(0, np.int64)
        return self.evaluate(Split(x, nothing, nothing)).outputs

    def trouble(self) -> str | None:
        """The first layer of the last batch whose output is not finite; if none, the loss itself overflowed."""
        for number, layer in enumerate(self.network.layers):
            start = self.plan.table[number, plans.START] * self.batch_size
            width = self.plan.table[number, plans.OUTPUTS] * self.batch_size
            if not np.isfinite(self.work.outputs[start : start + width]).all():
                return f"layer {number} ({type(layer).__name__})"
        return None

    def weights(self) -> dict[str, np.ndarray]:
        """Copies of parameters and running statistics, by name."""
        return {name: value.copy() for name, value in self._places().items()}

    def _places(self) -> dict[str, np.ndarray]:
        return {**self.network.named(self.state.parameters), **self.buffers}

    def memory(self) -> dict[str, np.ndarray]:
        """Copies of the optimizer's moments, flat (P,)."""
        return {"first": self.state.first.copy(), "second": self.state.second.copy()}

    def restore(self, weights: Arrays, memory: Arrays | None = None) -> None:
        """Put weights, and moments if given, back in place."""
        for name, place in self._places().items():
            place[...] = weights[name]
        if memory is not None:
            self.state.first[:], self.state.second[:] = memory["first"], memory["second"]


def evaluated(network: Network, weights: Arrays, rows: Split, loss: Loss | None) -> Evaluation:
    """What a network says of rows whose inputs are scaled (N, …), whichever engine trained it.

    `weights` holds its running statistics, too. Rows without targets, and no loss, give a loss of 0.
    """
    running, buffers = plans.buffers_of(network)
    for name, place in buffers.items():
        place[...] = weights[name]
    return _evaluate(plans.plan_of_evaluation(network, loss), rows, 1.0, network.flat(weights), running)


def _evaluate(plan: Plan, rows: Split, factor: float, parameters: np.ndarray, running: np.ndarray) -> Evaluation:
    results = np.empty((len(rows), plan.table[-1, plans.OUTPUTS]), dtype=np.float32)
    work = plans.workspace(plan, _BLOCK)
    with one_thread():
        loss = epoch.evaluate(plan, plans.rows_of(rows, factor), parameters, running, _BLOCK, work, results)
    return Evaluation(results, rows.y, loss)
