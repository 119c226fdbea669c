"""Healthy programs that learn classes from tables: separable, noisy, rare, few rows."""

import numpy as np
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor, nn

from benchmarks.faults import data
from benchmarks.faults.case import controls
from benchmarks.faults.parts import adam, balanced, glorot, mlp, sgd
from unstuck.training.program import Program


def iris_nll() -> Program:
    train, test = data.standard(data.iris())
    return Program(
        model=mlp(4, 16, 3, out=(nn.LogSoftmax(dim=1),)),
        train=train,
        test=test,
        loss=nn.NLLLoss(),
        optimizer=adam(0.01),
        batch_size=16,
        epochs=40,
    )


def iris_in_cm() -> Program:
    """Unscaled inputs from 0.1 to 8, which do no harm."""
    train, test = data.iris()
    return Program(
        model=mlp(4, 16, 3),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(0.01),
        batch_size=16,
        epochs=60,
    )


def iris_thirty_rows() -> Program:
    (x, y), test = data.standard(data.iris())
    return Program(
        model=mlp(4, 8, 3, act=nn.Tanh),
        train=(x[::3].numpy(), y[::3].numpy()),
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(0.01, weight_decay=1e-3),
        batch_size=10,
        epochs=80,
    )


def wine_sgd() -> Program:
    train, test = data.standard(data.wine())
    return Program(
        model=mlp(13, 16, 3),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=sgd(0.05, momentum=0.9),
        batch_size=16,
        epochs=30,
    )


def cancer_logits_column() -> Program:
    """BCE with logits on targets (N, 1)."""
    train, test = data.column(data.as_float(data.standard(data.breast_cancer())))
    return Program(
        model=mlp(30, 16, 1),
        train=train,
        test=test,
        loss=nn.BCEWithLogitsLoss(),
        optimizer=adam(3e-3),
        epochs=20,
    )


class Chance(nn.Module):
    """A probability (N,)."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(30, 12)
        self.out = nn.Linear(12, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.hidden(x).relu()).sigmoid().squeeze(1)


def cancer_probability() -> Program:
    """Sigmoid and BCE on targets (N,)."""
    train, test = data.as_float(data.standard(data.breast_cancer()))
    return Program(
        model=Chance,
        train=train,
        test=test,
        loss=nn.BCELoss(),
        optimizer=adam(3e-3),
        epochs=20,
    )


def moons_tanh() -> Program:
    train, test = data.moons()
    return Program(
        model=mlp(2, 24, 24, 2, act=nn.Tanh, draw=glorot),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(0.01),
        epochs=40,
    )


def moons_wrong_labels() -> Program:
    """A fifth of all labels is wrong, those scored too: 0.8 is the most that can be had."""
    train, test = data.moons(800, noise=0.1, flipped=0.2)
    return Program(
        model=mlp(2, 16, 2),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(0.01, weight_decay=1e-3),
        batch_size=64,
        epochs=40,
    )


def circles_selu() -> Program:
    train, test = data.circles()
    return Program(
        model=mlp(2, 16, 16, 2, act=nn.SELU),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(0.01),
        epochs=30,
    )


def blobs_logistic() -> Program:
    """A linear model is all that this takes."""
    train, test = data.blobs(centers=3, spread=2.0, seed=2)
    return Program(
        model=lambda: nn.Linear(2, 3),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(0.05),
        epochs=40,
    )


def blobs_overlapping() -> Program:
    """Clouds that lie in each other: a modest score is the best."""
    train, test = data.standard(data.blobs(1000, centers=5, spread=3.5))
    return Program(
        model=mlp(2, 24, 5),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(),
        optimizer=adam(5e-3),
        batch_size=64,
        epochs=25,
    )


def xor_four_rows() -> Program:
    train, test = data.xor_rows()
    return Program(
        model=mlp(2, 16, 1, act=nn.Tanh, out=(nn.Sigmoid(),)),
        train=train,
        test=test,
        loss=nn.BCELoss(),
        optimizer=adam(0.05),
        batch_size=4,
        epochs=300,
    )


def rare_class_weighted() -> Program:
    """One row in twenty is of the second class, whose weight makes up for it."""
    train, test = data.rare(1000)
    weights = compute_class_weight("balanced", classes=np.array([0, 1]), y=train[1].numpy())
    return Program(
        model=mlp(5, 16, 2),
        train=train,
        test=test,
        loss=nn.CrossEntropyLoss(weight=torch.tensor(weights, dtype=torch.float32)),
        optimizer=adam(2e-3, weight_decay=1e-3),
        batch_size=64,
        epochs=15,
        score=balanced,
    )


def five_tags() -> Program:
    """Several labels at once."""
    train, test = data.tags(1200)
    return Program(
        model=mlp(12, 64, 5),
        train=train,
        test=test,
        loss=nn.BCEWithLogitsLoss(),
        optimizer=adam(3e-3, weight_decay=1e-4),
        batch_size=64,
        epochs=40,
    )


CASES = controls(
    iris_nll,
    iris_in_cm,
    iris_thirty_rows,
    wine_sgd,
    cancer_logits_column,
    cancer_probability,
    moons_tanh,
    moons_wrong_labels,
    circles_selu,
    blobs_logistic,
    blobs_overlapping,
    xor_four_rows,
    rare_class_weighted,
    five_tags,
)
