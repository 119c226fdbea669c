"""unstuck check."""

from typing import Annotated

from cyclopts import Parameter


def verb(
    source: str,
    /,
    *,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Say what a recipe would train, every auto decided, without training it.

    Parameters
    ----------
    source
        A data set, a recipe.toml, or a path to data, as `unstuck train` takes it.
    set_
        KEY=VALUE, the long form of a recipe flag.
    json
        Print the resolved recipe as JSON and nothing else.
    """
    from rich.console import Console

    from unstuck.cli.source import recipe_of
    from unstuck.recipe import file
    from unstuck.report import text
    from unstuck.training.task import task_of_recipe

    task = task_of_recipe(recipe_of(source, set_ or []))
    if task.recipe is None:
        raise RuntimeError("a recipe's task has a recipe")
    if json:
        print(task.recipe.model_dump_json(indent=2))
        return 0
    console = Console(highlight=False, soft_wrap=True)
    console.print(text.task_summary(task))
    console.print(file.dumps(task.recipe), markup=False, end="")
    return 0
