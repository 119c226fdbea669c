"""unstuck compare."""

import json as json_text
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def verb(
    source: str,
    /,
    *,
    arm: Annotated[list[str] | None, Parameter(negative="")] = None,
    vary: Annotated[list[str] | None, Parameter(negative="")] = None,
    draws: int | None = None,
    fractions: str | None = None,
    seeds: int | None = None,
    folds: int | None = None,
    repeats: int | None = None,
    only: Annotated[list[str] | None, Parameter(negative="")] = None,
    method: Literal["t", "bootstrap"] | None = None,
    workers: int | None = None,
    out: str | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Say which changes help, over seeds that all of them share, with intervals.

    A study is a base and arms that change it. The source may be a study's file, or the name of one that is ready
    (`unstuck list studies`), or anything that `unstuck train` takes, with its arms as flags. Any key of a recipe
    is a flag, too, and changes the base. What is trained is kept in the folder: the same command, typed again,
    goes on where it was. --engine ray trains on a Ray cluster.

    Parameters
    ----------
    source
        study.toml, a ready-made study, a recipe.toml, a data set, or a path to data.
    arm
        NAME:KEY=VALUE, a change that is an arm; the same NAME again adds to it. May be repeated.
    vary
        KEY=ONE,OTHER or KEY=LOW..HIGH:POINTS (:log): each combination is an arm. May be repeated.
    draws
        So many combinations of --vary, drawn at random, instead of all.
    fractions
        Shares of the training rows, such as 0.1,0.3: each is an arm, beside the base with all rows.
    seeds
        Trainings of each arm; else what the study says, or 10.
    folds
        Compare by cross-validation with so many folds instead of seeds.
    repeats
        How often the rows are dealt out into folds anew.
    only
        An arm's name: the others are left out. May be repeated.
    method
        Of the intervals: Student's t, or the bootstrap, which assumes no shape; else what the study says, or t.
    workers
        Trainings at once; else one for each processor.
    out
        The folder of tables, pictures and trainings; else runs/compare-NAME.
    set_
        KEY=VALUE, the long form of a recipe flag.
    json
        Print the table as JSON and nothing else.
    """
    from rich.console import Console

    from unstuck import experiments
    from unstuck.cli.arms import place_of, study_of
    from unstuck.cli.studying import watched
    from unstuck.report import comparison as report

    settings, where = place_of(set_ or [])
    options = {"draws": draws, "fractions": fractions, "seeds": seeds, "folds": folds, "repeats": repeats}
    options |= {"method": method}
    study, stem = study_of(source, settings, arms=arm or [], vary=vary or [], options=options)
    folder = Path(out or f"runs/compare-{stem}")
    found = experiments.compare(
        study,
        only=only or [],
        out=folder,
        workers=workers,
        where=where,
        watch=lambda runner: watched(runner, out=folder, quiet=json),
    )
    if json:
        print(json_text.dumps(report.as_json(found), indent=2))
    else:
        console = Console(highlight=False)
        console.print(report.terminal(found, width=console.width))
        print(f"\ntables and pictures: {folder}")
    return 0
