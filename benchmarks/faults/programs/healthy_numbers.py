"""Healthy programs that predict numbers: exact and noisy, few rows and many, one output and several."""

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from benchmarks.faults import data
from benchmarks.faults.case import controls
from benchmarks.faults.parts import adam, instance, mlp, r2, sgd
from unstuck.training.program import Program


def diabetes_modest() -> Program:
    """Measured on people: an R² of 0.4 to 0.5 is the best that anybody gets."""
    train, test = data.column(data.standard(data.diabetes(), targets=True))
    return Program(
        model=mlp(10, 8, 1, act=nn.Tanh),
        train=train,
        test=test,
        loss=nn.MSELoss(),
        optimizer=adam(3e-3, weight_decay=0.01),
        epochs=25,
    )


def friedman_relu() -> Program:
    train, test = data.column(data.standard(data.friedman(600), targets=True))
    return Program(
        model=mlp(10, 64, 64, 1),
        train=train,
        test=test,
        loss=nn.MSELoss(),
        optimizer=adam(3e-3),
        batch_size=50,
        epochs=40,
    )


def friedman_noisy() -> Program:
    """As much noise as signal: an R² of 0.4 is about the best."""
    train, test = data.column(data.standard(data.friedman(1500, noise=5.0), targets=True))
    return Program(
        model=mlp(10, 16, 1),
        train=train,
        test=test,
        loss=nn.MSELoss(),
        optimizer=adam(2e-3, weight_decay=1e-3),
        batch_size=50,
        epochs=12,
    )


def friedman_five_thousand() -> Program:
    train, test = data.column(data.standard(data.friedman(5000), targets=True))
    return Program(
        model=mlp(10, 64, 64, 1),
        train=train,
        test=test,
        loss=nn.MSELoss(),
        optimizer=adam(3e-3),
        batch_size=128,
        epochs=12,
    )


def wave_tanh() -> Program:
    train, test = data.wave()
    return Program(
        model=mlp(1, 32, 32, 1, act=nn.Tanh),
        train=train,
        test=test,
        loss=nn.MSELoss(),
        optimizer=adam(0.01),
        epochs=50,
    )


def plane_linear() -> Program:
    """A linear model by SGD."""
    train, test = data.plane(outputs=3)
    return Program(
        model=instance(lambda: nn.Linear(8, 3)),
        train=train,
        test=test,
        loss=nn.MSELoss(),
        optimizer=sgd(0.05),
        epochs=25,
    )


def plane_arrays_flat() -> Program:
    """NumPy arrays, targets (N,), and outputs that are squeezed to fit them."""

    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(8, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.linear(x).squeeze(-1)

    (x, y), (test_x, test_y) = data.plane(200, noise=0.5)
    return Program(
        model=Flat,
        train=(x.numpy(), y[:, 0].numpy()),
        test=(test_x.numpy(), test_y[:, 0].numpy()),
        loss=nn.MSELoss(),
        optimizer=adam(0.02),
        epochs=40,
    )


def products_swish() -> Program:
    train, test = data.products(1500)
    return Program(
        model=mlp(6, 48, 48, 1, act=nn.SiLU),
        train=train,
        test=test,
        loss=nn.MSELoss(),
        optimizer=adam(5e-3),
        batch_size=64,
        epochs=30,
    )


def outliers_huber() -> Program:
    """One target in twenty is far off; the Huber loss does not mind, and the test rows have none."""
    (x, y), test = data.plane(400)
    far = torch.arange(len(y)) % 20 == 0
    return Program(
        model=mlp(8, 16, 1),
        train=(x, torch.where(far[:, None], y + 8, y)),
        test=test,
        loss=nn.HuberLoss(delta=0.5),
        optimizer=adam(5e-3, weight_decay=0.01),
        epochs=30,
    )


def counts_poisson() -> Program:
    """Counts, by the likelihood of a Poisson distribution whose rate has the outputs as logarithms."""
    (x, y), (test_x, test_y) = data.plane(1000, noise=0.0)
    torch_seed = torch.Generator().manual_seed(0)
    counts, test_counts = (torch.poisson((part + 1).exp(), generator=torch_seed) for part in (y, test_y))
    return Program(
        model=mlp(8, 16, 1),
        train=(x, counts),
        test=(test_x, test_counts),
        loss=nn.PoissonNLLLoss(),
        optimizer=adam(5e-3),
        batch_size=64,
        epochs=25,
        score=lambda outputs, targets: r2(outputs.exp(), targets),
    )


class Table(Dataset[tuple[Tensor, Tensor]]):
    """Rows one by one, as users write it."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        return self.x[row], self.y[row]


class Scaled(nn.Module):
    """A network that scales its inputs and its answer itself, and so takes raw ones."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        super().__init__()
        self.register_buffer("shift", x.mean(0))
        self.register_buffer("spread", x.std(0))
        self.mean, self.unit = float(y.mean()), float(y.std())
        self.inner = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.mean + self.unit * self.inner((x - self.shift) / self.spread)


def friedman_raw_scaled_inside() -> Program:
    """A Dataset of raw rows, targets of 3 to 28; the network scales both."""
    train, test = data.column(data.friedman(800))
    return Program(
        model=lambda: Scaled(*train),
        train=Table(*train),
        test=Table(*test),
        loss=nn.MSELoss(),
        optimizer=adam(0.01),
        batch_size=64,
        epochs=40,
    )


CASES = controls(
    diabetes_modest,
    friedman_relu,
    friedman_noisy,
    friedman_five_thousand,
    wave_tanh,
    plane_linear,
    plane_arrays_flat,
    products_swish,
    outliers_huber,
    counts_poisson,
    friedman_raw_scaled_inside,
)
