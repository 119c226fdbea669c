"""What a data set holds: examples of each class, or the histogram of each feature, and how rows are spread."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from unstuck.report.picture import curves, is_picture, pixels
from unstuck.report.wording import grouped

MOST_FEATURES = 16
"""Histograms shown, that of a number to predict among them."""
MOST_CLASSES = 100
"""Classes of which pictures are shown."""
STACKED_CLASSES = 6
"""Classes that a histogram tells apart; more colours are not told apart by eye."""
BINS = 30


@dataclass(frozen=True, kw_only=True, eq=False)
class Histogram:
    """How often each value occurs. Shapes: edges (B + 1,); counts (G, B) int64, one row per class told apart."""

    name: str
    edges: np.ndarray
    counts: np.ndarray
    not_finite: int
    """Values that are NaN or infinite, which no bar counts."""

    @classmethod
    def of(cls, name: str, values: np.ndarray, groups: np.ndarray, count: int) -> Self:
        """Of values (N,) whose rows belong to groups (N,), numbered below `count`."""
        finite = np.isfinite(values)
        known = values[finite].astype(np.float64)
        edges = np.histogram_bin_edges(known, bins=_bins(known))
        counts = [np.histogram(known[groups[finite] == group], bins=edges)[0] for group in range(count)]
        return cls(name=name, edges=edges, counts=np.stack(counts), not_finite=int((~finite).sum()))


def _bins(values: np.ndarray) -> int:
    """One bin per value where there are few, so that ones and zeros do not stand in a desert."""
    return int(np.clip(len(np.unique(values)), 1, BINS))


@dataclass(frozen=True, kw_only=True, eq=False)
class SamplesView:
    """A look at the rows of a data set.

    Shapes: images (K, H, W, 3) uint8; image_classes (K,) int64; class_counts (C,) int64.
    """

    name: str
    rows: int
    shape: tuple[int, ...]
    """Of one example."""
    classes: tuple[str, ...] | None
    class_counts: np.ndarray | None
    images: np.ndarray | None
    """The first examples of each class, class after class; without classes, of all."""
    image_classes: np.ndarray | None
    per_class: int
    """Most images of one class."""
    histograms: tuple[Histogram, ...]
    """Of the first features, and of the target where it is a number."""
    stacked: bool
    """Whether histograms tell classes apart."""
    features: int
    """How many there are, 0 for pictures."""
    sequences: bool = False
    """Whether the images are curves over steps."""

    @classmethod
    def of(
        cls,
        x: np.ndarray,
        y: np.ndarray,
        *,
        name: str,
        classes: tuple[str, ...] | None,
        features: tuple[str, ...] | None = None,
        sequences: bool = False,
    ) -> Self:
        """The view of examples x (N, …) and class numbers y (N,), or numbers to predict (N, O).

        Give x and y in the unit that their reader knows, scaling undone. Sequences are drawn as curves.
        """
        labels = np.asarray(y, np.int64) if classes else np.zeros(len(y), np.int64)
        seen = is_picture(x.shape[1:])
        stacked = classes is not None and len(classes) <= STACKED_CLASSES
        per_class = _per_class(len(classes)) if classes else 40
        shown = _spread(labels, min(len(classes), MOST_CLASSES) if classes else 1, per_class)
        targets = [] if classes else [("target", np.reshape(y, (len(y), -1))[:, 0])]
        columns = [] if seen else _columns(x, features)[: MOST_FEATURES - len(targets)]
        groups, count = (labels, len(classes)) if classes and stacked else (np.zeros_like(labels), 1)
        return cls(
            name=name,
            rows=len(x),
            shape=x.shape[1:],
            classes=classes,
            class_counts=np.bincount(labels, minlength=len(classes)) if classes else None,
            images=pixels(curves(x[shown]) if sequences else x[shown]) if seen else None,
            sequences=sequences,
            image_classes=labels[shown] if seen and classes else None,
            per_class=per_class,
            histograms=tuple(Histogram.of(title, values, groups, count) for title, values in columns + targets),
            stacked=stacked,
            features=0 if seen else int(np.prod(x.shape[1:])),
        )

    @property
    def title(self) -> str:
        """What the data set is, in a sentence."""
        size = " × ".join(map(str, self.shape))
        if self.sequences:
            size = f"{self.shape[0]} steps × {self.shape[1]}"
        kind = "sequences of up to" if self.sequences else "pictures of"
        what = f"{kind} {size}" if self.images is not None else f"rows of {self.features} features"
        classes = f" in {len(self.classes)} classes" if self.classes else ", numbers to predict"
        return f"{self.name}: {grouped(self.rows)} {what}{classes}"


def _per_class(classes: int) -> int:
    """Ten of each class fill a page of up to ten classes; of a hundred classes, one each."""
    return int(np.clip(MOST_CLASSES // classes, 1, 10))


def _spread(labels: np.ndarray, classes: int, per_class: int) -> np.ndarray:
    """Row numbers of some examples of each class, class after class, evenly spaced: neighbours are often alike."""
    groups = [np.flatnonzero(labels == number) for number in range(classes)]
    counts = [min(per_class, len(group)) for group in groups]
    chosen = [group[np.arange(n) * len(group) // max(n, 1)] for group, n in zip(groups, counts, strict=True)]
    return np.concatenate([*chosen, np.zeros(0, np.int64)])


def _columns(x: np.ndarray, names: tuple[str, ...] | None) -> list[tuple[str, np.ndarray]]:
    """Name and values (N,) of each feature of a table."""
    table = x.reshape(len(x), int(np.prod(x.shape[1:])))
    names = names or tuple(f"feature {number}" for number in range(table.shape[1]))
    return list(zip(names, table.T, strict=True))
