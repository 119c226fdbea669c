"""What augmentation makes of some pictures: each as it is, and several versions of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from unstuck.recipe.augment import Augment
from unstuck.report.picture import pixels

MOST_ROWS = 10
"""Pictures shown."""
VERSIONS = 8
"""Versions of each."""
_LEAST = 0.005  # share of another class that is said; less is 0 % in print


@dataclass(frozen=True, kw_only=True, eq=False)
class AugmentedView:
    """Pictures and their versions. Shapes: originals (R, H, W, 3) uint8; versions (R, V, H, W, 3) uint8."""

    name: str
    changes: str
    """Which, and how strong."""
    originals: np.ndarray
    versions: np.ndarray
    labels: tuple[str, ...]
    """Class, or number to predict, of each original."""
    mixed_in: tuple[tuple[str, ...], ...]
    """Of each version the share of another class that was mixed in; empty words where there is none."""

    @classmethod
    def of(
        cls,
        originals: np.ndarray,
        versions: np.ndarray,
        targets: np.ndarray,
        *,
        name: str,
        augment: Augment,
        labels: Sequence[str],
        classes: tuple[str, ...] | None,
    ) -> Self:
        """The view of originals (R, …), versions (R, V, …) and the versions' targets (R, V, …), in raw units.

        Bytes stay as bright as they are; other numbers share one scale.
        """
        count, times = versions.shape[:2]
        if originals.dtype == np.uint8:
            versions = np.clip(np.round(versions), 0, 255).astype(np.uint8)
        flat = pixels(np.concatenate([originals, versions.reshape(count * times, *originals.shape[1:])]))
        return cls(
            name=name,
            changes=", ".join(f"{key} {_strength(value)}" for key, value in augment.changes.items()),
            originals=flat[:count],
            versions=flat[count:].reshape(count, times, *flat.shape[1:]),
            labels=tuple(labels),
            mixed_in=_mixed_in(targets, labels, classes),
        )

    @property
    def title(self) -> str:
        """What is done to what."""
        return f"{self.name} augmented: {self.changes}"


def chosen(y: np.ndarray, classes: tuple[str, ...] | None) -> np.ndarray:
    """Places of the rows that are shown: the first of each of the first classes, or evenly spaced ones."""
    if classes:
        found, first = np.unique(y, return_index=True)
        return first[np.argsort(found)][:MOST_ROWS]
    count = min(len(y), MOST_ROWS)
    return np.arange(count) * len(y) // count


def _strength(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _mixed_in(
    targets: np.ndarray, labels: Sequence[str], classes: tuple[str, ...] | None
) -> tuple[tuple[str, ...], ...]:
    if classes is None or targets.ndim < 3:
        return tuple(("",) * targets.shape[1] for _ in labels)
    return tuple(
        tuple(_other(shares, label, classes) for shares in row) for row, label in zip(targets, labels, strict=True)
    )


def _other(shares: np.ndarray, label: str, classes: tuple[str, ...]) -> str:
    """The class that was mixed in: the only one besides the original's."""
    others = {name: share for name, share in zip(classes, shares.tolist(), strict=True) if name != label}
    name = max(others, key=lambda name: others[name])
    return f"{others[name]:.0%} {name}" if others[name] > _LEAST else ""
