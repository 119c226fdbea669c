"""What a user calls in Python. Each function puts layers together; the command line calls the same."""

import importlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from unstuck import files
from unstuck.data import Dataset, load_for
from unstuck.data.readers.rows import ENDINGS as TABLES
from unstuck.errors import DataError, ProgramError, RecipeError, RunError, did_you_mean
from unstuck.landscape.plane import POINTS, Plane
from unstuck.landscape.point import Point
from unstuck.recipe import file
from unstuck.recipe.edit import Edit, edited
from unstuck.recipe.spec import Recipe
from unstuck.report.figures import save_figures
from unstuck.study.ensemble import Ensemble
from unstuck.trackers.following import Followed, check
from unstuck.training.folder import Folder
from unstuck.training.own import retyped
from unstuck.training.predictor import DataFacts, Predictor
from unstuck.training.program import Program
from unstuck.training.run import Run, conclude, load, seal, task_of_run
from unstuck.training.scores import score_of
from unstuck.training.task import Task, task_of_program, task_of_recipe
from unstuck.training.training import Training
from unstuck.training.transfer import is_library, keep_scaling, kept_scaling, recipe_of

__all__ = [
    "answers",
    "begin",
    "curvature",
    "escape",
    "escaping",
    "evaluate",
    "export",
    "finetune",
    "finish",
    "load",
    "plane",
    "resume",
    "train",
]


_NONE_HELD_OUT = tuple(
    Edit(path, to)
    for path, to in {
        "keep": "last",
        "stopping.patience": None,
        "schedule.name": "constant",
        "data.validation": 0.0,
        "data.test": 0.0,
        "data.rows": None,
        "data.fold": None,
        "data.bootstrap": None,
    }.items()
)


def train(
    what: Recipe | Program,
    *,
    seed: int | None = None,
    out: str | Path | None = None,
    device: str | None = None,
    threads: int | None = None,
    log: Sequence[str] = (),
) -> Run:
    """Train a recipe or a program of your own, and score it.

    Args:
        what: a Recipe, or live PyTorch objects in a Program.
        seed: draws weights, order and dropout; nothing: the recipe's, or 0 for a program.
        out: a new folder for the run; nothing: it stays in memory.
        device: auto, cpu or cuda; nothing: the recipe's, or auto for a program.
        threads: of the processor, for the torch engine; nothing: the recipe's, or 1 for a program.
        log: trackers that are told of it: tensorboard, mlflow, wandb; they write into folders beside `out`.

    A run that diverged or was interrupted is returned like any other: `run.stop` says so.
    """
    check(log)
    given = {"seed": seed, "device": device, "threads": threads}
    if isinstance(what, Recipe):
        task = task_of_recipe(edited(what, [Edit(key, to) for key, to in given.items() if to is not None]))
    elif isinstance(what, Program):
        task = task_of_program(what, seed=seed or 0, device=device or "auto", threads=threads or 1)
    else:
        raise ProgramError(f"what is trained must be a Recipe or a Program, got {type(what).__name__}.")
    training = _started(task, Folder.create(Path(out)) if out is not None else None)
    followed = Followed(training, log)
    for _ in followed:
        pass
    run = finish(training)
    followed.finish(run)
    return run


def finetune(
    source: str | Path | Run,
    what: str | Path | Recipe,
    edits: Mapping[str, object] | None = None,
    *,
    out: str | Path | None = None,
    log: Sequence[str] = (),
) -> Run:
    """Train further what was trained before: the source's weights with a new head, on other data.

    Args:
        source: a run, its folder, a .safetensors, .pt or .pth file of weights, timm:NAME or torchvision:NAME.
        what: a data set's name or a path to data, for the source's recipe; or a recipe of your own.
        edits: changes of the recipe by dotted key, such as {"transfer.unfreeze_after": 3, "epochs": 6}.
        out: a new folder for the run; nothing: it stays in memory.
        log: trackers that are told of it, as `train` has them.
    """
    if isinstance(source, Run):
        if source.folder is None:
            raise RunError("the source must be a run that has a folder: train it with out=…, or load it.")
        source = source.folder
    changes = [Edit(path, to) for path, to in (edits or {}).items()]
    if isinstance(what, Recipe):
        return train(edited(what, [Edit("transfer.source", str(source)), *changes]), out=out, log=log)
    return train(recipe_of(str(source), str(what), changes), out=out, log=log)


def begin(recipe: Recipe, *, out: Path | None, stem: str, live: Callable[..., Task] = task_of_recipe) -> Training:
    """A training of a recipe, to iterate over; `out` is a new folder, nothing stands for runs/STEM-1, -2, ….

    `live` is what makes a recipe live: in this process, or in several together.
    """
    task = live(recipe)  # first: a recipe that cannot be run leaves no folder
    return _started(task, Folder.next(Path("runs"), stem) if out is None else Folder.create(out))


def resume(path: str | Path, *, model: str | None = None, live: Callable[..., Task] = task_of_recipe) -> Training:
    """A training that goes on where its folder was left, to iterate over: same bits as if never stopped.

    Where the model is code of your own, `model` is its name again, package.module:function. `live` is as for
    `begin`.
    """
    folder = Folder(Path(path))
    state = folder.read_state()
    if state["state"] == "finished":
        raise RunError(f"{path} is finished already. Type: unstuck evaluate {path}")
    folder.check_recipe(state)
    recipe = file.read(Recipe, folder.recipe)
    make = retyped(recipe, model, path)
    dataset = load_for(recipe, kept_scaling(folder) if recipe.data.scaling == "source" else None)
    if dataset.fingerprint != state.get("data"):
        raise RunError(f"{path} was trained on other data: their fingerprint has changed, so it cannot go on.")
    return Training.resumed(live(recipe, dataset, make=make, resumed=True), folder)


def finish(training: Training, *, record: int = 19) -> Run:
    """The run, scored, drawn and declared whole; `record` is the training record whose outputs are drawn."""
    run = conclude(training)
    if run.folder and run.scores:
        save_figures(run, training.task.dataset, run.folder / "figures", record=record)
    seal(run)
    return run


def evaluate(run: Run, edits: Iterable[Edit] = ()) -> dict[str, dict[str, float]]:
    """Loss and score of every split of the run's data; or of other data, which edits of `data` name.

    Other data are scaled as the training data were, so that their scores are those of the network as it is.
    They are not split: their score is `test` if they bring test rows of their own, else `all`.
    """
    predictor, recipe = run.predictor, run.recipe
    if recipe is None or not isinstance(predictor, Predictor):
        raise RunError("only a recipe's run can be scored again: a program's data are not at hand.")
    edits = list(edits)
    dataset = load_for(_whole(recipe, edits), predictor.inputs)
    _check_alike(dataset, predictor.facts, same=not edits)
    splits = dataset.splits
    if edits:
        splits = {"test": dataset.test} if dataset.test else {"all": dataset.train}
    score = score_of(recipe, dataset.classes)
    scores = {}
    for name, split in splits.items():
        raw = split.x if split.x.dtype == np.uint8 else dataset.inputs.undo(split.x)
        targets = split.y if dataset.targets is None else dataset.targets.undo(split.y)
        said = predictor.evaluate(raw, targets)
        scores[name] = {"loss": said.loss, score.name: score.measure(said.outputs, said.targets)}
    return scores


def _whole(recipe: Recipe, edits: Sequence[Edit]) -> Recipe:
    """The recipe with other data, none of them held out; edits may say where they are and how they are read."""
    if not edits:
        return recipe
    keys = ("name", "path", "target", "ignore", "sequence", "group", "size")
    known = {"data", *(f"data.{key}" for key in keys)}
    for edit in edits:
        if edit.path not in known:
            must = "say where other data are and how they are read"
            raise RecipeError(edit.path, must, edit.to, hint=did_you_mean(edit.path, known))
    return edited(recipe, [*_NONE_HELD_OUT, *edits])


def _check_alike(dataset: Dataset, facts: DataFacts, *, same: bool) -> None:
    if same and dataset.fingerprint != facts.fingerprint:
        raise DataError(
            f"{dataset.name} has changed since the run. To score it as it is now, name it: --data.path …"
        )
    for what, expected, got in (
        ("classes", facts.classes, dataset.classes),
        ("shape", *_shapes(facts, dataset)),
        ("inputs", facts.intake.features, dataset.features),
    ):
        if expected != got:
            raise DataError(f"the data must have the run's {what} {expected}, got {got}.")


def curvature(what: Recipe | Program | Run, *, rows: int = 1000, seed: int = 0, spectrum: bool = False) -> Point:
    """Whether a network stands in a minimum, at a saddle or on a plateau of its loss, by gradient and Hessian.

    Args:
        what: a Recipe or a Program at its initial weights, or a Run at those that it kept.
        rows: of the training rows, at most, that the loss is the mean of; more make it slower and less noisy.
        seed: draws them, and where the search for eigenvalues starts.
        spectrum: whether all of it is looked at, too, by ten times as many products: `point.spectrum`.
    """
    if rows < 1:
        raise RecipeError("rows", "be 1 or more", rows)
    home = importlib.import_module("unstuck.training.torch_surface")
    return home.point_of(what, None, rows=rows, seed=seed, spectrum=spectrum)


def escape(what: Recipe | Program | Run, *, out: str | Path | None = None, rows: int = 1000, seed: int = 0) -> Run:
    """Go on from a saddle: train the same again, from weights a step down its steepest side.

    `RunError` where `curvature` finds no saddle. The optimizer and its schedule begin anew.

    Args:
        what: as `curvature` has it. Where a program's run is at a saddle, give the Program with that model:
            dataclasses.replace(program, model=run.predictor.model).
        out: a new folder for the run; nothing: it stays in memory.
        rows: as `curvature` has it.
        seed: likewise; of a program also that of its training.
    """
    _, training = escaping(what, out=Path(out) if out else None, rows=rows, seed=seed)
    for _ in training:
        pass
    return finish(training)


def escaping(
    what: Recipe | Program | Run, *, out: Path | None, rows: int = 1000, seed: int = 0, spectrum: bool = False
) -> tuple[Point, Training]:
    """The saddle, and the training that goes on from it, to iterate over; the folder says where it began."""
    if rows < 1:
        raise RecipeError("rows", "be 1 or more", rows)
    home = importlib.import_module("unstuck.training.torch_surface")
    point, weights = home.beyond(what, rows=rows, seed=seed, spectrum=spectrum)
    if isinstance(what, Run):
        task = task_of_run(what)
    else:
        task = task_of_program(what, seed=seed) if isinstance(what, Program) else task_of_recipe(what)
    task.engine.restore(weights)
    folder = Folder.create(out) if out else None
    training = _started(task, folder)
    if folder:
        source = str(what.folder.resolve()) if isinstance(what, Run) and what.folder else None
        step = point.escape
        escaped = {"run": source, "length": step.length, "before": step.before, "after": step.after}
        folder.set_state("running", escaped=escaped)
    return point, training


def plane(
    what: Recipe | Program | Run, *, rows: int = 1000, seed: int = 0, points: int = POINTS, reach: float = 1.0
) -> Plane:
    """The loss around a network on a plane along two random directions, each filter's as long as its weights.

    Args:
        what: a Recipe or a Program at its initial weights, or a Run at those that it kept.
        rows: of the training rows, at most, that the loss is the mean of.
        seed: draws them, and the directions.
        points: along each side of the square, an odd number; the loss is evaluated at points².
        reach: of the square to each side of the network, in lengths of its filters.
    """
    if rows < 1:
        raise RecipeError("rows", "be 1 or more", rows)
    if points < 3 or points % 2 == 0:
        raise RecipeError("points", "be an odd number, 3 or more", points, hint="The network is the one amidst.")
    if not 0 < reach < math.inf:
        raise RecipeError("reach", "be positive and finite", reach)
    home = importlib.import_module("unstuck.training.torch_surface")
    return home.plane_of(what, None, rows=rows, seed=seed, points=points, reach=reach)


def export(run: Run | str | Path, path: str | Path, *, format: Literal["onnx", "torch"] = "onnx") -> Path:
    """Write a run's network to a new file that needs no unstuck: ONNX, or a program of torch.export (.pt2).

    Raw inputs `x` (N, …) go in, float32 (float64 where columns lie far from zero), and what `Run.probabilities`
    says of them, `y`, comes out. The file is read back and compared before it counts.
    """
    run = run if isinstance(run, Run) else load(run)
    importlib.import_module("unstuck.training.torch_export").export(run, Path(path), form=format)
    return Path(path)


def _shapes(facts: DataFacts, dataset: Dataset) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of one example, as trained on and as given; of sequences one step's, as they may be longer or shorter."""
    alike = facts.intake.sequence is not None and dataset.sequence is not None
    return (facts.intake.shape[1:], dataset.shape[1:]) if alike else (facts.intake.shape, dataset.shape)


class Answer(NamedTuple):
    """What a run's network says of one new input."""

    input: str
    answer: str
    probability: float | None
    """Of the answer, in [0, 1]; None for a number, or where the network's outputs are no probabilities."""


def answers(run: Run | Ensemble, inputs: Sequence[str]) -> list[Answer]:
    """An answer for each picture file, and for each row of each .csv, .parquet or .npz file."""
    if run.facts is None:
        raise RunError("only a recipe's run answers for files: how a program's inputs are made is not known.")
    if not inputs:
        raise DataError("there must be something to answer for, got nothing. Give picture files, or a table.")
    intake, said = run.facts.intake, []
    for path in inputs:
        if Path(path).suffix.lower() in TABLES:
            raw = intake.rows(path)
            what = "sequence" if intake.sequence else "row"
            names = [f"{path} {what} {number + 1}" for number in range(len(raw))]
        else:
            raw, names = intake.pictures([path]), [path]
        said += map(partial(_answer, run), names, run.probabilities(raw))
    return said


def _answer(run: Run | Ensemble, name: str, outputs: np.ndarray) -> Answer:
    classes = run.facts.classes if run.facts else None
    if classes is None:
        return Answer(name, ", ".join(f"{number:.6g}" for number in outputs), None)
    best = int(outputs.argmax())
    is_probability = run.recipe is not None and run.recipe.model.output in ("softmax", "sigmoid")
    return Answer(name, classes[best], float(outputs[best]) if is_probability else None)


def _started(task: Task, folder: Folder | None) -> Training:
    if folder and task.recipe and task.dataset:
        recipe = task.recipe
        if recipe.data.path is not None:  # so that the run can be resumed from another place
            recipe = recipe.edit("data.path", str(Path(recipe.data.path).resolve()))
        if recipe.transfer and not is_library(recipe.transfer.source):
            recipe = recipe.edit("transfer.source", str(Path(recipe.transfer.source).expanduser().resolve()))
        if recipe.data.scaling == "source":
            keep_scaling(folder, task.dataset.inputs)
        files.write(folder.recipe, file.dumps(recipe))
        folder.set_state("running", data=task.dataset.fingerprint, recipe=folder.recipe_hash())
    return Training(task, folder)
