"""Networks and losses in the graph's own words: what each layer is, as a formula."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from unstuck.graph.node import Array, Node, apply, weight
from unstuck.graph.walk import gradients


def linear(x: Node, w: Node, b: Node) -> Node:
    """x Wᵀ + b. Shapes: x (B, I), w (O, I), b (O,) → (B, O)."""
    return x @ w.T + b


def activation(name: str, a: Node, *, slope: float = 0.01) -> Node:
    """The activations of recipes, by their names there."""
    match name:
        case "identity":
            return a
        case "leaky-relu":
            return apply(name, a, slope=slope)
        case "elu":
            return apply(name, a, alpha=1.0)
        case "selu":  # Klambauer et al. 2017, arXiv:1706.02515: the numbers that keep mean 0 and variance 1
            return apply("elu", a, alpha=1.6732632423543772) * 1.0507009873554805
        case "gelu":  # Hendrycks & Gimpel 2016, arXiv:1606.08415
            return a * apply("normal-cdf", a)
        case "softmax":
            return apply("exp", apply("log-softmax", a))
        case _:
            return apply(name, a)


def normalized(a: Node, *, axis: int | tuple[int, ...] = -1, eps: float = 1e-5) -> Node:
    """To mean 0 and variance 1 in each row (axis -1), or over the batch (axis 0)."""
    centred = a - a.mean(axis, keep=True)
    return centred * ((centred * centred).mean(axis, keep=True) + eps) ** -0.5


def perceptron(x: Node, layers: Sequence[tuple[Node, Node]], name: str = "relu") -> Node:
    """Linear layers with an activation after each but the last. Shapes: x (B, I) → (B, O)."""
    for w, b in layers[:-1]:
        x = activation(name, linear(x, w, b))
    return linear(x, *layers[-1])


def windows(height: int, width: int, side: int, stride: int = 1) -> tuple[Array, Array]:
    """Rows and columns of the pixels under a square window at each of its P places, (side², P)."""
    places = (height - side) // stride + 1, (width - side) // stride + 1
    down, across = stride * np.indices(places).reshape(2, 1, -1)
    inner_down, inner_across = np.indices((side, side)).reshape(2, -1, 1)
    return down + inner_down, across + inner_across


def convolution(x: Node, w: Node, *, stride: int = 1, groups: int = 1) -> Node:
    """Each window's pixels times the same weights: x (B, C, H, W), w (O, C / groups, k, k) → (B, O, H', W')."""
    (rows, _, height, width), (outputs, _, side, _) = x.shape, w.shape
    picked = x[:, :, *windows(height, width, side, stride)]  # (B, C, k², P)
    y = w.reshape(groups, outputs // groups, -1) @ picked.reshape(rows, groups, -1, picked.shape[-1])
    return y.reshape(rows, outputs, (height - side) // stride + 1, -1)


def pool(x: Node, side: int = 2, stride: int = 2, name: str = "max") -> Node:
    """The largest, or the mean, of each window. Shapes: x (B, C, H, W) → (B, C, H', W')."""
    rows, channels, height, width = x.shape
    picked = x[:, :, *windows(height, width, side, stride)]  # (B, C, side², P)
    y = picked.max(2) if name == "max" else picked.mean(2)
    return y.reshape(rows, channels, (height - side) // stride + 1, -1)


def recurrent(x: Node, h: Node, w: Node, u: Node, b: Node) -> Node:
    """h = tanh(x Wᵀ + h Uᵀ + b), step by step. Shapes: x (B, T, I), h (B, H), w (H, I), u (H, H) → (B, H)."""
    for step in range(x.shape[1]):
        h = apply("tanh", x[:, step] @ w.T + h @ u.T + b)
    return h


def cross_entropy(outputs: Node, classes: Array) -> Node:
    """Mean of -log of the softmax's probability of the class, in nats. Shapes: outputs (B, C), classes (B,)."""
    return -apply("log-softmax", outputs)[np.arange(len(classes)), classes].mean()


def binary_cross_entropy(outputs: Node, targets: Node) -> Node:
    """Of each number -t log σ(z) - (1 - t) log (1 - σ(z)) = softplus(z) - t z, which cannot overflow."""
    return apply("softplus", outputs) - targets * outputs


def squared_error(outputs: Node, targets: Node) -> Node:
    """Of each number (z - t)²."""
    return (outputs - targets) ** 2.0


def huber(outputs: Node, targets: Node, delta: float = 1.0) -> Node:
    """Of each number (z - t)² / 2, or its tangent from |z - t| = δ on: Huber 1964, doi:10.1214/aoms/1177703732."""
    distance = apply("abs", outputs - targets)
    beyond = apply("relu", distance + -delta)
    return (distance * distance - beyond * beyond) * 0.5


def descend(
    of: Callable[..., Node], weights: Sequence[Array], batches: Iterator[Array], lr: float
) -> Iterator[float]:
    """Change weights, in place, down a loss of (weights, row numbers): the loss of each batch."""
    for rows in batches:
        nodes = [weight(value) for value in weights]
        loss = of(nodes, rows)
        slopes = gradients(loss)
        for value, node in zip(weights, nodes, strict=True):
            value -= lr * slopes[node].value
        yield float(loss.value)
