"""The oracle: a task's losses in NumPy and float64, written from the formulas, to check every contestant by;
of the larger networks in torch's float64."""

import numpy as np

from benchmarks.task import Task


def losses(task: Task, steps: int) -> np.ndarray:
    """The mean cross-entropy of each of the first steps, in nats: (S,)."""
    if task.network != "mlp":
        return _in_float64(task, steps)
    parameters = [array.astype(np.float64) for pair in task.weights for array in pair]
    update = {"sgd": _Sgd, "adam": _Adam}[task.optimizer](task.lr, parameters)
    found = np.empty(steps)
    for step, rows in enumerate(task.order[:steps]):
        found[step], gradients = loss_and_gradients(parameters, task.pixels[rows] / 255, task.labels[rows])
        update(gradients)
    return found


def _in_float64(task: Task, steps: int) -> np.ndarray:
    """Of LeNet-5 and the LSTM: torch's stock layers in float64, whose roundings are no one's."""
    import torch

    from benchmarks.network import OPTIMIZERS, build

    model = build(task).double()
    optimizer = OPTIMIZERS[task.optimizer](model.parameters(), lr=task.lr)
    found = np.empty(steps)
    for step, rows in enumerate(task.order[:steps]):
        optimizer.zero_grad()
        x, y = torch.from_numpy(task.pixels[rows] / 255), torch.from_numpy(task.labels[rows])
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        found[step] = loss.item()
    return found


def loss_and_gradients(parameters: list, x: np.ndarray, y: np.ndarray) -> tuple[float, list[np.ndarray]]:
    """The mean cross-entropy of a batch, and its gradient by each parameter: W, b of each layer in turn."""
    weights, biases = parameters[::2], parameters[1::2]
    outputs = [x]  # of each layer, (B, O)
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        z = outputs[-1] @ weight.T + bias
        outputs.append(z if layer == len(weights) - 1 else np.maximum(z, 0))
    logits = outputs.pop()
    log_p = logits - logits.max(1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(1, keepdims=True))
    picked = np.arange(len(y)), y
    error = np.exp(log_p)
    error[picked] -= 1
    error /= len(y)  # dL/d logits
    gradients = []
    for weight, below in zip(reversed(weights), reversed(outputs), strict=True):
        gradients += [error.sum(0), error.T @ below]
        error = (error @ weight) * (below > 0)
    return -log_p[picked].mean(), gradients[::-1]


class _Sgd:
    def __init__(self, lr: float, parameters: list[np.ndarray]) -> None:
        self.lr, self.parameters = lr, parameters

    def __call__(self, gradients: list[np.ndarray]) -> None:
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter -= self.lr * gradient


class _Adam:
    """Kingma & Ba 2015, arXiv:1412.6980, algorithm 1."""

    def __init__(self, lr: float, parameters: list[np.ndarray]) -> None:
        self.lr, self.parameters, self.steps = lr, parameters, 0
        self.moments = [(np.zeros_like(parameter), np.zeros_like(parameter)) for parameter in parameters]

    def __call__(self, gradients: list[np.ndarray]) -> None:
        self.steps += 1
        for parameter, gradient, (m, v) in zip(self.parameters, gradients, self.moments, strict=True):
            m += 0.1 * (gradient - m)
            v += 0.001 * (gradient**2 - v)
            m_hat, v_hat = m / (1 - 0.9**self.steps), v / (1 - 0.999**self.steps)
            parameter -= self.lr * m_hat / (np.sqrt(v_hat) + 1e-8)
