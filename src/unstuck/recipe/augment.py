"""recipe.augment: random changes of the training pictures, drawn anew for each picture and epoch."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from unstuck.errors import RecipeError, did_you_mean
from unstuck.recipe.edit import canonical
from unstuck.recipe.part import Canonical, Fraction, NotNegative, Part, Share

USUAL: dict[str, Any] = {
    "shift": 0.1,
    "crop": 0.8,
    "zoom": 0.1,
    "flip": "horizontal",
    "rotation": 10.0,
    "erasing": 0.5,
    "noise": 0.05,
    "mixup": 0.2,
}
"""What a change's name alone stands for: `augment = ["shift", "rotation"]`."""

PICTORIAL = ("shift", "crop", "zoom", "flip", "rotation", "erasing")
"""Changes of pictures; the others suit rows of any kind."""

UPRIGHT = 90.0
"""Degrees, from where on a picture is nearer to upside down than to upright."""


class Augment(Part):
    """Random changes of each training picture; labels stay, but for mixup. Off at 0 (crop: at 1).

    They are made in this order: shift, zoom and rotation at once, flip, crop, erasing, noise, mixup. What comes
    into the picture from outside is blank.
    """

    shift: Fraction = 0.0
    """Up to so much of the picture's side, in [0, 1), to either side and up or down."""
    crop: Annotated[float, Field(gt=0, le=1)] = 1.0
    """A part of the area, at least so much of it to whole pixels, in (0, 1], blown up to the whole picture."""
    zoom: Fraction = 0.0
    """Larger or smaller by up to this share, in [0, 1)."""
    flip: Annotated[Literal["none", "horizontal", "vertical", "both"], Canonical] = "none"
    """Mirrored with probability one half: left to right, upside down, or each by itself."""
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Turned by up to so many degrees either way."""
    erasing: Share = 0.0
    """Probability of a blank rectangle, of 2 to 40 % of the area: Zhong et al. 2020, arXiv:1708.04896."""
    noise: NotNegative = 0.0
    """Standard deviation of the normal noise added to each number, in the scaled input's unit."""
    mixup: NotNegative = 0.0
    """α of Beta(α, α), by which two rows and their targets are mixed: Zhang et al. 2018, arXiv:1710.09412."""

    @property
    def is_on(self) -> bool:
        """Whether anything is changed at all."""
        return bool(self.changes)

    @property
    def changes(self) -> dict[str, Any]:
        """The changes asked for, each with its strength."""
        off = Augment().model_dump()
        return {name: value for name, value in self.model_dump().items() if value != off[name]}

    @property
    def of_pictures(self) -> tuple[str, ...]:
        """The changes asked for that only pictures can undergo."""
        return tuple(name for name in self.changes if name in PICTORIAL)

    @property
    def mirrors(self) -> bool:
        """Whether pictures are seen as in a mirror."""
        return self.flip != "none"

    @property
    def upends(self) -> bool:
        """Whether pictures are turned so far that they are nearer to upside down than to upright."""
        return self.rotation > UPRIGHT or self.flip == "both"


def usual(value: Any) -> Any:
    """Names alone, in a list or with commas between, as a table of their usual strengths; "none" as no change."""
    if not isinstance(value, str | list) or value == "none":
        return {} if value == "none" else value
    names = [canonical(name).strip() for name in (value.split(",") if isinstance(value, str) else value)]
    for name in names:
        if name not in USUAL:
            raise RecipeError("augment", "name changes", name, hint=did_you_mean(str(name), USUAL))
    return {name: USUAL[name] for name in names}


Augmentation = Annotated[Augment, BeforeValidator(usual)]
