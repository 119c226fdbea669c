"""unstuck evaluate."""

import json as json_text
from typing import Annotated

from cyclopts import Parameter


def verb(
    run: str,
    /,
    *,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Score a run again, on its own data or, with --data or --data.path, on other data of the same form.

    Other data are scaled as the training data were.

    Parameters
    ----------
    run
        The run's folder.
    set_
        KEY=VALUE of the recipe's data, the long form of a flag such as --data.path; and --model
        package.module:function again, where the model is code of your own.
    json
        Print the scores as JSON and nothing else.
    """
    from rich.console import Console

    from unstuck import api
    from unstuck.cli.source import edit_of, model_of
    from unstuck.report import text
    from unstuck.training.folder import finite

    model, others = model_of(set_ or [])
    scores = api.evaluate(api.load(run, model=model), [edit_of(setting) for setting in others])
    if json:
        print(json_text.dumps(finite(scores), indent=2))
    else:
        Console(highlight=False).print(text.scores_table(scores))
    return 0
