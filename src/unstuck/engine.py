"""What an engine must do, and the stretches that training is made of."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple, Protocol

import numpy as np

Arrays = Mapping[str, np.ndarray]


class StopReason(Enum):
    """Why a run ended. Text for people is made in report, never parsed back."""

    FINISHED = "all epochs done"
    STOPPED_EARLY = "the validation loss no longer improved"
    NOT_FINITE = "the loss is no longer a finite number"
    INTERRUPTED = "interrupted; it resumes exactly here"


class Stop(NamedTuple):
    """Why and where a run ended. `step` counts from 0 within the epoch; NaN or infinity arose in `layer`."""

    reason: StopReason
    epoch: int
    step: int
    layer: str | None = None


class Stretch(NamedTuple):
    """What one call of an engine did: some consecutive steps of one epoch."""

    epoch: int
    first_step: int
    losses: np.ndarray  # (S,) mean over each batch
    seconds: float


class Evaluation(NamedTuple):
    """What a network says of some rows, in evaluation mode."""

    outputs: np.ndarray  # (N, …)
    targets: np.ndarray  # (N,) or (N, O)
    loss: float  # mean over the rows


class Engine(Protocol):
    """Trains one network on the rows it was made with. Engines given the same do the same, to rounding."""

    @property
    def name(self) -> str:
        """dense, torch or graph."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What was asked for beside the training itself, and what came of it, a sentence each."""
        ...

    def advance(self, order: np.ndarray, factors: np.ndarray, done: int) -> np.ndarray:
        """Train on consecutive batches of the row numbers `order` (M,), after `done` steps.

        `factors` (S,) multiply the peak rate. Returns the losses, fewer than S and the last not finite if
        training failed there. The weights are then those before that step, where the engine sees the loss
        before it steps: it does not on a GPU, nor with a step of the user's own.
        """
        ...

    def evaluate(self, rows: Any) -> Evaluation:
        """Outputs for rows as this engine keeps them, in evaluation mode; changes nothing."""
        ...

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """Outputs (N, …) for inputs (N, …) as training had them."""
        ...

    def trouble(self) -> str | None:
        """After a loss that was not finite: the first layer with NaN or infinity, for people to read."""
        ...

    def weights(self) -> Arrays:
        """A copy of all that the network is made of, by name."""
        ...

    def memory(self) -> Arrays:
        """A copy of all else that the next step depends on: the optimizer's state, random streams."""
        ...

    def restore(self, weights: Arrays, memory: Arrays | None = None) -> None:
        """Put copies back, so that training goes on from there to the same bits."""
        ...
