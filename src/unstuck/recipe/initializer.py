"""recipe.model.initializer: how weights start; `network/initial.py` has formula and paper."""

from typing import Annotated, Literal

from pydantic import Field

from unstuck.recipe.part import Part, Positive, named


class Scaled(Part):
    """An initializer that suits its variance to the layer's width; `network/initial.py` has formula and paper."""

    name: Literal[
        "torch",
        "xavier-uniform",
        "xavier-normal",
        "he-uniform",
        "he-normal",
        "lecun-uniform",
        "lecun-normal",
    ] = "torch"


class Uniform(Part):
    """Weights from U(-bound, bound), biases 0."""

    name: Literal["uniform"] = "uniform"
    bound: Positive = 0.05
    """Half the width of the interval. 0.05 is what Keras means by uniform."""


class Normal(Part):
    """Weights from N(0, std²), biases 0."""

    name: Literal["normal"] = "normal"
    std: Positive = 0.05
    """Standard deviation. 0.05 is what Keras means by normal."""


class Constant(Part):
    """Every weight the same, biases 0: the start that never breaks the symmetry, to learn from."""

    name: Literal["constant"] = "constant"
    value: float = 0.0
    """The weight."""


Initializer = Annotated[Scaled | Uniform | Normal | Constant, Field(discriminator="name"), named("torch")]
