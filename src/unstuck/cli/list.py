"""unstuck list."""

import json as json_text
from typing import Annotated

from cyclopts import Parameter


def verb(kind: str = "all", /, *, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """List what a recipe may name: data, models, activations, losses, optimizers, schedules, initializers, keys.

    Parameters
    ----------
    kind
        One of those words; without it, the words.
    json
        Print the rows as JSON and nothing else.
    """
    from rich.console import Console

    from unstuck.report import catalogue, text

    title, columns, rows = catalogue.listing(kind)
    if json:
        print(json_text.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=2))
    else:
        Console(highlight=False).print(text.listing_table(title, columns, rows))
    return 0
