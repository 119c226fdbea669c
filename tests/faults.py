"""Live programs that train well, in several styles, and one fault for each cause to put into them."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

from unstuck import Program
from unstuck.diagnosis.treatments.torch_surgery import Followed, with_model
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
        classes(), model=partial(stack, 3, 64, 64, 1), train=waves(400, 0), test=waves(200, 1), loss=nn.MSELoss()
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
    optimizer, (x, y) = program.optimizer(model.parameters()), map(_tensor, program.train)
    rates = [group["lr"] for group in optimizer.param_groups]
    done = 0
    for _ in range(program.epochs):
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
    x, y = map(_tensor, program.test)
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


def _tensor(array) -> Tensor:
    tensor = torch.as_tensor(array)
    return tensor.float() if tensor.dtype == torch.float64 else tensor


# Faults: each of (a healthy program) → one that has it


def rate(lr: float, make=sgd):
    return lambda program: replace(program, optimizer=partial(make, lr=lr))


def starting(change: Callable[[nn.Module], None]):
    def started(module: nn.Module) -> None:
        with torch.no_grad():
            for part in module.modules():
                if isinstance(part, nn.Linear | nn.Conv2d):
                    change(part)

    return lambda program: with_model(program, started)


def spread(std: float):
    def change(part) -> None:
        part.weight.normal_(0, std)
        part.bias.zero_()

    return starting(change)


def biased(part) -> None:
    part.weight.abs_().neg_()
    part.bias.fill_(-10)


def model(make: Callable[[], nn.Module]):
    return lambda program: replace(program, model=make)


def split(part: str, change):
    return lambda program: replace(program, **{part: change(*getattr(program, part))})


def both(change):
    return lambda program: split("test", change)(split("train", change)(program))


def few(rows: int):
    return split("train", lambda x, y: (x[:rows], y[:rows]))


def shuffled(x, y):
    return x, np.random.default_rng(3).permutation(y)


def noisy(share: float):
    def made(x, y):
        draw = np.random.default_rng(4)
        wrong = draw.random(len(y)) < share
        return x, np.where(wrong, draw.permutation(y), y)

    return split("train", made)


def holes(x, y):
    x = x.copy()
    x[::17, 0] = np.nan
    return x, y


def rare(x, y):
    """Class 2 is hardly there."""
    kept = (y != 2) | (np.arange(len(y)) % 12 == 0)
    return x[kept], y[kept]


class Noised(Dataset):
    """Rows under so much noise that little of them is left."""

    def __init__(self, x, y, transform):
        self.x, self.y, self.transform = torch.as_tensor(x), torch.as_tensor(y), transform

    def __len__(self):
        return len(self.x)

    def __getitem__(self, number):
        return (self.transform(self.x[number]) if self.transform else self.x[number]), self.y[number]


def drowned(row):
    return row + 3 * torch.randn_like(row)


def drowned_data(program):
    return replace(program, train=Noised(*program.train, drowned), test=Noised(*program.test, None))


def forgetful(model, x, y, loss, optimizer):
    value = loss(model(x), y)
    value.backward()
    optimizer.step()
    return value


class Frozen(nn.Module):
    """All is frozen but the last biases."""

    def __init__(self):
        super().__init__()
        self.net = stack(2, 32, 32, 3)
        self.net.requires_grad_(False)
        self.net[-1].bias.requires_grad_(True)

    def forward(self, x):
        return self.net(x)


class Detached(nn.Module):
    def __init__(self, how="detach"):
        super().__init__()
        self.body, self.head, self.how = stack(2, 8, 8, activation=nn.Tanh), nn.Linear(8, 3), how

    def forward(self, x):
        if self.how == "no_grad":
            with torch.no_grad():
                x = self.body(x)
            return self.head(x.tanh())
        return self.head(self.body(x).tanh().detach() if self.how == "detach" else self.body(x).tanh().data)


class Listed(nn.Module):
    """Layers in a list that nn.Module does not see."""

    def __init__(self):
        super().__init__()
        self.layers, self.head = [nn.Linear(2, 8), nn.Linear(8, 8)], nn.Linear(8, 3)

    def forward(self, x):
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return self.head(x)


class Always(nn.Module):
    """Dropout that never rests."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2, 32), nn.Linear(32, 3)

    def forward(self, x):
        return self.second(functional.dropout(torch.relu(self.first(x)), 0.8))


def negated(outputs, targets):
    return -functional.cross_entropy(outputs, targets)


def distance(outputs, targets):
    """Absolute differences of probabilities and ones and zeros."""
    return functional.l1_loss(outputs.softmax(dim=1), functional.one_hot(targets, 3).float())


def ended(end: nn.Module):
    return lambda program: with_model(program, partial(Followed, then=end))


def summed(outputs, targets):
    return functional.mse_loss(outputs, targets, reduction="sum")


@dataclass(frozen=True)
class Fault:
    """What makes a program ill: `of` names the healthy one."""

    of: str
    put: Callable[[Program], Program]

    def __call__(self) -> Program:
        return self.put(HEALTHY[self.of]())


FAULTS: dict[str, Fault] = {
    "learning-rate-too-high": Fault("classes", rate(50.0)),
    "learning-rate-too-low": Fault("classes", rate(1e-5)),
    "too-few-epochs": Fault("classes", lambda program: replace(rate(3e-3, adam)(program), epochs=3)),
    "poor-optimizer": Fault("numbers", rate(1e-3, torch.optim.Adadelta)),
    "batch-size-too-large": Fault("classes", lambda program: replace(program, batch_size=240, epochs=8)),
    "batch-size-too-small": Fault("classes", lambda program: replace(rate(0.5)(program), batch_size=1)),
    "saddle-point": Fault("classes", spread(0.0)),
    "local-minimum": Fault("numbers", starting(biased)),
    "seed-dependent": Fault("classes", model(partial(stack, 2, 3, 3, 3, 3, 3))),
    "poor-initialisation": Fault("classes", lambda program: spread(1e-3)(rate(0.1)(program))),
    "saturating-activation": Fault("classes", model(partial(stack, 2, *[16] * 8, 3, activation=nn.Sigmoid))),
    "exploding-activation": Fault("numbers", spread(5.0)),
    "dead-relu": Fault("classes", starting(biased)),
    "missing-nonlinearity": Fault("classes", model(lambda: nn.Sequential(nn.Linear(2, 32), nn.Linear(32, 3)))),
    "missing-normalisation": Fault(
        "classes", lambda program: model(partial(stack, 2, *[16] * 10, 3))(rate(0.1)(program))
    ),
    "too-deep": Fault("classes", model(partial(stack, 2, *[16] * 24, 3))),
    "model-bias": Fault("classes", model(partial(stack, 2, 2, 3))),
    "overfitting": Fault("numbers", few(30)),
    "over-regularised": Fault("classes", rate(1e-2, partial(adam, weight_decay=1.0))),
    "wrong-loss": Fault("classes", lambda program: replace(rate(0.1)(program), loss=distance)),
    "wrong-output-activation": Fault("classes", lambda program: ended(nn.Softmax(1))(rate(0.1)(program))),
    "wrong-target-encoding": Fault("binary", both(lambda x, y: (x, y + 1))),
    "shape-mismatch": Fault("numbers", both(lambda x, y: (x, y[:, 0]))),
    "unscaled-inputs": Fault("classes", both(lambda x, y: (x * 1e-3 + 5, y))),
    "unscaled-targets": Fault("numbers", both(lambda x, y: (x, y * 1e4 + 1e5))),
    "no-signal": Fault("classes", both(shuffled)),
    "label-noise": Fault("classes", noisy(0.7)),
    "class-imbalance": Fault("classes", split("train", rare)),
    "distribution-mismatch": Fault("classes", split("test", lambda x, y: (x * 2 + 1, y))),
    "harmful-augmentation": Fault("classes", drowned_data),
    "leakage": Fault("classes", lambda program: replace(program, test=tuple(part[:60] for part in program.train))),
    "invalid-data": Fault("classes", split("train", holes)),
    "missing-zero-grad": Fault("classes", lambda program: replace(program, step=forgetful)),
    "frozen-parameters": Fault("classes", model(Frozen)),
    "detached-parameters": Fault("classes", model(Detached)),
    "gradient-sign": Fault("classes", lambda program: replace(program, loss=negated)),
    "wrong-mode": Fault("classes", model(Always)),
}
"""One for each cause of the design."""
