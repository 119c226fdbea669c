"""Everything that one training needs, ready to go: from a recipe, or from a program."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from unstuck.data import load_for
from unstuck.data.dataset import Dataset
from unstuck.dense.engine import DenseEngine
from unstuck.engine import Engine
from unstuck.errors import RecipeError
from unstuck.network.build import LINKS
from unstuck.network.initial import initial_parameters
from unstuck.network.network import Network, linked
from unstuck.recipe.model import Own
from unstuck.recipe.schedule import Plateau
from unstuck.recipe.spec import Recipe, Stopping
from unstuck.rng import stream
from unstuck.training import transfer
from unstuck.training.graph_engine import GraphEngine
from unstuck.training.loop import Plan
from unstuck.training.own import maker
from unstuck.training.program import Program
from unstuck.training.resolve import resolve
from unstuck.training.schedules import factors
from unstuck.training.scores import Score, score_of
from unstuck.training.transfer import Trained

# What each loss is measured in. Numbers to predict are scaled, so that their errors have no unit of their own.
_UNITS = {
    "cross-entropy": "nats",
    "bce": "nats",
    "mse": "squared error",
    "mae": "absolute error",
    "huber": "squared error / 2, absolute beyond delta",
}
# Rows that a model of the user's own is tried on before anything is written
_TRIED = 256
# Training rows looked at after each epoch, at most. The score's standard error is then below half a percent.
_LOOKED_AT = 10_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """An engine at the start of training, the plan, and what to measure on which rows.

    `rows` holds the splits as the engine keeps them; `recipe`, `dataset` and `network` are None for programs.
    `make` makes the model of the user's own where it is handed over, not named by the recipe.
    """

    engine: Engine
    plan: Plan
    rows: Mapping[str, Any]
    score: Score
    keep: str
    link: Callable[[np.ndarray], np.ndarray]
    loss_unit: str
    stopping: Stopping = Stopping()
    plateau: Plateau | None = None
    recipe: Recipe | None = None
    dataset: Dataset | None = None
    network: Network | None = None
    make: Callable[..., Any] | None = None

    def looked_at(self) -> Any:
        """Training rows to judge each epoch by, after it, as validation rows are: some of a large set."""
        train = self.rows["train"]
        if len(train) <= _LOOKED_AT:
            return train
        return train.take(np.sort(stream(self.plan.seed, "probe").choice(len(train), _LOOKED_AT, replace=False)))


def task_of_recipe(
    recipe: Recipe,
    dataset: Dataset | None = None,
    *,
    make: Callable[..., Any] | None = None,
    resumed: bool = False,
) -> Task:
    """The recipe made live. `dataset` is what `recipe.data` loads, if it is loaded already.

    `make` stands for the function that a model of the user's own names: a callable that returns an nn.Module.
    It must be given where the recipe is `resumed` from a folder, whose names nothing is imported by.
    Where it is `resumed`, its weights are put in afterwards, and no source of a transfer is asked for them.
    """
    if isinstance(recipe.model, Own) and make is None and not resumed:
        make = maker(recipe.model.function)
    given = None
    if recipe.transfer and not resumed:
        given = importlib.import_module("unstuck.training.torch_transfer").trained(recipe.transfer)
        recipe = transfer.noted(recipe, given, is_loaded=dataset is not None)
    dataset = dataset or load_for(recipe, given and given.inputs)
    recipe, network = resolve(recipe, dataset)
    if recipe.engine in ("dense", "graph"):
        assert network is not None
        engine, rows = _own(recipe, network, dataset), dataset.splits
    else:
        engine, rows, recipe = _torch(recipe, network, dataset, make, given)
    steps = -(-len(dataset.train) // recipe.batch_size)
    return Task(
        engine=engine,
        plan=Plan(
            rows=len(dataset.train),
            batch_size=recipe.batch_size,
            epochs=recipe.epochs,
            seed=recipe.seed,
            factors=partial(factors, recipe.schedule, epochs=recipe.epochs, steps_per_epoch=steps),
        ),
        rows=rows,
        score=score_of(recipe, dataset.classes),
        keep=recipe.keep,
        link=partial(linked, LINKS.get(recipe.loss.name, "identity")),
        loss_unit=_UNITS[recipe.loss.name],
        stopping=recipe.stopping,
        plateau=recipe.schedule if isinstance(recipe.schedule, Plateau) else None,
        recipe=recipe,
        dataset=dataset,
        network=network,
        make=make,
    )


def _initial(recipe: Recipe, network: Network) -> np.ndarray:
    assert not isinstance(recipe.model, Own)
    return initial_parameters(network, recipe.model.initializer, recipe.seed)


def _own(recipe: Recipe, network: Network, dataset: Dataset) -> Engine:
    make = DenseEngine.make if recipe.engine == "dense" else GraphEngine.make
    return make(
        network,
        recipe,
        parameters=_initial(recipe, network),
        train=dataset.train,
        factor=_factor(dataset),
    )


def _torch(
    recipe: Recipe,
    network: Network | None,
    dataset: Dataset,
    make: Callable[..., Any] | None,
    given: Trained | None,
) -> tuple[Engine, Mapping[str, Any], Recipe]:
    # Imported by name when it is needed: torch takes longer to import than MNIST to learn.
    lowering = importlib.import_module("unstuck.training.from_recipe")
    torch_engine = importlib.import_module("unstuck.training.torch_engine")
    device = torch_engine.device_named(recipe.device)
    rows = {name: lowering.resident(split, _factor(dataset), device) for name, split in dataset.splits.items()}
    model = partial(
        lowering.module_of,
        recipe,
        network,
        network and network.named(_initial(recipe, network)),
        shape=dataset.shape,
        outputs=dataset.outputs,
        pictures=dataset.has_pictures,
        make=make,
    )
    augment = None
    if recipe.augment.is_on:
        learns_itself = recipe.model.name == "autoencoder"
        making = importlib.import_module("unstuck.training.torch_augment").augmentation
        augment = making(recipe.augment, dataset, device, learns_itself=learns_itself)
    program, thaw = lowering.program_of(recipe, model, rows["train"]), None
    if recipe.transfer:
        program, thaw = importlib.import_module("unstuck.training.torch_transfer").transferred(
            program, recipe, given, steps=-(-len(dataset.train) // recipe.batch_size)
        )
    engine = torch_engine.TorchEngine.make(
        program,
        rows["train"],
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        setting=torch_engine.Setting(
            device=device,
            threads=recipe.threads,
            precision=recipe.precision,
            compiled=recipe.compile,
            clip_norm=recipe.optimizer.clip_norm,
            augment=augment,
            thaw=thaw,
        ),
    )
    if network is None:
        some = rows["train"].take(np.arange(min(_TRIED, len(dataset.train))))
        importlib.import_module("unstuck.training.from_program").first_look(engine, some)
        _check_last_batch(engine.model, recipe, len(dataset.train))
    return engine, rows, recipe.edit("device", device.type)


def _check_last_batch(model: Any, recipe: Recipe, rows: int) -> None:
    """Of a model of the user's own; `resolve` does it for the others."""
    is_normalized = any(type(part).__name__ == "BatchNorm1d" for part in model.modules())
    if (rows - 1) % recipe.batch_size == 0 and is_normalized:
        hint = f"{rows} rows leave one for the last batch, which has no variance."
        raise RecipeError("batch_size", "be another where a batch is normalized", recipe.batch_size, hint=hint)


def _factor(dataset: Dataset) -> float:
    return float(dataset.inputs.factor) if dataset.train.x.dtype == np.uint8 else 1.0


def task_of_program(program: Program, *, seed: int = 0, device: str = "auto", threads: int = 1) -> Task:
    """The user's own objects, ready to train on the torch engine."""
    torch_engine = importlib.import_module("unstuck.training.torch_engine")
    own = importlib.import_module("unstuck.training.from_program")
    place = torch_engine.device_named(device)
    own.check(program, seed)
    rows = own.rows(program, place)
    size = own.batch_size(program, rows["train"])
    engine = torch_engine.TorchEngine.make(
        program,
        rows["train"],
        batch_size=size,
        seed=seed,
        setting=torch_engine.Setting(device=place, threads=threads),
    )
    schedule = program.schedule or (lambda step: 1.0)
    return Task(
        engine=engine,
        plan=Plan(
            rows=len(rows["train"]),
            batch_size=size,
            epochs=program.epochs,
            seed=seed,
            factors=lambda steps: np.array([float(schedule(int(step))) for step in steps]),
        ),
        rows=rows,
        score=own.score(program, engine, rows["train"]),
        keep="best" if "validation" in rows else "last",
        link=lambda outputs: outputs,
        loss_unit="",
        stopping=Stopping(patience=program.patience),
    )


def lowered_task(program: Program, *, seed: int = 0, inside: Callable[[Any], Any] | None = None) -> Task:
    """The same on the processor, where the dense engine takes the steps if it takes the same ones.

    `inside` is `network.recognize.Inside`: what modules that are not torch's own are made of.
    """
    task = task_of_program(program, seed=seed, device="cpu")
    lowering = importlib.import_module("unstuck.training.torch_lowering")
    known = {"inside": inside} if inside else {}
    return replace(task, engine=lowering.lowered(program, task.engine, epochs=task.plan.epochs, **known))
