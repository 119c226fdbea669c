"""Ensembles: one answer from several networks, trained on bootstrap samples or from other seeds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, cast

import numpy as np

from unstuck.data.splits import choose
from unstuck.errors import RecipeError
from unstuck.recipe.edit import Edit, edited
from unstuck.recipe.spec import Recipe
from unstuck.study.answers import Reading, reading_of_recipe, tested
from unstuck.study.calibration import Reliability, brier, log_loss, reliability
from unstuck.study.member import Member
from unstuck.study.runner import Runner
from unstuck.study.shelf import Shelf
from unstuck.study.voting import (
    VOTES,
    Disagreement,
    Vote,
    ballots,
    dissent,
    elected,
    mutual_information,
)
from unstuck.training.predictor import DataFacts
from unstuck.training.run import Run
from unstuck.training.scores import Score, score_of

Kind = Literal["bagging", "seeds"]
KINDS: tuple[Kind, ...] = ("bagging", "seeds")


class Asked(NamedTuple):
    """How many members, how they differ, and how they answer together."""

    members: int
    kind: Kind
    vote: Vote

    @classmethod
    def checked(cls, members: int, kind: str, vote: str) -> "Asked":
        """The same, once it is sure that it can be; else a `RecipeError`."""
        if members < 2:
            raise RecipeError("members", "be 2 or more", members, hint="One network has nobody to vote with.")
        for field, given, known in (("kind", kind, KINDS), ("vote", vote, VOTES)):
            if given not in known:
                raise RecipeError(field, f"be {' or '.join(known)}", given)
        return cls(members, cast(Kind, kind), cast(Vote, vote))

    def check_vote(self, *, numbers: bool) -> None:
        """`RecipeError` where numbers are to be voted on."""
        if numbers and self.vote == "majority":
            hint = "There are no equal ones to count; their mean is taken."
            raise RecipeError("vote", "be probability where numbers are predicted", self.vote, hint=hint)


class OutOfBag(NamedTuple):
    """How well training rows are answered for by the members that did not train on them."""

    score: float
    rows: int
    """Rows that were answered for."""
    left_out: int
    """Rows that every member trained on, or on a copy of them."""


class Calibration(NamedTuple):
    """Whether probabilities of test rows mean what they say: those of all together, and each member's."""

    together: Reliability
    members: tuple[Reliability, ...]

    @property
    def error(self) -> float:
        """The members' expected calibration error, in their mean."""
        return float(np.mean([one.error for one in self.members]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Ensemble:
    """Several networks that answer together.

    Args:
        members: their runs.
        kind: bagging, each trained on a bootstrap sample and with a seed of its own; or seeds alone.
        vote: probability, by the mean of the members' probabilities; or majority, by their answers. Numbers
            are always the mean of theirs.
        score: what is measured, such as accuracy or r2.
        scores: by split; of the test rows, if there are any, the score of all together. Of classes also brier and
            ece, the expected calibration error, and log_loss in nats where the vote is by probability; of numbers
            also rmse, in their unit.
        single: (M,) score of each member alone on the same rows; none without test rows.
        out_of_bag: of bagging.
        calibration: of classes with probabilities, on the test rows.
        reading: what the members' outputs are.
        trained: how many were trained now, and not found in the folder.
        seconds: that these took together.
    """

    members: tuple[Run, ...]
    kind: Kind
    vote: Vote
    score: str
    scores: Mapping[str, Mapping[str, float]]
    single: np.ndarray
    out_of_bag: OutOfBag | None
    calibration: Calibration | None
    reading: Reading
    trained: int
    seconds: float

    def __repr__(self) -> str:
        return (
            f"Ensemble(kind={self.kind!r}, vote={self.vote!r}, members={len(self.members)}, scores={self.scores})"
        )

    @property
    def facts(self) -> DataFacts | None:
        """Of the data; None for a program."""
        return self.members[0].facts

    @property
    def recipe(self) -> Recipe | None:
        """The first member's; None for a program."""
        return self.members[0].recipe

    def each(self, x: Any) -> np.ndarray:
        """What each member says of raw inputs (N, …): probabilities (M, N, C), or numbers (M, N, O)."""
        return np.stack([self.reading.ready(run.probabilities(x)) for run in self.members])

    def probabilities(self, x: Any) -> np.ndarray:
        """Of each class (N, C): the members' mean, or their shares of the votes; or mean numbers (N, O)."""
        return _together(self.each(x), self.vote)

    def predict(self, x: Any) -> np.ndarray:
        """The class that is elected, its number (N,), or mean numbers (N, O), for raw inputs (N, …)."""
        return self._answers(self.each(x))

    def disagreement(self, x: Any) -> Disagreement:
        """How far the members are from one answer for raw inputs (N, …), row by row."""
        outputs = self.each(x)
        if self.reading.what == "numbers":
            return Disagreement(outputs.std(axis=0, ddof=1, dtype=np.float64), "unit of the target", None)
        share = dissent(outputs, self._answers(outputs))
        if self.reading.what == "classes":
            return Disagreement(share, "share of members", share)
        return Disagreement(mutual_information(outputs), "nats", share)

    def _answers(self, outputs: np.ndarray) -> np.ndarray:
        return _answers(outputs.mean(axis=0), _votes(outputs, self.vote), self.reading)


def _together(outputs: np.ndarray, vote: Vote) -> np.ndarray:
    votes = _votes(outputs, vote)
    return outputs.mean(axis=0) if votes is None else votes


def _votes(outputs: np.ndarray, vote: Vote) -> np.ndarray | None:
    return ballots(outputs).mean(axis=0) if vote == "majority" else None


def _answers(mean: np.ndarray, votes: np.ndarray | None, reading: Reading) -> np.ndarray:
    return mean if reading.what == "numbers" else elected(mean, votes)


def members(recipe: Recipe, asked: Asked, shelf: Shelf) -> list[Member]:
    """The trainings of an ensemble: each with a seed of its own, and in bagging with a sample."""
    is_numbers = shelf.source(recipe.data).classes is None or recipe.model.name == "autoencoder"
    asked.check_vote(numbers=is_numbers)

    def edits(number: int) -> list[Edit]:
        drawn = [Edit("data.bootstrap", number)] if asked.kind == "bagging" else []
        return [Edit("seed", recipe.seed + number), *drawn]

    return [
        Member(arm="member", number=number, recipe=edited(recipe, edits(number)))
        for number in range(asked.members)
    ]


def concluded(runner: Runner, asked: Asked) -> Ensemble:
    """What the trainings of `members` come to together; the runner keeps them with their weights."""
    runs = [runner.runs[member] for member in runner.members]
    recipes = [member.recipe for member in runner.members]
    reading, facts = reading_of_recipe(runs[0]), runs[0].facts
    score = score_of(recipes[0], facts and facts.classes)
    bag = None
    if asked.kind == "bagging":
        source = runner.shelf.source(recipes[0].data)
        pool = choose(source, recipes[0].edit("data.bootstrap", None).data).train
        x, y = source.train.x, source.train.y
        bag = out_of_bag(
            [partial(_answered, run, x, reading) for run in runs],
            [choose(source, recipe.data).train for recipe in recipes],
            pool,
            copies=source.copies,
            vote=asked.vote,
            reading=reading,
            targets=x.reshape(len(x), -1) if recipes[0].model.name == "autoencoder" else y,
            score=score,
        )
    return put_together(
        runs,
        asked,
        reading=reading,
        score=score,
        bag=bag,
        trained=runner.trained,
        seconds=runner.seconds,
    )


def read_back(runs: Sequence[Run], asked: Asked, out_of_bag: Mapping[str, Any] | None) -> Ensemble:
    """The ensemble of runs that were kept, with the out-of-bag score that it had."""
    facts, recipe = runs[0].facts, runs[0].recipe
    assert recipe is not None
    return put_together(
        runs,
        asked,
        reading=reading_of_recipe(runs[0]),
        score=score_of(recipe, facts and facts.classes),
        bag=OutOfBag(**out_of_bag) if out_of_bag else None,
        trained=0,
        seconds=0.0,
    )


def _answered(run: Run, x: np.ndarray, reading: Reading, rows: np.ndarray) -> np.ndarray:
    return reading.ready(run.probabilities(x[rows]))


def put_together(
    runs: Sequence[Run],
    asked: Asked,
    *,
    reading: Reading,
    score: Score,
    bag: OutOfBag | None,
    trained: int,
    seconds: float,
) -> Ensemble:
    """The ensemble of these runs, scored on their test rows if there are any."""
    scores, single, calibration, vote = {}, np.zeros(0), None, asked.vote
    if runs[0].test is not None:
        outputs, targets = np.stack([reading.ready(tested(run)[0]) for run in runs]), tested(runs[0])[1]
        targets = reading.targets(targets)
        scores = {"test": _scored(outputs, targets, vote, reading, score)}
        single = np.array([_scored(one[None], targets, vote, reading, score)[score.name] for one in outputs])
        if reading.what == "probabilities":
            each = tuple(reliability(one, targets) for one in outputs)
            calibration = Calibration(reliability(_together(outputs, vote), targets), each)
    return Ensemble(
        members=tuple(runs),
        kind=asked.kind,
        vote=vote,
        score=score.name,
        scores=scores,
        single=single,
        out_of_bag=bag,
        calibration=calibration,
        reading=reading,
        trained=trained,
        seconds=seconds,
    )


def _scored(
    outputs: np.ndarray, targets: np.ndarray, vote: Vote, reading: Reading, score: Score
) -> dict[str, float]:
    """The score, and what else can be said, of the outputs (M, N, O) together."""
    mean = outputs.mean(axis=0)
    if reading.what == "numbers":
        if mean.size != targets.size:  # as a program's own score has them
            return {score.name: score.measure(mean, targets)}
        error = np.square(mean.ravel() - targets.ravel(), dtype=np.float64).mean()
        return {score.name: score.measure(mean, targets), "rmse": float(np.sqrt(error))}
    right = elected(mean, _votes(outputs, vote)) == targets
    scores = {score.name: float(right.mean())}
    if reading.what == "probabilities":
        probabilities = _together(outputs, vote)
        if vote == "probability":  # nobody's vote is no claim that it cannot be
            scores["log_loss"] = log_loss(probabilities, targets)
        scores["brier"] = brier(probabilities, targets)
        scores["ece"] = reliability(probabilities, targets).error
    return scores


def out_of_bag(
    answers: Sequence[Callable[[np.ndarray], np.ndarray]],
    drawn: Sequence[np.ndarray],
    pool: np.ndarray,
    *,
    copies: np.ndarray,
    vote: Vote,
    reading: Reading,
    targets: np.ndarray,
    score: Score,
) -> OutOfBag | None:
    """The score of the rows by the members that trained neither on them nor on copies; None if there are none.

    Args:
        answers: of each member, rows (K,) → outputs (K, O).
        drawn: of each member, the rows that it trained on.
        pool: the rows (P,) that it might have.
        copies: (N,) the same number for the same inputs, of all rows.
        vote: how members are put together.
        reading: what their outputs are.
        targets: of all rows.
        score: what is measured.

    Source: Breiman 1996, Out-of-bag estimation, technical report, Berkeley.
    """
    total = votes = count = None
    for answer, rows in zip(answers, drawn, strict=True):
        is_out = ~np.isin(copies[pool], copies[rows])
        outputs = answer(pool[is_out])
        if total is None or votes is None or count is None:
            total, votes = np.zeros((2, len(pool), *outputs.shape[1:]))
            count = np.zeros(len(pool), dtype=np.int64)
        total[is_out] += outputs
        count[is_out] += 1
        if vote == "majority":
            votes[is_out] += ballots(outputs)
    if total is None or votes is None or count is None or not count.any():
        return None
    known = np.flatnonzero(count)
    mean = total[known] / count[known].reshape(-1, *[1] * (total.ndim - 1))
    truth = reading.targets(targets[pool[known]])
    if reading.what == "numbers":
        value = score.measure(mean, truth)
    else:
        value = float((elected(mean, votes[known] if vote == "majority" else None) == truth).mean())
    return OutOfBag(value, len(known), len(pool) - len(known))
