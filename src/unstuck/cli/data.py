"""unstuck data."""

import dataclasses
import json as json_text
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    import numpy as np

    from unstuck.data import Dataset
    from unstuck.recipe.spec import Recipe


def verb(
    source: str,
    /,
    *,
    out: str | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Look at data before training: counts, ranges, balance of the classes, and a picture of samples.

    With --augment shift,rotation the picture shows what augmentation makes of some of them.

    Parameters
    ----------
    source
        A data set, a recipe.toml, or a path to data, as `unstuck train` takes it.
    out
        The picture's file; else NAME-samples.png or NAME-augmented.png here.
    set_
        KEY=VALUE of the recipe's data or augment, the long form of a flag such as --data.validation.
    json
        Print counts and ranges as JSON, and draw nothing.
    """
    from rich.console import Console

    from unstuck.cli.source import recipe_of
    from unstuck.data import caution, load, look
    from unstuck.report import text
    from unstuck.training.resolve import check_augment

    recipe = recipe_of(source, set_ or [])
    dataset = load(recipe.data)
    check_augment(recipe, dataset)
    seen = look(dataset)
    if said := caution(recipe):
        print(f"unstuck: {said}", file=sys.stderr)
    if json:
        print(json_text.dumps(dataclasses.asdict(seen), indent=2))
        return 0
    console = Console(highlight=False)
    console.print(text.data_table(seen))
    console.print(f"picture: {_drawn(recipe, dataset, out)}")
    return 0


def _drawn(recipe: "Recipe", dataset: "Dataset", out: str | None) -> Path:
    from unstuck.report.figures import save_augmented, save_samples

    stem = Path(dataset.name).stem
    if not (recipe.augment.is_on and dataset.has_pictures):
        return save_samples(dataset, Path(out or f"{stem}-samples.png"))
    from unstuck.training.torch_augment import versions_of

    def made(index: "np.ndarray", times: int) -> "tuple[np.ndarray, np.ndarray]":
        return versions_of(recipe.augment, dataset, index, times=times, seed=recipe.seed)

    return save_augmented(dataset, made, recipe.augment, Path(out or f"{stem}-augmented.png"))
