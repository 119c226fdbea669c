"""Whether a program trains on some seeds only: more seeds of the program as it is, and a verdict on them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from unstuck.diagnosis.causes import CAUSES
from unstuck.diagnosis.experiment import Lab, Trial
from unstuck.diagnosis.scale import Scale
from unstuck.diagnosis.subject import Arm
from unstuck.diagnosis.suspects import SURE
from unstuck.diagnosis.terms import Status, Verdict
from unstuck.evidence.learnable import wilson
from unstuck.study.statistics import Interval, Values

SEEDS = 8
"""In all. Of a program that fails on 3 of 10 as many are all well with a chance of 6 %: 0.7⁸."""
FEWEST = 5
"""Seeds from which two failures decide."""
LOST = 0.5
"""Of the way from chance to the best seed, below which a seed has failed, and of the way to what other models
reach, below which the best one has, too; ours, docs/thresholds.md."""
LEARNT = 0.2
"""Of the way from chance to perfection that the best seed must go, for there to be something to fail at."""
ERRORS = 3.0
"""Standard errors of a score by its rows, below the best, likewise."""


def of_seeds(lab: Lab, attainable: float = np.nan) -> Verdict:
    """Train the program as given from more seeds, unless none learns anything, and say whether they end alike.

    `attainable`: score of other models of the same rows; NaN where it is not known.
    """
    lab.tell(f"training the program as given from up to {SEEDS} seeds, to see whether all end alike")
    while not _is_settled(trials := lab.of(()), lab.scale, attainable):
        if lab.trial((), len(trials)) is None:
            break
    return seed_dependent(trials, lab.scale, attainable)


def seed_dependent(trials: Sequence[Trial], scale: Scale, attainable: float = np.nan) -> Verdict:
    """By the share of seeds that fail; its interval is Wilson's.

    Args:
        trials: of the program as given, of as many seeds.
        scale: of the score.
        attainable: score of other models of the same rows; NaN where it is not known.
    """
    scores, rows = [trial.clipped for trial in trials], min((one.rows for one in trials), default=scale.rows)
    predicted = "Predicted: some seeds end well and others far below them, further than chance has it."
    if not _has_learnt(scores, scale, attainable):
        return _verdict(Status.UNDECIDED, None, predicted, "No seed learns enough to tell others apart from it.")
    failed = fails(scores, scale, rows)
    count, share = len(failed), float(failed.mean())
    low, high = wilson(share, count)
    came = f"Of {count} seeds {int(failed.sum())} fail: {', '.join(f'{one:.3f}' for one in sorted(scores))}."
    status = Status.UNDECIDED
    if failed.any() and count >= FEWEST:
        status = Status.CONFIRMED
    elif not failed.any() and count >= SEEDS:
        status = Status.RULED_OUT
    return _verdict(status, Interval(low, share, high), predicted, came)


def fails(scores: Values, scale: Scale, rows: int) -> np.ndarray:
    """(S,) whether a seed ends far below the best one, of so many rows."""
    values = np.asarray(scores, dtype=np.float64)
    best = values.max()
    return values < best - max(LOST * (best - scale.chance), ERRORS * scale.error(rows))


def unless_untested(verdict: Verdict, points: Mapping[str, float], tried: Iterable[Arm]) -> Verdict:
    """The verdict on the seeds; open where the budget did not reach for what is surely wrong, which may be why.

    Args:
        verdict: on the program as given.
        points: of each cause that is suspected.
        tried: arms.
    """
    done = {name for arm in tried for name in arm}
    curable = {cause: {*CAUSES[cause].treatments} for cause in points if points[cause] >= SURE}
    untested = [cause for cause, treatments in curable.items() if treatments and not treatments & done]
    if verdict.status is not Status.CONFIRMED or not untested:
        return verdict
    said = f"Not tested, though it is seen: {', '.join(untested)}."
    return replace(verdict, status=Status.UNDECIDED, evidence=(*verdict.evidence, said))


def _has_learnt(scores: Values, scale: Scale, attainable: float) -> bool:
    """Whether the best seed did, of what there is to learn and of what other models learn."""
    least = scale.chance + max(LEARNT * scale.span, np.nan_to_num(LOST * (attainable - scale.chance)))
    return len(scores) > 0 and max(scores) >= least


def _is_settled(trials: Sequence[Trial], scale: Scale, attainable: float) -> bool:
    """Whether more seeds would tell no more: all were trained, none learns, or two of enough fail already."""
    scores = [trial.clipped for trial in trials]
    if len(scores) >= SEEDS or not _has_learnt(scores, scale, attainable):
        return True
    return len(scores) >= FEWEST and int(fails(scores, scale, min(one.rows for one in trials)).sum()) > 1


def _verdict(status: Status, effect: Interval | None, *evidence: str) -> Verdict:
    return Verdict(cause="seed-dependent", status=status, effect=effect, evidence=evidence)
