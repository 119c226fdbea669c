"""recipe.data: what to learn from."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from unstuck.errors import RecipeError
from unstuck.recipe.part import Canonical, Count, Fraction, Listed, Pair, Part


def _amount(value: Any) -> Any:
    if type(value) is int and value > 0 or type(value) is float and 0 < value < 1 or value is None:
        return value
    raise PydanticCustomError("amount", "Input should be a whole number above 0, or a share in (0, 1)")


_Amount = Annotated[int | float, BeforeValidator(_amount)]


class Fold(Part):
    """One fold of a cross-validation: its rows are the test rows, and the others are trained on.

    The folds of one `repeat` hold every row out exactly once. They are made of the source's training rows: test
    and validation rows that it brings of its own are left out. Validation rows are then split off those that are
    trained on, so that scaling, stopping and augmentation never see the fold.
    """

    folds: Annotated[int | None, Field(ge=2)] = None
    """How many there are; nothing: one for each row (leave-one-out), or for each group."""
    number: Annotated[int, Field(ge=0)]
    """Which one is held out, counted from 0."""
    repeat: Annotated[int, Field(ge=0)] = 0
    """Another number deals the rows anew."""
    stratified: bool = True
    """Whether every fold has its share of each class; numbers to predict are dealt as they come."""
    twins: Literal["drop", "keep"] = "drop"
    """drop: do not train on rows whose inputs are a held-out row's bit by bit, for copies would tell its target;
    keep: for coarse tables, where two examples may well be equal by chance. Near copies are for data.group."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.folds is None:
            if self.repeat:
                hint = "Leaving out one by one has no chance in it; data.fold.folds has."
                raise RecipeError(
                    "data.fold.repeat", "be 0 where no number of folds is given", self.repeat, hint=hint
                )
        elif self.number >= self.folds:
            raise RecipeError("data.fold.number", f"be less than data.fold.folds ({self.folds})", self.number)
        return self


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
    group: str | None = None
    """The column (CSV, Parquet) or array (NPZ) that says which rows belong together, such as those of one patient:
    it is no input, and all rows of a group stay on the same side of every split."""
    validation: Fraction = 0.1
    """Share of the training rows held out to choose by, in [0, 1)."""
    test: Fraction = 0.2
    """Share of all rows kept for the final score, in [0, 1), where neither the set nor a fold has test rows."""
    rows: _Amount | None = None
    """Train on so many rows only, drawn by class, or on a share of them, in (0, 1); nothing: on all. Folds are
    made of these rows."""
    fold: Fold | None = None
    """A fold to hold out as test rows, instead of those that `test` would give; nothing: none."""
    bootstrap: Annotated[int | None, Field(ge=0)] = None
    """Train on a bootstrap sample, of which this is the seed: as many rows as there are to train on, drawn from
    them with replacement, each class as often as it has rows, so that none is lost; of groups row by row."""
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
