"""The pictures of a run, from the run and its data."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unstuck.data import Dataset
from unstuck.recipe.augment import Augment
from unstuck.report import plots, view
from unstuck.report.picture import curves, is_picture
from unstuck.report.view.augmented import VERSIONS, chosen
from unstuck.training.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VersionsOf = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]
"""Places of training rows (R,) and a number of versions V → inputs (R, V, …) and targets (R, V, …)."""


def save_figures(run: Run, dataset: Dataset | None, folder: Path, *, record: int = 19) -> list[Path]:
    """Draw every picture of the run into the folder; `record` is the training record whose outputs are shown."""
    paths = []
    for name, figure in figures(run, dataset, record=record):
        paths.append(folder / f"{name}.png")
        plots.save(figure, paths[-1])
    return paths


def figures(run: Run, dataset: Dataset | None, *, record: int) -> Iterator[tuple[str, "Figure"]]:
    """Name and picture: the loss; for classes outputs, confusion and mistakes; for numbers predicted and true.

    A program's data have no names and no known scaling: of its run only the loss is drawn.
    """
    yield "loss", plots.draw_loss(_loss(run))
    if dataset is None:
        return
    if dataset.classes is None:
        if run.test is not None and dataset.targets is not None:
            truth, said = dataset.targets.undo(run.test.targets), dataset.targets.undo(run.test.outputs)
            if run.recipe and run.recipe.model.name == "autoencoder" and is_picture(dataset.shape):
                score = run.scores["test"]["r2"]
                copies = view.ReconstructionView.of(truth, said, dataset.shape, score=score)
                yield "reconstructions", plots.draw_reconstructions(copies)
            else:
                yield "predictions", plots.draw_predictions(view.PredictionView.of(truth[:, 0], said[:, 0]))
        return
    yield "outputs", plots.draw_outputs(_outputs(run, dataset, dataset.classes, record))
    if run.test is not None and dataset.test is not None:
        answers = run.test.outputs.argmax(axis=1)
        yield "confusion", plots.draw_confusion(view.ConfusionView.of(run.test.targets, answers, dataset.classes))
        mistakes = view.MistakesView.of(
            run.test.outputs,
            run.test.targets,
            _shown(dataset, dataset.test.x),
            classes=dataset.classes,
            rows=dataset.test.rows,
            features=None if dataset.sequence else dataset.features,
            unit=_unit(run),
        )
        yield "mistakes", plots.draw_mistakes(mistakes)


def save_samples(dataset: Dataset, path: Path) -> Path:
    """Draw some training examples of each class, or the features of a table, into a PNG file."""
    y = dataset.train.y if dataset.targets is None else dataset.targets.undo(dataset.train.y)
    x = _raw(dataset, dataset.train.x)
    samples = view.SamplesView.of(
        x,
        y,
        name=dataset.name,
        classes=dataset.classes,
        features=dataset.features,
        sequences=dataset.sequence is not None,
    )
    plots.save(plots.draw_samples(samples), path)
    return path


def save_augmented(dataset: Dataset, versions_of: VersionsOf, augment: Augment, path: Path) -> Path:
    """Draw some training pictures and what augmentation makes of them into a PNG file."""
    index = chosen(dataset.train.y, dataset.classes)
    some = dataset.train.take(index)
    inputs, targets = versions_of(index, VERSIONS)
    if dataset.classes:
        labels = [dataset.classes[number] for number in some.y]
    else:
        labels = [f"{numbers[0]:.4g}" for numbers in (dataset.targets.undo(some.y) if dataset.targets else some.y)]
    seen = view.AugmentedView.of(
        _raw(dataset, some.x),
        inputs,
        targets,
        name=dataset.name,
        augment=augment,
        labels=labels,
        classes=dataset.classes,
    )
    plots.save(plots.draw_augmented(seen), path)
    return path


def _loss(run: Run) -> view.LossView:
    return view.LossView.of(
        run.record["step_loss"],
        steps_per_epoch=run.steps_per_epoch,
        train=run.record.get("train_loss"),
        validation=run.record.get("validation_loss"),
        unit=run.loss_unit,
    )


def _outputs(run: Run, dataset: Dataset, classes: tuple[str, ...], record: int) -> view.OutputsView:
    """Of the record by its number in the training file, or of the nearest trained on; the title says which."""
    place = int(np.argmin(np.abs(dataset.train.rows - record)))
    example = _raw(dataset, dataset.train.x[place : place + 1])
    return view.OutputsView.of(
        run.probabilities(example)[0],
        classes,
        truth=int(dataset.train.y[place]),
        record=f"training record {dataset.train.rows[place]}",
        example=curves(example)[0] if dataset.sequence else example[0],
        unit=_unit(run),
    )


def _raw(dataset: Dataset, x: np.ndarray) -> np.ndarray:
    """Examples in the unit of their source: bytes are so already, numbers were scaled."""
    return x if x.dtype == np.uint8 else dataset.inputs.undo(x)


def _shown(dataset: Dataset, x: np.ndarray) -> np.ndarray:
    """Examples as they are looked at: in the unit of their source, and sequences as pictures of their curves."""
    raw = _raw(dataset, x)
    return curves(raw) if dataset.sequence else raw


def _unit(run: Run) -> str:
    """Only a link, or a last layer that is one, makes probabilities of outputs."""
    output = run.recipe.model.output if run.recipe else ""
    return "probability" if output in ("softmax", "sigmoid") else "output"
