"""recipe.transfer: where trained weights come from, and which of them move."""

from typing import Annotated, Literal

from pydantic import Field

from unstuck.recipe.part import Canonical, Count, Part


class Transfer(Part):
    """Start from trained weights, with a new head: the last layer with weights is drawn anew."""

    source: str
    """A run's folder, a .safetensors or state-dict file, or timm:NAME or torchvision:NAME."""
    freeze: Annotated[Literal["backbone", "none"], Canonical] = "backbone"
    """backbone: all but the head stay as they are, their running statistics too; none: all is trained."""
    unfreeze_after: Count | None = None
    """Epochs after which the backbone's top layers are trained too; nothing: never."""
    unfreeze: Count | None = None
    """How many of the backbone's layers with weights, from the top; nothing: all."""
    rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of the learning rate that the backbone is trained at, in (0, 1]."""
