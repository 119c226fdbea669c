"""How inputs and targets are scaled: always fitted on the training rows alone."""

import numpy as np

from unstuck.data.dataset import Scaling
from unstuck.errors import RecipeError

_CHUNK = 4096  # rows squared at a time, so that bytes never stand in memory as float64 all at once


def keeps_bytes(inputs: Scaling, x: np.ndarray) -> bool:
    """Whether inputs stay uint8 as stored: engines scale them while gathering, a quarter of the traffic."""
    return x.dtype == np.uint8 and inputs.factor.ndim == 0 and not inputs.shift.any()


def fit_inputs(how: str, train: np.ndarray, source: Scaling | None = None) -> Scaling:
    """The scaling that `data.scaling` asks for, fitted on training inputs (N, …), or taken over from a source."""
    if how == "source":
        return _fitting(source, train.shape[1:])
    if train.dtype != np.uint8 and how == "unit":
        raise RecipeError(
            "data.scaling", "be standard or none where inputs are not bytes", how, hint="auto is standard here."
        )
    if how == "none":
        return _uniform(1.0)
    return _uniform(1 / 255) if train.dtype == np.uint8 and how != "standard" else standard(train)


def _fitting(source: Scaling | None, shape: tuple[int, ...]) -> Scaling:
    if source is None:
        hint = "It goes with a run as transfer.source."
        raise RecipeError("data.scaling", "be another where no source's is known", "source", hint=hint)
    if source.shift.shape not in ((), shape):
        hint = "Its inputs were scaled feature by feature; data.scaling standard fits a scaling of their own."
        raise RecipeError("the data's examples", f"have the source's shape {source.shift.shape}", shape, hint=hint)
    return source


def fit_targets(how: str, train: np.ndarray) -> Scaling:
    """The scaling that `data.target_scaling` asks for, fitted on training targets (N, O)."""
    return _uniform(1.0) if how == "none" else standard(train)


def standard(train: np.ndarray) -> Scaling:
    """Each feature to mean 0 and deviation 1 over the rows given; a constant feature to 0.

    Shapes: (N, …) -> shift and factor (…).
    """
    mean = train.mean(axis=0, dtype=np.float64)
    squares = np.zeros_like(mean)
    for start in range(0, len(train), _CHUNK):
        squares += np.square(train[start : start + _CHUNK] - mean).sum(axis=0)
    deviation = np.sqrt(squares / len(train))
    # Constant by comparison, not by its deviation: rounding of the mean leaves one of 1e-17.
    varies = (train.min(axis=0) < train.max(axis=0)) & (deviation > np.finfo(np.float32).tiny)
    factor = np.divide(1.0, deviation, out=np.ones_like(mean), where=varies)
    return Scaling(shift=mean.astype(np.float32), factor=factor.astype(np.float32))


def _uniform(factor: float) -> Scaling:
    return Scaling(shift=np.zeros((), np.float32), factor=np.array(factor, np.float32))
