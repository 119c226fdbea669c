"""The proof of a cure: control and cured program on seeds and rows that chose nothing."""

import math
from collections.abc import Sequence

from unstuck.diagnosis.experiment import Lab
from unstuck.diagnosis.scale import Scale
from unstuck.diagnosis.subject import Arm, OfRecipe
from unstuck.diagnosis.terms import Cure
from unstuck.diagnosis.treatments import TREATMENTS
from unstuck.recipe.edit import difference
from unstuck.study.statistics import paired_test, t_interval

FEWEST = 5
"""Seeds of which all must gain where the interval does not tell: chance does that once in 32."""
RISK = 0.01
"""Of the second look, two-sided; with the first look's 0.05 they err in 6 of 100, half of these upwards."""
AGAIN = 2
"""Times the seeds, at most: what fails on some seeds only gains nothing on the others, and varies much."""


def proven(lab: Lab, arm: Arm, seeds: int, *, is_sure: bool = False) -> Cure | None:
    """The cure, verified or not; None where the budget does not reach for two seeds.

    Pairs are trained seed by seed, until most of all seeds gain nothing. It is verified if the mean gain is
    material, and either its interval lies above 0 or every one of five seeds or more gains. A gain that is
    material and may be chance gets as many seeds again, and is then looked at once more, with less of a risk.
    `is_sure`: what the arm changes is surely wrong.
    """
    gains: list[float] = []
    for number in range(AGAIN * seeds):
        gain = lab.gain(arm, number, judging=True)
        if gain is None:
            break
        gains.append(gain)
        if _gains_nothing(gains, lab.scale, seeds):
            break
        if len(gains) == seeds and (not _is_material(gains, lab, is_sure) or _is_beyond_chance(gains, lab.scale)):
            break
    treated = lab.subject.cured(arm)
    if len(gains) < min(2, seeds) or treated is None:
        return None
    before, after = (lab.of(one, judging=True)[: len(gains)] for one in ((), arm))
    is_cured = _is_material(gains, lab, is_sure) and not _gains_nothing(gains, lab.scale, seeds)
    return Cure(
        treatments=arm,
        says=tuple(TREATMENTS[name].says for name in arm),
        edits=difference(lab.subject.recipe, treated.program) if isinstance(lab.subject, OfRecipe) else (),
        lines=treated.lines,
        program=treated.program,
        before=tuple(trial.score for trial in before),
        after=tuple(trial.score for trial in after),
        effect=t_interval(gains),
        verified=is_cured and (_is_beyond_chance(gains, lab.scale) if len(gains) <= seeds else _is_plain(gains)),
    )


def _is_material(gains: Sequence[float], lab: Lab, is_sure: bool) -> bool:
    """Whether the mean gain is, beside what the control scored on the same seeds."""
    before = [trial.clipped for trial in lab.of((), judging=True)[: len(gains)]]
    return bool(sum(gains) / len(gains) >= lab.scale.material(sum(before) / len(before), is_sure=is_sure))


def _gains_nothing(gains: Sequence[float], scale: Scale, seeds: int) -> bool:
    """Whether most of all seeds do: then it is no cure, whatever the others gain."""
    return sum(gain < scale.close for gain in gains) > max(seeds, len(gains)) // 2


def _is_plain(gains: Sequence[float]) -> bool:
    """Whether a second look shows it, at a fifth of the first one's risk."""
    return sum(gains) > 0 and paired_test(gains, [0.0] * len(gains)).p < RISK


def _is_beyond_chance(gains: Sequence[float], scale: Scale) -> bool:
    """By the interval, or by the signs of five seeds or more.

    Gains are often equal, from chance to perfection, and their interval then has no width, which proves nothing:
    one row of one seed is taken to have come out otherwise.
    """
    if len(gains) >= FEWEST and min(gains) > 0:
        return True
    effect = t_interval(gains)
    if effect.low == effect.high:
        effect = t_interval([*gains[1:], gains[0] - scale.span / scale.rows])
    return math.isfinite(effect.low) and effect.low > 0
