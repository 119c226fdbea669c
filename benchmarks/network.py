"""The task's network and optimizer in PyTorch, for those of the contestants that are built on it."""

import torch
from torch import nn

from benchmarks.task import Task

OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}


def build(task: Task) -> nn.Sequential:
    """The network with the task's initial weights."""
    layers: list[nn.Module] = []
    for weight, bias in task.weights:
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        linear.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])
