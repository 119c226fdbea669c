"""The pictures of a diagnosis as plain data: losses by seed, layers, what each change gained, before and after."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from unstuck.diagnosis.terms import Diagnosis
from unstuck.evidence.evidence import Column, Evidence
from unstuck.report.view.diagnosis import arm, changes, measure, said
from unstuck.report.view.thinning import running_mean

MOST_LAYERS = 20
"""Layers that are shown; of more an even selection, with the first and the last."""
MOST_TRIED = 24
"""Changes that are shown; of more those that gained most."""
POINTS = 160
"""Of a curve; more do not show on a page's width."""
TENFOLD = 10.0
"""Ratio of largest to least from which a scale is logarithmic."""

_LAYERS: Mapping[str, str] = {
    "layer_spread": "Spread of each layer's outputs",
    "gradient_norm": "Length of each parameter's gradient",
    "activation_saturated": "Outputs that are saturated",
    "units_dead": "Units that never fire",
}


class Lines(NamedTuple):
    """Curves, one per seed: each x (P,), y (P,) with NaN for gaps; `span` of y holds all of them."""

    title: str
    note: str
    across: str
    curves: tuple[tuple[np.ndarray, np.ndarray], ...]
    span: tuple[float, float]
    is_logarithmic: bool


class Bars(NamedTuple):
    """A value per layer (L,), before training and, where it was measured, after (L,)."""

    title: str
    unit: str
    names: tuple[str, ...]
    start: np.ndarray
    end: np.ndarray | None
    span: tuple[float, float]
    is_logarithmic: bool


class Gain(NamedTuple):
    """What a change gained: dots by seed, their mean, and ends of its interval, NaN where there is none."""

    name: str
    helps: bool
    gains: tuple[float, ...]
    low: float
    mean: float
    high: float


class Gains(NamedTuple):
    """Gains of all that was tried on one scale, in `unit`."""

    title: str
    unit: str
    rows: tuple[Gain, ...]
    span: tuple[float, float]


class Pairs(NamedTuple):
    """Scores before and after, by seed (S,); NaN where a training failed."""

    title: str
    before: tuple[float, ...]
    after: tuple[float, ...]
    span: tuple[float, float]


class Pictures(NamedTuple):
    """Those that the evidence has."""

    lines: tuple[Lines, ...]
    bars: tuple[Bars, ...]
    gains: Gains | None
    pairs: Pairs | None

    @classmethod
    def of(cls, found: Diagnosis) -> "Pictures":
        """The pictures of a diagnosis."""
        return cls(
            lines=tuple(_lines(found.evidence)),
            bars=tuple(_bars(found.evidence)),
            gains=_gains(found),
            pairs=_pairs(found),
        )


# curves


def _lines(evidence: Evidence) -> Iterator[Lines]:
    if "control_losses" in evidence:
        losses = evidence["control_losses"].values
        curves = tuple(running_mean(row, POINTS) for row in np.atleast_2d(losses))
        yield _drawn("Loss of the batches, as given", "step", curves, losses)
    if "control_train_loss" in evidence:
        losses = np.atleast_2d(evidence["control_train_loss"].values)
        if losses.shape[1] > 1:
            curves = tuple((np.arange(1, len(row) + 1), row) for row in losses)
            yield _drawn("Loss of the training rows, as given", "epoch", curves, losses)


def _drawn(
    title: str, across: str, curves: tuple[tuple[np.ndarray, np.ndarray], ...], losses: np.ndarray
) -> Lines:
    shown = np.concatenate([y for _, y in curves])
    is_logarithmic, span = _scale(shown[np.isfinite(shown)])
    failed = int((~np.isfinite(np.atleast_2d(losses))).any(axis=1).sum())
    ends = f"; {failed} of {len(curves)} stopped at a loss that is no number" if failed else ""
    note = f"one line per seed{ends}"
    return Lines(title, note, across, curves, span, is_logarithmic)


def _scale(values: np.ndarray) -> tuple[bool, tuple[float, float]]:
    """Whether a scale is logarithmic, and its ends."""
    if not values.size:
        return False, (0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if low > 0 and high >= TENFOLD * low:
        return True, (low / 1.2, high * 1.2)
    air = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    return False, (0.0 if 0 <= low <= high / 2 else low - air, high + air)


# layers


def _bars(evidence: Evidence) -> Iterator[Bars]:
    for name, title in _LAYERS.items():
        column = evidence.get(f"watched_{name}") or evidence.get(name)
        if column is not None and column.along and len(column.along) == column.values.shape[-1]:
            found = _of_layers(title, column)
            if (np.nan_to_num([found.start, found.start if found.end is None else found.end]) > 0).any():
                yield found


def _of_layers(title: str, column: Column) -> Bars:
    rows = column.values.reshape(-1, column.values.shape[-1]).astype(np.float64)  # (T, L)
    chosen = np.unique(np.linspace(0, len(column.along) - 1, MOST_LAYERS).astype(np.int64))
    shown = rows[:, chosen]
    end = shown[-1] if len(shown) > 1 else None
    ends = shown[0] if end is None else np.concatenate([shown[0], end])
    positive = ends[np.isfinite(ends) & (ends > 0)]
    is_logarithmic, span = _scale(positive)
    if not is_logarithmic:
        span = (0.0, span[1])
    names = tuple(column.along[place] for place in chosen)
    return Bars(title, column.unit, names, shown[0], end, span, is_logarithmic)


# gains


def _gains(found: Diagnosis) -> Gains | None:
    """The cure with its interval, then what was tried, in order; no scale can show a gain that is not finite."""
    factor, unit, _ = measure(found.score)
    rows: list[Gain] = []
    if cure := found.cure:
        rows.append(_gain(f"the cure: {changes(cure.treatments)}", True, (), cure.effect, factor))
    means = [float(np.mean(one.gains)) for one in found.tried]
    kept = sorted(sorted(range(len(means)), key=lambda place: -means[place])[:MOST_TRIED])
    for place in kept:
        one = found.tried[place]
        rows.append(_gain(arm(one), one.helps, one.gains, (np.nan, means[place], np.nan), factor))
    if not rows:
        return None
    known = np.array([end for row in rows for end in (*row.gains, row.low, row.mean, row.high)] + [0.0])
    known = known[np.isfinite(known)]
    air = 0.06 * float(np.ptp(known)) or 0.05
    title = f"Gain of {said(found.score)} over the program as given, by seed"
    return Gains(title, unit, tuple(rows), (float(known.min()) - air, float(known.max()) + air))


def _gain(name: str, helps: bool, gains: Sequence[float], interval: Sequence[float], factor: float) -> Gain:
    low, mean, high = (factor * end for end in interval)
    return Gain(name, helps, tuple(factor * gain for gain in gains), low, mean, high)


def _pairs(found: Diagnosis) -> Pairs | None:
    """Of the cure; of a program without one its own scores, if there are several."""
    cure = found.cure
    before, after = (cure.before, cure.after) if cure else (found.control, ())
    known = np.array([*before, *after], dtype=np.float64)
    known = known[np.isfinite(known)]
    if len(before) < 2 or not known.size:
        return None
    air = 0.08 * float(np.ptp(known)) or 0.05
    title = f"{said(found.score).capitalize()} by seed" + (", before and after the cure" if cure else "")
    return Pairs(title, before, after, (float(known.min()) - air, float(known.max()) + air))
