"""Ordinary programs in which nothing is wrong, of many kinds: () → Program."""

import torch
from torch import nn
from torch.nn import functional

from unstuck.training.program import Program

ROWS = 96


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def classes(x, count):
    """Of each row, by a random plane for each class."""
    flat = x.reshape(len(x), -1).float()
    return (flat @ numbers(flat.shape[1], count, seed=1)).argmax(dim=1)


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.05, momentum=0.9)


def adam(parameters):
    return torch.optim.Adam(parameters, lr=1e-2)


def mlp(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 16), nn.ReLU(), nn.Linear(16, outputs))


def classifier(**changes):
    x = numbers(ROWS, 6)
    settings = {
        "model": lambda: mlp(6, 3),
        "train": (x, classes(x, 3)),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd,
        "batch_size": 16,
        "epochs": 4,
    }
    return Program(**settings | changes)


def of_log_probabilities():
    return classifier(model=lambda: nn.Sequential(mlp(6, 3), nn.LogSoftmax(dim=1)), loss=nn.NLLLoss())


def of_probabilities():
    """As Keras has it: the loss takes the logarithm of what softmax gives."""

    def loss(outputs, targets):
        return functional.nll_loss((outputs / outputs.sum(1, keepdim=True)).clamp(1e-7, 1).log(), targets)

    return classifier(model=lambda: nn.Sequential(mlp(6, 3), nn.Softmax(dim=1)), loss=loss)


def one_hot():
    x, y = classifier().train
    return classifier(train=(x, functional.one_hot(y).float()))


def binary(**changes):
    x = numbers(ROWS, 6)
    settings = {
        "model": lambda: mlp(6, 1),
        "train": (x, (x.sum(dim=1, keepdim=True) > 0).float()),
        "loss": nn.BCEWithLogitsLoss(),
        "optimizer": adam,
        "batch_size": 16,
    }
    return Program(**settings | changes)


def binary_of_sigmoid():
    return binary(model=lambda: nn.Sequential(mlp(6, 1), nn.Sigmoid()), loss=functional.binary_cross_entropy)


class Flat(nn.Module):
    """Ends in one number per row, (N,)."""

    def __init__(self):
        super().__init__()
        self.inner = mlp(6, 1)

    def forward(self, x):
        return self.inner(x).squeeze(1)


def binary_flat():
    x, y = binary().train
    return binary(model=Flat, train=(x, y[:, 0]))


def labels():
    x = numbers(ROWS, 6)
    return Program(
        model=lambda: mlp(6, 4),
        train=(x, (x[:, :4] > 0.3).float()),
        loss=nn.BCEWithLogitsLoss(),
        optimizer=adam,
        batch_size=16,
    )


def regression(**changes):
    x = numbers(ROWS, 4)
    settings = {
        "model": lambda: mlp(4, 1),
        "train": (x, x[:, :1] - x[:, 1:2].square() + 2),
        "loss": nn.MSELoss(),
        "optimizer": adam,
        "batch_size": 16,
    }
    return Program(**settings | changes)


def own_loss():
    """Half the mean square of outputs (N,)."""
    x, y = regression().train

    class Squeezed(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = mlp(4, 1)

        def forward(self, x):
            return self.inner(x).squeeze(-1)

    return regression(
        model=Squeezed, train=(x, y[:, 0]), loss=lambda outputs, targets: (outputs - targets).square().mean() / 2
    )


def robust():
    return regression(loss=nn.SmoothL1Loss(), batch_size=24, optimizer=lambda p: torch.optim.RMSprop(p, lr=1e-3))


def convolutional():
    x = numbers(ROWS, 1, 8, 8)
    return Program(
        model=lambda: nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Dropout(0.25),
            nn.Flatten(),
            nn.Linear(128, 3),
        ),
        train=(x, classes(x, 3)),
        loss=nn.CrossEntropyLoss(),
        optimizer=adam,
        batch_size=16,
    )


class Reader(nn.Module):
    """Embedding, LSTM or GRU, and a linear layer on the last state."""

    def __init__(self, kind=nn.LSTM):
        super().__init__()
        self.embedding, self.cells, self.head = (
            nn.Embedding(11, 8),
            kind(8, 12, batch_first=True),
            nn.Linear(12, 2),
        )

    def forward(self, x):
        return self.head(self.cells(self.embedding(x))[0][:, -1])


def tokens(rows=ROWS):
    return torch.randint(0, 11, (rows, 7), generator=torch.Generator().manual_seed(0))


def sequences():
    x = tokens()
    return Program(
        model=Reader,
        train=(x, (x.sum(dim=1) > 35).long()),
        loss=nn.CrossEntropyLoss(),
        optimizer=adam,
        batch_size=16,
    )


def recurrent():
    x = numbers(ROWS, 9, 3)

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.cells, self.head = nn.RNN(3, 10, batch_first=True), nn.Linear(10, 1)

        def forward(self, x):
            return self.head(self.cells(x)[0][:, -1])

    return regression(model=Recurrent, train=(x, x.sum(dim=(1, 2))[:, None]))


def tagging():
    """A class of every token, outputs (N, C, T)."""
    x = tokens()

    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.head = nn.Embedding(11, 8), nn.Conv1d(8, 4, 3, padding=1)

        def forward(self, x):
            return self.head(self.embedding(x).transpose(1, 2))

    return Program(
        model=Tagger, train=(x, x % 4), loss=nn.CrossEntropyLoss(), optimizer=adam, batch_size=16, epochs=4
    )


class Tied(nn.Module):
    """An autoencoder whose decoder has the encoder's weights."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(0.1 * torch.randn(5, 12))
        self.bias = nn.Parameter(torch.zeros(12))

    def forward(self, x):
        return torch.tanh(x @ self.weight.T) @ self.weight + self.bias


def autoencoder():
    x = numbers(ROWS, 5) @ numbers(5, 12, seed=1) * 0.3
    return Program(model=Tied, train=(x, x), loss=nn.MSELoss(), optimizer=adam, batch_size=16)


def clipped(model, x, y, loss, optimizer):
    """A usual step, with its gradient cut to a length."""
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.1)
    optimizer.step()
    return value


def with_clipping():
    return classifier(step=clipped)


def accumulated():
    """A gradient of two batches for each update."""
    count = [0]

    def step(model, x, y, loss, optimizer):
        value = loss(model(x), y)
        (value / 2).backward()
        count[0] += 1
        if count[0] % 2 == 0:
            optimizer.step()
            optimizer.zero_grad()
        return value

    return classifier(step=step)


def noisy_step(model, x, y, loss, optimizer):
    """A usual step on inputs to which noise is added."""
    return clipped(model, x + 0.1 * torch.randn_like(x), y, loss, optimizer)


def with_noise():
    return classifier(step=noisy_step)


def transferred():
    """A backbone that is frozen, and a head that learns."""

    def model():
        backbone = mlp(6, 8)
        return nn.Sequential(backbone.requires_grad_(False), nn.ReLU(), nn.Linear(8, 3))

    return classifier(model=model)


def with_attention():
    class Attending(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(11, 8)
            self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
            self.head = nn.Linear(8, 2)

        def forward(self, x):
            return self.head(self.layer(self.embedding(x)).mean(dim=1))

    x = tokens()
    return Program(
        model=Attending,
        train=(x, (x.sum(dim=1) > 35).long()),
        loss=nn.CrossEntropyLoss(label_smoothing=0.1),
        optimizer=lambda p: torch.optim.AdamW(p, lr=1e-3),
        batch_size=16,
    )


def bounded():
    """Targets in (0, 1), and a sigmoid that reaches them."""
    x, y = regression().train
    return regression(model=lambda: nn.Sequential(mlp(4, 1), nn.Sigmoid()), train=(x, y.sigmoid()))


ORDINARY = {
    "classes": classifier,
    "log-probabilities": of_log_probabilities,
    "probabilities": of_probabilities,
    "one-hot classes": one_hot,
    "binary": binary,
    "binary after a sigmoid": binary_of_sigmoid,
    "binary of (N,)": binary_flat,
    "labels": labels,
    "numbers": regression,
    "a loss of one's own": own_loss,
    "a robust loss": robust,
    "pictures": convolutional,
    "sequences of tokens": sequences,
    "sequences of numbers": recurrent,
    "a class for every token": tagging,
    "an autoencoder with tied weights": autoencoder,
    "clipping": with_clipping,
    "accumulation over two batches": accumulated,
    "noise on the inputs": with_noise,
    "attention": with_attention,
    "numbers behind a sigmoid": bounded,
}
