"""The recipe: everything a training needs, as plain frozen data whose fields check themselves.

Parts that come in kinds (`model`, `optimizer`, `schedule`, `model.initializer`) are told apart by their
`name`, and each kind has its own fields and defaults. A bare string stands for a part with that name.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from unstuck.errors import RecipeError
from unstuck.recipe import file
from unstuck.recipe.augment import Augment, Augmentation
from unstuck.recipe.data import Data
from unstuck.recipe.edit import Edit
from unstuck.recipe.loss import Loss
from unstuck.recipe.model import Mlp, Model
from unstuck.recipe.optimizer import Adam, Optimizer
from unstuck.recipe.part import Canonical, Count, NotNegative, Part, named
from unstuck.recipe.problem import reworded
from unstuck.recipe.schedule import CosineRate, Schedule
from unstuck.recipe.transfer import Transfer

EngineName = Literal["auto", "dense", "torch", "graph"]


class Stopping(Part):
    """Early stopping: no more epochs once the validation loss has stopped falling; the best weights are kept."""

    patience: Count | None = None
    """Epochs in a row without improvement that end the training; nothing: all epochs are trained."""
    min_improvement: NotNegative = 0.0
    """Least decrease of the validation loss that counts, in the loss's unit."""


class Recipe(Part):
    """Everything a run needs. Its fields are the keys of the TOML file and the flags of the command line."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Draws weights, order of the batches, dropout, augmentation; 0 or more."""
    epochs: Count = 5
    """Times that every training row is seen, at most."""
    batch_size: Count = 32
    """Rows per step."""
    engine: Annotated[EngineName, Canonical] = "auto"
    """auto: dense where it can train the recipe, else torch. graph: to read and to check by, slow."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the torch engine trains; auto: on a GPU if there is one. The others know the processor alone."""
    threads: Count = 1
    """Processor threads of the torch engine. More than one slow a small network down."""
    precision: Annotated[Literal["float32", "bf16"], Canonical] = "float32"
    """bf16: the torch engine computes products in bfloat16 where that is safe; weights stay float32."""
    compile: bool = False
    """Whether the torch engine compiles the network with torch.compile; slow to start."""
    keep: Literal["auto", "best", "last"] = "auto"
    """Weights that are scored: of the best validation loss, or the last; auto: best if rows are held out."""
    data: Annotated[Data, named()]
    model: Model = Mlp()
    loss: Annotated[Loss, named("auto")] = Loss()
    optimizer: Optimizer = Adam()
    schedule: Schedule = CosineRate()
    stopping: Stopping = Stopping()
    augment: Augmentation = Augment()
    transfer: Transfer | None = None

    def __init__(self, **table: Any) -> None:
        try:
            super().__init__(**table)
        except ValidationError as error:
            raise reworded(error, table) from None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        expected = {"cross-entropy": "softmax", "bce": "sigmoid"}.get(self.loss.name)
        if expected and self.model.output not in ("auto", expected):
            raise RecipeError(
                "model.output",
                f"be {expected} (or auto) before the loss {self.loss.name}",
                self.model.output,
                hint=f"{self.loss.name.capitalize()} reads the output as a {expected}'s; mse takes any output.",
            )
        if self.schedule.warmup > self.epochs:
            raise RecipeError("schedule.warmup", f"be at most epochs ({self.epochs})", self.schedule.warmup)
        self._transferred()
        self._chosen_by_held_out_rows()
        return self

    def _transferred(self) -> None:
        """What is thawed is thawed before the end, and only a source has a scaling to keep."""
        if self.transfer is None:
            if self.data.scaling == "source":
                hint = "transfer.source names one."
                raise RecipeError("data.scaling", "be another where there is no source", "source", hint=hint)
        elif self.transfer.unfreeze_after is not None and self.transfer.unfreeze_after >= self.epochs:
            must = f"be less than epochs ({self.epochs})"
            raise RecipeError("transfer.unfreeze_after", must, self.transfer.unfreeze_after)

    def _chosen_by_held_out_rows(self) -> None:
        """What looks at the validation loss needs validation rows."""
        if self.data.validation > 0:
            return
        hint = "Set data.validation above 0 to choose by it."
        if self.keep == "best":
            raise RecipeError("keep", "be auto or last where no rows are held out", "best", hint=hint)
        if self.stopping.patience is not None:
            raise RecipeError(
                "stopping.patience", "not be given where no rows are held out", self.stopping.patience, hint=hint
            )
        if self.schedule.name == "plateau":
            raise RecipeError("schedule.name", "be another where no rows are held out", "plateau", hint=hint)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The recipe in a TOML file; a bad one is a `RecipeError` that names file, key and value."""
        return file.read(cls, Path(path))

    def edit(self, path: str, to: object) -> Self:
        """A new recipe with one field changed, as `Edit(path, to)` does."""
        return Edit(path, to)(self)
