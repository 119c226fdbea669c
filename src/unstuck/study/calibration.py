"""Whether probabilities mean what they say: reliability by bins, expected calibration error, Brier score."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from unstuck.errors import RecipeError

BINS = 15
"""As in Guo et al. 2017."""

Cut = Literal["width", "mass"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Reliability:
    """How sure a network was of its answers, and how often they were right.

    Args:
        edges: (B + 1,) of the bins; a confidence equal to an edge is in the bin below it.
        confidence: (B,) mean of the bin's rows; NaN where there are none.
        accuracy: (B,) share of them answered rightly; likewise.
        count: (B,) rows.
    """

    edges: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray

    @property
    def error(self) -> float:
        """The expected calibration error, in [0, 1]: the bins' mean of |accuracy - confidence|, by their rows.

        Even of perfectly calibrated probabilities it is above 0: in a bin of n rows by about
        √(2 p (1 - p) / (π n)). So compare only what was measured on the same rows.
        """
        filled = self.count > 0
        gaps = np.abs(self.accuracy - self.confidence)[filled]
        return float(gaps @ self.count[filled] / self.count.sum())

    @property
    def excess(self) -> float:
        """Mean confidence less accuracy over all rows: above 0 where the network is too sure of itself."""
        filled = self.count > 0
        gaps = (self.confidence - self.accuracy)[filled]
        return float(gaps @ self.count[filled] / self.count.sum())


def reliability(
    probabilities: np.ndarray, labels: np.ndarray, *, bins: int = BINS, cut: Cut = "width"
) -> Reliability:
    """The bins of a reliability diagram, by the probability of the answer given.

    Args:
        probabilities: (N, C) of each class.
        labels: (N,) class numbers.
        bins: 1 or more.
        cut: width, bins of equal width; or mass, of as many rows each, as far as equal confidences allow: finer
            where a good network's answers are, most of which are near 1.

    Source: Guo et al. 2017, arXiv:1706.04599, section 2; equal mass, Nguyen & O'Connor 2015, arXiv:1508.05154.
    """
    probabilities, labels = np.asarray(probabilities, np.float64), np.asarray(labels)
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or not len(labels):
        got = (probabilities.shape, labels.shape)
        raise RecipeError("probabilities and labels", "be (N, C) and (N,), of at least one row", got)
    if bins < 1:
        raise RecipeError("bins", "be 1 or more", bins)
    if cut not in ("width", "mass"):
        raise RecipeError("cut", "be width or mass", cut)
    confidence = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == labels
    places = np.linspace(0, 1, bins + 1)
    edges = places if cut == "width" else np.quantile(confidence, places)
    bin_of = np.searchsorted(edges[1:-1], confidence)
    count = np.bincount(bin_of, minlength=bins)
    with np.errstate(invalid="ignore"):  # a bin without rows has no mean
        return Reliability(
            edges=edges,
            confidence=np.bincount(bin_of, confidence, bins) / count,
            accuracy=np.bincount(bin_of, is_right, bins) / count,
            count=count,
        )


def expected_calibration_error(
    probabilities: np.ndarray, labels: np.ndarray, *, bins: int = BINS, cut: Cut = "width"
) -> float:
    """How far confidence and accuracy lie apart, in [0, 1]: the error of `reliability`, with its arguments."""
    return reliability(probabilities, labels, bins=bins, cut=cut).error


def brier(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean over rows of Σ over classes (p - 1[class])², in [0, 2]: 0 for certain and right answers alone.

    Unlike the calibration error it is a proper score: nothing but the true probabilities makes it least.

    Shapes: probabilities (N, C), labels (N,).

    Source: Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
    """
    off = np.array(probabilities, np.float64)
    off[np.arange(len(off)), labels] -= 1
    return float(np.square(off).sum(axis=1).mean())


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean over rows of -log of the true class's probability, in nats; infinite where one of them is 0."""
    with np.errstate(divide="ignore"):
        return float(-np.log(probabilities[np.arange(len(labels)), labels].astype(np.float64)).mean())
