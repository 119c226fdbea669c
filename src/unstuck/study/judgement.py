"""What a study may say of each arm: better, worse or undecided, after Holm, in a plain sentence."""

import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from enum import Enum
from typing import Literal

import numpy as np

from unstuck.errors import RecipeError, did_you_mean
from unstuck.interval import Interval
from unstuck.study.statistics import (
    MOST_SEEDS,
    RISK,
    Significance,
    Tally,
    Values,
    bootstrap_interval,
    corrected_interval,
    corrected_p,
    effect_size,
    flip_p,
    holm,
    paired_test,
    seeds_for_signs,
    seeds_needed,
    subtract,
    t_interval,
    tally,
)
from unstuck.training.scores import ACCURACY

Method = Literal["t", "bootstrap", "corrected t"]
METHODS: tuple[Method, ...] = ("t", "bootstrap", "corrected t")


class Judgement(Enum):
    """What the scores of an arm say about it beside the base."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """An arm's scores less the base's, paired by seed, or by fold where the method is "corrected t".

    Args:
        n: pairs.
        interval: of the mean, in the unit of the score, for this arm alone; NaN if a run has no finite score.
        p: in [0, 1], for this arm alone; NaN if no test could be done.
        adjusted_p: the same after Holm over all arms.
        effect: Hedges' g of the pairs, in deviations; infinite if all differences are equal.
        wins: pairs in which the arm is above the base; a score that is not finite loses to one that is.
        ties: pairs that are equal.
        losses: pairs in which it is below.
        needed: roughly how many pairs would decide, where that is open and more than n; above `MOST_SEEDS` says
            more than those. None if it cannot be told.
        method: how the interval was made.
        test: where p comes from: "t", "sign flips", "sign test" or "corrected t".
        arms: compared in the same study.
        unfinished: runs of the arm that did not end with a finite score.
        base_unfinished: runs of the base that did not.
    """

    n: int
    interval: Interval
    p: float
    adjusted_p: float
    effect: float
    wins: int
    ties: int
    losses: int
    needed: int | None
    method: Method
    test: str
    arms: int
    unfinished: int
    base_unfinished: int

    @property
    def judgement(self) -> Judgement:
        """Decided only where the adjusted p is below 0.05, which neither one seed nor NaN ever is."""
        if not self.adjusted_p < RISK:
            return Judgement.UNDECIDED
        mean = self.interval.mean
        ahead = self.wins - self.losses if math.isnan(mean) else mean
        return Judgement.BETTER if ahead > 0 else Judgement.WORSE

    @property
    def is_none(self) -> bool:
        """Whether every pair is equal, with scores to show it."""
        return self.ties == self.n and not self.unfinished


def judge(
    base: Values,
    arms: Mapping[str, Values],
    *,
    method: Method = "t",
    generator: np.random.Generator | None = None,
    test_share: float | None = None,
) -> dict[str, Difference]:
    """The difference of each arm from the base, judged together.

    Args:
        base: scores (S,), higher is better.
        arms: scores (S,) by name, on the same seeds and in their order.
        method: "t", Student's interval and paired test; "bootstrap", which assumes no shape: expanded
            percentiles and sign flips, 6 seeds at least to decide; "corrected t" for folds, whose rows overlap.
        generator: draws for the bootstrap, the same for each arm, so that one does not depend on the others.
        test_share: rows tested per row trained on in a fold, for "corrected t".

    Raises:
        RecipeError: if an arm has more or fewer scores than the base, or what the method needs is missing.
    """
    _check(method, generator, test_share)
    for name, scores in arms.items():
        if len(scores) != len(base):
            raise RecipeError(f"scores of {name!r}", f"be as many as the base's ({len(base)})", len(scores))
    found = {name: _measure(base, arms[name], method, deepcopy(generator), test_share) for name in arms}
    adjusted = holm([significance.p for _, significance in found.values()])
    return {
        name: _difference(base, arms[name], *found[name], adjusted_p=float(p), method=method, arms=len(arms))
        for name, p in zip(arms, adjusted, strict=True)
    }


def sentence(name: str, difference: Difference, *, unit: str = "") -> str:
    """What may be said of an arm: "leaky ReLU: +9.8 points, 95 % [9.5, 10.1], better on 10 of 10 seeds".

    Args:
        name: what the arm is called.
        difference: from `judge`.
        unit: of the score, as `Score` has it. A share of rows is told in percent points, all else as it is.
    """
    if difference.is_none:
        one = "the one" if difference.n == 1 else f"any of {difference.n}"
        said = f"no difference on {one} {_pairs(difference, difference.n)}"
    else:
        said = ", ".join((*_verdict(difference), *_numbers(difference.interval, unit), *_counts(difference)))
    return "; ".join((f"{name}: {said}", *_unfinished(difference), *_advice(difference)))


def _check(method: str, generator: np.random.Generator | None, test_share: float | None) -> None:
    if method not in METHODS:
        raise RecipeError("method", "be a known one", method, hint=did_you_mean(method, METHODS))
    if method == "bootstrap" and generator is None:
        raise RecipeError("generator", "be given for the bootstrap", generator)
    if method == "corrected t" and test_share is None:
        raise RecipeError("test_share", "be given for folds", test_share, hint="Of k folds it is 1 / (k - 1).")


def _measure(
    base: Values,
    scores: Values,
    method: Method,
    generator: np.random.Generator | None,
    test_share: float | None,
) -> tuple[Interval, Significance]:
    """The interval of the mean and the test beside it."""
    differences = subtract(scores, base)
    if test_share is not None and method == "corrected t":
        p = corrected_p(differences, test_share=test_share)
        return corrected_interval(differences, test_share=test_share), Significance(p, "corrected t")
    if generator is not None and method == "bootstrap" and np.isfinite(differences).all():
        p = flip_p(differences, generator)
        return bootstrap_interval(differences, generator), Significance(p, "sign flips")
    return t_interval(differences), paired_test(scores, base)


def _difference(
    base: Values,
    scores: Values,
    interval: Interval,
    significance: Significance,
    *,
    adjusted_p: float,
    method: Method,
    arms: int,
) -> Difference:
    differences, counted = subtract(scores, base), tally(scores, base)
    is_open = not adjusted_p < RISK
    return Difference(
        n=len(differences),
        interval=interval,
        p=significance.p,
        adjusted_p=adjusted_p,
        effect=effect_size(differences),
        **counted._asdict(),
        needed=_needed(differences, counted, significance.test, RISK / arms) if is_open else None,
        method=method,
        test=significance.test,
        arms=arms,
        unfinished=int(np.count_nonzero(~np.isfinite(scores))),
        base_unfinished=int(np.count_nonzero(~np.isfinite(base))),
    )


def _needed(differences: np.ndarray, counted: Tally, test: str, risk: float) -> int | None:
    """Seeds that would decide, if there would be more of what was seen and that is more than there are.

    Holm tests the least promising arm at the full risk and the most promising at its share, which is safe for all.
    More folds decide nothing, since they are of the same rows.
    """
    if len(differences) < 2 or test == "corrected t":
        return None
    if test == "sign test":
        needed = seeds_for_signs(risk) if len(differences) in (counted.wins, counted.losses) else None
    else:
        needed = seeds_needed(differences, risk=risk)
    if needed is not None and test == "sign flips":
        needed = max(needed, seeds_for_signs(risk))
    return needed if needed is not None and needed > len(differences) else None


# words


def _pairs(difference: Difference, count: int) -> str:
    pair = "fold" if difference.method == "corrected t" else "seed"
    return pair if count == 1 else f"{pair}s"


def _verdict(difference: Difference) -> list[str]:
    """That it is undecided; better and worse are said by the numbers."""
    if difference.judgement is not Judgement.UNDECIDED:
        return []
    return [f"undecided among {difference.arms} arms" if difference.p < RISK else "undecided"]


def _numbers(interval: Interval, unit: str) -> list[str]:
    """The mean and its interval, to the digit that the interval's half width needs or finer."""
    if not math.isfinite(interval.mean):
        return []
    in_points = unit == ACCURACY.unit
    low, mean, high = (100 * end if in_points else end for end in interval)
    width = (high - low) / 2
    places = _places(width if width > 0 else abs(mean), least=1 if in_points else 3)
    said = [f"{_number(mean, places, sign='+')}{' points' if in_points else ''}"]
    if math.isfinite(width):
        said.append(f"95 % [{_number(low, places)}, {_number(high, places)}]")
    return said


def _places(size: float, *, least: int) -> int:
    """Decimal places that show a number's first digit, and of one below 2.5 the second too: 0.3, 0.19. Up to 9."""
    return min(max(least, -math.floor(math.log10(size / 2.5))), 9) if 0 < size < math.inf else least


def _number(number: float, places: int, *, sign: str = "-") -> str:
    """Written out up to 100 000, and never as minus zero."""
    return f"{number:{sign}z.{places}f}" if abs(number) < 1e5 else f"{number:{sign}.3g}"


def _counts(difference: Difference) -> list[str]:
    """On how many seeds, where there are several."""
    if difference.n == 1:
        return []
    worse = difference.judgement is Judgement.WORSE
    count = difference.losses if worse else difference.wins
    ties = f" and equal on {difference.ties}" if difference.ties else ""
    pairs = _pairs(difference, difference.n)
    return [f"{'worse' if worse else 'better'} on {count}{ties} of {difference.n} {pairs}"]


def _unfinished(difference: Difference) -> list[str]:
    """Whose runs have no finite score; such a seed is lost to one that has."""
    n, said = difference.n, "did not end with a finite score"
    runs = "run" if n == 1 else "runs"
    counts = ((difference.unfinished, runs), (difference.base_unfinished, f"{runs} of the base"))
    return [f"{count} of {n} {whose} {said}" for count, whose in counts if count]


def _advice(difference: Difference) -> list[str]:
    """What would decide it."""
    if difference.judgement is not Judgement.UNDECIDED:
        return []
    if difference.n == 1:
        return [f"one {_pairs(difference, 1)} cannot tell: repeat with --seeds 5 or more"]
    if difference.needed is None:
        return []
    if difference.needed > MOST_SEEDS:
        return [f"more than {MOST_SEEDS} seeds would be needed"]
    return [f"about {difference.needed} seeds would tell"]
