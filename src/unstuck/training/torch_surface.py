"""The loss surface at a network that is trained, or about to be, on some of its training rows."""

import copy
from typing import Any

import numpy as np
import torch
from torch import nn

from unstuck.data import Dataset
from unstuck.errors import ProgramError, RunError
from unstuck.landscape.plane import POINTS, Plane, plane
from unstuck.landscape.point import Point, examine
from unstuck.landscape.surface import Surface
from unstuck.recipe.edit import Edit
from unstuck.recipe.spec import Recipe
from unstuck.rng import stream
from unstuck.training.program import Program
from unstuck.training.run import Run, task_of_run
from unstuck.training.task import task_of_program, task_of_recipe
from unstuck.training.torch_engine import TorchEngine


def point_of(
    what: Recipe | Program | Run, dataset: Dataset | None, *, rows: int, seed: int, spectrum: bool = False
) -> Point:
    """The verdict at initial weights, or at a run's, on at most so many training rows that the seed draws.

    `dataset` is that of a recipe, or of a recipe's run, if it is loaded already.
    """
    surface = _surface(_engine(what, dataset, seed), rows, seed)
    return examine(surface, stream(seed, "probe", 1), spectrum=spectrum)


def beyond(
    what: Recipe | Program | Run, *, rows: int, seed: int, spectrum: bool = False
) -> tuple[Point, dict[str, np.ndarray]]:
    """The verdict, and all weights by name, a step down the saddle; `RunError` where there is no way down."""
    engine = _engine(what, None, seed)
    surface = _surface(engine, rows, seed)
    point = examine(surface, stream(seed, "probe", 1), spectrum=spectrum)
    if point.escape is None:
        raise RunError(f"there must be a saddle to go on from, got {point.kind}: {point.reason}.")
    if point.escape.after >= point.loss:
        raise RunError(f"no step down the saddle lowers the loss, {point.loss:.6g}: there is no going on from it.")
    moved = surface.weights(point.escape.length * point.escape.direction)
    return point, engine.weights() | moved


def plane_of(
    what: Recipe | Program | Run,
    dataset: Dataset | None,
    *,
    rows: int,
    seed: int,
    points: int = POINTS,
    reach: float = 1.0,
) -> Plane:
    """The losses around initial weights, or a run's, on the training rows of `point_of`, in float32."""
    surface = _surface(_engine(what, dataset, seed), rows, seed, dtype=torch.float32)
    return plane(surface, stream(seed, "probe", 2), points=points, reach=reach)


def _engine(what: Recipe | Program | Run, dataset: Dataset | None, seed: int) -> TorchEngine:
    if not isinstance(what, Recipe | Program | Run):
        raise ProgramError(f"what is examined must be a Recipe, a Program or a Run, got {type(what).__name__}.")
    if isinstance(what, Program):
        engine: Any = task_of_program(what, seed=seed).engine
    elif isinstance(what, Recipe):
        engine = task_of_recipe(what.edit("engine", "torch"), dataset).engine
    elif what.recipe is not None:  # on the device that is here: its own may be elsewhere
        engine = task_of_run(what, dataset, [Edit("engine", "torch"), Edit("device", "auto")]).engine
    else:
        engine = what.predictor
    if not isinstance(engine, TorchEngine):
        raise RunError(
            "the run's model is code of your own, which is not at hand: examine it before it is closed."
        )
    return engine


def _surface(engine: TorchEngine, rows: int, seed: int, *, dtype: torch.dtype = torch.float64) -> Surface:
    count = min(rows, len(engine.rows))
    some = np.sort(stream(seed, "probe").choice(len(engine.rows), count, replace=False))
    x, y = engine.rows.batch(torch.from_numpy(some).to(engine.device))
    loss = copy.deepcopy(engine.loss).to(dtype) if isinstance(engine.loss, nn.Module) else engine.loss
    return Surface(engine.model, loss, x, y, dtype=dtype)
