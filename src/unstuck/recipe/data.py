"""recipe.data: what to learn from."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from unstuck.errors import RecipeError
from unstuck.recipe.part import Canonical, Count, Fraction, Listed, Pair, Part


class Data(Part):
    """What to learn from: a data set by name or by path, and how it is split and scaled."""

    name: Annotated[str | None, Canonical] = None
    """A data set of the catalogue; `unstuck list data` shows them."""
    path: str | None = None
    """A folder of class folders, a .csv, .parquet or .npz file, or a folder with the four IDX files."""
    target: str | None = None
    """The column (CSV, Parquet) or array (NPZ) to predict."""
    ignore: Annotated[tuple[str, ...], Listed] = ()
    """Columns (CSV, Parquet) that are no inputs: row numbers, names, what is known only afterwards."""
    sequence: str | None = None
    """The column (CSV, Parquet) that says which sequence a row is a step of; the rows' order is that of time.
    Of .npz the array that says how many steps of each sequence count, if its name is not lengths."""
    task: Literal["auto", "classification", "regression"] = "auto"
    """auto: classes are words, whole numbers that label pictures, and whole numbers of at most 20 kinds."""
    validation: Fraction = 0.1
    """Share of the training rows held out to choose by, in [0, 1)."""
    test: Fraction = 0.2
    """Share of all rows kept for the final score, in [0, 1), where the set brings no test rows of its own."""
    rows: Count | None = None
    """Train on so many rows only, drawn by class; nothing: on all."""
    scaling: Literal["auto", "none", "unit", "standard", "source"] = "auto"
    """unit: bytes to [0, 1]; standard: each feature to mean 0 and deviation 1, fitted on the training rows;
    source: as the run had them that weights are transferred from;
    auto: source where there is one, else unit for bytes, standard for other numbers."""
    target_scaling: Literal["auto", "none", "standard"] = "auto"
    """The same for numbers to predict; auto: standard. Predictions and scores are in the original unit."""
    size: Annotated[tuple[Count, Count] | None, Pair] = None
    """Height and width, in pixels, that an image folder's pictures are resized to; nothing: the commonest."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Draws the splits and the generated sets; apart from the recipe's seed, so that seeds share their data."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.name is None) == (self.path is None):
            got = {"name": self.name, "path": self.path}
            raise RecipeError("data", "have either a name or a path", got, hint='Try data = "mnist".')
        return self
