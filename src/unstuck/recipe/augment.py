"""recipe.augment: random changes of the training pictures, drawn anew for each picture and epoch."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from unstuck.recipe.part import Canonical, Fraction, NotNegative, Part, Share

# What a change's name alone stands for: `augment = ["shift", "rotation"]`.
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


class Augment(Part):
    """Random changes of each training picture; labels stay, but for mixup. Off at 0 (crop: at 1)."""

    shift: Fraction = 0.0
    """Up to so much of the picture's side, in [0, 1), to either side and up or down."""
    crop: Annotated[float, Field(gt=0, le=1)] = 1.0
    """A part of the area, at least so much of it, in (0, 1], blown up to the whole picture."""
    zoom: Fraction = 0.0
    """Larger or smaller by up to this share, in [0, 1)."""
    flip: Annotated[Literal["none", "horizontal", "vertical", "both"], Canonical] = "none"
    """Mirrored with probability one half: left to right, upside down, or each by itself."""
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Turned by up to so many degrees either way."""
    erasing: Share = 0.0
    """Probability of a blank rectangle: Zhong et al. 2020, arXiv:1708.04896."""
    noise: NotNegative = 0.0
    """Standard deviation of the normal noise added to each number, in the scaled input's unit."""
    mixup: NotNegative = 0.0
    """α of Beta(α, α), by which two rows and their targets are mixed: Zhang et al. 2018, arXiv:1710.09412."""

    @property
    def is_on(self) -> bool:
        """Whether anything is changed at all."""
        return self != Augment()


def _usual(value: Any) -> Any:
    """Names alone stand for their usual strengths."""
    names = [value] if isinstance(value, str) else value
    if isinstance(names, list) and all(name in USUAL for name in names):
        return {name: USUAL[name] for name in names}
    return value


Augmentation = Annotated[Augment, BeforeValidator(_usual)]
