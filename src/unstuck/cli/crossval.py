"""unstuck crossval."""

import json as json_text
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def verb(
    source: str,
    /,
    *,
    folds: int | None = None,
    leave_one_out: Annotated[bool, Parameter(negative="")] = False,
    repeats: int = 1,
    out: str | None = None,
    workers: int | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Hold every row out once, score it by a network that never saw it, and say how sure the mean is.

    Scaling, augmentation and early stopping see each fold's training rows alone. A folder that holds folds of
    the same recipe already is gone on with.

    Parameters
    ----------
    source
        A data set, a recipe.toml, or a path to data, as `unstuck train` takes it.
    folds
        How many; else 10.
    leave_one_out
        A fold for each row, or for each group of --data.group.
    repeats
        How often the rows are dealt out anew.
    out
        The folder for runs, tables and pictures; else runs/crossval-NAME.
    workers
        How many are trained at once; else one for each processor.
    set_
        KEY=VALUE, the long form of a recipe flag.
    json
        Print the result as JSON and nothing else.
    """
    from rich.console import Console

    from unstuck import experiments
    from unstuck.cli.arms import place_of
    from unstuck.cli.source import recipe_of, stem_of
    from unstuck.cli.studying import watched
    from unstuck.report import studied, summaries

    settings, where = place_of(set_ or [])
    if any(setting.startswith("data.fold.") for setting in settings):  # how rows are dealt, not which are held
        settings = ["data.fold.number=0", *settings]
    recipe = recipe_of(source, settings)
    folder = Path(out or f"runs/crossval-{stem_of(recipe)}")
    found = experiments.crossval(
        recipe,
        folds=folds,
        repeats=repeats,
        leave_one_out=leave_one_out,
        out=folder,
        workers=workers,
        where=where,
        watch=lambda runner: watched(runner, out=folder, quiet=json),
    )
    if json:
        print(json_text.dumps({"folder": str(folder), **studied.folds_as_json(found)}, indent=2))
    else:
        Console(highlight=False, soft_wrap=True).print(summaries.folds_summary(found), markup=False)
        print(f"tables and pictures: {folder}")
    return 0
