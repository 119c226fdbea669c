"""The course's networks on the real MNIST: which change helps, and by how much.

`python -m studies.course` trains every arm of `improvements.toml` and `schedule.toml`, which lie beside this
file, and prints a table of each; with `--write` the tables go into docs/course.md, and its picture is drawn.
"""

import argparse
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from pydantic import Field
from rich import box
from rich.console import Console
from rich.table import Table

from studies import parts
from studies.parts import Edits
from unstuck.data import Dataset, load
from unstuck.errors import RecipeError, UnstuckError, did_you_mean
from unstuck.recipe import file
from unstuck.recipe.edit import Edit, edited
from unstuck.recipe.part import Part
from unstuck.recipe.spec import Recipe
from unstuck.report.plots import canvas
from unstuck.training.run import conclude
from unstuck.training.task import task_of_recipe
from unstuck.training.training import Training

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
STUDIES = ("improvements", "schedule")
BASE = "base"


class Study(Part):
    """A base recipe, arms that change it, and known figures to set beside their scores."""

    title: str
    """What is compared."""
    seeds: Annotated[int, Field(gt=0)] = 1
    """Trainings of each arm, with the seeds 0, 1, …; all arms share them."""
    recipe: Recipe
    """The base, which is an arm without edits."""
    arms: dict[str, Edits]
    """By name: the dotted path of each field that changes, and its new value."""
    published: dict[str, float] = {}
    """Test accuracies in [0, 1] that others published, by arm."""
    rebuilt: dict[str, float] = {}
    """The same of the published networks, rebuilt in plain PyTorch."""

    @classmethod
    def read(cls, path: Path) -> "Study":
        """The study in a TOML file."""
        return file.read(cls, path)

    def recipes(self) -> dict[str, Recipe]:
        """Each arm's recipe by the arm's name, the base first."""
        arms = {BASE: {}, **self.arms}
        return {
            name: edited(self.recipe, [Edit(path, to) for path, to in edits.items()])
            for name, edits in arms.items()
        }


class Outcome(NamedTuple):
    """What one training came to: accuracies in [0, 1], and seconds of processor time."""

    test: float
    train: float
    seconds: float


Outcomes = Mapping[str, Sequence[Outcome]]  # of each arm, seed by seed


def run(recipes: Mapping[str, Recipe], *, seeds: int, workers: int) -> Outcomes:
    """Train every arm with every seed, so many at once.

    The compiled engine lets go of Python's lock, so threads are enough.
    """
    data = _data(recipes)
    jobs = [(name, recipe.edit("seed", seed)) for name, recipe in recipes.items() for seed in range(seeds)]
    cancelled = threading.Event()

    def work(job: tuple[str, Recipe]) -> Outcome:
        name, recipe = job
        outcome = train(recipe, data[name], cancelled)
        say(f"{name}, seed {recipe.seed}: {outcome.test:.4f} after {outcome.seconds:.1f} s")
        return outcome

    with ThreadPoolExecutor(workers) as pool:
        _compile(recipes, data)
        try:
            outcomes = list(pool.map(work, jobs))
        finally:  # after Ctrl-C or an error those under way end after their stretch, and no other begins
            cancelled.set()
            pool.shutdown(cancel_futures=True)
    return {name: outcomes[at * seeds : (at + 1) * seeds] for at, name in enumerate(recipes)}


def _data(recipes: Mapping[str, Recipe]) -> dict[str, Dataset]:
    """Each arm's data, by its name; what several arms share is loaded once."""
    loaded: dict[str, Dataset] = {}
    for recipe in recipes.values():
        key = recipe.data.model_dump_json()
        loaded[key] = loaded[key] if key in loaded else load(recipe.data)
    return {name: loaded[recipe.data.model_dump_json()] for name, recipe in recipes.items()}


def _compile(recipes: Mapping[str, Recipe], data: Mapping[str, Dataset]) -> None:
    """One step that is thrown away: compiling, or loading what is compiled, is not the first arm's time."""
    name, recipe = next(iter(recipes.items()))
    task_of_recipe(recipe, data[name]).engine.advance(np.arange(1), np.ones(1), 0)


def train(recipe: Recipe, dataset: Dataset, cancelled: threading.Event) -> Outcome:
    """One training, scored by the weights that its recipe keeps. It takes one thread, whose time is counted."""
    started = time.thread_time()
    training = Training(task_of_recipe(recipe, dataset))
    for _ in training:
        if cancelled.is_set():
            raise CancelledError
    seconds = time.thread_time() - started
    run = conclude(training)
    return Outcome(
        test=run.scores["test"]["accuracy"],
        train=run.scores["train"]["accuracy"],
        seconds=seconds,
    )


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Report(NamedTuple):
    """A study with its outcomes, as its table and its panel of the picture show them."""

    study: Study
    outcomes: Outcomes
    seconds: float  # from start to end

    def rows(self) -> Iterator[tuple[str, ...]]:
        """The table's cells, its header first; figures of others only where the study knows some."""
        others = {"published": self.study.published, "rebuilt": self.study.rebuilt}
        known = {name: figures for name, figures in others.items() if figures}
        yield ("arm", *known, "test", "training", "seconds")
        for arm, outcomes in self.outcomes.items():
            test, train, seconds = zip(*outcomes, strict=True)
            figures = (f"{figures[arm]:g}" if arm in figures else "–" for figures in known.values())
            yield (arm, *figures, spread(test), f"{np.mean(train):.4f}", f"{np.mean(seconds):.1f}")

    def note(self) -> str:
        """How the figures came about."""
        seeds = len(next(iter(self.outcomes.values())))
        of = "one training, seed 0" if seeds == 1 else f"{seeds} seeds, mean and standard deviation"
        seconds = f"processor time of one training; the whole study took {self.seconds:.0f} s"
        return f"Accuracies: {of}. Seconds: {seconds}."


def spread(values: Sequence[float]) -> str:
    """The mean, with the standard deviation over seeds where there are several."""
    mean = f"{np.mean(values):.4f}"
    return f"{mean} ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else mean


def show(report: Report, console: Console) -> None:
    """The table in the terminal."""
    header, *rows = report.rows()
    table = Table(title=report.study.title, caption=report.note(), box=box.SIMPLE_HEAD)
    table.pad_edge, table.collapse_padding = False, True  # for 80 columns
    for at, name in enumerate(header):
        table.add_column(name, justify="right" if at else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def markdown(report: Report) -> str:
    """The table and its note."""
    header, *rows = report.rows()
    return f"{parts.markdown(header, rows)}\n\n{report.note()}"


ROW, AROUND = 0.3, 0.8  # inches: height of an arm; of a panel's title and scale


def draw(reports: Sequence[Report], path: Path) -> None:
    """Every training as a dot, a panel for each study, on one scale."""
    heights = [ROW * len(report.outcomes) for report in reports]
    height = canvas.TOP + sum(heights) + AROUND * len(heights)
    note = "a dot is a training, a diamond a published figure; the number is the mean"
    figure = canvas.page(8, height, "What each change does to the test accuracy on MNIST", note)
    top = height - canvas.TOP
    for report, tall in zip(reports, heights, strict=True):
        _dots(canvas.panel(figure, 1.95, top - tall - 0.25, 5.85, tall), report, _span(reports))
        top -= tall + AROUND
    canvas.save(figure, path)


def _span(reports: Sequence[Report]) -> tuple[float, float]:
    """Least and largest accuracy on the scale: all that is shown, with room for the numbers at the right."""
    shown = [outcome.test for report in reports for arm in report.outcomes.values() for outcome in arm]
    shown += [figure for report in reports for figure in report.study.published.values()]
    return min(shown) - 0.005, max(shown) + 0.015


def _dots(axes: Axes, report: Report, span: tuple[float, float]) -> None:
    arms, published = list(report.outcomes), report.study.published
    for place, arm in enumerate(arms):
        test = [outcome.test for outcome in report.outcomes[arm]]
        if arm in published:
            axes.plot(published[arm], place, "D", ms=9, mfc="none", mec=canvas.ORANGE, mew=1.4)
        axes.plot(test, [place] * len(test), "o", ms=5, mew=0, color=canvas.BLUE, alpha=0.7)
        right = {"va": "center", "ha": "right", "size": canvas.LABEL, "color": canvas.INK}
        axes.text(span[1], place, f"{np.mean(test):.3f}", **right)
    axes.set_yticks(range(len(arms)), arms, color=canvas.INK, size=canvas.LABEL)
    axes.set_ylim(len(arms) - 0.5, -0.5)
    axes.set_xlim(*span)
    axes.grid(axis="x", color=canvas.RULE, lw=0.6)
    axes.set_title(report.study.title, size=canvas.LABEL, color=canvas.INK, loc="left", weight="bold")
    canvas.label(axes, "test accuracy")


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("studies", nargs="*", type=_study, metavar="STUDY", help=f"of {', '.join(STUDIES)} (default: all)")
    add("--only", action="append", default=[], metavar="ARM", help="this arm; may be repeated")
    add("--seeds", type=_count, help="trainings of each arm (default: what the study says)")
    add("--workers", type=_count, default=2, help="trainings at once, a thread each (default: 2)")
    add("--write", action="store_true", help="write docs/course.md and docs/figures/course.png")
    asked = parser.parse_args(words)
    asked.studies = asked.studies or list(STUDIES)
    if asked.write and (asked.only or {*asked.studies} != {*STUDIES}):
        parser.error("--write goes with all studies and all arms, as the document tells of all")
    return asked


def _study(name: str) -> str:
    if name not in STUDIES:
        raise argparse.ArgumentTypeError(f"must be of {', '.join(STUDIES)}, got {name}")
    return name


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text}")
    return int(text)


def chosen(studies: Mapping[str, Study], only: Sequence[str]) -> dict[str, dict[str, Recipe]]:
    """The recipes to train, by study and arm: all, or those of the arms that `only` names."""
    recipes = {name: study.recipes() for name, study in studies.items()}
    arms = {arm for study in recipes.values() for arm in study}
    for arm in only:
        if arm not in arms:
            raise RecipeError("--only", "name an arm", arm, hint=did_you_mean(arm, arms))
    kept = {name: {arm: of[arm] for arm in of if arm in only or not only} for name, of in recipes.items()}
    return {name: of for name, of in kept.items() if of}


def measured(asked: argparse.Namespace, console: Console) -> Iterator[tuple[str, Report]]:
    """What was asked for, study by study, each shown as soon as it is there."""
    studies = {name: Study.read(HERE / f"{name}.toml") for name in asked.studies}
    for name, recipes in chosen(studies, asked.only).items():
        started = time.perf_counter()
        outcomes = run(recipes, seeds=asked.seeds or studies[name].seeds, workers=asked.workers)
        report = Report(studies[name], outcomes, time.perf_counter() - started)
        show(report, console)
        yield name, report


def write(reports: Mapping[str, Report]) -> None:
    """Put the tables into the document, and draw its picture."""
    document = DOCS / "course.md"
    page = document.read_text(encoding="utf-8")
    for name, report in reports.items():
        page = parts.put(page, name, markdown(report), study="course")
    document.write_text(page, encoding="utf-8")
    draw(list(reports.values()), DOCS / "figures" / "course.png")


def main() -> int:
    """Exit code: 0 done; 2 misuse; 130 interrupted."""
    asked = arguments()
    try:
        reports = dict(measured(asked, Console()))
    except UnstuckError as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        return 130
    if asked.write:
        write(reports)
    return 0


if __name__ == "__main__":
    sys.exit(main())
