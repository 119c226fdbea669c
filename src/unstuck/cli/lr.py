"""unstuck lr."""

import json as json_text
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def verb(
    source: str,
    /,
    *,
    seeds: int = 3,
    out: str | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Find a learning rate: 300 steps at rising rates for each seed, the curve, and a proposal with its reason.

    Exit code 1 where no rate made the loss fall.

    Parameters
    ----------
    source
        A data set, a recipe.toml, or a path to data, as `unstuck train` takes it.
    seeds
        How many starts are tested.
    out
        The picture's file; else NAME-lr.png here.
    set_
        KEY=VALUE, the long form of a recipe flag.
    json
        Print the result as JSON, and draw nothing.
    """
    import numpy as np

    from unstuck.cli.source import recipe_of
    from unstuck.report import plots, view
    from unstuck.training.rate_test import rate_test

    recipe = recipe_of(source, set_ or [])
    test = rate_test(recipe, seeds=seeds)
    if json:
        by_seed = [float(rate) if np.isfinite(rate) else None for rate in test.halves]
        print(json_text.dumps({"lr": test.proposal, "reason": test.reason, "lr_by_seed": by_seed}, indent=2))
    else:
        path = Path(out or f"{recipe.model.name}-lr.png")
        plots.save(plots.draw_rates(view.RatesView.of(test)), path)
        print(f"--optimizer.lr {test.proposal:.2g}" if test.proposal else "no learning rate to propose")
        print(f"{test.reason}\npicture: {path}")
    return 0 if test.proposal else 1
