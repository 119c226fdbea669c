"""A whole run in one file, as studies keep hundreds: written at once, and read back without its data."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from unstuck.data import Scaling
from unstuck.engine import Arrays, Evaluation, Stop, StopReason
from unstuck.recipe.problem import checked
from unstuck.recipe.spec import Recipe
from unstuck.training.archive import Archive
from unstuck.training.folder import finite
from unstuck.training.predictor import DataFacts, Predictor
from unstuck.training.record import Record
from unstuck.training.run import Run


def save(run: Run, path: Path, *, weights: bool) -> None:
    """Put the run of a recipe into a file, whole or not at all; without its weights it can answer nothing."""
    predictor, recipe = run.predictor, run.recipe
    if recipe is None or not isinstance(predictor, Predictor):
        raise TypeError("the run of a program is live objects, which no file can hold")
    groups: dict[str, Arrays] = {"record": {name: run.record[name] for name in run.record}}
    for name, scaling in (("inputs", predictor.inputs), ("targets", predictor.targets)):
        if scaling is not None:
            groups[name] = {"shift": scaling.shift, "factor": scaling.factor}
    if run.test is not None:
        groups["test"] = {"outputs": run.test.outputs, "targets": run.test.targets}
    facts = {
        "recipe": recipe.model_dump(mode="json", exclude_none=True),
        "scores": finite(run.scores),
        "units": run.record.units,
        "stop": {**run.stop._asdict(), "reason": run.stop.reason.name},
        "kept": run.kept,
        "steps_per_epoch": run.steps_per_epoch,
        "notes": run.notes,
        "data": asdict(predictor.facts),
        "test_loss": None if run.test is None else finite({"test": {"loss": run.test.loss}})["test"]["loss"],
    }
    Archive(groups | ({"weights": run.weights} if weights else {}), facts).save(path)


def load(path: Path, *, make: Callable[..., Any] | None = None) -> Run:
    """The run in a file; `make` makes a model of the user's own, which no file starts by itself."""
    kept = Archive.load(path)
    said, groups = kept.facts, kept.groups
    recipe, facts = checked(Recipe, said["recipe"]), DataFacts.read(said["data"])
    record = Record(units=dict(said["units"]))
    record.restore(groups.get("record", {}))
    scalings = {name: Scaling(**groups[name]) for name in ("inputs", "targets") if name in groups}
    weights = groups.get("weights", {})
    predictor = Predictor(
        recipe=recipe,
        weights=weights,
        inputs=scalings["inputs"],
        targets=scalings.get("targets"),
        facts=facts,
        make=make,
    )
    stop: dict[str, Any] = {**said["stop"], "reason": StopReason[said["stop"]["reason"]]}
    return Run(
        scores={split: {k: _number(v) for k, v in scores.items()} for split, scores in said["scores"].items()},
        record=record,
        stop=Stop(**stop),
        kept=said["kept"],
        weights=weights,
        test=Evaluation(**groups["test"], loss=_number(said["test_loss"])) if "test" in groups else None,
        recipe=recipe,
        facts=facts,
        folder=None,
        steps_per_epoch=said["steps_per_epoch"],
        predictor=predictor if weights else None,
        notes=tuple(said["notes"]),
    )


def _number(value: float | None) -> float:
    """JSON knows no NaN: it stands there as null."""
    return np.nan if value is None else value
