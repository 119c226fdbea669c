"""The nodes of a computational graph, and the operations that make them, each with its gradient rule.

A node is a value and how it came about: the operation and the nodes that went into it. An edge carries no number.
A rule says what of a node's gradient belongs to each of its inputs, in operations on nodes: so a gradient is a
graph, too, and can be differentiated again.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Node:
    """A value in the graph; two nodes are equal only if they are the same."""

    value: Array
    operation: str = ""
    """What made it, of `OPERATIONS`; none made a weight or a constant."""
    inputs: tuple["Node", ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    is_weight: bool = False
    """Whether it is learned: its gradient is kept."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of its value."""
        return self.value.shape

    def __add__(self, other: "Node | float") -> "Node":
        return apply("add", self, other)

    def __mul__(self, other: "Node | float") -> "Node":
        return apply("multiply", self, other)

    def __matmul__(self, other: "Node") -> "Node":
        return apply("product", self, other)

    def __pow__(self, exponent: float) -> "Node":
        return apply("power", self, exponent=exponent)

    def __getitem__(self, index: Any) -> "Node":
        return apply("pick", self, index=index)

    def __neg__(self) -> "Node":
        return self * -1.0

    def __sub__(self, other: "Node | float") -> "Node":
        return self + other * -1.0

    def __truediv__(self, other: "Node | float") -> "Node":
        return self * (other**-1.0)

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: float) -> "Node":
        return -self + other

    @property
    def T(self) -> "Node":  # noqa: N802  (NumPy's name)
        """With its last two axes swapped."""
        return apply("turn", self)

    def reshape(self, *shape: int) -> "Node":
        """The same numbers in another shape."""
        return apply("reshape", self, shape=shape)

    def sum(self, axis: int | tuple[int, ...] | None = None, *, keep: bool = False) -> "Node":
        """Along an axis, which is kept with length 1 or dropped; or of all numbers."""
        total = apply("fold", self, shape=np.sum(self.value, axis, keepdims=True).shape)
        return total if keep else total.reshape(*np.sum(self.value, axis).shape)

    def mean(self, axis: int | tuple[int, ...] | None = None, *, keep: bool = False) -> "Node":
        """The same divided by how many numbers were added."""
        total = self.sum(axis, keep=keep)
        return total * (total.value.size / self.value.size)

    def max(self, axis: int = -1) -> "Node":
        """The largest along an axis, which is dropped; equal ones share its gradient."""
        return apply("max", self, axis=axis).reshape(*np.max(self.value, axis).shape)


def weight(value: Any, name: str = "") -> Node:
    """A leaf that is learned."""
    return Node(np.array(value, dtype=np.float64), name=name, is_weight=True)


def constant(value: Any, name: str = "") -> Node:
    """A leaf that is given: inputs, targets, a number in a formula."""
    return Node(np.asarray(value, dtype=np.float64), name=name)


def apply(operation: str, *inputs: Node | float, name: str = "", **options: Any) -> Node:
    """A new node, made by an operation of `OPERATIONS` from others; plain numbers become constants."""
    nodes = tuple(one if isinstance(one, Node) else constant(one) for one in inputs)
    value = OPERATIONS[operation].value(*(node.value for node in nodes), **options)
    return Node(value, operation, nodes, options, name)


class Operation(NamedTuple):
    """How a value is made from the inputs' values, and how its gradient goes back to them."""

    value: Callable[..., Array]
    rule: Callable[..., Sequence[Node]]
    """(gradient, node, *inputs, **options) → the gradient of each input."""
    words: str
    """The rule for people."""


def _fit(gradient: Node, to: Node) -> Node:
    """Summed over what was broadcast: a number that was used many times answers for all it did."""
    return gradient if gradient.shape == to.shape else apply("fold", gradient, shape=to.shape)


def _folded(a: Array, shape: tuple[int, ...]) -> Array:
    a = a.sum(axis=tuple(range(a.ndim - len(shape))))
    return a.sum(axis=tuple(axis for axis, n in enumerate(shape) if n == 1 != a.shape[axis]), keepdims=True)


def _placed(a: Array, index: Any, shape: tuple[int, ...]) -> Array:
    places = np.arange(math.prod(shape)).reshape(shape)[index]  # one may be there several times
    return np.bincount(places.ravel(), a.ravel(), math.prod(shape)).reshape(shape)


def _log_softmax(a: Array) -> Array:
    a = a - a.max(axis=-1, keepdims=True)
    return a - np.log(np.exp(a).sum(axis=-1, keepdims=True))


def _share(a: Node, y: Node, axis: int) -> Node:
    """A constant: 1 at the largest, or equal shares where several are."""
    is_largest = a.value == y.value
    return constant(is_largest / is_largest.sum(axis=axis, keepdims=True))


def _slope(a: Node, below: float) -> Node:
    """A constant: 1 above 0, another slope elsewhere."""
    return constant(np.where(a.value > 0, 1.0, below))


_cdf = np.vectorize(lambda a: (1 + math.erf(a / math.sqrt(2))) / 2, otypes=[np.float64])

# Each with its value, its rule (g is the node's gradient, y the node itself) and the rule in words.
OPERATIONS = {
    "add": Operation(np.add, lambda g, y, a, b: (_fit(g, a), _fit(g, b)), "both get it as it is"),
    "multiply": Operation(
        np.multiply, lambda g, y, a, b: (_fit(g * b, a), _fit(g * a, b)), "each gets it times the other"
    ),
    "product": Operation(
        np.matmul,
        lambda g, y, a, b: (_fit(g @ b.T, a), _fit(a.T @ g, b)),
        "each gets it times the other, turned",
    ),
    "power": Operation(
        lambda a, exponent: a**exponent,
        lambda g, y, a, exponent: (g * exponent * a ** (exponent - 1.0 if exponent else 0.0),),
        "times n a^(n-1)",
    ),
    "exp": Operation(np.exp, lambda g, y, a: (g * y,), "times the value itself"),
    "log": Operation(np.log, lambda g, y, a: (g / a,), "divided by the input"),
    "abs": Operation(np.abs, lambda g, y, a: (g * np.sign(a.value),), "times the sign"),
    "max": Operation(
        lambda a, axis: a.max(axis=axis, keepdims=True),
        lambda g, y, a, axis: (g * _share(a, y, axis),),
        "only the largest gets it",
    ),
    "fold": Operation(_folded, lambda g, y, a, shape: (apply("spread", g, shape=a.shape),), "every term gets it"),
    "spread": Operation(
        lambda a, shape: np.broadcast_to(a, shape), lambda g, y, a, shape: (_fit(g, a),), "summed over all copies"
    ),
    "reshape": Operation(
        lambda a, shape: a.reshape(shape), lambda g, y, a, shape: (g.reshape(*a.shape),), "put back into shape"
    ),
    "turn": Operation(lambda a: a.swapaxes(-1, -2), lambda g, y, a: (g.T,), "turned back"),
    "pick": Operation(
        lambda a, index: a[index],
        lambda g, y, a, index: (apply("place", g, index=index, shape=a.shape),),
        "goes where it was picked, the rest gets 0",
    ),
    "place": Operation(_placed, lambda g, y, a, index, shape: (g[index],), "picked from where it was placed"),
    "sigmoid": Operation(
        lambda a: 0.5 * (1 + np.tanh(0.5 * a)),  # which cannot overflow
        lambda g, y, a: (g * y * (1.0 - y),),
        "times y (1 - y), at most a quarter",
    ),
    "tanh": Operation(np.tanh, lambda g, y, a: (g * (1.0 - y * y),), "times 1 - y², at most 1"),
    "relu": Operation(
        lambda a: np.maximum(a, 0), lambda g, y, a: (g * _slope(a, 0.0),), "as it is above 0, else nothing"
    ),
    "leaky-relu": Operation(
        lambda a, slope: np.where(a > 0, a, slope * a),
        lambda g, y, a, slope: (g * _slope(a, slope),),
        "as it is above 0, else times the slope",
    ),
    "elu": Operation(
        lambda a, alpha: np.where(a > 0, a, alpha * np.expm1(np.minimum(a, 0))),
        lambda g, y, a, alpha: (g * (_slope(a, 0.0) + (1.0 - _slope(a, 0.0)) * (y + alpha)),),
        "as it is above 0, else times y + α",
    ),
    "normal-cdf": Operation(
        _cdf,
        lambda g, y, a: (g * apply("exp", a * a * -0.5) * (2 * math.pi) ** -0.5,),
        "times the bell curve",
    ),
    "softplus": Operation(lambda a: np.logaddexp(0, a), lambda g, y, a: (g * apply("sigmoid", a),), "times σ(a)"),
    "log-softmax": Operation(
        _log_softmax,
        lambda g, y, a: (g - apply("exp", y) * g.sum(-1, keep=True),),
        "less the softmax's share of all of it",
    ),
}
