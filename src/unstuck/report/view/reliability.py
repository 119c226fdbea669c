"""How sure networks are of their answers, against how often they are right."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from unstuck.study.calibration import Reliability
from unstuck.study.ensemble import Calibration


@dataclass(frozen=True, kw_only=True, eq=False)
class ReliabilityView:
    """Bins of confidence, of all members together and of each alone.

    Shapes: confidence, accuracy and share (B,) of the bins that have rows; each member's curve likewise.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    share: np.ndarray
    """Of all rows, that the bin has."""
    members: tuple[tuple[np.ndarray, np.ndarray], ...]
    error: float
    """Expected calibration error of all together."""
    error_alone: float
    """The members' in their mean."""
    excess: float
    """Mean confidence less accuracy, of all together."""
    rows: int

    @classmethod
    def of(cls, calibration: Calibration) -> Self:
        """The view of an ensemble's calibration."""
        together = calibration.together
        confidence, accuracy = _filled(together)
        return cls(
            confidence=confidence,
            accuracy=accuracy,
            share=together.count[together.count > 0] / together.count.sum(),
            members=tuple(map(_filled, calibration.members)),
            error=together.error,
            error_alone=calibration.error,
            excess=together.excess,
            rows=int(together.count.sum()),
        )

    @property
    def title(self) -> str:
        """The result in a sentence."""
        return f"Calibration error {self.error:.4f} together, {self.error_alone:.4f} each alone"

    @property
    def note(self) -> str:
        """On which side of the diagonal they are."""
        if abs(self.excess) < 0.005:
            return "together they are about as often right as they are sure"
        side = "more often right than they are sure" if self.excess < 0 else "less often right than they are sure"
        return f"together they are {side}, by {100 * abs(self.excess):.1f} points"


def _filled(one: Reliability) -> tuple[np.ndarray, np.ndarray]:
    has_rows = one.count > 0
    return one.confidence[has_rows], one.accuracy[has_rows]
