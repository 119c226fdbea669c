"""Healthy programs that read sequences: LSTM, GRU, plain RNN, convolution, embeddings, attention."""

import torch
from torch import Tensor, nn

from benchmarks.faults import data
from benchmarks.faults.case import controls
from benchmarks.faults.parts import adam, rmsprop
from unstuck.training.program import Program


class Reader(nn.Module):
    """A recurrent layer, of whose last state an answer is made."""

    def __init__(self, kind: type[nn.RNNBase], inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.layer = kind(inputs, hidden, batch_first=True)
        self.head = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.layer(x)
        return self.head(states[:, -1])


def pulses_lstm() -> Program:
    train, test = data.pulses()
    return Program(
        model=lambda: Reader(nn.LSTM, 1, 24, 2),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(0.01),
        batch_size=50,
        epochs=20,
    )


def pulses_gru() -> Program:
    train, test = data.pulses(500, steps=10)
    return Program(
        model=lambda: Reader(nn.GRU, 1, 16, 2),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=rmsprop(0.01),
        batch_size=50,
        epochs=20,
    )


def totals_gru() -> Program:
    train, test = data.totals(800, steps=6)
    return Program(
        model=lambda: Reader(nn.GRU, 2, 24, 1),
        train=train,
        test=test,
        loss=nn.MSELoss(),
        optimizer=adam(0.01),
        batch_size=50,
        epochs=20,
    )


def swing_rnn() -> Program:
    train, test = data.swing()
    return Program(
        model=lambda: Reader(nn.RNN, 1, 24, 1),
        train=train,
        test=test,
        loss=nn.MSELoss(),
        optimizer=adam(5e-3),
        batch_size=50,
        epochs=25,
    )


def swing_convolution() -> Program:
    class Filters(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.filters = nn.Conv1d(1, 16, 5)
            self.out = nn.Linear(16 * 8, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.filters(x.transpose(1, 2)).relu().flatten(1))

    train, test = data.swing()
    return Program(
        model=Filters,
        train=train,
        test=test,
        loss=nn.MSELoss(),
        optimizer=adam(5e-3),
        epochs=25,
    )


class Bag(nn.Module):
    """The mean of the words' vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = nn.Embedding(30, 8)
        self.out = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.vectors(x).mean(1))


def words_bag() -> Program:
    train, test = data.words(800)
    return Program(
        model=Bag,
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(0.02),
        batch_size=50,
        epochs=25,
    )


class Attentive(nn.Module):
    """Words that look at each other once."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = nn.Embedding(30, 16)
        self.places = nn.Parameter(0.02 * torch.randn(12, 16))
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.norm, self.out = nn.LayerNorm(16), nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.vectors(x) + self.places
        seen, _ = self.attention(x, x, x, need_weights=False)
        return self.out(self.norm(x + seen).mean(1))


def words_attention() -> Program:
    train, test = data.words(800)
    return Program(
        model=Attentive,
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(5e-3),
        batch_size=50,
        epochs=15,
    )


CASES = controls(pulses_lstm, pulses_gru, totals_gru, swing_rnn, swing_convolution, words_bag, words_attention)
