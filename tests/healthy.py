"""Live programs that train well, in several styles, and a plain loop to train them."""

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unstuck import Program
from unstuck.training.scores import accuracy, r2, threshold_accuracy


def sgd(parameters, lr=0.1, **others):
    return torch.optim.SGD(parameters, lr=lr, **others)


def adam(parameters, lr=1e-2, **others):
    return torch.optim.Adam(parameters, lr=lr, **others)


def clouds(rows: int, seed: int, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Rings of points, one within the other: no line parts them."""
    draw = np.random.default_rng(seed)
    y = draw.integers(classes, size=rows)
    angle, radius = draw.uniform(0, 2 * np.pi, rows), y + draw.uniform(0.2, 0.8, rows)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1) / classes * 2
    return x.astype(np.float32), y


def waves(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 3)).astype(np.float32)
    y = np.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:3] + draw.normal(0, 0.05, (rows, 1))
    return x, ((y - 0) / y.std()).astype(np.float32)


def bars(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures 1 x 8 x 8 of a horizontal, a vertical bar or a block."""
    draw = np.random.default_rng(seed)
    x, y = draw.normal(0, 0.3, (rows, 1, 8, 8)).astype(np.float32), draw.integers(3, size=rows)
    for picture, kind in zip(x, y, strict=True):
        i, j = draw.integers(6, size=2)
        height, width = ((1, 6), (6, 1), (3, 3))[kind]
        picture[0, i : i + height, j : j + width] += 1
    return x, y


def steps(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sequences 6 x 2; the class is whether the first feature's sum over time is positive."""
    x = np.random.default_rng(seed).normal(size=(rows, 6, 2)).astype(np.float32)
    return x, (x[:, :, 0].sum(axis=1) > 0).astype(np.int64)


def words(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of 5 tokens of 12; the class is whether more of them are below 6."""
    x = np.random.default_rng(seed).integers(12, size=(rows, 5))
    return x, ((x < 6).sum(axis=1) > 2).astype(np.int64)


def stack(*widths: int, activation: type[nn.Module] = nn.ReLU, end: nn.Module | None = None) -> nn.Sequential:
    """Linear layers with activations between."""
    layers: list[nn.Module] = []
    for inputs, outputs in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1], *([end] if end else []))


class Functional(nn.Module):
    """A forward that calls functions, and one activation for all layers."""

    def __init__(self, outputs=1, act=functional.relu, share=0.1):
        super().__init__()
        self.first, self.second = nn.Linear(2, 32), nn.Linear(32, 32)
        self.last, self.act, self.share = nn.Linear(32, outputs), act, share

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.first(x))
        x = functional.dropout(self.act(self.second(x)), self.share, training=self.training)
        return self.last(x)


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.bn, self.fc1, self.fc2 = nn.BatchNorm2d(8), nn.Linear(32, 16), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.bn(self.conv1(x))), 2)
        x = functional.max_pool2d(torch.relu(self.conv2(x)), 2)
        return self.fc2(self.fc1(x.view(x.size(0), -1)).relu())


class Reader(nn.Module):
    """A recurrent network whose state is made for each batch, as code often has it."""

    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(2, 16, num_layers=2, batch_first=True), nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        start = torch.zeros(2, x.size(0), self.lstm.hidden_size)
        out, _ = self.lstm(x, (start, torch.zeros_like(start)))
        return self.out(out[:, -1])


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.out = nn.Embedding(12, 8), stack(8, 16, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.table(x).mean(dim=1))


def classes() -> Program:
    return Program(
        model=partial(stack, 2, 32, 32, 3),
        train=clouds(240, 0),
        test=clouds(200, 1),
        loss=nn.CrossEntropyLoss(),
        optimizer=adam,
        batch_size=24,
        epochs=25,
    )


def binary() -> Program:
    (x, y), (xt, yt) = clouds(240, 0, 2), clouds(200, 1, 2)
    return replace(
        classes(),
        model=Functional,
        train=(x, y[:, None].astype(np.float32)),
        test=(xt, yt[:, None].astype(np.float32)),
        loss=nn.BCEWithLogitsLoss(),
    )


def numbers() -> Program:
    return replace(
        classes(),
        model=partial(stack, 3, 64, 64, 1),
        train=waves(400, 0),
        test=waves(200, 1),
        loss=nn.MSELoss(),
    )


def pictures() -> Program:
    return replace(classes(), model=Cnn, train=bars(240, 0), test=bars(150, 1), epochs=10)


def sequences() -> Program:
    return replace(classes(), model=Reader, train=steps(240, 0), test=steps(150, 1), epochs=15)


def tokens() -> Program:
    return replace(classes(), model=Bag, train=words(240, 0), test=words(150, 1), epochs=15)


HEALTHY: dict[str, Callable[[], Program]] = {
    each.__name__: each for each in (classes, binary, numbers, pictures, sequences, tokens)
}


def trained(program: Program, seed: int = 0) -> float:
    """The test score after training as anybody would: a plain loop."""
    torch.manual_seed(seed)
    model = copy.deepcopy(program.model) if isinstance(program.model, nn.Module) else program.model()
    optimizer = program.optimizer(model.parameters())
    rates = [group["lr"] for group in optimizer.param_groups]
    done = 0
    for _ in range(program.epochs):
        x, y = _drawn(program.train)
        for rows in torch.randperm(len(x)).split(program.batch_size or 32):
            model.train()
            if program.schedule:
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate * program.schedule(done)
            step = program.step or plain
            step(model, x[rows], y[rows], program.loss, optimizer)
            done += 1
    return scored(program, model)


def plain(model, x, y, loss, optimizer):
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    optimizer.step()
    return value


def scored(program: Program, model: nn.Module) -> float:
    x, y = _drawn(program.test)
    with torch.no_grad():
        outputs = model.eval()(x)
    if program.score:
        return float(program.score(outputs, y))
    if outputs.ndim == y.ndim + 1 and outputs.shape[1] > 1:
        return accuracy(outputs.numpy(), y.numpy())
    if set(y.unique().tolist()) <= {0.0, 1.0}:
        limit = 0.0 if isinstance(program.loss, nn.BCEWithLogitsLoss) else 0.5
        return threshold_accuracy(limit)(outputs.numpy(), y.numpy())
    return r2(outputs.numpy(), y.numpy())


def _drawn(rows) -> tuple[Tensor, Tensor]:
    """Arrays, or what a Dataset gives, which may be other rows each time."""
    given = rows if isinstance(rows, tuple) else zip(*(rows[row] for row in range(len(rows))), strict=True)
    x, y = (part if hasattr(part, "dtype") else torch.stack(part) for part in given)
    return _tensor(x), _tensor(y)


def _tensor(array) -> Tensor:
    tensor = torch.as_tensor(array)
    return tensor.float() if tensor.dtype == torch.float64 else tensor
