"""Folds and bootstrap samples of a program's rows, trained one after the other in this process."""

import importlib
import time
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from unstuck.data import Source
from unstuck.data.folds import count
from unstuck.data.source import Pairs
from unstuck.data.splits import Choice, choose
from unstuck.engine import StopReason
from unstuck.errors import ProgramError
from unstuck.recipe.data import Data, Fold
from unstuck.study import crossval, ensemble
from unstuck.study.answers import Reading, reading_of_program, tested
from unstuck.study.crossval import Folds, Held
from unstuck.study.ensemble import Asked, Ensemble
from unstuck.training.program import Program
from unstuck.training.run import Run, conclude
from unstuck.training.scores import Score
from unstuck.training.task import task_of_program
from unstuck.training.training import Training


@dataclass(frozen=True, kw_only=True, eq=False)
class Deck:
    """A program's training rows, to be dealt out.

    `rows` are as the engine keeps them, with their `targets`; `source` is what folds and samples are drawn from.
    Of rows that are asked for one by one the inputs are not known, so that their twins are not told either.
    """

    program: Program
    rows: Any
    targets: np.ndarray
    source: Source

    @classmethod
    def of(cls, program: Program, device: str) -> "Deck":
        """The rows of a program on a device."""
        place = importlib.import_module("unstuck.training.torch_engine").device_named(device)
        rows = importlib.import_module("unstuck.training.torch_rows").rows_of(program.train, place, "train")
        x, y = importlib.import_module("unstuck.training.from_program").arrays(rows)
        x = np.arange(len(y))[:, None] if x is None else x
        size = program.batch_size or getattr(program.train, "batch_size", None)  # a DataLoader's
        return cls(
            program=replace(program, batch_size=size),
            rows=rows,
            targets=y,
            source=Source(name="the program", train=Pairs(x, _drawn_by(y))),
        )

    def taken(self, choice: Choice) -> Program:
        """The program with these rows; those that are not chosen anew stay what they are."""
        parts = {"train": choice.train, "validation": choice.validation, "test": choice.test}
        return replace(
            self.program, **{name: self.rows.take(rows) for name, rows in parts.items() if rows is not None}
        )


def _drawn_by(targets: np.ndarray) -> np.ndarray:
    """Class numbers (N,), also where they are written as 0.0 and 1.0; or numbers (N, O)."""
    if targets.size == len(targets) and (targets.dtype.kind in "iub" or set(np.unique(targets)) <= {0.0, 1.0}):
        return np.unique(targets.ravel(), return_inverse=True)[1].astype(np.int64)
    return targets.reshape(len(targets), -1)


class _Line:
    """Trainings one after the other, each of which starts from a network of its own."""

    def __init__(self, seed: int, device: str) -> None:
        self._seed, self._device = seed, device
        self._before: Any = None
        self.score: Score | None = None

    def trained(self, program: Program, number: int = 0) -> Run:
        """The program's run with the seed that is `number` after the first."""
        task = task_of_program(program, seed=self._seed + number, device=self._device)
        model = getattr(task.engine, "model", None)
        if model is self._before:
            raise ProgramError("model must return a new module at every call, got the same one again.")
        self._before, self.score = model, task.score
        training = Training(task)
        for _ in training:
            pass
        run = conclude(training)
        if run.stop.reason is StopReason.INTERRUPTED:
            raise KeyboardInterrupt
        return run


def crossvalidated(program: Program, folds: int | None, repeats: int, *, seed: int, device: str) -> Folds:
    """The cross-validation of a program's training rows; `folds` is as `crossval.asked` gives it.

    A tenth of each fold's training rows is split off to choose by, where the program has validation rows or is
    patient. Test rows of its own are left out.
    """
    deck, line, started = Deck.of(program, device), _Line(seed, device), time.perf_counter()
    y, share = deck.source.train.y, 0.0 if program.validation is None and program.patience is None else 0.1
    held: list[Held] = []
    for repeat, number in product(range(repeats), range(count(y, None, Fold(folds=folds, number=0)))):
        fold = Fold(folds=folds, number=number, repeat=repeat)
        choice = choose(deck.source, Data(name="program", fold=fold, validation=share, seed=seed))
        run = line.trained(deck.taken(choice))
        held.append(Held(choice, run, tested(run)[0]))
    assert line.score is not None
    return crossval.put_together(
        held,
        deck.targets,
        score=line.score,
        repeats=repeats,
        classes=None,
        trained=len(held),
        seconds=time.perf_counter() - started,
    )


def assembled(program: Program, asked: Asked, *, seed: int, device: str) -> Ensemble:
    """The ensemble of a program's networks; bagging draws from its training rows."""
    deck, line, started = Deck.of(program, device), _Line(seed, device), time.perf_counter()
    runs: list[Run] = []
    samples: list[np.ndarray] = []
    for number in range(asked.members):
        part = program
        if asked.kind == "bagging":
            sample = choose(
                deck.source, Data(name="program", validation=0.0, test=0.0, seed=seed, bootstrap=number)
            )
            samples.append(sample.train)
            part = deck.taken(sample)
        runs.append(line.trained(part, number))
        if number == 0:
            asked.check_vote(numbers=_reading(runs[0], deck).what == "numbers")
    assert line.score is not None
    reading, bag = _reading(runs[0], deck), None
    if samples:
        bag = ensemble.out_of_bag(
            [partial(_answered, run, deck, reading) for run in runs],
            samples,
            np.arange(len(deck.targets)),
            copies=deck.source.copies,
            vote=asked.vote,
            reading=reading,
            targets=deck.targets,
            score=line.score,
        )
    return ensemble.put_together(
        runs,
        asked,
        reading=reading,
        score=line.score,
        bag=bag,
        trained=asked.members,
        seconds=time.perf_counter() - started,
    )


def _reading(run: Run, deck: Deck) -> Reading:
    return reading_of_program(run, deck.program.loss, _outputs(run, deck, np.arange(1)))


def _answered(run: Run, deck: Deck, reading: Reading, rows: np.ndarray) -> np.ndarray:
    return reading.ready(_outputs(run, deck, rows))


def _outputs(run: Run, deck: Deck, rows: np.ndarray) -> np.ndarray:
    engine: Any = run.predictor
    return engine.evaluate(deck.rows.take(rows)).outputs
