"""Comparisons made of numbers, without a training."""

from types import SimpleNamespace

import numpy as np

from unstuck.engine import Stop, StopReason
from unstuck.recipe.edit import Edit
from unstuck.recipe.spec import Recipe
from unstuck.study.compare import Arm, Comparison
from unstuck.study.design import Study
from unstuck.study.judgement import judge
from unstuck.training.record import Record
from unstuck.training.run import Run
from unstuck.training.scores import ACCURACY, R2

LONG = "a name that is a good deal longer than its place is wide"
AWKWARD = ("[red]", "costs $5 and $6", "a | b, *c* `d` _e_", LONG)


def course(losses, scores=None, *, split="validation", score="accuracy"):
    """What is recorded of epochs with these losses; the scores are 1 - loss unless given."""
    losses = np.asarray(losses, float)
    columns = {"epoch": np.arange(1, len(losses) + 1), "seconds": np.full(len(losses), 0.5)}
    columns |= {f"{split}_loss": losses, f"{split}_{score}": 1 - losses if scores is None else np.asarray(scores)}
    return columns if len(losses) else {}


def run(value, columns, *, seed=0, diverged=False, rows=100, score="accuracy"):
    record = Record()
    record.restore(columns)
    unit = ACCURACY.unit if score == "accuracy" else R2.unit
    for split in ("train", "validation"):
        record.units |= {f"{split}_loss": "nats", f"{split}_{score}": unit}
    return Run(
        scores={"train": {"loss": 0.25, score: value}, "test": {"loss": 0.5, score: value}},
        record=record,
        stop=Stop(StopReason.NOT_FINITE if diverged else StopReason.FINISHED, 1, 0),
        kept="last",
        weights={},
        test=None,
        recipe=Recipe(data="wine", seed=seed),
        facts=SimpleNamespace(rows={"train": rows, "test": 20}),
        folder=None,
        steps_per_epoch=10,
        predictor=None,
    )


def compared(base, arms, /, *, courses=None, diverged=(), score="accuracy", rows=None, method="t", **study):
    """The comparison of scores (S,) by name. `courses` are the columns of each seed by arm, `rows` by arm."""
    courses, rows = courses or {}, rows or {}
    judged = judge(base, arms, method=method, generator=np.random.default_rng(0), test_share=1 / 9)
    edits = {name: {"epochs": 2 + place} for place, name in enumerate(arms)}

    def arm(name, values):
        usual = [course([1.0, 0.5, 0.4])] * len(values)
        runs = [
            run(
                value, columns, seed=seed, diverged=(name, seed) in diverged, score=score, rows=rows.get(name, 100)
            )
            for seed, (value, columns) in enumerate(zip(values, courses.get(name, usual), strict=True))
        ]
        changes = tuple(Edit(path, to) for path, to in edits.get(name, {}).items())
        return Arm(name=name, edits=changes, runs=tuple(runs), scores=np.array(values), judged=judged.get(name))

    return Comparison(
        study=Study(
            **{"title": "A study", "seeds": len(base), "recipe": Recipe(data="wine"), "arms": edits} | study
        ),
        base=arm("base", base),
        arms={name: arm(name, values) for name, values in arms.items()},
        split="test",
        score=score,
        trained=len(base),
        seconds=12.0,
    )


BASE = [0.90, 0.91, 0.89, 0.90]
USUAL = compared(
    BASE,
    {"better": [0.95, 0.97, 0.94, 0.95], "worse": [0.80, 0.82, 0.78, 0.81], "alike": [0.90, 0.92, 0.88, 0.91]},
    published={"base": 0.87, "better": 0.97},
    rebuilt={"better": 0.96},
)
ODD = compared(
    BASE,
    {name: [0.91, 0.92, 0.89, 0.93] for name in AWKWARD}
    | {"diverged": [np.nan, 0.1, np.nan, 0.1], "at once": [np.nan] * 4, "equal": BASE, "shifted": [0.5] * 4},
    courses={"diverged": [course([1.0, 1e200])] * 4, "at once": [course([])] * 4},
    diverged={(name, seed) for name in ("diverged", "at once") for seed in range(4)},
    title="[bold]$ and $",
)
ONE = compared([0.9], {"a": [0.95]})
MANY = compared(BASE, {f"arm {number} of forty, with a long name": BASE for number in range(40)})
FAR = compared(
    [0.4, 0.5, 0.45],
    {"near": [0.41, 0.52, 0.46], "far": [-1e3, -2e3, -1e3], "beyond": [-1e42, -2e42, -1e42]},
    score="r2",
    courses={name: [course([1.0, 0.5], score="r2")] * 3 for name in ("base", "near", "far", "beyond")},
)
SIZES = compared(
    BASE,
    {"10 % of the rows": [0.7, 0.75, 0.72, 0.71], "50 % of the rows": [0.85, 0.86, 0.84, 0.86]},
    rows={"base": 1000, "10 % of the rows": 100, "50 % of the rows": 500},
    arms={},
    fractions=(0.1, 0.5),
)
FOLDS = compared(BASE, {"a": [0.92, 0.93, 0.93, 0.92]}, method="corrected t", folds=4)
ALL = {"usual": USUAL, "odd": ODD, "one": ONE, "many": MANY, "far": FAR, "sizes": SIZES, "folds": FOLDS}
