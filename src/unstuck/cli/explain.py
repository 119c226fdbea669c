"""unstuck explain."""

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
) -> int:
    """Show back-propagation: the computational graph of a few rows, values forward and gradients back.

    A small network is told node by node, each with its rule in words; a large one layer by layer. Beside it how
    far the gradient reaches with sigmoid, tanh and ReLU.

    Parameters
    ----------
    source
        A data set, a recipe.toml, or a path to data, as `unstuck train` takes it.
    rows
        How many training rows the loss is the mean of.
    check
        Compare the gradients with finite differences, torch and the dense engine.
    out
        A page to step through, NAME.html, or a picture, NAME.svg.
    set_
        KEY=VALUE, the long form of a recipe flag.
    """
    from rich.console import Console

    from unstuck import files
    from unstuck.cli.source import recipe_of
    from unstuck.errors import RecipeError
    from unstuck.explain.check import compared
    from unstuck.explain.explanation import Explanation, fading
    from unstuck.report import explained, graph_page
    from unstuck.report.view.graph import GraphView

    if out is not None and Path(out).suffix not in _FORMS:
        raise RecipeError("--out", "end in .html or .svg", out)
    recipe = recipe_of(source, set_ or [])
    told = Explanation.of(recipe, rows=rows)
    if out is not None and len(told.parts) > explained.MOST_NODES:
        hint = "It is told by its layers, without --out."
        raise RecipeError(
            "the graph", f"have at most {explained.MOST_NODES} nodes to be drawn", len(told.parts), hint=hint
        )
    console = Console(highlight=False)
    console.print(explained.explanation(told))
    if by_activation := fading(recipe, rows=rows):
        console.print(explained.faded(by_activation))
    if check:
        console.print(explained.checks(compared(told)))
    if out is not None:
        view = GraphView.of(told)
        files.write(Path(out), graph_page.page(view) if out.endswith(".html") else graph_page.svg(view))
        print(f"wrote {out}")
    return 0
