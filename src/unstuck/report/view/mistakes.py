"""The mistakes that the network was surest of."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from unstuck.report.picture import is_picture, pixels
from unstuck.report.wording import grouped


@dataclass(frozen=True, kw_only=True, eq=False)
class MistakesView:
    """The mistakes that the network was surest of; none at all is a result too.

    Shapes: rows, truth, predicted (M,) int64, confidence (M,), most confident first; images (M, H, W, 3) uint8;
    values (M, F).
    """

    rows: np.ndarray
    """Where each stood in its source."""
    truth: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    """The output of the predicted class, in `unit`."""
    images: np.ndarray | None
    values: np.ndarray | None
    """A table's numbers, where examples are no pictures."""
    features: tuple[str, ...]
    classes: tuple[str, ...]
    mistakes: int
    """How many there are in all."""
    total: int
    """Rows predicted."""
    split: str
    unit: str

    @classmethod
    def of(
        cls,
        outputs: np.ndarray,
        truth: np.ndarray,
        examples: np.ndarray,
        *,
        classes: tuple[str, ...],
        rows: np.ndarray | None = None,
        features: tuple[str, ...] | None = None,
        split: str = "test",
        unit: str = "probability",
        most: int = 16,
    ) -> Self:
        """The view of outputs (N, C), truth (N,) and examples (N, …); rows (N,) defaults to 0, 1, ….

        Args:
            features: names of a table's columns.
            most: mistakes shown.
        """
        predicted = outputs.argmax(axis=1)
        wrong = np.flatnonzero(predicted != truth)
        confidence = outputs[wrong, predicted[wrong]].astype(np.float64)
        shown = wrong[np.argsort(-confidence, kind="stable")[:most]]  # NaN comes last
        seen = is_picture(examples.shape[1:])
        flat = examples[shown].reshape(len(shown), int(np.prod(examples.shape[1:])))
        return cls(
            rows=shown if rows is None else rows[shown],
            truth=truth[shown],
            predicted=predicted[shown],
            confidence=outputs[shown, predicted[shown]].astype(np.float64),
            images=pixels(examples[shown]) if seen else None,
            values=None if seen else flat,
            features=features or tuple(f"feature {number}" for number in range(flat.shape[1])),
            classes=classes,
            mistakes=len(wrong),
            total=len(truth),
            split=split,
            unit=unit,
        )

    @property
    def title(self) -> str:
        """The result in a sentence."""
        rows = f"{grouped(self.total)} {self.split} rows"
        if not self.mistakes:
            return f"No mistakes on {rows}"
        if self.mistakes == len(self.rows):
            which = "only mistake" if self.mistakes == 1 else f"{self.mistakes} mistakes"
            return f"The {which} on {rows}"
        return f"The {len(self.rows)} most confident of {grouped(self.mistakes)} mistakes on {rows}"
