"""Five techniques, each with and without on a case made to need it, and on one where it has little to do.

`python -m studies.techniques` trains every pair of `studies/techniques/` with the same seeds and prints a table of
each; with `--write` the tables go into docs/techniques.md, and its picture is drawn. A seed draws the rows as
well as the weights and the order. Each arm has the best of a few settings, chosen on seeds that are not
reported, by rows that none of the reported test images is among.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from pydantic import Field

from studies import parts
from unstuck.data import Dataset
from unstuck.data.catalog import open_set
from unstuck.data.loading import arrange
from unstuck.data.source import Pairs, Source
from unstuck.recipe import file
from unstuck.recipe.data import Data
from unstuck.recipe.edit import Edit, edited
from unstuck.recipe.part import Part
from unstuck.recipe.spec import Recipe
from unstuck.report.comparison import aligned
from unstuck.report.plots import canvas
from unstuck.study.design import Edits
from unstuck.study.statistics import Interval, subtract, t_interval
from unstuck.training.run import conclude
from unstuck.training.task import task_of_recipe
from unstuck.training.training import Training

HERE = Path(__file__).parent / "techniques"
DOCS = Path(__file__).parent.parent / "docs"
CASES = ("augmentation", "early-stopping", "dropout", "weight-decay", "batch-normalization")
CHOOSING = range(100, 102)
REHEARSED = 5000  # training images that stand for the test images while settings are chosen


class Elsewhere(Part):
    """Where the technique has little to do: the same pair, but for these edits."""

    case: str
    edits: Edits


class Case(Part):
    """A recipe that needs a technique, and what it is without and with it."""

    title: str
    """The technique."""
    seeds: Annotated[int, Field(gt=1)]
    """Pairs: they have the seeds 0, 1, …"""
    case: str
    """The recipe in a few words."""
    recipe: Recipe
    """Without the technique."""
    present: Edits
    """What the technique is. A list holds settings to choose from."""
    choices: Edits
    """Settings that both arms choose, each for itself, from the lists."""
    elsewhere: Elsewhere

    @classmethod
    def read(cls, name: str) -> "Case":
        """The case of that name."""
        return file.read(cls, HERE / f"{name}.toml")

    def recipes(self) -> dict[str, Recipe]:
        """The recipe without the technique, by what it says: where it is needed, then elsewhere."""
        return {self.case: self.recipe, self.elsewhere.case: changed(self.recipe, self.elsewhere.edits)}


def changed(recipe: Recipe, edits: Mapping[str, Any]) -> Recipe:
    return edited(recipe, [Edit(path, to) for path, to in edits.items()])


def settings(edits: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every way to take one value from each list; what is no list stays."""
    values = [value if isinstance(value, list) else [value] for value in edits.values()]
    return [dict(zip(edits, taken, strict=True)) for taken in itertools.product(*values)]


class Outcome(NamedTuple):
    """What one training came to: accuracy or R² on the test rows, and epochs trained."""

    score: float
    epochs: int


def train(recipe: Recipe, seed: int, *, chooses: bool = False) -> Outcome:
    """One training with its own rows, weights and order; one that `chooses` sees none of the test images."""
    recipe = changed(recipe, {"seed": seed, "data.seed": seed})
    training = Training(task_of_recipe(recipe, _data(recipe.data, chooses=chooses)))
    for _ in training:
        pass
    run = conclude(training)
    return Outcome(run.scores["test"][training.task.score.name], len(run.record["train_loss"]))


def _data(data: Data, *, chooses: bool) -> Dataset:
    source = _mnist() if data.name == "mnist" else open_set(data)
    if chooses and source.test is not None:
        x, y = source.train
        kept, held = Pairs(x[:-REHEARSED], y[:-REHEARSED]), Pairs(x[-REHEARSED:], y[-REHEARSED:])
        source = replace(source, train=kept, test=held)
    return arrange(source, data)


@cache
def _mnist() -> Source:
    """Read once: it is the same for every seed."""
    return open_set(Data(name="mnist"))


def choose(recipe: Recipe, edits: Mapping[str, Any]) -> dict[str, Any]:
    """The setting of the best mean score on the seeds to choose by."""
    tried = settings(edits)
    if len(tried) == 1:
        return tried[0]
    means = []
    for setting in tried:
        scores = [train(changed(recipe, setting), seed, chooses=True).score for seed in CHOOSING]
        means.append(np.nan_to_num(np.mean(scores), nan=-np.inf))
    return tried[int(np.argmax(means))]


class Pair(NamedTuple):
    """A technique in one case: outcomes without and with it, seed by seed, and the settings chosen for each."""

    title: str
    case: str
    outcomes: tuple[Sequence[Outcome], Sequence[Outcome]]
    chosen: tuple[Mapping[str, Any], Mapping[str, Any]]

    @property
    def difference(self) -> Interval:
        """Of the score, with less without, paired by seed."""
        without, with_it = ([outcome.score for outcome in arm] for arm in self.outcomes)
        return t_interval(subtract(with_it, without))

    def cells(self) -> tuple[str, ...]:
        """A row of the technique's table."""
        means = (f"{np.mean([outcome.score for outcome in arm]):.3f}" for arm in self.outcomes)
        epochs = dict.fromkeys(f"{np.mean([outcome.epochs for outcome in arm]):.0f}" for arm in self.outcomes)
        return (self.case, *means, str(self.difference), " → ".join(epochs))


HEADER = ("case", "without", "with", "difference", "epochs")


def measure(case: Case) -> Iterator[Pair]:
    """The technique where it is needed, then elsewhere."""
    for says, recipe in case.recipes().items():
        arms = (case.choices, case.choices | case.present)
        chosen = tuple(choose(recipe, edits) for edits in arms)
        outcomes = tuple([train(changed(recipe, edits), seed) for seed in range(case.seeds)] for edits in chosen)
        yield Pair(case.title, says, outcomes, chosen)


def section(case: Case, pairs: Sequence[Pair]) -> str:
    """The table of a technique, and how it came about."""
    table = aligned(HEADER, [pair.cells() for pair in pairs])
    open_to_choice = {path for path, value in (case.choices | case.present).items() if isinstance(value, list)}
    said = []
    for pair in pairs:
        without, with_it = (
            ", ".join(f"{path.split('.')[-1]} {to:g}" for path, to in arm.items() if path in open_to_choice)
            for arm in pair.chosen
        )
        said.append(f"{pair.case}, without: {without}; with: {with_it}.")
    return f"{table}\n\n{case.seeds} seeds. Chosen on two others: {' '.join(said)}"


ROW, AROUND, LEFT, MIDDLE, RIGHT = 0.3, 0.75, 4.4, 3.2, 1.9  # inches


def draw(pairs: Sequence[Pair], path: Path) -> None:
    """The difference that each technique makes, with its interval: blue where it is needed, elsewhere grey."""
    tall = ROW * len(pairs)
    note = "with less without, paired by seed; bars are 95 % intervals; blue where the technique is needed"
    figure = canvas.page(
        LEFT + MIDDLE + RIGHT, canvas.TOP + tall + AROUND, "What each technique adds to the test score", note
    )
    axes = canvas.panel(figure, LEFT, AROUND - 0.2, MIDDLE, tall)
    for place, pair in enumerate(pairs):
        _bar(axes, place, pair)
    axes.axvline(0, color=canvas.MUTED, lw=0.8)
    axes.set_yticks([])
    axes.set_ylim(len(pairs) - 0.5, -0.5)
    axes.set_xscale("symlog", linthresh=0.01, linscale=0.6)
    axes.set_xlim(-1, 1)
    ticks = (-1, -0.1, -0.01, 0, 0.01, 0.1, 1)
    axes.set_xticks(ticks, [f"{tick:+g}" if tick else "0" for tick in ticks])
    axes.grid(axis="x", color=canvas.RULE, lw=0.6)
    canvas.label(axes, "difference of accuracy (weight decay: R²), logarithmic beyond ±0.01")
    canvas.save(figure, path)


def _bar(axes: Axes, place: int, pair: Pair) -> None:
    is_needed = place % 2 == 0
    low, mean, high = pair.difference
    colour = canvas.BLUE if is_needed else canvas.MUTED
    axes.plot([low, high], [place, place], color=colour, lw=2, solid_capstyle="butt")
    axes.plot(mean, place, "o", ms=6, mew=0, color=colour)
    beside = {"transform": axes.get_yaxis_transform(), "va": "center", "size": canvas.LABEL, "color": canvas.INK}
    if is_needed:
        axes.text((0.15 - LEFT) / MIDDLE, place, pair.title, ha="left", weight="bold", **beside)
    axes.text(-0.03, place, pair.case, ha="right", **beside)
    axes.text(1.03, place, str(pair.difference), ha="left", **beside)


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)} (default: all)")
    parser.add_argument("--write", action="store_true", help="write docs/techniques.md and its picture")
    asked = parser.parse_args(words)
    for name in asked.cases:
        if name not in CASES:
            parser.error(f"CASE must be of {', '.join(CASES)}, got {name}")
    if asked.write and asked.cases:
        parser.error("--write goes with all cases, as the picture shows all")
    return asked


def write(sections: Mapping[str, str], pairs: Sequence[Pair]) -> None:
    """Put the tables into the document, and draw its picture."""
    document = DOCS / "techniques.md"
    page = document.read_text(encoding="utf-8")
    for name, said in sections.items():
        page = parts.put(page, name, said, study="techniques")
    document.write_text(page, encoding="utf-8")
    draw(pairs, DOCS / "figures" / "techniques.png")


def main() -> None:
    asked = arguments()
    said, pairs = {}, []
    for name in asked.cases or CASES:
        case, started = Case.read(name), time.process_time()
        measured = list(measure(case))
        said[name] = section(case, measured)
        print(f"{case.title}\n\n{said[name]}\n", flush=True)
        print(f"{name}: {time.process_time() - started:.0f} s of processor time", file=sys.stderr, flush=True)
        pairs += measured
    if asked.write:
        write(said, pairs)


if __name__ == "__main__":
    main()
