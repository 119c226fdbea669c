"""The outputs for one example."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from unstuck.report.picture import is_picture, pixels

MOST_BARS = 20
"""Bars drawn of one example's outputs; above it the largest are shown."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OutputsView:
    """What the network says about one example: one bar per class.

    Shapes: outputs (K,) and numbers (K,) int64 of the classes shown; image (H, W, 3) uint8.
    """

    outputs: np.ndarray
    numbers: np.ndarray
    names: tuple[str, ...]
    """Of the classes shown."""
    classes: int
    """How many there are."""
    truth: str | None
    predicted: str | None
    """The class of the largest output; None if any output is not finite."""
    image: np.ndarray | None
    record: str
    unit: str

    @classmethod
    def of(
        cls,
        outputs: np.ndarray,
        classes: tuple[str, ...],
        *,
        truth: int | None,
        record: str,
        example: np.ndarray | None = None,
        unit: str = "probability",
    ) -> Self:
        """The view of one example.

        Args:
            outputs: (C,) of the network, in `unit`.
            classes: names of the C classes.
            truth: number of its true class, if known.
            record: which example it is, such as "training record 19".
            example: shown if it is a picture, (H, W), (1, H, W) or (3, H, W).
            unit: "probability", or "output" for raw numbers.
        """
        finite = bool(np.isfinite(outputs).all())
        numbers = _shown_classes(outputs, truth) if len(outputs) > MOST_BARS else np.arange(len(outputs))
        seen = example is not None and is_picture(example.shape)
        return cls(
            outputs=np.asarray(outputs, np.float64)[numbers],
            numbers=numbers,
            names=tuple(classes[number] for number in numbers),
            classes=len(outputs),
            truth=None if truth is None else classes[truth],
            predicted=classes[int(np.argmax(outputs))] if finite else None,
            image=pixels(example[None])[0] if example is not None and seen else None,
            record=record,
            unit=unit,
        )

    @property
    def title(self) -> str:
        """The result in a sentence."""
        record = self.record[:1].upper() + self.record[1:]
        truth = "" if self.truth is None else f" is {self.truth}"
        if self.predicted is None:
            return f"{record}{truth}: outputs are not finite"
        comma = "," if truth else ""
        return f"{record}{truth}{comma} predicted {self.predicted} with {self.unit} {self.outputs.max():.3f}"


def _shown_classes(outputs: np.ndarray, truth: int | None) -> np.ndarray:
    """The largest outputs' classes, largest first, and always the true one."""
    order = np.argsort(-np.nan_to_num(outputs), kind="stable")[:MOST_BARS]
    if truth is not None and truth not in order:
        order[-1] = truth
    return order
