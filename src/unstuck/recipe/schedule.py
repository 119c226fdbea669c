"""recipe.schedule: the factor of the peak learning rate over the training."""

from typing import Annotated, Literal

from pydantic import Field

from unstuck.recipe.part import Count, NotNegative, Part, Share, named

_Factor = Annotated[float, Field(gt=0, le=1)]


class AbstractRate(Part):
    """What every schedule can start with."""

    warmup: NotNegative = 0.0
    """Epochs in which the rate rises linearly from zero."""


class ConstantRate(AbstractRate):
    """The same rate throughout."""

    name: Literal["constant"] = "constant"


class StepRate(AbstractRate):
    """The rate times gamma after every so many epochs."""

    name: Literal["step"] = "step"
    gamma: _Factor = 0.1
    """Factor, in (0, 1]."""
    every: Count = 10
    """Epochs between two drops."""


class ExponentialRate(AbstractRate):
    """The rate times gamma after every epoch."""

    name: Literal["exponential"] = "exponential"
    gamma: _Factor = 0.9
    """Factor, in (0, 1]."""


class CosineRate(AbstractRate):
    """The rate falls along half a cosine, Loshchilov & Hutter 2017, arXiv:1608.03983."""

    name: Literal["cosine"] = "cosine"
    final: Share = 0.0
    """Share of the peak rate at the end, in [0, 1]."""


class CosineRestarts(AbstractRate):
    """Half a cosine again and again, each longer than the last: Loshchilov & Hutter 2017, arXiv:1608.03983."""

    name: Literal["cosine-restarts"] = "cosine-restarts"
    first: Count = 1
    """Epochs of the first cosine."""
    growth: Annotated[int, Field(ge=1)] = 2
    """Each cosine is so many times as long as the one before."""
    final: Share = 0.0
    """Share of the peak rate at each one's end, in [0, 1]."""


class OneCycle(AbstractRate):
    """Up to the peak and down again, along half cosines: Smith & Topin 2018, arXiv:1708.07120."""

    name: Literal["one-cycle"] = "one-cycle"
    rise: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Share of all steps in which the rate rises, in (0, 1)."""
    start: _Factor = 0.04
    """Share of the peak rate at the start, in (0, 1]."""
    final: Share = 4e-6
    """Share of the peak rate at the end, in [0, 1]."""


class Plateau(AbstractRate):
    """The rate times factor whenever the validation loss has not improved for so many epochs."""

    name: Literal["plateau"] = "plateau"
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Factor, in (0, 1)."""
    patience: Annotated[int, Field(ge=0)] = 2
    """Epochs without improvement that are waited out."""
    min_improvement: NotNegative = 1e-4
    """Least decrease of the validation loss that counts, in the loss's unit."""


Schedule = Annotated[
    ConstantRate | StepRate | ExponentialRate | CosineRate | CosineRestarts | OneCycle | Plateau,
    Field(discriminator="name"),
    named("cosine"),
]
