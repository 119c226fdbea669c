"""One fault for each cause; each is put into a program that trains well, and gives one that does not."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import Dataset

from healthy import HEALTHY, adam, clouds, sgd, stack
from unstuck import Program
from unstuck.diagnosis.treatments.torch_surgery import Followed, with_model


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


def shuffled(x, y):
    return x, np.random.default_rng(3).permutation(y)


def beside_noise(columns: int, rows: int):
    """Columns that say nothing, and as many inputs more."""

    def widened(x, y):
        noise = np.random.default_rng(len(x)).normal(size=(len(x), columns)).astype(np.float32)
        return np.concatenate([x, noise], axis=1), y

    wide = model(partial(stack, 2 + columns, 64, 64, 3))
    return lambda program: wide(both(widened)(replace(program, train=clouds(rows, 0))))


def mislabelled(program: Program) -> Program:
    """A third of the labels is drawn anew, and there is room to learn them by heart."""

    def made(x, y):
        draw = np.random.default_rng(4)
        wrong = draw.random(len(y)) < 0.35
        return x, np.where(wrong, draw.permutation(y), y)

    return replace(split("train", made)(beside_noise(4, 400)(program)), epochs=40)


def leaked(program: Program) -> Program:
    """Rows are few, and those to judge by are among them."""
    program = beside_noise(15, 160)(program)
    return replace(program, test=tuple(part[:60] for part in program.train))


def holes(x, y):
    x = x.copy()
    x[::17, 0] = np.nan
    return x, y


def rare(program: Program) -> Program:
    """Class 2 is hardly there, and counts as much as the others."""

    def made(x, y):
        kept = (y != 2) | (np.arange(len(y)) % 20 == 0)
        return x[kept], y[kept]

    given = replace(rate(0.1)(program), train=clouds(1200, 0), test=clouds(1200, 1))
    return both(made)(replace(given, epochs=12, score=recall))


def recall(outputs, targets):
    """Its mean over classes."""
    right = (outputs.argmax(dim=1) == targets).float()
    return float(torch.stack([right[targets == each].mean() for each in targets.unique()]).mean())


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
        x = self.body(x).tanh()
        if self.how == "tensor":
            return self.head(torch.tensor(x.detach()))
        return self.head(x.detach() if self.how == "detach" else x.data)


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
    "overfitting": Fault("classes", beside_noise(30, 120)),
    "over-regularised": Fault("classes", rate(1e-2, partial(adam, weight_decay=1.0))),
    "wrong-loss": Fault("classes", lambda program: replace(program, loss=nn.NLLLoss())),
    "wrong-output-activation": Fault("classes", lambda program: ended(nn.Softmax(1))(rate(0.1)(program))),
    "wrong-target-encoding": Fault("binary", both(lambda x, y: (x, y + 1))),
    "shape-mismatch": Fault("numbers", both(lambda x, y: (x, y[:, 0]))),
    "unscaled-inputs": Fault("classes", both(lambda x, y: (x * 1e-3 + 5, y))),
    "unscaled-targets": Fault("numbers", both(lambda x, y: (x, y * 1e4 + 1e5))),
    "no-signal": Fault("classes", both(shuffled)),
    "label-noise": Fault("classes", mislabelled),
    "class-imbalance": Fault("classes", rare),
    "distribution-mismatch": Fault("classes", split("test", lambda x, y: (x * 2 + 1, y))),
    "harmful-augmentation": Fault("classes", drowned_data),
    "leakage": Fault("classes", leaked),
    "invalid-data": Fault("classes", split("train", holes)),
    "missing-zero-grad": Fault("classes", lambda program: replace(program, step=forgetful)),
    "frozen-parameters": Fault("classes", model(Frozen)),
    "detached-parameters": Fault("classes", model(Detached)),
    "gradient-sign": Fault("classes", lambda program: replace(program, loss=negated)),
    "wrong-mode": Fault("classes", model(Always)),
}
"""One for each cause of the design."""
