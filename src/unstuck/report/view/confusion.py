"""Which class was taken for which."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from unstuck.report.wording import grouped


@dataclass(frozen=True, kw_only=True, eq=False)
class ConfusionView:
    """Which class was taken for which. Shapes: counts (C, C) int64, true × predicted; recall (C,)."""

    counts: np.ndarray
    recall: np.ndarray
    """Share of each class's rows that were predicted right; NaN where a class has no rows."""
    accuracy: float
    """Share of all rows that were predicted right; NaN without rows."""
    classes: tuple[str, ...]
    split: str

    @classmethod
    def of(
        cls, truth: np.ndarray, predicted: np.ndarray, classes: tuple[str, ...], *, split: str = "test"
    ) -> Self:
        """The view of true and predicted class numbers, both (N,) of whole numbers below C."""
        count = len(classes)
        pairs = np.asarray(truth, np.int64) * count + predicted
        counts = np.bincount(pairs, minlength=count * count).reshape(count, count)
        rows = counts.sum(axis=1)
        recall = np.divide(counts.diagonal(), rows, out=np.full(count, np.nan), where=rows > 0)
        accuracy = float(counts.trace() / len(pairs)) if len(pairs) else float("nan")
        return cls(counts=counts, recall=recall, accuracy=accuracy, classes=classes, split=split)

    @property
    def title(self) -> str:
        """The result in a sentence."""
        rows = int(self.counts.sum())
        wrong = grouped(rows - int(self.counts.trace()))
        return f"{self.split.capitalize()} accuracy {self.accuracy:.4f}: {wrong} of {grouped(rows)} wrong"

    @property
    def weakest(self) -> str:
        """The three classes of least recall, in words."""
        known = [number for number in np.argsort(self.recall, kind="stable") if np.isfinite(self.recall[number])]
        return ", ".join(f"{self.classes[number]} {self.recall[number]:.3f}" for number in known[:3])
