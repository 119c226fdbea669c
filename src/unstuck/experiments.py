"""Many trainings, one question: what a user calls in Python, and what it leaves on disk."""

from collections.abc import Sequence
from pathlib import Path

from unstuck.errors import ProgramError
from unstuck.recipe.edit import Edit, edited
from unstuck.recipe.spec import Recipe
from unstuck.report.studied import save_ensemble, save_folds
from unstuck.study import crossval as crossvals
from unstuck.study import ensemble as ensembles
from unstuck.study import of_programs
from unstuck.study.crossval import Folds
from unstuck.study.ensemble import Asked, Ensemble, Kind
from unstuck.study.member import Member
from unstuck.study.runner import Runner, Where
from unstuck.study.voting import Vote
from unstuck.training.program import Program

__all__ = ["crossval", "ensemble"]


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
    """
    count = crossvals.asked(folds, repeats, leave_one_out=leave_one_out)
    if isinstance(what, Program):
        _check_live(out, workers, where)
        return of_programs.crossvalidated(what, count, repeats, seed=seed or 0, device="auto")
    members = crossvals.members(_seeded(what, seed), count, repeats)
    found = crossvals.concluded(_run(members, out, workers, where))
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
    """
    asked = Asked.checked(members, kind, vote)
    if isinstance(what, Program):
        _check_live(out, workers, where)
        return of_programs.assembled(what, asked, seed=seed or 0, device="auto")
    trainings = ensembles.members(_seeded(what, seed), asked)
    bag = ensembles.concluded(_run(trainings, out, workers, where), asked)
    if out is not None:
        save_ensemble(bag, Path(out))
    return bag


def _seeded(recipe: Recipe, seed: int | None) -> Recipe:
    if not isinstance(recipe, Recipe):
        raise ProgramError(f"what is trained must be a Recipe or a Program, got {type(recipe).__name__}.")
    return recipe if seed is None else edited(recipe, [Edit("seed", seed)])


def _check_live(out: object, workers: int | None, where: str) -> None:
    """A program's objects are in this process alone."""
    for name, given, usual in (("out", out, None), ("workers", workers or 1, 1), ("where", where, "here")):
        if given != usual:
            raise ProgramError(f"{name} must be left out for a program, whose objects live here, got {given!r}.")


def _run(members: Sequence[Member], out: str | Path | None, workers: int | None, where: Where) -> Runner:
    """A runner that has trained them all."""
    runner = Runner(members, out=Path(out) if out else None, weights=True, workers=workers, where=where)
    runner.check(judged=False)  # folds always are, and bags out of bag
    for _ in runner:
        pass
    return runner
