"""unstuck curvature."""

import json as json_text
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def verb(
    source: str,
    /,
    *,
    rows: int = 1000,
    surface: Annotated[bool, Parameter(negative="")] = False,
    out: str | None = None,
    spectrum: Annotated[bool, Parameter(negative="")] = False,
    escape: str | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Say whether a run ended in a minimum, at a saddle or on a plateau, by the Hessian of its loss.

    The smallest and the largest curvature come with their error bounds; where these do not tell, it is undecided.

    Parameters
    ----------
    source
        A run's folder, for its last weights; or what `unstuck train` takes, for initial weights.
    rows
        Training rows, at most, that the loss is the mean of.
    surface
        Draw the loss around, along two random directions.
    out
        The picture's file, NAME.png; else figures/surface.png in the run's folder, or NAME-surface.png here.
    spectrum
        Tell of all curvatures: their sum, how they are spread, and the largest of the Gauss–Newton matrix.
    escape
        At a saddle, train the same again from a step down its steepest side, into this new folder.
    set_
        KEY=VALUE, the long form of a recipe flag.
    json
        Print the result as JSON and nothing else; with --escape it is the new run's.
    """
    from unstuck import api
    from unstuck.cli.progress import followed
    from unstuck.cli.source import only_model, recipe_of
    from unstuck.errors import RecipeError
    from unstuck.report import plots, point, view
    from unstuck.training.folder import Folder
    from unstuck.training.run import load

    if out is not None and Path(out).suffix != ".png":
        raise RecipeError("--out", "end in .png", out)
    if escape:  # before the work, not after it
        Folder.refuse(Path(escape))
    if (Path(source) / "run.json").exists():
        run = load(source, model=only_model(set_ or []))
        what, recipe, place = run, run.recipe, Path(source, "figures/surface.png")
    else:
        what = recipe = recipe_of(source, set_ or [])
        place = Path(f"{recipe.model.name}-surface.png")
    training = None
    if escape:
        found, training = api.escaping(what, out=Path(escape), rows=rows, spectrum=spectrum)
    else:
        found = api.curvature(what, rows=rows, spectrum=spectrum)
    if not json:
        print(point.told(found, recipe and recipe.optimizer))
    elif not training:
        print(json_text.dumps(point.as_json(found, recipe and recipe.optimizer), indent=2))
    if surface or out:
        path = Path(out or place)
        plots.save(plots.draw_plane(view.PlaneView.of(api.plane(what, rows=rows))), path)
        if not json:
            print(f"picture: {path}")
    return followed(training, record=19, json=json) if training else 0
