"""What the trainings of the program as given leave: curves, scores of seen and unseen rows, recalls, by seed."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from unstuck.diagnosis.experiment import Trial
from unstuck.diagnosis.held import Held
from unstuck.engine import Evaluation, StopReason, Stretch
from unstuck.evidence.evidence import Column, Evidence
from unstuck.evidence.facts import Facts
from unstuck.training.run import Run
from unstuck.training.scores import r2
from unstuck.training.training import Training


class Following:
    """Iterate over it instead of a training; notes the loss of the rows to choose by after each epoch."""

    def __init__(self) -> None:
        self.losses: list[np.ndarray] = []

    def __call__(self, training: Training, watched: Iterable[Stretch] | None = None) -> Iterator[Stretch]:
        """Over the training, or over what watches it, too."""
        noted: list[float] = []
        task, steps = training.task, training.task.plan.steps
        for stretch in watched or training:
            if training.done % steps == 0 and training.done:
                noted.append(task.engine.evaluate(task.rows["test"]).loss)
            yield stretch
        self.losses.append(np.array(noted))


def of_controls(
    trials: Sequence[Trial], facts: Facts, held: Held | None, losses: Sequence[np.ndarray]
) -> Evidence:
    """Of each training: losses by step and by epoch, scores by seed in the unit of other models' scores.

    Args:
        trials: of the control, to choose by.
        facts: of the program.
        held: its rows; None for a recipe, of which the run's own scores are taken.
        losses: of the rows to choose by, after each epoch.
    """
    runs = [trial.run for trial in trials]
    unit = "share of variance" if facts.kind == "numbers" else "share of rows"
    seen = [_score(asked(run, held and held.choosing.train), facts, run, "train") for run in runs]
    chosen = [scored(run, facts) for run in runs]
    columns = {
        "control_losses": Column(_filled([_curve(run, "step_loss") for run in runs], runs), "loss of a batch"),
        "control_train_loss": Column(
            _filled([_curve(run, "train_loss") for run in runs], runs), "loss after each epoch"
        ),
        "control_choose_loss": Column(_filled(losses, runs), "loss after each epoch"),
        "control_train_score": Column(np.array(seen), unit),
        "control_choose_score": Column(np.array(chosen), unit),
    }
    if held is not None and held.judges_by != "training rows":
        test = [_score(asked(run, held.judging.test), facts, run, "test") for run in runs]
        columns["control_test_score"] = Column(np.array(test), unit)
    recalls = [recalled for run in runs if (recalled := _recall(run.test, facts)) is not None]
    if recalls:
        names = tuple(f"class {number}" for number in range(len(recalls[0])))
        columns["control_recall"] = Column(np.stack(recalls), "share of a class's rows", names)
    return Evidence({name: column for name, column in columns.items() if column.values.size})


def _curve(run: Run, name: str) -> np.ndarray:
    """Empty where the training broke before there was any."""
    return run.record[name] if name in run.record else np.zeros(0)


def asked(run: Run, rows: Any) -> Evaluation | None:
    """What a program's network says of rows; None where it is not at hand."""
    engine: Any = run.predictor
    return engine.evaluate(rows) if rows is not None and hasattr(engine, "evaluate") else None


def scored(run: Run, facts: Facts) -> float:
    """A run on its test rows as other models are scored, whatever score the program has."""
    return _score(run.test, facts, run, "test")


def _score(said: Evaluation | None, facts: Facts, run: Run, split: str) -> float:
    """As other models are scored; NaN of a training that failed, the run's own score where outputs say nothing."""
    if run.stop.reason is StopReason.NOT_FINITE:
        return np.nan
    correct = None if said is None else correctness(said, facts)
    if correct is not None:
        return float(correct.mean())
    if said is not None and facts.kind == "numbers":
        return r2(said.outputs, said.targets)
    return next(value for name, value in run.scores[split].items() if name != "loss")


def correctness(said: Evaluation, facts: Facts) -> np.ndarray | None:
    """(N,) share of a row's answers that are right; None where they are no classes."""
    if facts.kind == "classes":
        answers, classes = classes_of(said, facts)
        right = (answers == classes) | (classes < 0)
    elif facts.kind in ("binary", "labels"):
        limit = 0.0 if facts.takes == "logits" else 0.5
        right = (said.outputs.reshape(said.targets.shape) > limit) == (said.targets > 0.5)
    else:
        return None
    return right.reshape(len(right), -1).mean(axis=1)


def rightness(said: Evaluation, facts: Facts) -> np.ndarray | None:
    """(N,) how right a row's answers are, in [0, 1]; of numbers 1 less the squared error per variance."""
    if facts.kind != "numbers" or said.outputs.size != said.targets.size:
        return correctness(said, facts)
    targets = said.targets.reshape(len(said.targets), -1).astype(np.float64)
    left = (said.outputs.reshape(targets.shape) - targets) ** 2
    variance = np.maximum(targets.var(axis=0), np.finfo(np.float64).tiny)
    return np.clip(1 - np.nan_to_num(left / variance, nan=1.0), 0, 1).mean(axis=1)


def classes_of(said: Evaluation, facts: Facts) -> tuple[np.ndarray, np.ndarray]:
    """Answers and targets (N, …) as numbers of classes."""
    targets = said.targets.argmax(axis=facts.class_axis) if facts.is_one_hot else said.targets
    return said.outputs.argmax(axis=facts.class_axis), targets


def _recall(said: Evaluation | None, facts: Facts) -> np.ndarray | None:
    """(C,) share of each class's rows that are told; NaN of a class without rows."""
    if said is None or facts.kind not in ("classes", "binary"):
        return None
    if facts.kind == "classes":
        answers, classes = classes_of(said, facts)
    else:
        limit = 0.0 if facts.takes == "logits" else 0.5
        answers, classes = said.outputs.ravel() > limit, said.targets.ravel() > 0.5
    count = facts.classes if facts.kind == "classes" else 2
    right = [answers[classes == number] == number for number in range(count)]
    return np.array([part.mean() if part.size else np.nan for part in right])


def _filled(curves: Sequence[np.ndarray], runs: Sequence[Run]) -> np.ndarray:
    """(S, T); a training that broke ends in NaN, one that stopped early repeats its last number."""
    whole = np.full((len(curves), max((len(curve) for curve in curves), default=0)), np.nan)
    for row, curve, run in zip(whole, curves, runs, strict=True):
        row[: len(curve)] = curve
        if len(curve) and run.stop.reason is not StopReason.NOT_FINITE:
            row[len(curve) :] = curve[-1]
    return whole
