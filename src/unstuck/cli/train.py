"""unstuck train."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def verb(
    source: str,
    /,
    *,
    out: str | None = None,
    record: int = 19,
    log: Annotated[list[str] | None, Parameter(negative="")] = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Train a network, score it, and leave a run folder with its pictures.

    Any key of a recipe is a flag: --epochs 5 --model.hidden 128,64 --optimizer adam --optimizer.lr 0.01;
    `unstuck list keys` shows them all.

    Parameters
    ----------
    source
        A data set (`unstuck list data`), a recipe.toml, a folder of class folders, a .csv, .parquet or .npz.
    out
        A new folder for the run; else runs/NAME-1, -2, ….
    record
        Number of the training record whose outputs are drawn.
    log
        Also log for tensorboard, mlflow or wandb (offline), into a folder beside the run's; may be repeated.
    set_
        KEY=VALUE, the long form of a recipe flag.
    json
        Print the result as JSON and nothing else.
    """
    from unstuck import api
    from unstuck.cli.processes import together
    from unstuck.cli.progress import followed
    from unstuck.cli.source import recipe_of, stem_of
    from unstuck.data import caution
    from unstuck.trackers.following import check

    with together() as live:
        check(log or [])
        recipe = recipe_of(source, set_ or [])
        if said := caution(recipe):
            print(f"unstuck: {said}", file=sys.stderr)
        stem = stem_of(recipe)
        training = api.begin(recipe, out=Path(out) if out else None, stem=stem, live=live)
        return followed(training, record=record, json=json, log=log or [])
