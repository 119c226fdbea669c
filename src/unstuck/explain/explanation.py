"""What is told of a network for a few rows, as plain data: every node of its graph, and layer by layer."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Self

import numpy as np

from unstuck.data import Dataset, load_for
from unstuck.engine import Arrays
from unstuck.errors import RecipeError
from unstuck.graph import Node, gradients, order
from unstuck.graph.node import OPERATIONS
from unstuck.network.graphed import Graphed, graphed, loss_of
from unstuck.network.initial import initial_parameters
from unstuck.network.layers import BatchNorm, Dropout, Layer, Recurrent, Residual
from unstuck.network.network import Network
from unstuck.network.outline import words
from unstuck.network.shapes import parameters
from unstuck.recipe.model import Own
from unstuck.recipe.spec import Recipe
from unstuck.training.resolve import resolve

USUAL_ROWS = 4
LARGEST = 3_000_000
"""Weights up to which a graph is laid out: it keeps every value in float64, and each window of a convolution."""
Kind = Literal["weight", "given", "made"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """A node.

    Args:
        number: its place in the order in which values are computed, counted from 0.
        name: a weight's, or what is given; of the others n1, n2, … in that order.
        kind: weight, given or made.
        operation: what made it; empty for leaves.
        options: of the operation, such as an exponent.
        inputs: numbers of the nodes that it was made from.
        layer: the place of the network's layer that it belongs to, or loss.
        value: as computed.
        gradient: of the loss by it, the same shape.
        rule: how its gradient goes on to its inputs, in words.
        is_kept: whether the gradient is kept after the pass: a weight's is, the rest are let go.
        is_needed: whether it is a weight or made from one. No gradient has to go anywhere else.
        sees_data: whether it is the inputs or made from them.
    """

    number: int
    name: str
    kind: Kind
    operation: str
    options: Mapping[str, Any]
    inputs: tuple[int, ...]
    layer: str
    value: np.ndarray
    gradient: np.ndarray
    rule: str
    is_kept: bool
    is_needed: bool
    sees_data: bool

    @property
    def is_number(self) -> bool:
        """Whether it is a plain number in a formula."""
        return self.kind == "given" and self.value.ndim == 0


@dataclass(frozen=True, kw_only=True)
class Flow:
    """How large the signal and the error are after a layer: root mean squares over rows and units.

    Args:
        layer: its place.
        name: what it is, in words.
        weights: how many it has.
        value: of its output.
        gradient: of the loss by its output.
    """

    layer: str
    name: str
    weights: int
    value: float
    gradient: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """A network's graph for the first rows of a recipe's training data.

    Args:
        recipe: with nothing left open.
        network: that it describes; its dropout drops nothing.
        rows: how many.
        loss: the mean over the rows.
        parts: in the order of the forward pass, the last is the loss; none where no graph was laid out.
        flows: layer by layer.
        weights: that it is told at.
        x: (B, I) inputs as the network sees them.
        targets: (B,) or (B, O).
        notes: what is told otherwise than it is trained, a sentence each.
    """

    recipe: Recipe
    network: Network
    rows: int
    loss: float
    parts: tuple[Part, ...]
    flows: tuple[Flow, ...]
    weights: Arrays
    x: np.ndarray
    targets: np.ndarray
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        dataset: Dataset | None = None,
        *,
        rows: int = USUAL_ROWS,
        weights: Arrays | None = None,
    ) -> Self:
        """The graph at the recipe's initial weights, or at others, such as a run's.

        A network that is too large for a graph is told by its layers, measured by torch.
        """
        if isinstance(recipe.model, Own):
            hint = "A recipe's own networks are explained."
            raise RecipeError("model.name", "be another", recipe.model.name, hint=hint)
        dataset = dataset or load_for(recipe)
        if not 1 <= rows <= len(dataset.train):
            raise RecipeError("rows", f"be 1 to {len(dataset.train)}, the training rows", rows)
        recipe, whole = resolve(recipe, dataset)
        assert whole is not None
        assert not isinstance(recipe.model, Own)
        if rows == 1 and any(isinstance(layer, BatchNorm) for _, layer in whole.parts()):
            raise RecipeError("rows", "be 2 or more where a batch is normalized", rows)
        network = replace(whole, layers=_without_dropout(whole.layers))
        some = dataset.train.take(np.arange(rows))
        factor = float(dataset.inputs.factor) if some.x.dtype == np.uint8 else 1.0
        x = some.x.reshape(rows, -1).astype(np.float64) * factor
        if weights is None:
            weights = network.named(initial_parameters(network, recipe.model.initializer, recipe.seed))
        told = _told(network, weights, x, some.y, recipe)
        still = ("Dropout is left out: every unit takes part.",) if network != whole else ()
        return cls(
            recipe=recipe,
            network=network,
            rows=rows,
            loss=told.loss,
            parts=told.parts,
            flows=told.flows,
            weights=weights,
            x=x,
            targets=some.y,
            notes=(*still, *told.notes),
        )


class _Told(NamedTuple):
    loss: float
    parts: tuple[Part, ...]
    flows: tuple[Flow, ...]
    notes: tuple[str, ...]


def _told(network: Network, weights: Arrays, x: np.ndarray, targets: np.ndarray, recipe: Recipe) -> _Told:
    """By the graph where it is not too large, else by torch."""
    if network.size > LARGEST:
        why = f"{network.size:,} weights are too many for a graph: told by layers, measured by torch."
        return _by_torch(network, weights, x, targets, recipe, why)
    made = graphed(network, weights, x)
    loss = loss_of(made.outputs, targets, recipe.loss)
    nodes = order(loss)
    reached = gradients(loss, nodes)
    sizes = [(_rms(node.value), _rms(reached[node].value)) for _, _, node in made.after]
    return _Told(float(loss.value), _parts(made, nodes, reached), _flows(network, sizes), ())


def _by_torch(
    network: Network, weights: Arrays, x: np.ndarray, targets: np.ndarray, recipe: Recipe, why: str
) -> _Told:
    witness = importlib.import_module("unstuck.training.torch_flows")
    loss, sizes = witness.flows(network, weights, x, targets, recipe.loss)
    return _Told(loss, (), _flows(network, sizes), (why,))


def _flows(network: Network, sizes: Sequence[tuple[float, float]]) -> tuple[Flow, ...]:
    return tuple(
        Flow(layer=str(place), name=_words(layer), weights=_weights(layer), value=value, gradient=gradient)
        for place, (layer, (value, gradient)) in enumerate(zip(network.layers, sizes, strict=True))
    )


def _words(layer: Layer) -> str:
    return "residual block" if isinstance(layer, Residual) else words(layer)


def _weights(layer: Layer) -> int:
    """How many a layer has, those inside it too."""
    inside = sum(map(_weights, layer.body)) if isinstance(layer, Residual) else 0
    return inside + sum(int(np.prod(shape)) for shape in parameters(layer).values())


def _without_dropout(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """The same in the same places, but nothing is dropped."""

    def still(layer: Layer) -> Layer:
        match layer:
            case Dropout():
                return Dropout(share=0.0)
            case Recurrent():
                return replace(layer, dropout=0.0)
            case Residual():
                return replace(layer, body=_without_dropout(layer.body))
            case _:
                return layer

    return tuple(map(still, layers))


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


def _parts(made: Graphed, nodes: Sequence[Node], reached: Mapping[Node, Node]) -> tuple[Part, ...]:
    """Each node with its gradient, in order."""
    layers = _layers(made, nodes)
    numbers = {node: number for number, node in enumerate(nodes)}
    counted = {node: count for count, node in enumerate((one for one in nodes if one.operation), start=1)}
    parts: list[Part] = []
    for node in nodes:
        before = [parts[numbers[one]] for one in node.inputs]
        part = Part(
            number=numbers[node],
            name=node.name or (f"n{counted[node]}" if node.operation else _plainly(node.value)),
            kind="weight" if node.is_weight else "made" if node.operation else "given",
            operation=node.operation,
            options=node.options,
            inputs=tuple(one.number for one in before),
            layer=layers[node],
            value=node.value,
            gradient=reached[node].value,
            rule=OPERATIONS[node.operation].words if node.operation else "",
            is_kept=node.is_weight,
            is_needed=node.is_weight or any(one.is_needed for one in before),
            sees_data=node.name == "x" or any(one.sees_data for one in before),
        )
        parts.append(part)
    return tuple(parts)


def _layers(made: Graphed, nodes: Sequence[Node]) -> dict[Node, str]:
    """The layer that each node was first computed for; those after the last layer belong to the loss."""
    layers: dict[Node, str] = {}
    for place, _, node in made.after:
        for before in order(node):
            layers.setdefault(before, place)
    return {node: layers.get(node, "loss") for node in nodes}


def _plainly(value: np.ndarray) -> str:
    """A number in a formula as itself."""
    return f"{float(value):.4g}" if value.size == 1 else "given"


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
