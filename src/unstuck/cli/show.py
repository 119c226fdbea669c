"""unstuck show."""

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
    """Draw the network that a recipe describes: layers, shapes, parameters, and what they cost.

    Parameters
    ----------
    source
        A data set, a recipe.toml, or a path to data, as `unstuck train` takes it.
    out
        The picture's file; else NAME-network.png here.
    set_
        KEY=VALUE, the long form of a recipe flag.
    json
        Print the layers as JSON, and draw nothing.
    """
    from rich.console import Console

    from unstuck.cli.source import recipe_of
    from unstuck.data import load_for
    from unstuck.errors import RecipeError
    from unstuck.network.outline import cost, outline
    from unstuck.report import plots, text, view
    from unstuck.training.resolve import resolve

    recipe = recipe_of(source, set_ or [])
    dataset = load_for(recipe)
    recipe, network = resolve(recipe, dataset)
    if network is None:
        hint = "Its layers are known to your code alone; print(module) shows them."
        raise RecipeError("model", "be a network of ours to be drawn", recipe.model.name, hint=hint)
    if json:
        lines = [line._asdict() for line in outline(network)]
        print(json_text.dumps({"layers": lines, **cost(network)._asdict()}, indent=2))
        return 0
    console = Console(highlight=False)
    console.print(text.network_table(network, batch_size=recipe.batch_size))
    path = Path(out or f"{recipe.model.name}-network.png")
    plots.save(plots.draw_network(view.NetworkView.of(recipe.model.name, network, dataset.shape)), path)
    console.print(f"picture: {path}")
    return 0
