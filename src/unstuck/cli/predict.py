"""unstuck predict."""

import json as json_text
from typing import Annotated

from cyclopts import Parameter


def verb(
    run: str,
    /,
    *inputs: str,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Answer for new pictures, of any size, dark on light or light on dark, or for the rows of a table.

    Parameters
    ----------
    run
        The folder of a run, or of an ensemble, which answers together.
    inputs
        Picture files, or .csv, .parquet or .npz files of rows.
    set_
        model=package.module:function again, where the model is code of your own; short: --model ….
    json
        Print the answers as JSON and nothing else.
    """
    from rich.console import Console

    from unstuck import api, experiments
    from unstuck.cli.source import only_model
    from unstuck.report import text

    load = experiments.load_ensemble if experiments.is_ensemble(run) else api.load
    answers = api.answers(load(run, model=only_model(set_ or [])), inputs)
    if json:
        print(json_text.dumps([answer._asdict() for answer in answers], indent=2))
    else:
        Console(highlight=False).print(text.answers_table(answers))
    return 0
