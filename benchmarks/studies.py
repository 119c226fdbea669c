"""`python -m benchmarks.studies`: whole studies, not steps: the course's improvements and a cross-validation.

Each contestant does all of its trainings and scores them; what counts is the time from start to end. They are
measured one after the other, round by round, in one process, a thread for each worker.
"""

import argparse
import datetime
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from torch import nn
from torch.utils.data import DataLoader

from benchmarks import table
from benchmarks.contest import ROOT
from benchmarks.peers.tutorial import Pictures
from benchmarks.task import mnist
from unstuck.data import load
from unstuck.network.build import build
from unstuck.network.initial import initial_parameters
from unstuck.network.torch_module import torch_module
from unstuck.recipe.edit import Edit, edited
from unstuck.recipe.spec import Recipe
from unstuck.study.design import Study
from unstuck.study.member import Member
from unstuck.study.runner import Runner
from unstuck.training.resolve import resolve

PART = 6_000  # rows of the 60 000, of one epoch of three: a thirtieth of the study's steps
FOLDS = 10
EPOCHS = 5  # the recipe's own default
TESTED = 100  # rows scored at a time by the tutorial's loop
OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Ways to do the same work; the first is ours, and the others are compared with it.

    `trainings` is how many each of them does, `asked` how many times as fast ours is to be.
    """

    title: str
    trainings: int
    ways: Mapping[str, Callable[[], object]]
    asked: str


def improvements(rows: int | None, seeds: int) -> list[Member]:
    """The six networks of the ready-made study, one epoch on so many rows, from seed 0 on."""
    study = Study.read(ROOT / "studies" / "improvements.toml")
    part = edited(study.recipe, [Edit("epochs", 1), Edit("data.rows", rows)])
    study = study.model_copy(update={"recipe": part, "seeds": seeds})
    return study.members(study.recipes())


def folds(batch: int) -> list[Member]:
    """784-64-32-10 by gradient descent, five epochs, ten folds."""
    recipe = Recipe(
        data={"name": "mnist", "validation": 0.0, "scaling": "unit"},
        model={"hidden": [64, 32]},
        optimizer={"name": "sgd", "lr": 0.1},
        schedule="constant",
        epochs=EPOCHS,
        batch_size=batch,
    )
    return Study(recipe=recipe, folds=FOLDS, arms={"none": {}}).members({"base": recipe})


def by_runner(members: Sequence[Member], workers: int) -> Callable[[], object]:
    """As `unstuck compare` and `unstuck crossval` do it, with nothing found in a folder."""
    return lambda: [update for update in Runner(members, workers=workers) if update.key]


def by_tutorial(members: Sequence[Member]) -> Callable[[], object]:
    """One training after the other, in the loop of PyTorch's tutorials, each scored on the 10 000 test images."""
    pixels, labels = mnist()
    dataset = load(members[0].recipe.data)
    some = dataset.train.rows
    train = Pictures(pixels[some], labels[some])
    test = Pictures(dataset.test.x.reshape(len(dataset.test), -1), dataset.test.y)

    def all_of_them() -> list[float]:
        return [_tutorial(resolve(member.recipe, dataset)[0], train, test) for member in members]

    return all_of_them


def _tutorial(recipe: Recipe, train: Pictures, test: Pictures) -> float:
    network = build(recipe.model, recipe.loss, shape=(28, 28), outputs=10)
    weights = network.named(initial_parameters(network, recipe.model.initializer, recipe.seed))
    model = nn.Sequential(nn.Flatten(), torch_module(network, weights, seed=0))
    criterion = nn.BCEWithLogitsLoss() if recipe.loss.name == "bce" else nn.MSELoss()
    optimizer = OPTIMIZERS[recipe.optimizer.name](model.parameters(), lr=recipe.optimizer.lr)
    running = 0.0
    for inputs, classes in DataLoader(train, batch_size=recipe.batch_size, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(model(inputs), nn.functional.one_hot(classes, 10).float())
        loss.backward()
        optimizer.step()
        running += loss.item()
    with torch.no_grad():
        right = sum(
            (model(inputs).argmax(1) == classes).sum().item()
            for inputs, classes in DataLoader(test, batch_size=TESTED)
        )
    return right / len(test)


def by_scikit_learn(recipe: Recipe, jobs: int) -> Callable[[], object]:
    """`cross_val_score` of an MLPClassifier with as many steps."""
    dataset = load(recipe.data)
    x = dataset.train.x.reshape(len(dataset.train), -1).astype(np.float32) / 255
    network = MLPClassifier(
        hidden_layer_sizes=recipe.model.hidden,
        solver="sgd",
        learning_rate_init=recipe.optimizer.lr,
        batch_size=recipe.batch_size,
        momentum=0,
        nesterovs_momentum=False,
        alpha=0,
        max_iter=recipe.epochs,
        random_state=0,
    )

    def scores() -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # so few epochs do not converge, as is meant
            cuts = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
            return cross_val_score(network, x, dataset.train.y, cv=cuts, n_jobs=jobs)

    return scores


def contests() -> list[Contest]:
    """What is measured."""
    part, whole = improvements(PART, 1), improvements(None, 2)
    return [
        Contest(
            title=f"The course's six networks, one row per step, {PART} rows, one epoch",
            trainings=len(part),
            ways={
                "unstuck compare, 2 workers": by_runner(part, 2),
                "unstuck compare, 1 worker": by_runner(part, 1),
                "tutorial loop, one after the other": by_tutorial(part),
            },
            asked="10 times as fast as the tutorial loop",
        ),
        Contest(
            title="The same on all 60 000 rows, two seeds",
            trainings=len(whole),
            ways={
                "unstuck compare, 2 workers": by_runner(whole, 2),
                "unstuck compare, 1 worker": by_runner(whole, 1),
            },
            asked="1.8 times as fast as one worker",
        ),
        *map(cross_validation, (10, 32)),
    ]


def cross_validation(batch: int) -> Contest:
    """Ten folds of MNIST, in batches of so many rows."""
    tenths = folds(batch)
    recipe = tenths[0].recipe.edit("data.fold", None)
    return Contest(
        title=f"10-fold cross-validation of 784-64-32-10, batches of {batch}, {EPOCHS} epochs",
        trainings=len(tenths),
        ways={
            "unstuck crossval, 2 workers": by_runner(tenths, 2),
            "unstuck crossval, 1 worker": by_runner(tenths, 1),
            "scikit-learn cross_val_score, 1 job": by_scikit_learn(recipe, 1),
        },
        asked="10 times as fast as scikit-learn",
    )


def measured(contest: Contest, rounds: int) -> dict[str, list[float]]:
    """Seconds of each way, round by round, all in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in contest.ways}
    for number in range(rounds):
        for name, way in contest.ways.items():
            started = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - started)
            print(f"round {number + 1}: {name}: {seconds[name][-1]:.2f} s", file=sys.stderr, flush=True)
    return seconds


def section(contest: Contest, seconds: Mapping[str, Sequence[float]]) -> str:
    """The contest as a table; each way's ratio to ours is the median over the rounds."""
    ours = next(iter(seconds.values()))
    rows = [
        (
            name,
            f"{statistics.median(spent):.1f}",
            f"{min(spent):.1f} – {max(spent):.1f}",
            f"{statistics.median(a / b for a, b in zip(spent, ours, strict=True)):.2f}",
        )
        for name, spent in seconds.items()
    ]
    header = ("way", "seconds", "fastest – slowest round", "× the first")
    return (
        f"## {contest.title}\n\n{contest.trainings} trainings. Asked: {contest.asked}.\n\n"
        f"{table.markdown((header, *rows))}\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each way (default: 3)")
    parser.add_argument("--only", type=int, action="append", help="number of a contest, counted from 1")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [contest for at, contest in enumerate(contests(), 1) if not asked.only or at in asked.only]
    for contest in chosen:  # what is compiled or imported at the first call is no contestant's time
        next(iter(contest.ways.values()))()
    said = "\n".join(section(contest, measured(contest, asked.rounds)) for contest in chosen)
    page = (
        "# Whole studies\n\n"
        f"`python -m benchmarks.studies`, {datetime.date.today().isoformat()}. {table.machine()} "
        f"Seconds from start to end, the median of {asked.rounds} rounds, in each of which every way is taken "
        f"once.\n\n{said}"
    )
    print(page)
    if not asked.only:
        (ROOT / "docs" / "benchmark-studies.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
