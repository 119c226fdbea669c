"""The engine to read: a recipe's network trained on the computational graph, in NumPy and float64."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from unstuck.data.dataset import Split
from unstuck.engine import Arrays, Evaluation
from unstuck.graph import Node, gradients
from unstuck.network.graphed import Graphed, counted, graphed, kept_at, loss_of
from unstuck.network.layers import BatchNorm, Recurrent
from unstuck.network.network import Network
from unstuck.recipe.optimizer import Adagrad, Adam, AdamW, Momentum, Nesterov, Optimizer, RmsProp
from unstuck.recipe.spec import Recipe

# Rows per block where no gradient is wanted
_BLOCK = 500


def why_not(recipe: Recipe, network: Network) -> str | None:
    """What this engine lacks to train the recipe's network, in the words of "it has no …"; None if it can."""
    others = {
        "dropout between recurrent layers": any(
            isinstance(layer, Recurrent) and layer.dropout for layer in network.layers
        ),
        "augmentation": recipe.augment.is_on,
        "frozen layers": recipe.transfer is not None,
        "bf16": recipe.precision != "float32",
        "torch.compile": recipe.compile,
    }
    return next((what for what, is_asked in others.items() if is_asked), None)


class State(NamedTuple):
    """What an optimizer changes, in place, all (P,)."""

    weights: np.ndarray
    first: np.ndarray
    """Velocity, or the gradient's running mean."""
    second: np.ndarray
    """Of the squared gradient: the sum, or the running mean."""


def take_step(spec: Optimizer, state: State, slope: np.ndarray, rate: float, number: int) -> None:
    """One step, the `number`-th from 1, by the gradient (P,): the formulas of `recipe/optimizer.py`."""
    weights, first, second = state
    if spec.clip_norm is not None:  # the 1e-6 is torch's clip_grad_norm_
        slope = slope * min(1.0, spec.clip_norm / (np.linalg.norm(slope) + 1e-6))
    if isinstance(spec, AdamW):
        weights *= 1 - rate * spec.weight_decay
    else:
        slope = slope + spec.weight_decay * weights
    match spec:
        case Adam() | AdamW():
            first += (1 - spec.beta1) * (slope - first)
            second += (1 - spec.beta2) * (slope**2 - second)
            mean, square = first / (1 - spec.beta1**number), second / (1 - spec.beta2**number)
            way = mean / (np.sqrt(square) + spec.eps)
        case Adagrad():
            second += slope**2
            way = slope / (np.sqrt(second) + spec.eps)
        case RmsProp():
            second += (1 - spec.alpha) * (slope**2 - second)
            way = slope / (np.sqrt(second) + spec.eps)
        case Momentum() | Nesterov():
            first += slope - (1 - spec.momentum) * first
            way = first if isinstance(spec, Momentum) else slope + spec.momentum * first
        case _:
            way = slope
    weights -= rate * way


@dataclass(eq=False, kw_only=True)
class GraphEngine:
    """Trains a network in place, a new graph for every batch. `make` makes one.

    Args:
        network: what is trained.
        recipe: resolved; its seed, loss, optimizer and batch_size are what counts.
        data: the rows to train on.
        factor: what bytes are multiplied by.
        state: weights in the network's order, and what the optimizer remembers.
        buffers: batch norm's running statistics, by name.
        last: the graph of the last batch.
    """

    network: Network
    recipe: Recipe
    data: Split
    factor: float
    state: State
    buffers: Arrays
    last: Graphed | None = None
    name: str = "graph"
    notes: tuple[str, ...] = ("every weight, value and gradient in float64",)

    @classmethod
    def make(
        cls, network: Network, recipe: Recipe, *, parameters: np.ndarray, train: Split, factor: float
    ) -> "GraphEngine":
        """An engine at the start of training, with the weights that every engine starts with."""
        first, second = np.zeros((2, parameters.size))
        state = State(parameters.astype(np.float64), first, second)
        return cls(
            network=network,
            recipe=recipe,
            data=train,
            factor=factor,
            state=state,
            buffers=network.buffers(),
        )

    def advance(self, order: np.ndarray, factors: np.ndarray, done: int) -> np.ndarray:
        """Train on consecutive batches, as `Engine` says."""
        size, losses = self.recipe.batch_size, np.empty(factors.size)
        for number, factor in enumerate(factors):
            rows = order[number * size : (number + 1) * size]
            with np.errstate(all="ignore"):  # the loss tells
                losses[number] = self._step(rows, factor * self.recipe.optimizer.lr, done + number)
            if not np.isfinite(losses[number]):
                return losses[: number + 1]
        return losses

    def _step(self, rows: np.ndarray, rate: float, done: int) -> float:
        """Forward, backward, and a step down the gradient if the loss is finite; returns the loss."""
        x, dropout = self._ready(self.data.x[rows]), kept_at(self.recipe.seed, done)
        self.last = graphed(self.network, self._named(), x, kept=dropout)
        loss = loss_of(self.last.outputs, self.data.y[rows], self.recipe.loss)
        if np.isfinite(loss.value):
            found = gradients(loss)
            slopes = [found[node].value.ravel() for node in self.last.weights.values()]
            take_step(self.recipe.optimizer, self.state, np.concatenate(slopes), rate, done + 1)
            self._follow(self.last.batches)
        return float(loss.value)

    def _follow(self, batches: Mapping[str, Node]) -> None:
        """Running statistics take over a share of the batch's mean and of its unbiased variance."""
        momentum = {place: layer.momentum for place, layer in self.network.parts() if isinstance(layer, BatchNorm)}
        for place, node in batches.items():
            by_feature = node.value.swapaxes(0, 1).reshape(node.shape[1], -1)
            for name, new in (("mean", by_feature.mean(1)), ("var", by_feature.var(1, ddof=1))):
                running = self.buffers[f"{place}.running_{name}"]
                running += momentum[place] * (new - running)
            self.buffers[f"{place}.num_batches_tracked"][...] += 1

    def evaluate(self, rows: Split) -> Evaluation:
        """Outputs (N, O) and mean loss, in evaluation mode."""
        outputs, total = [np.zeros((0, self.network.outputs))], 0.0
        counts = counted(rows.y, self.recipe.loss)
        for start in range(0, len(rows), _BLOCK):
            block = slice(start, start + _BLOCK)
            made = self._evaluated(rows.x[block])
            outputs.append(made.value)
            if len(rows.y):
                with np.errstate(all="ignore"):
                    loss = loss_of(made, rows.y[block], self.recipe.loss)
                total += float(loss.value) * counts[block].sum()
        return Evaluation(np.concatenate(outputs).astype(np.float32), rows.y, total / max(counts.sum(), 1e-300))

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """Outputs (N, O) for inputs (N, …), bytes or scaled numbers."""
        nothing = np.zeros(0, np.int64)
        return self.evaluate(Split(x, nothing, nothing)).outputs

    def _evaluated(self, x: np.ndarray) -> Node:
        with np.errstate(all="ignore"):
            return graphed(self.network, self._named(), self._ready(x), running=self.buffers).outputs

    def _named(self) -> Arrays:
        return self.network.named(self.state.weights)

    def _ready(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), -1).astype(np.float64) * (self.factor if x.dtype == np.uint8 else 1.0)

    def trouble(self) -> str | None:
        """The first layer of the last batch whose output is not finite; if none, the loss itself overflowed."""
        for place, layer, node in self.last.after if self.last else ():
            if not np.isfinite(node.value).all():
                return f"layer {place} ({type(layer).__name__})"
        return None

    def _places(self) -> Arrays:
        return {**self._named(), **self.buffers}

    def weights(self) -> dict[str, np.ndarray]:
        """Copies of parameters, float64, and running statistics, by name."""
        return {name: value.copy() for name, value in self._places().items()}

    def memory(self) -> dict[str, np.ndarray]:
        """Copies of the optimizer's moments, flat (P,)."""
        return {"first": self.state.first.copy(), "second": self.state.second.copy()}

    def restore(self, weights: Arrays, memory: Arrays | None = None) -> None:
        """Put weights, and moments if given, back in place."""
        for name, place in self._places().items():
            place[...] = weights[name]
        if memory is not None:
            self.state.first[:], self.state.second[:] = memory["first"], memory["second"]
