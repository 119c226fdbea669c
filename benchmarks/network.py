"""The task's network and optimizer in PyTorch, for those of the contestants that are built on it."""

import torch
from torch import Tensor, nn

from benchmarks.task import Task

OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}


class LastState(nn.Module):
    """torch's LSTM over the rows of pictures; what it says at the last."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.LSTM(28, 128, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, 28, 28) → (B, 128)."""
        return self.cells(x)[0][:, -1]


def build(task: Task) -> nn.Sequential:
    """The network with the task's initial weights, for flat rows (B, 784), as anyone writes it."""
    if task.network != "mlp":
        return _stock(task)
    layers: list[nn.Module] = []
    for weight, bias in task.weights:
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        linear.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _stock(task: Task) -> nn.Sequential:
    if task.network == "lstm":
        model = nn.Sequential(nn.Unflatten(1, (28, 28)), LastState(), nn.Linear(128, 10))
    else:
        model = nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)),
            *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
            nn.Flatten(),
            *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
        )
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), task.named.values(), strict=True):
            parameter.copy_(torch.tensor(value))
    return model
