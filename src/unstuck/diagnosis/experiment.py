"""Controlled experiments: a control and arms that differ by treatments, on the same seeds, weights and batches."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from unstuck.diagnosis.scale import Scale
from unstuck.diagnosis.subject import Arm, Subject
from unstuck.diagnosis.terms import Cost, Treated
from unstuck.engine import StopReason
from unstuck.errors import REFUSALS, ProgramError, UnstuckError
from unstuck.training.run import Run, conclude
from unstuck.training.training import Training

Tell = Callable[[str], None]
"""Takes a line that says what is being tested, and why."""

Watching = Callable[[Training], Iterable[Any]]
"""What iterates over a training in its place."""

FRESH = 1000
"""Added to the numbers of the seeds that judge, which choose nothing."""

_RAISED = (UnstuckError, *REFUSALS)
"""What a model or a step may raise, where a treatment has made of it what it does not expect."""


class Trial(NamedTuple):
    """One training of one arm, with the seed of that number.

    `score` is on the held-out rows, as it was measured: NaN where the training failed. `clipped` is at least
    chance.
    """

    arm: Arm
    number: int
    score: float
    clipped: float
    run: Run

    @property
    def rows(self) -> int:
        """That it was scored on."""
        return len(self.run.test.targets) if self.run.test is not None else 1


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What may be spent: trainings of the program as given, and seconds."""

    trainings: float
    seconds: float = np.inf


@dataclass(kw_only=True, eq=False)
class Lab:
    """Trains arms once each, keeps what came out, and counts what it cost.

    Args:
        subject: to train.
        scale: of its score.
        budget: what may be spent.
        tell: is told what is trained.
        seed: that all other seeds follow from.
        started: when the diagnosis did, by the monotonic clock.
        spent: trainings so far; of one that broke down, the share of its steps that were done.
        seconds: that they took, in sum.
        trials: by arm, number of the seed, and whether they judge.
    """

    subject: Subject
    scale: Scale
    budget: Budget
    tell: Tell
    seed: int
    started: float = field(default_factory=time.monotonic)
    spent: float = 0.0
    seconds: float = 0.0
    trials: dict[tuple[Arm, int, bool], Trial] = field(default_factory=dict)
    _failed: set[Arm] = field(default_factory=set)
    _treated: dict[tuple[Arm, bool], Treated | None] = field(default_factory=dict)

    @property
    def cost(self) -> Cost:
        """So far."""
        return Cost(time.monotonic() - self.started, self.spent)

    def affords(self, trainings: float) -> bool:
        """Whether so much more may be spent; each training is expected to take as long as those before it.

        Of the first it is not known how long it takes, and without it there is no answer: it is always begun.
        """
        if self.spent + trainings > self.budget.trainings + 1e-9:
            return False
        if not self.spent:
            return True
        expected = self.seconds / self.spent * trainings
        return self.cost.seconds + expected <= self.budget.seconds

    def treated(self, arm: Arm, *, judging: bool = False) -> Treated | None:
        """The subject with an arm's treatments; None where one of them does not apply, or cannot be trained."""
        if arm in self._failed:
            return None
        try:
            if (arm, judging) not in self._treated:
                self._treated[arm, judging] = self.subject.treated(arm, judging=judging)
            return self._treated[arm, judging]
        except _RAISED as error:
            self._failed.add(arm)
            self._fail(arm, error)
            return None

    def price(self, arm: Arm) -> float:
        """Of one training, in trainings of the program as given: by the epochs. 0 where it cannot be made."""
        treated = self.treated(arm)
        return treated.program.epochs / self.subject.epochs if treated else 0.0

    def trial(self, arm: Arm, number: int, *, judging: bool = False, watch: Watching = iter) -> Trial | None:
        """The arm trained with the seed of that number; None where it cannot be made, or not be paid.

        `watch` iterates over the training, and changes nothing.
        """
        key = (arm, number, judging)
        if key not in self.trials:
            treated = self.treated(arm, judging=judging)
            if treated is None or not self.affords(self.price(arm)):
                return None
            run = self._run(arm, treated, number, judging, watch)
            if run is None:
                return None
            score = score_of(run)
            self.trials[key] = Trial(arm, number, score, self.scale.clipped(score), run)
        return self.trials[key]

    def _run(self, arm: Arm, treated: Treated, number: int, judging: bool, watch: Watching) -> Run | None:
        seed = self.seed + number + (FRESH if judging else 0)
        price, began = self.price(arm), time.monotonic()
        training: Training | None = None
        try:
            training = Training(self.subject.task(treated, seed, judging=judging))
            run = trained(training, watch)
        except _RAISED as error:
            self._failed.add(arm)
            price *= _done(training)
            self._fail(arm, error)
            return None
        finally:
            self.spent += price
            self.seconds += time.monotonic() - began
        return run

    def _fail(self, arm: Arm, error: Exception) -> None:
        """Tell it of an arm; the program as given must be trainable."""
        said = " ".join(str(error).split())
        if arm:
            self.tell(f"{' + '.join(arm)} cannot be trained: {said[:100]}")
        elif isinstance(error, UnstuckError):
            raise error
        else:
            said = f"{type(error).__name__}: {said}"
            raise ProgramError(f"the program must be one that trains on its rows; it said {said}") from error

    def gain(self, arm: Arm, number: int, *, beside: Arm = (), judging: bool = False) -> float | None:
        """The arm's score less another's, the control's, with the same seed."""
        own = self.trial(arm, number, judging=judging)
        other = self.trial(beside, number, judging=judging) if own else None
        return own.clipped - other.clipped if own and other else None

    def of(self, arm: Arm, *, judging: bool = False) -> list[Trial]:
        """All that was trained of an arm."""
        return [trial for (one, _, judged), trial in self.trials.items() if one == arm and judged == judging]

    def mean(self, arm: Arm, numbers: Sequence[int] | None = None) -> float:
        """Clipped score over the seeds that choose, those that were trained or some of them."""
        scores = [trial.clipped for trial in self.of(arm) if numbers is None or trial.number in numbers]
        return float(np.mean(scores)) if scores else np.nan


def trained(training: Training, watch: Watching = iter) -> Run:
    """A training's run; `watch` iterates over it in its place."""
    deque(watch(training), maxlen=0)
    run = conclude(training)
    if run.stop.reason is StopReason.INTERRUPTED:
        raise KeyboardInterrupt
    return run


def score_of(run: Run) -> float:
    """On the test rows; NaN if training failed."""
    if run.stop.reason is StopReason.NOT_FINITE:
        return np.nan
    return next(value for name, value in run.scores["test"].items() if name != "loss")


def _done(training: Training | None) -> float:
    """The share of its steps that a training has done."""
    if training is None:
        return 0.0
    plan = training.task.plan
    return training.done / (plan.steps * plan.epochs)
