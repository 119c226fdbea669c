"""unstuck init."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def verb(
    source: str = "mnist",
    /,
    *,
    out: str = "recipe.toml",
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
) -> int:
    """Write a recipe.toml to start from, every key explained.

    Parameters
    ----------
    source
        A data set, or a path to data.
    out
        The file; one that exists is not overwritten.
    set_
        KEY=VALUE, the long form of a recipe flag.
    """
    from unstuck import files
    from unstuck.cli.source import recipe_of
    from unstuck.errors import RunError
    from unstuck.recipe import file

    recipe = recipe_of(source, set_ or [])
    path = Path(out)
    if path.exists():
        raise RunError(f"{path} exists already. Choose another --out, or remove it.")
    files.write(path, file.dumps(recipe, explained=True))
    print(f"wrote {path}. Type: unstuck train {path}")
    return 0
