"""What is told of a graph, as plain data: every node with its value, its gradient, and how either came about."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from unstuck.data import Dataset, load_for
from unstuck.engine import Arrays
from unstuck.errors import RecipeError
from unstuck.graph import Node, gradients, order
from unstuck.graph.node import OPERATIONS
from unstuck.network.graphed import Graphed, graphed, loss_of
from unstuck.network.initial import initial_parameters
from unstuck.network.network import Network
from unstuck.recipe.model import Own
from unstuck.recipe.spec import Recipe
from unstuck.training.resolve import resolve

USUAL_ROWS = 4
Kind = Literal["weight", "given", "made"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """A node.

    Args:
        number: its place in the order in which values are computed, counted from 0.
        name: a weight's, or what is given; of the others its number.
        kind: weight, given or made.
        operation: what made it; empty for leaves.
        inputs: numbers of the nodes that it was made from.
        layer: the place of the network's layer that it belongs to, or loss.
        value: as computed.
        gradient: of the loss by it, the same shape.
        rule: how its gradient goes on to its inputs, in words.
        is_kept: whether the gradient is kept after the pass: a weight's is, the rest are let go.
    """

    number: int
    name: str
    kind: Kind
    operation: str
    inputs: tuple[int, ...]
    layer: str
    value: np.ndarray
    gradient: np.ndarray
    rule: str
    is_kept: bool


@dataclass(frozen=True, kw_only=True)
class Flow:
    """How large the signal and the error are after a layer: root mean squares over rows and units."""

    layer: str
    name: str
    value: float
    gradient: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """A recipe's graph for the first rows of its training data, before any step.

    Args:
        recipe: with nothing left open.
        network: that it describes.
        rows: how many.
        parts: in the order of the forward pass; the last is the loss.
        flows: layer by layer.
        weights: that it starts with.
        x: (B, I) inputs as the network sees them.
        targets: (B,) or (B, O).
    """

    recipe: Recipe
    network: Network
    rows: int
    parts: tuple[Part, ...]
    flows: tuple[Flow, ...]
    weights: Arrays
    x: np.ndarray
    targets: np.ndarray

    @property
    def loss(self) -> float:
        """The mean over the rows."""
        return float(self.parts[-1].value)

    @classmethod
    def of(cls, recipe: Recipe, dataset: Dataset | None = None, *, rows: int = USUAL_ROWS) -> Self:
        """The graph at the recipe's initial weights; `RecipeError` for what has no formula on the graph."""
        if isinstance(recipe.model, Own):
            hint = "A recipe's own networks are explained."
            raise RecipeError("model.name", "be another", recipe.model.name, hint=hint)
        dataset = dataset or load_for(recipe)
        if not 1 <= rows <= len(dataset.train):
            raise RecipeError("rows", f"be 1 to {len(dataset.train)}, the training rows", rows)
        recipe, network = resolve(recipe, dataset)
        assert network is not None
        assert not isinstance(recipe.model, Own)
        some = dataset.train.take(np.arange(rows))
        factor = float(dataset.inputs.factor) if some.x.dtype == np.uint8 else 1.0
        x = some.x.reshape(rows, -1).astype(np.float64) * factor
        weights = network.named(initial_parameters(network, recipe.model.initializer, recipe.seed))
        made = graphed(network, weights, x)
        loss = loss_of(made.outputs, some.y, recipe.loss)
        nodes = order(loss)
        reached = gradients(loss, nodes)
        layers = _layers(made, nodes)
        numbers = {node: number for number, node in enumerate(nodes)}
        return cls(
            recipe=recipe,
            network=network,
            rows=rows,
            parts=tuple(_part(node, numbers, reached[node], layers) for node in nodes),
            flows=tuple(
                Flow(layer=place, name=type(layer).__name__, value=_rms(node), gradient=_rms(reached[node]))
                for place, layer, node in made.after
            ),
            weights=weights,
            x=x,
            targets=some.y,
        )


def fading(
    recipe: Recipe, dataset: Dataset | None = None, *, rows: int = USUAL_ROWS
) -> dict[str, tuple[Flow, ...]]:
    """How large the error is after each layer with one activation or another, from the same seed and rows.

    A sigmoid passes on a quarter of the error at most, tanh all of it at most, ReLU all or nothing. Empty where
    the recipe's network has no activation to choose.
    """
    if not hasattr(recipe.model, "activation"):
        return {}
    dataset = dataset or load_for(recipe)
    return {
        name: Explanation.of(recipe.edit("model.activation", name), dataset, rows=rows).flows
        for name in ("sigmoid", "tanh", "relu")
    }


def _layers(made: Graphed, nodes: Sequence[Node]) -> dict[Node, str]:
    """The layer that each node was first computed for; those after the last layer belong to the loss."""
    layers: dict[Node, str] = {}
    for place, _, node in made.after:
        for before in order(node):
            layers.setdefault(before, place)
    return {node: layers.get(node, "loss") for node in nodes}


def _part(node: Node, numbers: dict[Node, int], gradient: Node, layers: dict[Node, str]) -> Part:
    number = numbers[node]
    kind: Kind = "weight" if node.is_weight else "made" if node.operation else "given"
    return Part(
        number=number,
        name=node.name or (f"n{number}" if node.operation else _plainly(node.value)),
        kind=kind,
        operation=node.operation,
        inputs=tuple(numbers[one] for one in node.inputs),
        layer=layers[node],
        value=node.value,
        gradient=gradient.value,
        rule=OPERATIONS[node.operation].words if node.operation else "",
        is_kept=node.is_weight,
    )


def _plainly(value: np.ndarray) -> str:
    """A number in a formula as itself."""
    return f"{float(value):.4g}" if value.size == 1 else "given"


def _rms(node: Node) -> float:
    return float(np.sqrt(np.mean(np.square(node.value))))
