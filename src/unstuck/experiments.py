"""Many trainings, one question: what a user calls in Python, and what it leaves on disk."""

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unstuck import files
from unstuck.diagnosis.doctor import diagnosed
from unstuck.diagnosis.experiment import Budget
from unstuck.diagnosis.terms import Diagnosis
from unstuck.errors import ProgramError, RecipeError, RunError
from unstuck.recipe import file
from unstuck.recipe.edit import Edit, edited
from unstuck.recipe.problem import checked
from unstuck.recipe.spec import Recipe
from unstuck.report.comparison import save as save_comparison
from unstuck.report.studied import save_ensemble, save_folds
from unstuck.study import crossval as crossvals
from unstuck.study import ensemble as ensembles
from unstuck.study import of_programs
from unstuck.study.compare import Comparison, concluded
from unstuck.study.crossval import Folds
from unstuck.study.design import Method, Study, ready
from unstuck.study.ensemble import Asked, Ensemble, Kind
from unstuck.study.member import Member, Store
from unstuck.study.runner import Runner, Where
from unstuck.study.shelf import Shelf
from unstuck.study.voting import Vote
from unstuck.training.own import retyped
from unstuck.training.program import Program
from unstuck.training.run import Run

__all__ = ["compare", "crossval", "diagnose", "ensemble", "is_ensemble", "load_ensemble"]

_ENSEMBLE = "ensemble.json"

Watch = Callable[[Runner], None]
"""Iterates over a runner to its end, and may show what comes."""


def unwatched(runner: Runner) -> None:
    """Train to the end in silence."""
    deque(runner, maxlen=0)


def compare(
    what: Recipe | Study | str | Path,
    arms: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    seeds: int | None = None,
    only: Sequence[str] = (),
    method: Method | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
    where: Where = "here",
    watch: Watch = unwatched,
) -> Comparison:
    """Train a recipe and changes of it with the same seeds, and say which of them help.

    Args:
        what: the base; or a whole study, the file that it stands in, or the name of a ready-made one.
        arms: by name, the dotted path of each field that changes, with its new value.
        seeds: trainings of each arm; nothing: 10, or what the study says.
        only: names of arms, if not all are wanted.
        method: of the intervals: Student's t, or the bootstrap, which assumes no shape; nothing: t, or what the
            study says.
        out: a folder for tables and pictures, which keeps each training, so that the same study goes on there.
        workers: trainings at once; nothing: one for each processor.
        where: here, in threads and processes, or on a Ray cluster.
        watch: iterates over the trainings.
    """
    study = _study(what, arms or {}, {"seeds": seeds, "method": method})
    recipes, folder = study.only(only), Path(out) if out is not None else None
    runner = Runner(study.members(recipes), out=folder, workers=workers, where=where)
    runner.check()
    if folder is not None:
        with files.said(folder):
            folder.mkdir(parents=True, exist_ok=True)
        files.write(folder / "study.toml", file.dumps(study))
    watch(runner)
    comparison = concluded(study, recipes, runner)
    if folder is not None:
        save_comparison(comparison, folder)
    return comparison


def _study(
    what: Recipe | Study | str | Path, arms: Mapping[str, Mapping[str, Any]], options: Mapping[str, Any]
) -> Study:
    if isinstance(what, Recipe):
        study = Study(recipe=what)
    elif isinstance(what, Study):
        study = what
    elif isinstance(what, str | Path):
        study = Study.read(ready().get(str(what), Path(what)))
    else:
        raise RecipeError("what is compared", "be a Recipe, a Study or its file", type(what).__name__)
    study.check_seeds(options.get("seeds"))
    table = study.model_dump()
    table["arms"] |= arms
    return checked(Study, table | {name: value for name, value in options.items() if value is not None})


def diagnose(
    what: Recipe | Program | Run,
    *,
    seeds: int = 5,
    seed: int = 0,
    trainings: float = 40,
    seconds: float | None = None,
    tell: Callable[[str], None] | None = None,
) -> Diagnosis:
    """Why a program does not train, by experiment, with a proven cure; or that nothing wrong was found.

    A cause is confirmed by a cure that was proven on fresh seeds, or by an experiment of its own, on the data or
    on more seeds. Nothing of what is given is touched: experiments train copies.

    Args:
        what: a Recipe, a Program, or a Run of a recipe, which is diagnosed as its recipe.
        seeds: on which a cure is proven beside the program as given, 2 or more; as many again where its gain is
            material and may be chance.
        seed: that all seeds follow from.
        trainings: what may be spent, in trainings of the program as given.
        seconds: what may be spent in time; nothing: no limit. Once either is, the best answer so far is given.
        tell: is told in a line what is being tested, and why.
    """
    if isinstance(what, Run):
        if what.recipe is None:
            raise ProgramError(
                "a run that is diagnosed must be a recipe's, got a program's: diagnose the Program."
            )
        what = what.recipe
    if not isinstance(what, Recipe | Program):
        raise ProgramError(f"what is diagnosed must be a Recipe, a Program or a Run, got {type(what).__name__}.")
    for name, number, least in (("seeds", seeds, 2), ("seed", seed, 0)):
        if type(number) is not int or number < least:
            raise RecipeError(name, f"be a whole number, {least} or more", number)
    if not trainings >= 1:
        raise RecipeError("trainings", "be 1 or more", trainings)
    if seconds is not None and not seconds > 0:
        raise RecipeError("seconds", "be more than 0", seconds)
    budget = Budget(trainings=trainings, seconds=np.inf if seconds is None else seconds)
    return diagnosed(what, seeds=seeds, seed=seed, budget=budget, tell=tell or _silent)


def _silent(line: str) -> None:
    """Takes what is told, and tells nobody."""


def crossval(
    what: Recipe | Program,
    *,
    folds: int | None = None,
    repeats: int = 1,
    leave_one_out: bool = False,
    seed: int | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
    where: Where = "here",
    watch: Watch = unwatched,
) -> Folds:
    """Hold every training row out once, and score it by a network that never saw it.

    Scaling, augmentation and early stopping see the other folds alone: rows to stop by are split off those that
    are trained on. Of these, rows whose inputs are a held-out row's bit by bit are left out. Test and validation
    rows that the data bring of their own are not used.

    Args:
        what: a Recipe, whose `data.fold` says how rows are dealt; or live PyTorch objects in a Program.
        folds: how many, 2 or more; nothing: 10.
        repeats: how often the rows are dealt out anew.
        leave_one_out: a fold for each row; or for each group, where `data.group` says which rows belong together.
        seed: of every fold's weights and order; nothing: the recipe's, or 0 for a program.
        out: a folder for all runs, which is looked into first, tables and pictures; nothing: no trace is left.
        workers: how many are trained at once; nothing: one for each processor. A program's are one by one.
        where: here, or on a Ray cluster.
        watch: iterates over the runner, as the command line does to show how far it is.
    """
    count = crossvals.asked(folds, repeats, leave_one_out=leave_one_out)
    if isinstance(what, Program):
        _check_live(out, workers, where)
        return of_programs.crossvalidated(what, count, repeats, seed=seed or 0, device="auto")
    shelf = Shelf()
    members = crossvals.members(_seeded(what, seed), count, repeats, shelf)
    found = crossvals.concluded(_run(members, shelf, out, workers, where, watch))
    if out is not None:
        save_folds(found, Path(out))
    return found


def ensemble(
    what: Recipe | Program,
    *,
    members: int = 10,
    kind: Kind = "bagging",
    vote: Vote = "probability",
    seed: int | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
    where: Where = "here",
    watch: Watch = unwatched,
) -> Ensemble:
    """Train several networks that answer together, and say how far they agree.

    Args:
        what: a Recipe, or live PyTorch objects in a Program.
        members: how many, 2 or more.
        kind: bagging, each on a bootstrap sample of the training rows and with a seed of its own; or seeds alone.
        vote: probability, by the mean of their probabilities; or majority, by their answers.
        seed: of the first member, the others have those that follow; nothing: the recipe's, or 0 for a program.
        out: a folder for every run, which is looked into first, scores and a picture; nothing: no trace is left.
        workers: how many are trained at once; nothing: one for each processor. A program's are one by one.
        where: here, or on a Ray cluster.
        watch: iterates over the runner, as the command line does to show how far it is.
    """
    asked = Asked.checked(members, kind, vote)
    if isinstance(what, Program):
        _check_live(out, workers, where)
        return of_programs.assembled(what, asked, seed=seed or 0, device="auto")
    shelf = Shelf()
    trainings = ensembles.members(_seeded(what, seed), asked, shelf)
    runner = _run(trainings, shelf, out, workers, where, watch)
    bag = ensembles.concluded(runner, asked)
    if out is not None:
        save_ensemble(bag, Path(out), [runner.keys[member] for member in trainings])
    return bag


def is_ensemble(path: str | Path) -> bool:
    """Whether a folder holds an ensemble, and not a run."""
    return (Path(path) / _ENSEMBLE).exists()


def load_ensemble(path: str | Path, *, model: str | None = None) -> Ensemble:
    """The ensemble in a folder, to answer for new inputs; `model` is as `unstuck.load` has it."""
    said = json.loads((Path(path) / _ENSEMBLE).read_text(encoding="utf-8"))
    store = Store(Path(path) / "members", weights=True)
    missing = [key for key in said["keys"] if not store.has(key)]
    if missing:
        hint = "Train it again with the same command: the others are kept."
        raise RunError(f"{path} lacks {len(missing)} of its {len(said['keys'])} members. {hint}")
    recipe = store.read(said["keys"][0]).recipe
    make = retyped(recipe, model, path) if recipe and model else None
    runs = [store.read(key, make=make) for key in said["keys"]]
    return ensembles.read_back(runs, Asked.checked(len(runs), said["kind"], said["vote"]), said["out_of_bag"])


def _seeded(recipe: Recipe, seed: int | None) -> Recipe:
    if not isinstance(recipe, Recipe):
        raise ProgramError(f"what is trained must be a Recipe or a Program, got {type(recipe).__name__}.")
    return recipe if seed is None else edited(recipe, [Edit("seed", seed)])


def _check_live(out: object, workers: int | None, where: str) -> None:
    """A program's objects are in this process alone."""
    for name, given, usual in (("out", out, None), ("workers", workers or 1, 1), ("where", where, "here")):
        if given != usual:
            raise ProgramError(f"{name} must be left out for a program, whose objects live here, got {given!r}.")


def _run(
    members: Sequence[Member],
    shelf: Shelf,
    out: str | Path | None,
    workers: int | None,
    where: Where,
    watch: Watch,
) -> Runner:
    """A runner that has trained them all."""
    folder = Path(out) if out else None
    runner = Runner(members, out=folder, weights=True, workers=workers, where=where, shelf=shelf)
    runner.check(judged=False)  # folds always are, and bags out of bag
    watch(runner)
    return runner
