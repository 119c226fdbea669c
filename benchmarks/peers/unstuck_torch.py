"""Our torch engine, as a run uses it: resident bytes, fused optimizer, every loss looked at."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from benchmarks.network import OPTIMIZERS, build
from benchmarks.task import Task
from unstuck.network.torch_module import torch_module
from unstuck.training.program import Program
from unstuck.training.torch_engine import Setting, TorchEngine
from unstuck.training.torch_rows import Resident


def prepare(task: Task) -> Callable[[int], np.ndarray]:
    rows = Resident(torch.tensor(task.pixels), torch.tensor(task.labels), 1 / 255)
    program = Program(
        model=lambda: build(task) if task.network == "mlp" else torch_module(task.built, task.named),
        train=rows,
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: OPTIMIZERS[task.optimizer](parameters, lr=task.lr, fused=True),
        schedule=lambda step: 1.0,
    )

    def run(steps: int) -> np.ndarray:
        engine = TorchEngine.make(
            program, rows, batch_size=task.batch, seed=0, setting=Setting(device=torch.device("cpu"))
        )
        return engine.advance(task.order[:steps].ravel(), np.ones(steps), done=0)

    return run
