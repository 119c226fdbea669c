"""The facts of a live program; what does not fit together is one line."""

import copy
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from unstuck.errors import ProgramError
from unstuck.evidence.facts import Facts, Split, kind_of
from unstuck.evidence.torch_objective import objective_of
from unstuck.training import from_program, torch_random
from unstuck.training.from_program import arrays, first_look
from unstuck.training.program import Program
from unstuck.training.task import Task, task_of_program
from unstuck.training.torch_engine import TorchEngine, device_named
from unstuck.training.torch_rows import Fetched, Rows

_MOST = 10_000_000  # rows of a data set, which are asked for one by one: hours, or one without an end
_TRIED, _PROBED = 256, 8  # rows whose outputs are looked at, and rows that the loss is tried on


def settled(program: Program, *, device: str = "auto") -> Program:
    """The same program, whose rows are kept where it trains and whose batch size is said: to train it often.

    Nothing in it is shared with the user's model, or with a loss that is a module.
    """
    from_program.check(program, 0)
    with quiet():
        rows = from_program.rows(program, device_named(device))
    for name, part in rows.items():
        if isinstance(part, Fetched) and len(part) > _MOST:
            hint = "Give a torch.utils.data.Subset of it."
            raise ProgramError(
                f"{name} must have at most {_MOST:,} rows that are made one by one, got {len(part):,}. {hint}"
            )
    return replace(
        program,
        model=_own_model(program.model),
        loss=copied(program.loss, "loss") if isinstance(program.loss, nn.Module) else program.loss,
        train=rows["train"],
        validation=rows.get("validation"),
        test=rows.get("test"),
        batch_size=from_program.batch_size(program, rows["train"]),
    )


def task_of(program: Program, *, seed: int, device: str = "auto") -> Task:
    """A program at the start of a training; the global random streams are as they were."""
    with quiet(), torch_random.lent(device_named(device)):
        return task_of_program(program, seed=seed, device=device)


def facts_of(program: Program, *, seed: int) -> Facts:
    """What the program is; `ProgramError` for what cannot be trained, with what was expected."""
    program = settled(program)
    task = task_of(program, seed=seed)
    engine: Any = task.engine
    rows: Mapping[str, Rows] = task.rows
    train = rows["train"]
    some = train.take(spread(len(train), _TRIED))
    with quiet(), torch_random.lent(engine.device):
        said = first_look(engine, some)
        x, y = some.batch(torch.arange(min(_PROBED, len(some)), device=engine.device))
    kind, axis = kind_of(said.outputs, said.targets)
    outputs = torch.from_numpy(said.outputs[: len(y)]).to(engine.device)
    objective = objective_of(engine.loss, outputs, y, kind, axis)
    if kind == "classes" and objective.takes == "numbers" and (said.targets % 1).any():  # shares to predict
        kind, axis = "numbers", 0
    splits = {name: Split(*arrays(part)) for name, part in rows.items()}
    width = said.outputs[0].size
    return Facts(
        kind=kind,
        classes={"classes": said.outputs.shape[axis], "binary": 2, "labels": width}.get(kind, 0),
        is_one_hot=kind == "classes" and said.outputs.shape == said.targets.shape,
        class_axis=axis,
        **objective._asdict(),
        score=task.score.name,
        batch_size=task.plan.batch_size,
        steps_per_epoch=task.plan.steps,
        epochs=task.plan.epochs,
        **_settings(engine),
        input_shape=tuple(x.shape[1:]),
        input_dtype=str(x.dtype).removeprefix("torch."),
        output_shape=said.outputs.shape[1:],
        target_shape=tuple(y.shape[1:]),
        target_dtype=str(y.dtype).removeprefix("torch."),
        is_token=not (x.is_floating_point() or x.is_complex() or x.dtype in (torch.uint8, torch.bool)),
        has_step=program.step is not None,
        rows={name: len(part) for name, part in rows.items()},
        train=splits["train"],
        validation=splits.get("validation"),
        test=splits.get("test"),
    )


def spread(rows: int, most: int) -> np.ndarray:
    """At most so many row numbers, evenly from the first to the last: rows may be sorted by class."""
    return np.unique(np.linspace(0, rows - 1, most).astype(np.int64))


def copied(given: Any, name: str) -> Any:
    """A deep copy; `ProgramError` where an object allows none."""
    try:
        return copy.deepcopy(given)
    except (RuntimeError, TypeError, ValueError, NotImplementedError, AttributeError) as error:
        why = " ".join(str(error).split())
        raise ProgramError(
            f"{name} must be something that can be copied, got {type(given).__name__}, which said: {why}. "
            "Give a function that makes a new one."
        ) from error


@contextmanager
def quiet() -> Generator[None]:
    """Without warnings: what they warn of is looked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _own_model(given: Any) -> Any:
    if isinstance(given, nn.Module):
        return copied(given, "model")
    try:
        with torch_random.lent(torch.device("cpu")):
            first, second = given(), given()
    except TypeError as error:
        if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
            raise  # it was called, and went wrong inside
        raise ProgramError(f"model must be called without arguments; Python said: {error}.") from error
    if first is second and isinstance(first, nn.Module):
        raise ProgramError(
            "model must make a new nn.Module at every call, got the same twice. Give the module itself."
        )
    return given


def _settings(engine: TorchEngine) -> dict[str, Any]:
    groups = engine.optimizer.param_groups
    momentum = max(float(group.get("momentum", 0) or group.get("betas", (0,))[0]) for group in groups)
    return {
        "optimizer": type(engine.optimizer).__name__,
        "rates": tuple(float(group["lr"]) for group in groups),
        "momentum": momentum,
        "weight_decay": max(float(group.get("weight_decay", 0)) for group in groups),
        "parameters": sum(part.numel() for part in engine.model.parameters()),
    }
