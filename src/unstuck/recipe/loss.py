"""recipe.loss: what is minimized."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from unstuck.recipe.part import Canonical, Fraction, Part, Positive, listed


class Loss(Part):
    """What is minimized, as a mean over the batch (and the outputs, but for cross-entropy)."""

    name: Annotated[Literal["auto", "cross-entropy", "bce", "mse", "mae", "huber"], Canonical] = "auto"
    """auto: cross-entropy for classes, mse for numbers. With classes, the others compare to one-hot targets."""
    label_smoothing: Fraction = 0.0
    """Share of each target spread evenly over the classes, in [0, 1): Szegedy et al. 2016, arXiv:1512.00567, 7."""
    class_weights: Annotated[
        Literal["none", "balanced"] | tuple[Positive, ...],
        BeforeValidator(lambda value: value if isinstance(value, str) else listed(value)),
    ] = "none"
    """How much a row of each class counts; balanced: rows / (classes · rows of the class), as in scikit-learn."""
    delta: Positive = 1.0
    """Where huber turns from squares to absolute values, in the scaled target's unit."""
