"""A run: what a training left, in memory or read back from its folder."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unstuck import files
from unstuck.data import Dataset, Scaling, load_for
from unstuck.engine import Arrays, Engine, Evaluation, Stop, StopReason
from unstuck.errors import DataError, RunError
from unstuck.recipe import file
from unstuck.recipe.edit import Edit, edited
from unstuck.recipe.spec import Recipe
from unstuck.training.archive import Archive
from unstuck.training.folder import Folder, finite
from unstuck.training.own import retyped
from unstuck.training.predictor import DataFacts, Predictor
from unstuck.training.record import Record
from unstuck.training.task import Task, task_of_recipe
from unstuck.training.training import Training

Scores = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """What a training left.

    Args:
        scores: loss and score of each split, by the weights that were kept.
        record: what was measured on the way, epoch by epoch and step by step.
        stop: why and where it ended.
        kept: which weights are scored: best (by validation loss) or last.
        weights: those, by name.
        test: outputs and targets of the test split, if there is one.
        recipe: with every auto decided; None for a program.
        facts: of the data; None for a program.
        folder: where it is written, if it is.
        steps_per_epoch: steps from one epoch's end to the next.
        predictor: what answers for new inputs; None where the model is code that is not at hand.
        notes: what precision, compilation and the like came to, a sentence each.
    """

    scores: Scores
    record: Record
    stop: Stop
    kept: str
    weights: Arrays
    test: Evaluation | None
    recipe: Recipe | None
    facts: DataFacts | None
    folder: Path | None
    steps_per_epoch: int
    predictor: Predictor | Engine | None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:  # its arrays would be thousands of lines
        where = f"folder={str(self.folder)!r}, " if self.folder else ""
        return f"Run({where}stop={self.stop.reason.name}, kept={self.kept!r}, scores={dict(self.scores)})"

    @property
    def loss_unit(self) -> str:
        """nats or squared error; nothing is known of a program's own loss."""
        return self.record.units["train_loss"]

    def probabilities(self, x: Any) -> np.ndarray:
        """Of each class, (N, C), or the numbers predicted (N, O), for raw inputs (N, …) as the data had them."""
        if self.predictor is None:
            if not self.weights:
                raise RunError("the run was kept without its weights, and cannot answer: train it by itself.")
            raise RunError("the run's model is code of your own: build it, and load weights.safetensors into it.")
        return self.predictor.outputs(x)

    def predict(self, x: Any) -> np.ndarray:
        """The most probable class's number (N,), or the numbers predicted (N, O), for raw inputs (N, …).

        A program's outputs are classes if its accuracy is measured and there are two or more; else they are
        given as they are.
        """
        answers = self.probabilities(x)
        if self.facts is not None:
            is_classes = self.facts.classes is not None
        else:
            is_classes = "train_accuracy" in self.record.units and answers.ndim > 1 and answers.shape[1] > 1
        return answers.argmax(axis=1) if is_classes else answers


def task_of_run(run: Run, dataset: Dataset | None = None, edits: Iterable[Edit] = ()) -> Task:
    """A recipe's run made live again, with the weights that it kept; `dataset` is its data, if they are loaded."""
    predictor = run.predictor
    if run.recipe is None or run.facts is None or not isinstance(predictor, Predictor):
        raise RunError("the run must be a recipe's: of a program's own, hand over the Program.")
    make = predictor.make or retyped(run.recipe, None, run.folder or "the run")
    inputs = predictor.inputs if run.recipe.data.scaling == "source" else None
    dataset = dataset or load_for(run.recipe, inputs)
    if dataset.fingerprint != run.facts.fingerprint:
        raise DataError(f"{dataset.name} has changed since the run: there is no going back to it.")
    task = task_of_recipe(edited(run.recipe, edits), dataset, make=make, resumed=True)
    task.engine.restore(run.weights)
    return task


def conclude(training: Training) -> Run:
    """Score the weights that are kept and write them down; the folder is not declared whole yet (`seal`)."""
    if training.stop is None:
        raise RuntimeError("a training is concluded after its loop")
    task, folder = training.task, training.folder
    kept = training.keep()
    scored = {} if training.stop.reason is StopReason.INTERRUPTED else task.rows
    measured = {name: training.measure(rows) for name, rows in scored.items()}
    test = measured["test"][1] if "test" in measured else None
    predictor = _predictor_of(training)
    run = Run(
        scores={name: scores for name, (scores, _) in measured.items()},
        record=training.record,
        stop=training.stop,
        kept=kept,
        weights=task.engine.weights(),
        test=test and test._replace(outputs=task.link(test.outputs)),
        recipe=task.recipe,
        facts=predictor.facts if isinstance(predictor, Predictor) else None,
        folder=folder.path if folder else None,
        steps_per_epoch=task.plan.steps,
        predictor=predictor,
        notes=tuple(task.engine.notes),
    )
    if folder and scored:
        _write(run, folder, task.dataset)
    return run


def _predictor_of(training: Training) -> Predictor | Engine:
    task = training.task
    if task.dataset is None or task.recipe is None:
        return task.engine
    return Predictor(
        recipe=task.recipe,
        weights=task.engine.weights(),
        inputs=task.dataset.inputs,
        targets=task.dataset.targets,
        facts=DataFacts.of(task.dataset),
        make=task.make,
    )


def _write(run: Run, folder: Folder, dataset: Dataset | None) -> None:
    groups = {"weights": run.weights}
    for name, scaling in (("inputs", dataset.inputs), ("targets", dataset.targets)) if dataset else ():
        if scaling is not None:
            groups[name] = {"shift": scaling.shift, "factor": scaling.factor}
    facts = {"kept": run.kept, "steps_per_epoch": run.steps_per_epoch, "notes": run.notes}
    facts |= {"data": asdict(run.facts) if run.facts else None}
    Archive(groups, facts).save(folder.path / "weights.safetensors")
    if run.test is not None:
        said = {"outputs": run.test.outputs, "targets": run.test.targets}
        Archive({"test": said}, {"loss": run.test.loss}).save(folder.path / "predictions.safetensors")
    columns = {name: run.record[name] for name in run.record}
    Archive({"record": columns}, run.record.units).save(folder.path / "record.safetensors")
    folder.write_metrics(run.record)
    files.write_json(folder.path / "scores.json", finite(run.scores))


def seal(run: Run) -> None:
    """Declare the run's folder whole, or interrupted; whatever belongs into it must be there."""
    if run.folder is None:
        return
    if run.stop.reason is StopReason.INTERRUPTED:
        Folder(run.folder).set_state("interrupted", run.stop)
    else:
        Folder(run.folder).seal(run.stop)


def load(path: str | Path, *, model: str | None = None) -> Run:
    """A finished run, read back. An unfinished, damaged or missing one is a `RunError`.

    Where the model is code of your own, `model` is its name, package.module:function; without it all can be
    read, but nothing predicted, since nothing is imported because a folder names it.
    """
    folder = Folder(Path(path))
    stop = folder.finished()
    kept = Archive.load(folder.path / "weights.safetensors")
    measured = Archive.load(folder.path / "record.safetensors")
    record = Record(units=dict(measured.facts))
    record.restore(measured.groups["record"])
    said = json.loads((folder.path / "scores.json").read_text(encoding="utf-8"))
    recipe = None
    if folder.recipe.exists():
        recipe = file.read(Recipe, folder.recipe)
    make = retyped(recipe, model, folder.path) if recipe and model else None
    predictor = _predictor(recipe, kept, make) if recipe else None
    return Run(
        scores={
            split: {k: np.nan if v is None else v for k, v in scores.items()} for split, scores in said.items()
        },
        record=record,
        stop=stop,
        kept=kept.facts["kept"],
        weights=kept.groups["weights"],
        test=_test(folder.path / "predictions.safetensors"),
        recipe=recipe,
        facts=predictor and predictor.facts,
        folder=folder.path,
        steps_per_epoch=kept.facts["steps_per_epoch"],
        predictor=predictor,
        notes=tuple(kept.facts["notes"]),
    )


def _predictor(recipe: Recipe, kept: Archive, make: Callable[..., Any] | None) -> Predictor:
    scalings = {name: Scaling(**kept.groups[name]) for name in ("inputs", "targets") if name in kept.groups}
    return Predictor(
        recipe=recipe,
        weights=kept.groups["weights"],
        inputs=scalings["inputs"],
        targets=scalings.get("targets"),
        facts=DataFacts.read(kept.facts["data"]),
        make=make,
    )


def _test(path: Path) -> Evaluation | None:
    if not path.exists():
        return None
    said = Archive.load(path)
    return Evaluation(said.groups["test"]["outputs"], said.groups["test"]["targets"], said.facts["loss"])
