"""Waiting for a validation loss to fall: when to stop early, and when to lower the rate on a plateau."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Wait:
    """How long a loss has not improved; plain data, so that a checkpoint keeps it.

    Args:
        best: the least loss that counted as an improvement.
        epochs: since then.
    """

    best: float = math.inf
    epochs: int = 0

    def after(self, loss: float, *, min_improvement: float) -> "Wait":
        """After one epoch more. Less than `min_improvement`, in the loss's unit, counts as none; so does NaN."""
        if loss < self.best - min_improvement:
            return Wait(best=loss)
        return Wait(best=self.best, epochs=self.epochs + 1)


@dataclass(frozen=True, kw_only=True)
class Lowering:
    """How far the rate was lowered by the schedule `plateau`: whenever the loss had not improved for long.

    Source: torch.optim.lr_scheduler.ReduceLROnPlateau, mode min, threshold_mode abs, without its cooldown.
    """

    wait: Wait = Wait()
    scale: float = 1.0

    def after(self, loss: float, *, factor: float, patience: int, min_improvement: float) -> "Lowering":
        """After one epoch more. `patience` epochs without improvement pass, and the next one lowers the rate."""
        wait = self.wait.after(loss, min_improvement=min_improvement)
        if wait.epochs <= patience:
            return Lowering(wait=wait, scale=self.scale)
        return Lowering(wait=Wait(best=wait.best), scale=self.scale * factor)
