"""The scale of a score: from chance to perfection, and how much of it counts."""

import math
from typing import NamedTuple

import numpy as np

from unstuck.engine import Evaluation
from unstuck.errors import REFUSALS, ProgramError
from unstuck.evidence.facts import Facts
from unstuck.training.scores import Score

MATERIAL = 0.05
"""Share of the way from chance to perfection that a score must gain to count; ours, docs/thresholds.md."""
LEFT = 0.25
"""Share of what is missing to perfection that it must gain, too; likewise."""
CLOSE = 0.02
"""Share of the way within which two scores are as good as equal; likewise."""


class Scale(NamedTuple):
    """Where chance and perfection lie on a score, and of how many rows it is the mean."""

    chance: float
    best: float
    rows: int

    @property
    def span(self) -> float:
        """From chance to perfection."""
        return self.best - self.chance

    def error(self, rows: int | None = None) -> float:
        """Standard error of a score by its rows, those that judge if no others are given.

        Of a share p it is √(p (1 - p) / N), at most ½ / √N; of other scores as much of the span.
        """
        width = 1.0 if self.chance >= 0 and self.best <= 1 else self.span
        return 0.5 * width / math.sqrt(rows or self.rows)

    def clipped(self, score: float) -> float:
        """At least chance: a score below it, or none, is no worse than knowing nothing."""
        return max(score, self.chance) if math.isfinite(score) else self.chance

    def material(self, before: float, *, is_sure: bool = False) -> float:
        """What a score must gain to count.

        A twentieth of the span, and the standard error of so few rows. A quarter of what is missing too, unless it
        is sure that what was changed was wrong: any program can be tuned a little.
        """
        left = 0.0 if is_sure else LEFT * (self.best - before)
        return max(MATERIAL * self.span, left, self.error())

    @property
    def close(self) -> float:
        """A difference that is none."""
        return max(CLOSE * self.span, self.error() / 2)


def scale_of(score: Score, facts: Facts, said: Evaluation) -> Scale:
    """By what the score says of outputs that are right, and of those that do not know the inputs.

    A score that takes neither, or tells them apart the wrong way round, is scaled by what it says of an untrained
    network: perfection is 1 from 0 to 1, 0 of what is below, a loss or an error negated, and twice as much of
    what is above.

    Args:
        score: of outputs (N, …) and targets (N, …).
        facts: of the program.
        said: by an untrained network, of the rows that judge.
    """
    try:
        best, chance = (score.measure(outputs, said.targets) for outputs in _imagined(facts, said.targets))
    except REFUSALS:
        return _untrained(score, said)
    if facts.score == "score" and not (math.isfinite(best) or math.isfinite(chance)):
        _check_own(score, said)
    if not (math.isfinite(best) and math.isfinite(chance) and best > chance):
        return _untrained(score, said)
    return Scale(chance, best, len(said.targets))


def _check_own(score: Score, said: Evaluation) -> None:
    """`ProgramError` where a score of the user's own, which is no number of right answers, is none of others."""
    try:
        got = score.measure(said.outputs, said.targets)
    except REFUSALS:
        return
    if np.isfinite(said.outputs).all() and not math.isfinite(got):
        raise ProgramError(
            f"score must be finite where outputs are, got {got} of an untrained model and of right answers. "
            "Give it rows on which it is defined, or leave it out: then accuracy or R² is measured."
        )


def _untrained(score: Score, said: Evaluation) -> Scale:
    try:
        chance = score.measure(said.outputs, said.targets)
    except ProgramError:  # it gives no number
        raise
    except REFUSALS:
        chance = math.nan
    if not math.isfinite(chance):
        chance = 0.0
    best = 0.0 if chance < 0 else 1.0 if chance < 1 else 2 * chance
    return Scale(chance, best, len(said.targets))


def _imagined(facts: Facts, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outputs (N, …) that are right, and the best that are the same for all rows."""
    shape = (len(targets), *facts.output_shape)
    if facts.kind == "numbers":
        right = targets.reshape(shape).astype(np.float32)
        return right, np.broadcast_to(right.mean(axis=0, keepdims=True), shape).copy()
    if facts.kind == "classes":
        right = (
            targets if targets.ndim > 1 and targets.dtype.kind == "f" else np.eye(shape[-1])[targets.astype(int)]
        )
        share = right.reshape(-1, shape[-1]).mean(axis=0)
        usual = np.broadcast_to(np.eye(shape[-1])[share.argmax()], right.shape)
    else:
        right = (targets > 0.5).astype(np.float64)
        usual = np.broadcast_to(right.mean(axis=0, keepdims=True) > 0.5, right.shape).astype(np.float64)
    return _said(right, facts).reshape(shape), _said(usual, facts).reshape(shape)


def _said(probability: np.ndarray, facts: Facts) -> np.ndarray:
    """A probability as the loss wants to hear it."""
    if facts.takes == "logits":
        return (20 * (2 * probability - 1)).astype(np.float32)
    if facts.takes == "log-probabilities":
        return np.log(np.clip(probability, 1e-7, 1)).astype(np.float32)
    return probability.astype(np.float32)
