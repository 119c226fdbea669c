"""unstuck list."""

import json as json_text
from typing import Annotated

from cyclopts import Parameter


def verb(kind: str = "all", /, *, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """List what a recipe may name: data, models, losses, optimizers, keys, …; ready-made studies; causes.

    `unstuck list schema` prints the recipe's JSON schema, for editors that complete and check TOML.

    Parameters
    ----------
    kind
        One of those words; without it, the words.
    json
        Print the rows as JSON and nothing else.
    """
    from rich.console import Console

    from unstuck.recipe.spec import Recipe
    from unstuck.report import catalogue, text

    if kind == "schema":
        print(json_text.dumps(Recipe.model_json_schema(), indent=2))
        return 0
    title, columns, rows = catalogue.listing(kind)
    if json:
        print(json_text.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=2))
    else:
        Console(highlight=False).print(text.listing_table(title, columns, rows))
    return 0
