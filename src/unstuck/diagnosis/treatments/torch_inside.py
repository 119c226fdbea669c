"""What is inside of the modules that treatments put around a model's layers, for an engine that knows those."""

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from unstuck.diagnosis.treatments.torch_data import ScaledInputs
from unstuck.diagnosis.treatments.torch_surgery import Followed, Slot
from unstuck.network.recognize import Ahead


def inside(module: nn.Module) -> Sequence[nn.Module | Ahead] | None:
    """What it does one after the other; None of a module that is no treatment's, or that changes calls."""
    kind = type(module)
    match module:
        case ScaledInputs() if kind is ScaledInputs:
            return (partial(_scaled, module.mean, module.spread), module.model)
        case Followed() if kind is Followed:
            return (module.model, module.then)
        case Slot() if kind is Slot:
            return (module.model,)
        case _:
            return None


def _scaled(mean: Tensor, spread: Tensor, x: Tensor) -> Tensor:
    return (x - mean) / spread
