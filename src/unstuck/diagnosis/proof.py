"""The proof of a cure: control and cured program on seeds and rows that chose nothing."""

import math

from unstuck.diagnosis.experiment import Lab
from unstuck.diagnosis.subject import Arm, OfRecipe
from unstuck.diagnosis.terms import Cure
from unstuck.diagnosis.treatments import TREATMENTS
from unstuck.recipe.edit import difference
from unstuck.study.statistics import Interval, t_interval


def proven(lab: Lab, arm: Arm, seeds: int) -> Cure | None:
    """The cure, verified or not; None where the budget does not reach for two seeds.

    Pairs are trained seed by seed, until most of all seeds gain nothing. It is verified if the mean gain is
    material, and either its interval lies above 0 or every seed gains: with 5 seeds chance does that once in 32.
    """
    gains: list[float] = []
    for number in range(seeds):
        gain = lab.gain(arm, number, judging=True)
        if gain is None:
            break
        gains.append(gain)
        if sum(gain < lab.scale.close for gain in gains) > seeds // 2:  # most seeds gain nothing: it is no cure
            break
    treated = lab.subject.cured(arm)
    if len(gains) < min(2, seeds) or treated is None:
        return None
    before, after = (lab.of(one, judging=True)[: len(gains)] for one in ((), arm))
    effect = t_interval(gains)
    usual = sum(trial.clipped for trial in before) / len(before)
    is_material = effect.mean >= lab.scale.material(usual)
    return Cure(
        treatments=arm,
        says=tuple(TREATMENTS[name].says for name in arm),
        edits=difference(lab.subject.recipe, treated.program) if isinstance(lab.subject, OfRecipe) else (),
        lines=treated.lines,
        program=treated.program,
        before=tuple(trial.score for trial in before),
        after=tuple(trial.score for trial in after),
        effect=effect,
        verified=is_material and _is_beyond_chance(effect, gains),
    )


def _is_beyond_chance(effect: Interval, gains: list[float]) -> bool:
    if len(gains) < 2:
        return False
    return (math.isfinite(effect.low) and effect.low > 0) or (len(gains) >= 5 and min(gains) > 0)
