"""unstuck explain."""

import json as json_text
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

_FORMS = (".html", ".svg")


def verb(
    source: str,
    /,
    *,
    rows: int = 4,
    check: Annotated[bool, Parameter(negative="")] = False,
    out: str | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Show back-propagation: the computational graph of a few rows, values forward and gradients back.

    A small network is told node by node, each with its rule; a large one layer by layer. Beside it how far the
    gradient reaches with sigmoid, tanh and ReLU.

    Parameters
    ----------
    source
        A run's folder, for its last weights; or what `unstuck train` takes, for initial weights.
    rows
        How many training rows the loss is the mean of.
    check
        Compare the gradients with finite differences, torch and the dense engine; 1 is returned if they differ.
    out
        A page to step through, NAME.html, or a picture, NAME.svg.
    set_
        KEY=VALUE, the long form of a recipe flag.
    json
        Print all of it as JSON and nothing else.
    """
    from rich.console import Console

    from unstuck import files
    from unstuck.cli.source import only_model, recipe_of
    from unstuck.errors import RecipeError
    from unstuck.explain.check import compared
    from unstuck.explain.explanation import Explanation, fading
    from unstuck.report import explained, graph_page
    from unstuck.report.view.graph import GraphView
    from unstuck.training.run import load

    if out is not None and Path(out).suffix not in _FORMS:
        raise RecipeError("--out", "end in .html or .svg", out)
    weights = None
    if (Path(source) / "run.json").exists():
        run = load(source, model=only_model(set_ or []))
        if run.recipe is None:
            raise RecipeError("the source", "be a recipe's run", source, hint="A program's network has no graph.")
        recipe, weights = run.recipe, run.weights
    else:
        recipe = recipe_of(source, set_ or [])
    told = Explanation.of(recipe, rows=rows, weights=weights)
    checked = compared(told) if check else ()
    by_activation = {} if weights else fading(recipe, rows=rows)
    if out is not None:
        view = GraphView.of(told, by_activation)
        files.write(Path(out), graph_page.page(view) if out.endswith(".html") else graph_page.svg(view))
    if json:
        print(json_text.dumps(explained.as_json(told, faded=by_activation, checked=checked), indent=2))
    else:
        console = Console(highlight=False)
        console.print(explained.explanation(told))
        if by_activation:
            console.print(explained.faded(by_activation))
        if check:
            console.print(explained.checks(checked))
        if out is not None:
            print(f"wrote {out}")
    return int(not all(row.agrees for row in checked))
