"""What an autoencoder makes of pictures that it has not seen."""

from dataclasses import dataclass
from typing import Self

import numpy as np

MOST = 12
"""Pictures that are shown."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ReconstructionView:
    """Test pictures and what came back, in the unit of the source. Shapes: both (K, H, W) or (K, C, H, W)."""

    originals: np.ndarray
    copies: np.ndarray
    score: float
    """Share of the variance that came back, at most 1."""
    rows: int

    @classmethod
    def of(cls, targets: np.ndarray, outputs: np.ndarray, shape: tuple[int, ...], *, score: float) -> Self:
        """The view of flat targets and outputs (N, I), both in the unit of the source; the first few are shown."""
        first = slice(0, min(MOST, len(targets)))
        originals, copies = (part[first].reshape(-1, *shape) for part in (targets, outputs))
        limits = float(originals.min()), float(originals.max())
        return cls(originals=originals, copies=copies.clip(*limits), score=score, rows=len(targets))

    @property
    def title(self) -> str:
        """The result in a sentence."""
        if not self.score > 0:
            return "The copies are no nearer to the test pictures than their mean is"
        return f"{self.score:.1%} of the test pictures' variance came back"
