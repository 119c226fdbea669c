"""What a user's program leaves open, filled in: batch size, rows on the device, the score."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from unstuck.engine import Engine, Evaluation
from unstuck.errors import ProgramError
from unstuck.training import torch_random
from unstuck.training.program import Program
from unstuck.training.scores import ACCURACY, R2, Score, threshold_accuracy
from unstuck.training.torch_rows import EXPECTED, Resident, Rows, rows_of

# Rows by whose outputs and targets a score is chosen, at most
_JUDGED_BY = 256


_CALLED = {
    "model": "a torch.nn.Module or a function that makes one",
    "loss": "a function of outputs and targets, such as torch.nn.CrossEntropyLoss()",
    "optimizer": "a function of parameters, such as lambda parameters: torch.optim.SGD(parameters, lr=0.1)",
}
"""What is called, in words."""


def check(program: Program, seed: int) -> None:
    """`ProgramError` for what is wrong without running anything."""
    for name, what in _CALLED.items():
        if not callable(given := getattr(program, name)):
            raise ProgramError(f"{name} must be {what}, got {type(given).__name__}.")
    for name in ("schedule", "step", "score"):
        if not (callable(given := getattr(program, name)) or given is None):
            raise ProgramError(f"{name} must be callable or None, got {type(given).__name__}.")
    if type(seed) is not int or seed < 0:
        raise ProgramError(f"seed must be a whole number, 0 or more, got {seed!r}.")
    if isinstance(program.loss, type):
        raise ProgramError(
            f"loss must be a function or an object, got the class {program.loss.__name__}: call it."
        )
    for name in ("epochs", "batch_size", "patience"):
        given = getattr(program, name)
        if (given is not None or name == "epochs") and (type(given) is not int or given < 1):
            raise ProgramError(f"{name} must be a whole number, 1 or more, got {given!r}.")
    if program.patience is not None and program.validation is None:
        raise ProgramError(f"patience must be None where there is no validation data, got {program.patience}.")


def batch_size(program: Program, train: Rows) -> int:
    """Rows per step: the program's, else its DataLoader's, else 32 or as many as there are."""
    size = program.batch_size
    if size is None and isinstance(program.train, DataLoader):
        size = program.train.batch_size
    if size is None:
        return min(32, len(train))
    if size > len(train):
        raise ProgramError(f"batch_size must be at most {len(train)}, the number of training rows, got {size}.")
    return size


def rows(program: Program, device: torch.device) -> Mapping[str, Rows]:
    """The splits that there are, as the engine keeps them."""
    if program.train is None:
        raise ProgramError(f"train must be {EXPECTED}, got None.")
    given = {"train": program.train, "validation": program.validation, "test": program.test}
    return {name: rows_of(part, device, name) for name, part in given.items() if part is not None}


def score(program: Program, engine: Engine, train: Rows) -> Score:
    """The user's score; else accuracy of classes, R² of numbers, or, where neither fits, the loss negated."""
    places = np.unique(np.linspace(0, len(train) - 1, _JUDGED_BY).astype(np.int64))  # rows may be sorted by class
    outputs, targets, _ = first_look(engine, train.take(places))
    if (measure := program.score) is not None:
        return Score("score", "", _of_tensors(measure))
    by_class = outputs.ndim == targets.ndim + 1 and outputs.shape[1] > 1
    if by_class and not np.issubdtype(targets.dtype, np.floating):
        return ACCURACY
    if outputs.size == targets.size and set(np.unique(targets)) <= {0.0, 1.0}:
        logits = isinstance(program.loss, nn.BCEWithLogitsLoss)
        return Score("accuracy", "share of rows", threshold_accuracy(0.0 if logits else 0.5))
    if outputs.size == targets.size:
        return R2
    return Score("negative_loss", "", _of_tensors(lambda outputs, targets: -float(program.loss(outputs, targets))))


def first_look(engine: Engine, some: Rows) -> Evaluation:
    """What the model and the loss say of some rows; where they cannot, the objects do not fit together."""
    try:
        return engine.evaluate(some)
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        if isinstance(error, ProgramError):
            raise
        x, y = some.batch(torch.zeros(1, dtype=torch.int64))
        inputs = f"inputs of shape (rows, {', '.join(map(str, x.shape[1:]))}) and {x.dtype}"
        targets = f"targets of shape (rows{''.join(f', {size}' for size in y.shape[1:])}) and {y.dtype}"
        why = " ".join(str(error).split())
        said = f"model and loss must take {inputs}, {targets}; they said: {why}"
        raise ProgramError(said + _advice(engine, some, x, y)) from error


def _advice(engine: Engine, some: Rows, x: Tensor, y: Tensor) -> str:
    """What the outputs are, if the model is not at fault, and what class numbers must be."""
    try:
        outputs = engine.outputs(x.cpu().numpy())
    except (RuntimeError, IndexError, ValueError, TypeError):
        return ""
    said = f" (outputs are of shape (rows{''.join(f', {size}' for size in outputs.shape[1:])}))."
    if outputs.ndim != y.ndim + 1 or outputs.shape[1] < 2:
        return said
    _, targets = arrays(some)
    if np.issubdtype(targets.dtype, np.floating):
        return f"{said} Class numbers must be whole: y.astype('int64')."
    return f"{said} Classes must be 0 to {outputs.shape[1] - 1}, and are {targets.min()} to {targets.max()}."


def _of_tensors(measure: Callable[[Tensor, Tensor], float]) -> Callable[[np.ndarray, np.ndarray], float]:
    def measured(outputs: np.ndarray, targets: np.ndarray) -> float:
        found: object = measure(torch.from_numpy(outputs), torch.from_numpy(targets))
        try:
            return float(found)  # pyright: ignore[reportArgumentType] (whatever the user's code gives)
        except (RuntimeError, TypeError, ValueError) as error:
            got = f"a tensor {(*found.shape,)}" if isinstance(found, Tensor) else repr(found)
            raise ProgramError(f"score must give a number, got {got}.") from error

    return measured


def arrays(rows: Rows) -> tuple[np.ndarray | None, np.ndarray]:
    """Inputs (N, …), where they are in memory, and targets (N, …)."""
    if isinstance(rows, Resident):
        return rows.x.cpu().numpy(), rows.y.cpu().numpy()
    with torch_random.lent(rows.device):
        targets = [rows.batch(block)[1].cpu() for block in torch.arange(len(rows)).split(_JUDGED_BY)]
    return None, torch.cat(targets).numpy()
