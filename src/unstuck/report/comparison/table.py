"""The figures of a comparison: a row of plain values per arm, another per training, and how they came about."""

from collections.abc import Container, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from unstuck.report.wording import Measure, measure_of, score_name
from unstuck.study.compare import Arm, Comparison
from unstuck.study.statistics import MOST_SEEDS
from unstuck.training.run import Run

Value = str | float | int | None


class Figures(NamedTuple):
    """Rows of values under a header, and the unit of each column; nothing is rounded."""

    units: dict[str, str]
    """By the column's name, in the order of the columns; empty where there is no unit."""
    rows: tuple[tuple[Value, ...], ...]
    """NaN where something was measured and is no number, None where there is nothing."""

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.units)


def unit_of(comparison: Comparison) -> str:
    """Of the score: share of rows, or share of variance."""
    return comparison.base.runs[0].record.units[f"train_{comparison.score}"]


def measure(comparison: Comparison) -> Measure:
    """How its differences are told to people."""
    return measure_of(unit_of(comparison))


def figures(comparison: Comparison) -> Figures:
    """A row per arm, the base first.

    Its score's mean and deviation; the mean difference from the base with its 95 % interval; p alone and after
    Holm; Hedges' g; on how many seeds or folds it is above, equal and below; how many would be needed.
    """
    unit = unit_of(comparison)
    units = {"arm": "", "judgement": ""}
    units |= {name: unit for name, figures in _known(comparison).items() if figures}
    units |= dict.fromkeys((comparison.score, "deviation", "difference", "low", "high"), unit)
    units |= dict.fromkeys(("p", "adjusted_p"), "")
    units |= {"effect": "deviations of the difference"}
    pair = pairs_of(comparison, 2)
    units |= dict.fromkeys(("n", "wins", "ties", "losses", "needed"), pair)
    units |= {"seconds": "s", "diverged": "trainings", "test": ""}
    return Figures(units, tuple(_row(comparison, arm) for arm in comparison.everyone))


def _known(comparison: Comparison) -> dict[str, dict[str, float]]:
    return {"published": comparison.study.published, "rebuilt": comparison.study.rebuilt}


def _row(comparison: Comparison, arm: Arm) -> tuple[Value, ...]:
    judged, scores = arm.judged, arm.scores
    finite = bool(np.isfinite(scores).all())
    difference: tuple[Value, ...] = (None,) * 10
    if judged:
        low, mean, high = judged.interval
        counts = (judged.n, judged.wins, judged.ties, judged.losses)
        difference = (mean, low, high, judged.p, judged.adjusted_p, judged.effect, *counts)
    return (
        arm.name,
        judged.judgement.value if judged else None,
        *(figures.get(arm.name) for figures in _known(comparison).values() if figures),
        float(scores.mean()) if finite else float("nan"),
        float(scores.std(ddof=1)) if finite and len(scores) > 1 else float("nan"),
        *difference,
        judged.needed if judged else None,
        float(np.median([seconds(run) for run in arm.runs])),  # the first one may have waited for a compiler
        arm.diverged,
        judged.test if judged else None,
    )


def trainings(comparison: Comparison) -> Figures:
    """A row per training: its arm and number, its seed and fold, loss and score of each split, and its end."""
    runs = [(arm.name, number, run) for arm in comparison.everyone for number, run in enumerate(arm.runs)]
    units = {"arm": "", "number": "", "seed": ""} | dict.fromkeys(_fold(runs[0][2]), "")
    named = {(split, name): None for *_, run in runs for split, scores in run.scores.items() for name in scores}
    units |= {f"{split}_{name}": _score_unit(runs[0][2], name) for split, name in named}
    units |= {"epochs": "", "seconds": "s", "stop": ""}
    rows = tuple((name, number, *_training(run, named)) for name, number, run in runs)
    return Figures(units, rows)


def _training(run: Run, named: Iterable[tuple[str, str]]) -> tuple[Value, ...]:
    return (
        run.recipe.seed if run.recipe else None,
        *_fold(run).values(),
        *(run.scores.get(split, {}).get(name) for split, name in named),
        len(run.record["epoch"]) if "epoch" in run.record else 0,
        seconds(run),
        run.stop.reason.name.lower().replace("_", " "),
    )


def _fold(run: Run) -> dict[str, int]:
    """Which fold is held out, and how often the rows were dealt out before, in a study by folds."""
    fold = getattr(run.recipe.data, "fold", None) if run.recipe else None
    return {"fold": fold.number, "repeat": fold.repeat} if fold else {}


def _score_unit(run: Run, name: str) -> str:
    return run.record.units[f"train_{name}"]


def seconds(run: Run) -> float:
    """Of the steps of all epochs that it finished."""
    return float(run.record["seconds"].sum()) if "seconds" in run.record else 0.0


# words


def pairs_of(comparison: Comparison, count: int) -> str:
    """What pairs an arm's trainings with the base's: seeds or folds."""
    pair = "fold" if comparison.study.folds else "seed"
    return pair if count == 1 else f"{pair}s"


INTERVALS = {
    "t": "Student's t",
    "bootstrap": "bootstrap, expanded percentiles",
    "corrected t": "Student's t, corrected for folds that overlap (Nadeau and Bengio)",
}
TESTS = {
    "t": "paired t test",
    "sign flips": "sign flips",
    "sign test": "sign test where a score is not finite",
    "corrected t": "corrected resampled t test",
}


COLUMNS = {
    "published": "Published: single runs of others.",
    "rebuilt": "Rebuilt: the published networks in plain PyTorch.",
    "effect": "Effect: Hedges' g, the difference in units of its deviation between pairs.",
    "needed": "Needed: a rough guess of how many would decide.",
    "seconds": "Seconds: the median training's steps.",
}


def caption(comparison: Comparison, columns: Container[str] = COLUMNS) -> str:
    """How the figures came about; those of the columns that are there."""
    n, study = len(comparison.base.scores), comparison.study
    score = f"{comparison.split.capitalize()} {score_name(comparison.score)} ({unit_of(comparison)})"
    everything = sum(len(arm.runs) for arm in comparison.everyone)
    now = "all" if comparison.trained == everything else str(comparison.trained)
    took = f"{_counted(everything, 'training')}, {now} of them now, in {_seconds(comparison.seconds)}."
    times = " ".join([*(told for key, told in COLUMNS.items() if key in columns), took])
    if n == 1:
        one = f"one {pairs_of(comparison, 1)}"
        return f"{score} of {one}, which cannot tell an effect from chance: no interval, no test. {times}"
    pairs = f"{n} {pairs_of(comparison, n)}"
    if study.repeats > 1:
        pairs += f" ({study.folds}, dealt out {study.repeats} times)"
    return f"{score}: mean ± standard deviation of {pairs}. {_judged(comparison)} {times}"


def _judged(comparison: Comparison) -> str:
    """What differences, brackets and p are."""
    judged = [arm.judged for arm in comparison.arms.values() if arm.judged]
    unit, pair = measure(comparison).unit, pairs_of(comparison, 1)
    tests = " or ".join(TESTS[test] for test in dict.fromkeys(one.test for one in judged))
    return (
        f"Differences{f' in {unit}' if unit else ''} are paired by {pair}, less the base; in brackets the 95 % "
        f"interval of each alone ({INTERVALS[judged[0].method]}). p: {tests}, after Holm over "
        f"{_counted(len(judged), 'arm')}."
    )


def _seconds(count: float) -> str:
    return f"{count:.0f} s" if count >= 10 else f"{count:.1f} s"


def _counted(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"


def needed(count: int | None) -> str:
    """Seeds that would decide it, in words."""
    return "" if count is None else f"> {MOST_SEEDS}" if count > MOST_SEEDS else str(count)


def records(table: Figures) -> Sequence[dict[str, Any]]:
    """The rows by the columns' names."""
    return [dict(zip(table.header, row, strict=True)) for row in table.rows]
