"""PyTorch Lightning: a Trainer without logger, checkpoints, progress bar or summary, over a TensorDataset."""

import logging
import warnings
from collections.abc import Callable

import numpy as np
import pytorch_lightning as lightning
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.network import OPTIMIZERS, build
from benchmarks.task import Task

logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", message=".*does not have many workers")  # there is one core


class Classifier(lightning.LightningModule):
    """The network, its loss and its optimizer, as Lightning wants them."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.model, self.task, self.losses = build(task), task, []

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        """The loss of one batch; Lightning does the rest of the step."""
        inputs, labels = batch
        loss = F.cross_entropy(self.model(inputs), labels)
        self.losses.append(loss.detach())
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The task's."""
        return OPTIMIZERS[self.task.optimizer](self.parameters(), lr=self.task.lr)


def prepare(task: Task) -> Callable[[int], np.ndarray]:
    rows = TensorDataset(torch.from_numpy(task.inputs), torch.from_numpy(task.labels))
    order = task.order.ravel().tolist()

    def run(steps: int) -> np.ndarray:
        module = Classifier(task)
        trainer = lightning.Trainer(
            max_epochs=1,
            accelerator="cpu",
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, DataLoader(rows, batch_size=task.batch, sampler=order[: steps * task.batch]))
        return torch.stack(module.losses).numpy()

    return run
