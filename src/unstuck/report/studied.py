"""The tables and pictures that a cross-validation or an ensemble leaves in its folder."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unstuck import files
from unstuck.report import plots, view
from unstuck.study.crossval import Folds
from unstuck.study.ensemble import Ensemble
from unstuck.training.folder import finite

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_COLUMNS = 100
"""Numbers predicted for a row up to which a table of them is written; of more there are the arrays alone."""
MOST_DOTS = 60
"""Folds that are drawn as dots."""


def save_folds(found: Folds, folder: Path) -> list[Path]:
    """Write scores, folds, out-of-fold predictions and pictures; the paths in that order."""
    paths = [folder / "scores.json", folder / "folds.csv", folder / "predictions.npz"]
    files.write_json(paths[0], folds_as_json(found))
    files.write(paths[1], _csv(_folds(found)))
    arrays = io.BytesIO()
    np.savez(arrays, rows=found.rows, folds=found.fold_of, targets=found.targets, predictions=found.predictions)
    files.write(paths[2], arrays.getvalue())
    if found.predictions[0].size <= MOST_COLUMNS:
        paths.append(folder / "predictions.csv")
        files.write(paths[-1], _csv(_predictions(found)))
    paths += _drawn(_folds_figures(found), folder)
    _clear(folder, paths, ("predictions.csv", "folds.png", "confusion.png", "predictions.png"))
    return paths


def save_ensemble(bag: Ensemble, folder: Path, keys: Sequence[str]) -> list[Path]:
    """Write scores, with the keys that the members' files go by, and a picture; the paths in that order."""
    paths = [folder / "ensemble.json"]
    files.write_json(paths[0], ensemble_as_json(bag) | {"keys": list(keys)})
    if bag.calibration:
        drawn = plots.draw_reliability(view.ReliabilityView.of(bag.calibration))
        paths += _drawn([("reliability", drawn)], folder)
    _clear(folder, paths, ("reliability.png",))
    return paths


def _clear(folder: Path, written: Sequence[Path], names: Iterable[str]) -> None:
    """Remove what an earlier study left there and this one has not, lest it be taken for this one's."""
    for path in (folder / name for name in names):
        if path not in written:
            path.unlink(missing_ok=True)


def folds_as_json(found: Folds) -> dict[str, object]:
    """What was found, as plain data; numbers that are not finite are null."""
    low, mean, high = found.interval
    return {
        "score": found.score,
        **finite({"mean": mean, "low": low, "high": high, "pooled": found.pooled}),
        "interval": "95 %, corrected resampled t (Nadeau and Bengio 2003)",
        "folds": found.folds,
        "repeats": found.repeats,
        "rows": len(found.rows),
        "scores": _listed(found.scores),
        "trained": found.trained,
        "seconds": found.seconds,
    }


def ensemble_as_json(bag: Ensemble) -> dict[str, object]:
    """What was found, as plain data; numbers that are not finite are null."""
    return {
        "kind": bag.kind,
        "vote": bag.vote,
        "score": bag.score,
        "scores": finite(bag.scores),
        "members": _listed(bag.single),
        "out_of_bag": bag.out_of_bag and finite(bag.out_of_bag._asdict()),
        "ece_alone": bag.calibration and bag.calibration.error,
        "trained": bag.trained,
        "seconds": bag.seconds,
    }


def _listed(values: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _drawn(figures: Iterable[tuple[str, "Figure"]], folder: Path) -> list[Path]:
    paths: list[Path] = []
    for name, figure in figures:
        paths.append(folder / f"{name}.png")
        plots.save(figure, paths[-1])
    return paths


def _folds_figures(found: Folds) -> Iterator[tuple[str, "Figure"]]:
    """Scores by fold, unless there are too many; and the out-of-fold predictions of all rows."""
    if found.folds <= MOST_DOTS:
        yield "folds", plots.draw_folds(view.FoldsView.of(found))
    if found.classes:
        answers = found.predictions.argmax(axis=1)
        confusion = view.ConfusionView.of(found.targets, answers, found.classes, split="out-of-fold")
        yield "confusion", plots.draw_confusion(confusion)
    elif found.score == "r2" and found.predictions[0].size == 1:
        numbers = view.PredictionView.of(found.targets.ravel(), found.predictions.ravel(), split="out-of-fold")
        yield "predictions", plots.draw_predictions(numbers)


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _folds(found: Folds) -> Iterator[Sequence[object]]:
    yield "repeat", "fold", "rows", found.score, "loss", "epochs", "stop"
    for number, (run, score) in enumerate(zip(found.runs, found.scores, strict=True)):
        repeat, fold = divmod(number, found.folds)
        held = 0 if run.test is None else len(run.test.targets)
        epochs, loss = len(run.record.get("epoch", ())), run.scores["test"]["loss"]
        yield repeat, fold, held, score, loss, epochs, run.stop.reason.name.lower().replace("_", " ")


def _predictions(found: Folds) -> Iterator[Sequence[object]]:
    """A line for each row: classes by name with the answer's probability, or numbers."""
    predictions = found.predictions.reshape(len(found.predictions), -1)
    if found.classes:
        yield "row", "fold", "class", "answer", *(f"output {name}" for name in found.classes)
        names = np.array(found.classes)
        heads = zip(
            found.rows, found.fold_of, names[found.targets], names[predictions.argmax(axis=1)], strict=True
        )
    else:
        targets = found.targets.reshape(len(found.targets), -1)
        known = range(targets.shape[1])
        said = range(predictions.shape[1])
        yield "row", "fold", *(f"target {one}" for one in known), *(f"predicted {one}" for one in said)
        heads = (
            (row, fold, *numbers) for row, fold, numbers in zip(found.rows, found.fold_of, targets, strict=True)
        )
    for head, outputs in zip(heads, predictions, strict=True):
        yield *head, *(f"{number:.7g}" for number in outputs)
