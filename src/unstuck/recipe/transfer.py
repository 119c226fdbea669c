"""recipe.transfer: where trained weights come from, and which of them move."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from unstuck.errors import RecipeError
from unstuck.recipe.part import Canonical, Count, Part


class Transfer(Part):
    """Start from trained weights, with a new head: the last layer with weights is drawn anew."""

    source: str
    """A run's folder, a .safetensors, .pt or .pth file of weights, or timm:NAME or torchvision:NAME."""
    sha256: Annotated[str | None, Field(pattern="^[0-9a-f]{64}$")] = None
    """Of the source's weights: noted when the training begins; where it is given, the source must have it."""
    freeze: Annotated[Literal["backbone", "none"], Canonical] = "backbone"
    """backbone: all but the head stay as they are, their running statistics too; none: all is trained."""
    unfreeze_after: Count | None = None
    """Epochs after which the backbone's top layers are trained too; nothing: never."""
    unfreeze: Count | None = None
    """How many of the backbone's layers with weights, from the top; nothing: all."""
    rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of the learning rate at which the backbone is trained, where it is, in (0, 1]."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.freeze == "none" and self.unfreeze_after is not None:
            hint = "Nothing is frozen."
            raise RecipeError("transfer.unfreeze_after", "go with freeze backbone", self.unfreeze_after, hint=hint)
        if self.unfreeze is not None and self.unfreeze_after is None:
            hint = "It says after how many epochs."
            raise RecipeError("transfer.unfreeze", "go with unfreeze_after", self.unfreeze, hint=hint)
        return self
