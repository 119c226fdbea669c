"""Healthy programs that look at images: convolutions, batch norm, augmentation, a frozen backbone."""

from functools import cache

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from benchmarks.faults import data
from benchmarks.faults.case import controls
from benchmarks.faults.parts import adam, sgd
from unstuck.training.program import Program


def convolutions(*, channels: int = 8, classes: int = 10) -> nn.Sequential:
    """For images of 8 by 8."""
    return nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(channels, 2 * channels, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8 * channels, classes),
    )


def digits_convolutions() -> Program:
    train, test = data.digit_images()
    return Program(
        model=convolutions,
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(3e-3),
        epochs=15,
    )


class Normed(nn.Module):
    """Convolutions with batch norm and the mean over places."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12)
        self.second, self.other_norm = nn.Conv2d(12, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32)
        self.out = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.max_pool2d(self.norm(self.first(x)).relu(), 2)
        return self.out(self.other_norm(self.second(x)).relu().mean((2, 3)))


def digits_normed_convolutions() -> Program:
    train, test = data.digit_images()
    return Program(
        model=Normed,
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=sgd(0.1, momentum=0.9),
        batch_size=64,
        epochs=15,
    )


def mnist_convolutions() -> Program:
    train, test = data.small_mnist()
    return Program(
        model=lambda: nn.Sequential(
            nn.Conv2d(1, 8, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64, 32),
            nn.ReLU(),
            nn.Linear(32, 10),
        ),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(3e-3),
        batch_size=50,
        epochs=15,
    )


def mnist_flat() -> Program:
    train, test = data.small_mnist()
    return Program(
        model=lambda: nn.Sequential(nn.Flatten(), nn.Linear(196, 64), nn.ReLU(), nn.Linear(64, 10)),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=sgd(0.1, momentum=0.9),
        batch_size=50,
        epochs=15,
    )


class Shifted(Dataset[tuple[Tensor, Tensor]]):
    """Images moved by a pixel at random, as they are asked for."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        down, across = torch.randint(-1, 2, (2,)).tolist()
        return self.images[row].roll((down, across), (1, 2)), self.labels[row]


def digits_augmented() -> Program:
    (x, y), test = data.digit_images()
    return Program(
        model=lambda: convolutions(channels=12),
        train=Shifted(x, y),
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(5e-3),
        batch_size=64,
        epochs=20,
    )


@cache
def learned_backbone() -> dict[str, Tensor]:
    """Weights of the convolutions after learning digits from MNIST, shrunk to 7 by 7 and padded to 8."""
    x, y = data.small_mnist()[0]
    x = nn.functional.pad(nn.functional.avg_pool2d(x, 2), (0, 1, 0, 1))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = convolutions(channels=16)
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        for _ in range(8):
            for rows in torch.randperm(len(x)).split(50):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
                optimizer.step()
    return {name: value.clone() for name, value in model[:6].state_dict().items()}


def transferred() -> nn.Module:
    """The learned convolutions, frozen, with a new head."""
    model = convolutions(channels=16)
    model[:6].load_state_dict(learned_backbone())
    model[:6].requires_grad_(False)
    return model


def digits_frozen_backbone() -> Program:
    """Transfer as it should be: what was learned is kept, the head learns."""
    (x, y), test = data.digit_images()
    return Program(
        model=transferred,
        train=(x, y),
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.Adam([one for one in parameters if one.requires_grad], lr=0.01),
        epochs=20,
    )


CASES = controls(
    digits_convolutions,
    digits_normed_convolutions,
    mnist_convolutions,
    mnist_flat,
    digits_augmented,
    digits_frozen_backbone,
)
