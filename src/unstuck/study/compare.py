"""Which change helps: every arm trained with the seeds or folds of the base, and judged by the differences."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from unstuck.engine import StopReason
from unstuck.interval import Interval
from unstuck.recipe.edit import Edit, difference
from unstuck.recipe.spec import Recipe
from unstuck.rng import stream
from unstuck.study.design import Study
from unstuck.study.judgement import Difference, judge
from unstuck.study.runner import Runner
from unstuck.study.statistics import t_interval
from unstuck.training.run import Run


@dataclass(frozen=True, kw_only=True, eq=False)
class Arm:
    """One side of a comparison, with what its trainings came to.

    Args:
        name: what it is called.
        edits: what it changes of the base.
        runs: its trainings, one for each seed or fold.
        scores: of those, (S,), on the rows that the comparison is made by; -∞ where one diverged and has none.
        judged: its difference from the base; None for the base itself.
    """

    name: str
    edits: tuple[Edit, ...]
    runs: tuple[Run, ...]
    scores: np.ndarray
    judged: Difference | None = None

    def __repr__(self) -> str:
        return f"Arm({self.name!r}, scores={self.scores}, difference={self.difference})"

    @property
    def difference(self) -> Interval:
        """Of the score against the base, with its 95 % interval, paired by seed; of the base: no difference."""
        return self.judged.interval if self.judged else Interval(0.0, 0.0, 0.0)

    @property
    def interval(self) -> Interval:
        """Of the mean score itself, over the seeds."""
        return t_interval(self.scores)

    @property
    def diverged(self) -> int:
        """How many of its trainings ended because the loss was no number any more."""
        return sum(run.stop.reason is StopReason.NOT_FINITE for run in self.runs)


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """What a study found.

    Args:
        study: what was asked.
        base: what the arms are compared with.
        arms: by name.
        split: the rows that scores are of: test, or validation where there are no test rows.
        score: what is measured, accuracy or r2.
        trained: how many trainings it took; what was found in the folder is not trained again.
        seconds: that these took together.
    """

    study: Study
    base: Arm
    arms: Mapping[str, Arm]
    split: str
    score: str
    trained: int
    seconds: float

    def __repr__(self) -> str:
        return f"Comparison(score={self.score!r}, base={self.base}, arms={dict(self.arms)})"

    @property
    def everyone(self) -> tuple[Arm, ...]:
        """The base and the arms."""
        return (self.base, *self.arms.values())


def concluded(study: Study, recipes: Mapping[str, Recipe], runner: Runner) -> Comparison:
    """The judgement over what a runner has trained of a study.

    Folds share most of their training rows, so that their differences are judged by the corrected t test,
    whatever the study's method is.
    """
    runs = {arm: tuple(runner.runs[m] for m in runner.members if m.arm == arm) for arm in recipes}
    split, score = measured_by(runs[study.base])
    scores = {arm: np.array([score_of(run, split, score) for run in of]) for arm, of in runs.items()}
    base = scores.pop(study.base)
    judged = judge(
        base,
        scores,
        method="corrected t" if study.folds else study.method,
        test_share=_test_share(runs[study.base]) if study.folds else None,
        generator=stream(study.recipe.seed, "probe"),
    )

    def arm(name: str, values: np.ndarray) -> Arm:
        return Arm(
            name=name,
            edits=difference(study.recipe, recipes[name]),
            runs=runs[name],
            scores=values,
            judged=judged.get(name),
        )

    return Comparison(
        study=study,
        base=arm(study.base, base),
        arms={name: arm(name, values) for name, values in scores.items()},
        split=split,
        score=score,
        trained=runner.trained,
        seconds=runner.seconds,
    )


def score_of(run: Run, split: str, name: str) -> float:
    """What the run came to. One that diverged to below 0, where a constant stands, has none, which is -∞.

    How far below says only when it was stopped, and one such number would hide all other differences.
    """
    value = run.scores[split][name]
    return -np.inf if run.stop.reason is StopReason.NOT_FINITE and value < 0 else value


def measured_by(runs: tuple[Run, ...]) -> tuple[str, str]:
    """Rows and score by which runs are compared: the test rows, else the validation rows."""
    scores = runs[0].scores
    split = "test" if "test" in scores else "validation"
    return split, next(name for name in scores[split] if name != "loss")


def _test_share(runs: tuple[Run, ...]) -> float:
    """Rows held out of each fold, for each that is trained on."""
    facts = [run.facts for run in runs if run.facts]
    return float(np.mean([each.rows["test"] / (sum(each.rows.values()) - each.rows["test"]) for each in facts]))
