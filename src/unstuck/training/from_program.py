"""What a user's program leaves open, filled in: batch size, rows on the device, the score."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from unstuck.engine import Engine
from unstuck.errors import ProgramError
from unstuck.training.program import Program
from unstuck.training.scores import ACCURACY, R2, Score, threshold_accuracy
from unstuck.training.torch_rows import Rows, rows_of


def check(program: Program) -> None:
    """`ProgramError` for what is wrong without running anything."""
    for name in ("loss", "optimizer"):
        if not callable(getattr(program, name)):
            raise ProgramError(f"{name} must be callable, got {type(getattr(program, name)).__name__}.")
    if program.epochs < 1:
        raise ProgramError(f"epochs must be 1 or more, got {program.epochs}.")


def batch_size(program: Program, train: Rows) -> int:
    """Rows per step: the program's, else its DataLoader's, else 32 or as many as there are."""
    size = program.batch_size
    if size is None and isinstance(program.train, DataLoader):
        size = program.train.batch_size
    if size is None:
        return min(32, len(train))
    if not 1 <= size <= len(train):
        raise ProgramError(f"batch_size must be from 1 to {len(train)}, the number of training rows, got {size}.")
    return size


def rows(program: Program, device: torch.device) -> Mapping[str, Rows]:
    """The splits that there are, as the engine keeps them."""
    given = {"train": program.train, "validation": program.validation, "test": program.test}
    return {name: rows_of(part, device, name) for name, part in given.items() if part is not None}


def score(program: Program, engine: Engine, train: Rows) -> Score:
    """The user's score; else accuracy where targets are whole numbers or two classes, else R²."""
    if (measure := program.score) is not None:
        return Score(
            "score",
            "",
            lambda outputs, targets: float(measure(torch.from_numpy(outputs), torch.from_numpy(targets))),
        )
    some = engine.evaluate(train.take(np.arange(min(len(train), 256))))
    if not np.issubdtype(some.targets.dtype, np.floating):
        return ACCURACY
    if some.outputs.size == some.targets.size and set(np.unique(some.targets)) == {0.0, 1.0}:
        logits = isinstance(program.loss, nn.BCEWithLogitsLoss)
        return Score("accuracy", "share of rows", threshold_accuracy(0.0 if logits else 0.5))
    return R2
