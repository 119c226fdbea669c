"""Networks and losses in the graph's own words: what each layer is, as a formula."""

from collections.abc import Iterator, Sequence

import numpy as np

from unstuck.graph.node import Array, Node, apply, constant, weight
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


def normalized(a: Node, gain: Node, shift: Node, *, axis: int = -1, eps: float = 1e-5) -> Node:
    """To mean 0 and variance 1 in each row (axis -1) or over the batch (axis 0), then times gain plus shift."""
    centred = a - a.mean(axis, keep=True)
    variance = (centred * centred).mean(axis, keep=True)
    return centred * (variance + eps) ** -0.5 * gain + shift


def perceptron(x: Node, layers: Sequence[tuple[Node, Node]], name: str = "relu") -> Node:
    """Linear layers with an activation after each but the last. Shapes: x (B, I) → (B, O)."""
    for w, b in layers[:-1]:
        x = activation(name, linear(x, w, b))
    return linear(x, *layers[-1])


def windows(height: int, width: int, side: int) -> tuple[Array, Array]:
    """Rows and columns of the pixels under a square window at each of its P places, (side², P)."""
    down, across = np.indices((height - side + 1, width - side + 1)).reshape(2, 1, -1)
    inner_down, inner_across = np.indices((side, side)).reshape(2, -1, 1)
    return down + inner_down, across + inner_across


def convolution(x: Node, w: Node, b: Node) -> Node:
    """Every window's pixels, picked and multiplied with the same weights.

    Shapes: x (B, C, H, W), w (O, C, k, k), b (O,) → (B, O, H - k + 1, W - k + 1).
    """
    (rows, channels, height, width), (outputs, _, side, _) = x.shape, w.shape
    picked = x[:, :, *windows(height, width, side)].reshape(rows, channels * side * side, -1)  # (B, C k², P)
    y = w.reshape(outputs, -1) @ picked + b.reshape(outputs, 1)
    return y.reshape(rows, outputs, height - side + 1, width - side + 1)


def pool(x: Node, side: int = 2) -> Node:
    """The largest of each block. Shapes: x (B, C, H, W), of whole blocks → (B, C, H / side, W / side)."""
    rows, channels, height, width = x.shape
    return x.reshape(rows, channels, height // side, side, width // side, side).max(5).max(3)


def recurrent(x: Node, h: Node, w: Node, u: Node, b: Node) -> Node:
    """h = tanh(x Wᵀ + h Uᵀ + b), step by step. Shapes: x (B, T, I), h (B, H), w (H, I), u (H, H) → (B, H)."""
    for step in range(x.shape[1]):
        h = apply("tanh", x[:, step] @ w.T + h @ u.T + b)
    return h


def cross_entropy(outputs: Node, classes: Array) -> Node:
    """Mean of -log of the softmax's probability of the class, in nats. Shapes: outputs (B, C), classes (B,)."""
    return -apply("log-softmax", outputs)[np.arange(len(classes)), classes].mean()


def binary_cross_entropy(outputs: Node, targets: Node) -> Node:
    """Mean of -t log σ(z) - (1 - t) log (1 - σ(z)) = softplus(z) - t z, which cannot overflow."""
    return (apply("softplus", outputs) - targets * outputs).mean()


def squared_error(outputs: Node, targets: Node) -> Node:
    """Mean of (z - t)²."""
    return ((outputs - targets) ** 2.0).mean()


def descend(
    x: Array, classes: Array, layers: Sequence[tuple[Array, Array]], *, lr: float, batches: Iterator[Array]
) -> Iterator[float]:
    """Train a perceptron by gradient descent, in place: the loss of each batch of row numbers."""
    for rows in batches:
        nodes = [(weight(w), weight(b)) for w, b in layers]
        loss = cross_entropy(perceptron(constant(x[rows]), nodes), classes[rows])
        slopes = gradients(loss)
        for arrays, pair in zip(layers, nodes, strict=True):
            for array, node in zip(arrays, pair, strict=True):
                array -= lr * slopes[node].value
        yield float(loss.value)
