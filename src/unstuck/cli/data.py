"""unstuck data."""

import dataclasses
import json as json_text
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def verb(
    source: str,
    /,
    *,
    out: str | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Look at data before training: counts, ranges, balance of the classes, and a picture of samples.

    Parameters
    ----------
    source
        A data set, a recipe.toml, or a path to data, as `unstuck train` takes it.
    out
        The picture's file; else NAME-samples.png here.
    set_
        KEY=VALUE of the recipe's data, the long form of a flag such as --data.validation.
    json
        Print counts and ranges as JSON, and draw nothing.
    """
    from rich.console import Console

    from unstuck.cli.source import recipe_of
    from unstuck.data import load, look
    from unstuck.report import text
    from unstuck.report.figures import save_samples

    dataset = load(recipe_of(source, set_ or []).data)
    seen = look(dataset)
    if json:
        print(json_text.dumps(dataclasses.asdict(seen), indent=2))
        return 0
    console = Console(highlight=False)
    console.print(text.data_table(seen))
    console.print(f"picture: {save_samples(dataset, Path(out or f'{Path(dataset.name).stem}-samples.png'))}")
    return 0
