"""unstuck ensemble."""

import json as json_text
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def verb(
    source: str,
    /,
    *,
    members: int = 10,
    kind: Literal["bagging", "seeds"] = "bagging",
    vote: Literal["probability", "majority"] = "probability",
    out: str | None = None,
    workers: int | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Train several networks that answer together: their score beside each alone, out of bag, and calibration.

    A folder that holds members of the same recipe already is gone on with. `unstuck predict` takes it.

    Parameters
    ----------
    source
        A data set, a recipe.toml, or a path to data, as `unstuck train` takes it.
    members
        How many.
    kind
        bagging, each on a bootstrap sample of the training rows and with a seed of its own; or seeds alone.
    vote
        probability, by the mean of their probabilities; or majority, by their answers.
    out
        The folder for runs, scores and a picture; else runs/ensemble-NAME.
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
    recipe = recipe_of(source, settings)
    folder = Path(out or f"runs/ensemble-{stem_of(recipe)}")
    found = experiments.ensemble(
        recipe,
        members=members,
        kind=kind,
        vote=vote,
        out=folder,
        workers=workers,
        where=where,
        watch=lambda runner: watched(runner, out=folder, quiet=json),
    )
    if json:
        print(json_text.dumps({"folder": str(folder), **studied.ensemble_as_json(found)}, indent=2))
    else:
        Console(highlight=False, soft_wrap=True).print(summaries.ensemble_summary(found), markup=False)
        print(f"scores and picture: {folder}")
    return 0
