"""The network and its training as compiled code reads them: numbers in a few arrays.

One compilation then serves every network: the table has a row per layer, and the constants another.
"""

import math
from typing import NamedTuple, Protocol

import numpy as np

from unstuck.data.dataset import Split
from unstuck.dense import losses, optimizers
from unstuck.dense.losses import Objective
from unstuck.network import shapes
from unstuck.network.layers import Activation, BatchNorm, Dropout, GroupNorm, Layer, LayerNorm, Linear
from unstuck.network.masks import layer_key, threshold
from unstuck.network.network import Network
from unstuck.recipe.loss import Loss
from unstuck.recipe.optimizer import Optimizer

LINEAR, GROUP_NORM, BATCH_NORM, DROPOUT, RELU, ELU, GELU, SIGMOID, TANH, SOFTMAX = range(10)
KINDS = {
    "identity": RELU,  # with slope 1
    "relu": RELU,
    "leaky-relu": RELU,
    "elu": ELU,
    "selu": ELU,
    "gelu": GELU,
    "sigmoid": SIGMOID,
    "tanh": TANH,
    "softmax": SOFTMAX,
}
# Of selu, Klambauer et al. 2017, arXiv:1706.02515, 2: mean 0 and variance 1 are then a fixed point.
_SCALE, _ALPHA = 1.0507009873554805, 1.6732632423543772

# The table's columns. Where its output starts and where its statistics start count numbers per row of the batch.
KIND, INPUTS, OUTPUTS, PARAMETERS, START, GROUPS, STATISTICS, RUNNING, KEY, DROPPED = range(10)


class Plan(NamedTuple):
    """The network and its training, as compiled code reads them."""

    table: np.ndarray  # (L, 10) int64, columns as named above
    constants: np.ndarray  # (L, 2) float32: what `constants_of` says
    objective: Objective
    optimizer: int


class Rule(Protocol):
    """What this engine goes by: a recipe is one."""

    @property
    def seed(self) -> int:
        """Draws what dropout drops."""
        ...

    @property
    def batch_size(self) -> int:
        """Rows per step."""
        ...

    @property
    def loss(self) -> Loss:
        """What is minimized, resolved."""
        ...

    @property
    def optimizer(self) -> Optimizer:
        """How the weights move."""
        ...


class Rows(NamedTuple):
    """The training rows as they are stored; of each pair of arrays one is empty."""

    pixels: np.ndarray  # flat uint8, row after row
    numbers: np.ndarray  # flat float32, row after row
    factor: np.float32  # what pixels are multiplied by
    labels: np.ndarray  # (N,) int64
    values: np.ndarray  # (N, O) float32


class State(NamedTuple):
    """What training changes. All (P,) float32, P the number of parameters, but for the last."""

    parameters: np.ndarray
    gradient: np.ndarray
    first: np.ndarray  # velocity, or Adam's first moment
    second: np.ndarray  # Adam's second moment, or the sum or mean of squared gradients
    running: np.ndarray  # (R,) float32: for each batch norm its running mean (F,), then its running variance (F,)


class Workspace(NamedTuple):
    """Memory for the largest batch, made once."""

    outputs: np.ndarray  # flat float32: the input, then every layer's output
    errors: np.ndarray  # flat float32, two halves: dL/d(output) and dL/d(input), changing places
    statistics: np.ndarray  # flat float32: of each group of each row, its mean and 1 / deviation
    batch: np.ndarray  # (R,) float32: of each batch norm the batch's mean and variance, as State.running has them
    sums: np.ndarray  # (F,) float64, F the widest layer
    scale: np.ndarray  # (F,) float32


def plan_of(network: Network, rule: Rule) -> Plan:
    """A network and its training."""
    table, constants = _table(network, rule.seed)
    return Plan(table, constants, objective_of(rule.loss), optimizers.CODES[rule.optimizer.name])


def plan_of_evaluation(network: Network, loss: Loss | None) -> Plan:
    """The same, where nothing is trained; without a loss it measures some loss of rows that have no targets."""
    return Plan(*_table(network, 0), objective_of(loss or Loss(name="mse")), optimizers.SGD)


def objective_of(loss: Loss) -> Objective:
    """A resolved recipe's loss."""
    weights = () if loss.class_weights == "none" else loss.class_weights
    return Objective(
        losses.CODES[loss.name],
        np.float32(loss.label_smoothing),
        np.float32(loss.delta),
        np.array(weights, np.float32),
    )


def settings_of(rule: Rule) -> np.ndarray:
    """The optimizer's settings, as `optimizers` has them; those that it lacks, or that are not given, are 0."""
    return np.array([getattr(rule.optimizer, name, None) or 0.0 for name in optimizers.SETTINGS])


def _table(network: Network, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(L, 10) int64 and (L, 2) float32, as `Plan` describes them."""
    table = np.zeros((len(network.layers), 10), np.int64)
    constants = np.zeros((len(network.layers), 2), np.float32)
    width, start, parameters, statistics, running = network.inputs, network.inputs, 0, 0, 0
    for number, layer in enumerate(network.layers):
        row = table[number]
        row[INPUTS], row[PARAMETERS], row[START], row[STATISTICS], row[RUNNING] = (
            width,
            parameters,
            start,
            statistics,
            running,
        )
        row[KIND] = _kind(layer)
        match layer:
            case Linear():
                width = layer.outputs
            case LayerNorm() | GroupNorm():
                row[GROUPS] = layer.groups if isinstance(layer, GroupNorm) else 1
                statistics += 2 * row[GROUPS]
            case BatchNorm():
                running += 2 * layer.features
            case Dropout():
                row[KEY] = np.array(layer_key(seed, str(number))).astype(np.int64)  # the same bits
                row[DROPPED] = threshold(layer.share)
            case _:
                pass
        row[OUTPUTS] = width
        constants[number] = constants_of(layer)
        parameters += sum(math.prod(shape) for shape in shapes.parameters(layer).values())
        start += width
    return table, constants


def _kind(layer: Layer) -> int:
    match layer:
        case Linear():
            return LINEAR
        case LayerNorm() | GroupNorm():
            return GROUP_NORM
        case BatchNorm(pictures=False):
            return BATCH_NORM
        case Dropout():
            return DROPOUT
        case Activation(name=name):
            return KINDS[name]
        case _:
            raise TypeError(f"the dense engine has no {layer}; `why_not` tells beforehand")


def constants_of(layer: Layer) -> tuple[float, float]:
    """Slope below zero; scale and floor of elu; eps, and batch norm's momentum; what dropout multiplies by."""
    match layer:
        case Activation(name="leaky-relu", slope=slope):
            return slope, 0.0
        case Activation(name="identity" | "elu"):
            return 1.0, 1.0
        case Activation(name="selu"):
            return _SCALE, _SCALE * _ALPHA
        case LayerNorm(eps=eps) | GroupNorm(eps=eps):
            return eps, 0.0
        case BatchNorm(eps=eps, momentum=momentum):
            return eps, momentum
        case Dropout(share=share):
            return 1 / (1 - share), 0.0
        case _:
            return 0.0, 0.0


def buffers_of(network: Network) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Running statistics (R,) as training starts with them, and by name as views of it; counts are apart."""
    named = network.buffers()
    statistics = [name for name, value in named.items() if value.dtype == np.float32]
    running = np.concatenate([np.zeros(0, np.float32), *(named[name] for name in statistics)])
    stops = np.cumsum([0, *(named[name].size for name in statistics)])
    for name, start, stop in zip(statistics, stops, stops[1:], strict=False):
        named[name] = running[start:stop]
    return running, named


def workspace(plan: Plan, capacity: int) -> Workspace:
    """For batches of so many rows at most."""
    table = plan.table
    widths = table[0, INPUTS] + table[:, OUTPUTS].sum()
    widest = max(table[:, INPUTS].max(), table[:, OUTPUTS].max())
    return Workspace(
        outputs=np.zeros(widths * capacity, dtype=np.float32),
        errors=np.zeros(2 * widest * capacity, dtype=np.float32),
        statistics=np.zeros(2 * table[:, GROUPS].sum() * capacity, dtype=np.float32),
        batch=np.zeros(2 * table[table[:, KIND] == BATCH_NORM, INPUTS].sum(), dtype=np.float32),
        sums=np.zeros(widest, dtype=np.float64),
        scale=np.zeros(widest, dtype=np.float32),
    )


def rows_of(split: Split, factor: float) -> Rows:
    """The rows as compiled code takes them: flat examples, writable and contiguous, whatever they were."""
    x = split.x.reshape(-1)
    is_bytes, is_classes = x.dtype == np.uint8, split.y.ndim == 1
    return Rows(
        pixels=np.require(x if is_bytes else np.zeros(0), np.uint8, ["C", "W"]),
        numbers=np.require(np.zeros(0) if is_bytes else x, np.float32, ["C", "W"]),
        factor=np.float32(factor),
        labels=np.require(split.y if is_classes else np.zeros(0), np.int64, ["C", "W"]),
        values=np.require(np.zeros((0, 0)) if is_classes else split.y, np.float32, ["C", "W"]),
    )
