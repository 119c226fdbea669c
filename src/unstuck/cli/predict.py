"""unstuck predict."""

import json as json_text
from typing import Annotated

from cyclopts import Parameter


def verb(run: str, /, *inputs: str, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Answer for new pictures, of any size, dark on light or light on dark, or for the rows of a table.

    Parameters
    ----------
    run
        The run's folder.
    inputs
        Picture files, or .csv, .parquet or .npz files of rows.
    json
        Print the answers as JSON and nothing else.
    """
    from rich.console import Console

    from unstuck import api
    from unstuck.report import text

    answers = api.answers(api.load(run), inputs)
    if json:
        print(json_text.dumps([answer._asdict() for answer in answers], indent=2))
    else:
        Console(highlight=False).print(text.answers_table(answers))
    return 0
