"""The loop of PyTorch's own tutorials: a picture at a time through a DataLoader, a number read at every step.

The data set does to each picture what torchvision's MNIST and ToTensor do. The order is given by a sampler,
which costs what shuffle=True costs.
"""

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.network import OPTIMIZERS, build
from benchmarks.task import Task


class Pictures(Dataset):
    """Each item is fetched as torchvision fetches it: the bytes to a PIL image, the image to a tensor."""

    def __init__(self, pixels: np.ndarray, labels: np.ndarray) -> None:
        self.data = torch.from_numpy(pixels).view(-1, 28, 28)
        self.targets = torch.from_numpy(labels)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return to_tensor(Image.fromarray(self.data[index].numpy())), int(self.targets[index])


def to_tensor(picture: Image.Image) -> Tensor:
    """A grey picture as float32 in [0, 1], channel first, (1, H, W)."""
    array = np.array(picture, np.uint8, copy=True)
    tensor = torch.from_numpy(array).view(picture.height, picture.width, 1)
    return tensor.permute(2, 0, 1).contiguous().to(torch.float32).div(255)


def prepare(task: Task) -> Callable[[int], np.ndarray]:
    pictures, order = Pictures(task.pixels, task.labels), task.order.ravel().tolist()

    def run(steps: int) -> np.ndarray:
        loader = DataLoader(pictures, batch_size=task.batch, sampler=order[: steps * task.batch])
        model = nn.Sequential(nn.Flatten(), build(task))
        criterion = nn.CrossEntropyLoss()
        optimizer = OPTIMIZERS[task.optimizer](model.parameters(), lr=task.lr)
        losses = []
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())  # as the tutorials' running_loss += loss.item()
        return np.array(losses)

    return run
