"""unstuck finetune."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def verb(
    source: str,
    /,
    *,
    out: str | None = None,
    record: int = 19,
    log: Annotated[list[str] | None, Parameter(negative="")] = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Train further what was trained before: its weights with a new head, on other data.

    --data NAME or --data PATH says which. All but the head is frozen, unless --freeze none. With
    --unfreeze-after 3 the rest is trained too after 3 epochs, or with --unfreeze 2 its two top layers, at
    --rate 0.1 of the learning rate. Any key of a recipe is a flag.

    Parameters
    ----------
    source
        A run's folder, a .safetensors, .pt or .pth file of weights, timm:NAME or torchvision:NAME.
    out
        A new folder for the run; else runs/NAME-1, -2, ….
    record
        Number of the training record whose outputs are drawn.
    log
        Also log for tensorboard, mlflow or wandb (offline), into a folder beside the run's; may be repeated.
    set_
        KEY=VALUE, the long form of a recipe flag.
    json
        Print the result as JSON and nothing else.
    """
    from unstuck import api
    from unstuck.cli.processes import together
    from unstuck.cli.progress import followed
    from unstuck.cli.source import edit_of, split_data, stem_of
    from unstuck.data import caution
    from unstuck.trackers.following import check
    from unstuck.training.transfer import recipe_of

    with together() as live:
        check(log or [])
        data, others = split_data(set_ or [])
        recipe = recipe_of(source, data, map(edit_of, others))
        if said := caution(recipe):
            print(f"unstuck: {said}", file=sys.stderr)
        stem = stem_of(recipe)
        training = api.begin(recipe, out=Path(out) if out else None, stem=stem, live=live)
        return followed(training, record=record, json=json, log=log or [])
