"""Intervals and tests of paired scores: Student's t, bootstrap, corrected for folds, Holm, seeds needed.

Values are one number per seed (S,) or per fold, in any unit, of which differences are taken pair by pair. All
intervals are 95 %, all tests two-sided. docs/statistics.md says which is used when.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from unstuck.errors import RecipeError
from unstuck.interval import Interval

RISK = 0.05  # of calling a difference what is none, by custom
LEVEL = 1 - RISK  # share of studies whose interval holds the truth
MOST_SEEDS = 1000  # beyond which nobody repeats a training
_ROUNDING = 1e-9  # values that agree to so large a share of themselves differ by rounding alone
_MOST_FLIPS = 14  # values whose signs are flipped in all ways, 8192; of more a sample is drawn

Values = Sequence[float] | np.ndarray


class Significance(NamedTuple):
    """How often chance alone gives a difference as large, in [0, 1], and the test that says so."""

    p: float
    test: str


class Tally(NamedTuple):
    """On how many seeds an arm's score is above, equal to and below the base's."""

    wins: int
    ties: int
    losses: int


# intervals


def t_interval(values: Values) -> Interval:
    """The mean with its interval by Student's t, mean ± t(0.975, n - 1) s / √n.

    Exact for normal values; of exponential ones it covers the mean in 90 % of studies of 10.

    Args:
        values: (S,), independent. Of one value there is a mean, but no interval: its ends are NaN. Where any
            is not finite all three are NaN. Equal values give an interval of no width, which is no proof.

    Source: Student 1908, doi:10.1093/biomet/6.1.1.
    """
    sample = _sample(values)
    return _t_interval(sample, 1 / len(sample))


def corrected_interval(values: Values, *, test_share: float) -> Interval:
    """The interval of a mean over folds, wider because their training rows overlap.

    Each fold trains on much the same rows, so that their scores vary less than those of new data would. The
    variance is multiplied by 1/n + n_test/n_train instead of 1/n: more folds make the interval hardly narrower.

    Args:
        values: (F,), a score or a difference of each fold; NaN as in `t_interval`.
        test_share: n_test / n_train of a fold, above 0. In k folds it is 1 / (k - 1), however often repeated.

    Source: Nadeau & Bengio 2003, doi:10.1023/A:1024068626366. A rule that leans on the correlation
        being n_test / (n_test + n_train); there is no unbiased estimate (Bengio & Grandvalet 2004, JMLR 5).
    """
    sample = _sample(values)
    return _t_interval(sample, 1 / len(sample) + _positive(test_share))


def bootstrap_interval(values: Values, generator: np.random.Generator, draws: int = 10_000) -> Interval:
    """The mean with the interval between two quantiles of the means of resamples: the expanded percentiles.

    Unlike Student's it may reach further to one side, as skewed values ask for. Plain percentiles are too
    narrow for few values, and so are BCa's: both cover 90 % at 10 normal values, 84 % at 5. The quantiles are
    therefore moved outwards, to Φ(±√(n / (n - 1)) t(0.975, n - 1)), where normal values get Student's width.
    Covered are 95 % of studies at 10 normal values and 92 % at 5; of exponential ones 91 % and 86 %. The
    bootstrap-t covers more, but is infinite for scores of which most are equal, as those of small tests are.

    Args:
        values: (S,), independent; NaN as in `t_interval`.
        generator: draws the resamples.
        draws: how many, above 0.

    Source: Hesterberg 2015, doi:10.1080/00031305.2015.1089789.
    """
    sample = _sample(values)
    count, deviation = len(sample), _deviation(sample)
    if not deviation > 0:
        return _t_interval(sample, 1 / count)
    means = sample[generator.integers(count, size=(draws, count))].mean(axis=1)  # (D,)
    outer = float(special.ndtr(-math.sqrt(count / (count - 1)) * _quantile(count, RISK)))
    low, high = np.quantile(means, (outer, 1 - outer))
    return Interval(float(low), float(sample.mean()), float(high))


# tests


def paired_test(scores: Values, base_scores: Values) -> Significance:
    """Whether an arm differs from the base, by the test that its scores allow.

    Finite scores are told apart by the paired t test. Where all differences are equal that is not defined; then
    chance would have to choose the same sign n times, 2^(1-n) ("sign flips"), or 1 where all are zero. Where
    a run did not end with a finite score there is no mean to test, and the seeds are counted ("sign test").

    Args:
        scores: (S,) of the arm.
        base_scores: (S,) of the base, on the same seeds.
    """
    differences = subtract(scores, base_scores)
    if not np.isfinite(differences).all():
        return Significance(sign_p(tally(scores, base_scores)), "sign test")
    if _deviation(differences) > 0:
        return Significance(_t_p(differences, 1 / len(differences)), "t")
    return Significance(2.0 ** (1 - len(differences)) if differences.any() else 1.0, "sign flips")


def corrected_p(differences: Values, *, test_share: float) -> float:
    """The p-value that belongs to `corrected_interval`.

    NaN where any difference is not finite, and where all are equal but not zero: folds are no independent
    witnesses that could be counted.
    """
    sample = _sample(differences)
    scale = 1 / len(sample) + _positive(test_share)
    if not sample.any():
        return 1.0
    return _t_p(sample, scale) if _deviation(sample) > 0 else math.nan


def flip_p(differences: Values, generator: np.random.Generator, draws: int = 10_000) -> float:
    """How often the mean is as far from 0 if each difference might as well have had the other sign.

    Assumes that without an effect differences are symmetric about 0, which paired ones are, and no more. Never
    below 2^(1-n), so that 5 seeds decide nothing. Exact to 14 values, beyond them (1 + hits) / (1 + draws).

    Args:
        differences: (S,), independent. NaN if any is not finite.
        generator: draws the flips, where there are too many to try all.
        draws: how many, above 0.

    Source: Fisher 1935, The Design of Experiments, section 21; counting itself, Phipson & Smyth 2010,
        doi:10.2202/1544-6115.1585.
    """
    sample = _sample(differences)
    if not np.isfinite(sample).all():
        return math.nan
    count = len(sample)
    if count <= _MOST_FLIPS:  # the first keeps its sign: the other half mirrors this one
        flips = (np.arange(2 ** (count - 1))[:, None] >> np.arange(count)) & 1
        unflipped = 0
    else:
        flips = generator.integers(2, size=(draws, count))
        unflipped = 1
    sample = sample / (np.abs(sample).max() or 1)  # so that huge ones do not overflow
    sums = np.abs((1 - 2 * flips) @ sample)  # (D,)
    hits = np.count_nonzero(sums >= abs(sample.sum()) - _ROUNDING * np.abs(sample).sum())
    return float((hits + unflipped) / (len(flips) + unflipped))


def sign_p(counted: Tally) -> float:
    """How often a fair coin is as one-sided as wins against losses; ties say nothing. 1 if there are only ties.

    Source: Arbuthnott 1710, doi:10.1098/rstl.1710.0011.
    """
    thrown = counted.wins + counted.losses
    return min(1.0, 2 * float(special.bdtr(min(counted.wins, counted.losses), thrown, 0.5)))


def holm(p_values: Values) -> np.ndarray:
    """p-values (K,) adjusted for there being K of them, in [0, 1], in their order.

    Calling different what is below 0.05 afterwards makes one false call or more in at most 5 % of studies,
    however the arms depend on each other. The smallest is multiplied by K, the next by K - 1, and so on, and
    none may end below a smaller one. NaN, a test that could not be done, stays NaN and does not count in K.

    Source: Holm 1979, Scandinavian Journal of Statistics 6, 65-70.
    """
    given = np.asarray(p_values, dtype=np.float64)
    done = np.flatnonzero(~np.isnan(given))
    order = done[np.argsort(given[done], kind="stable")]
    adjusted = np.full(len(given), np.nan)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(np.arange(len(order), 0, -1) * given[order]))
    return adjusted


# sizes


def tally(scores: Values, base_scores: Values) -> Tally:
    """Seeds won, tied and lost by the scores (S,). A score that is not finite loses to one that is, else ties."""
    own, base = (np.where(np.isfinite(array), array, -np.inf) for array in _paired(scores, base_scores))
    return Tally(int((own > base).sum()), int((own == base).sum()), int((own < base).sum()))


def effect_size(differences: Values) -> float:
    """The mean difference in units of its deviation from seed to seed: Hedges' g of pairs, without unit.

    Cohen's d_z = mean / s is too large for few pairs; it is multiplied by J = Γ(m/2) / (√(m/2) Γ((m - 1)/2)),
    m = n - 1. A deviation of zero makes it 0 if all differences are zero, else infinite with their sign. NaN
    for fewer than three pairs, of which J is zero, and where a difference is not finite.

    Source: Hedges 1981, doi:10.3102/10769986006002107; d_z, Cohen 1988, chapter 2.
    """
    sample = _sample(differences)
    deviation, freedom = _deviation(sample), len(sample) - 1
    if freedom < 2 or math.isnan(deviation):
        return math.nan
    mean = float(sample.mean())
    if deviation == 0:
        return math.copysign(math.inf, mean) if mean else 0.0
    log_gammas = special.gammaln(freedom / 2) - special.gammaln((freedom - 1) / 2)
    return mean / deviation * math.exp(float(log_gammas)) / math.sqrt(freedom / 2)


def seeds_needed(differences: Values, *, power: float = 0.8, risk: float = RISK) -> int | None:
    """How many seeds a paired t test needs to find a difference like this one: a rough guide, and no finding.

    It takes the mean and the deviation seen for the truth. They are estimates, of ten seeds poor ones, and the
    power computed from them says nothing that p has not said: one that is undecided always asks for more
    seeds. If the true difference is zero the number is about noise. It plans the next study, on new seeds;
    adding seeds until it is decided calls too much different.

    Args:
        differences: (S,), independent.
        power: share of studies that shall find it, in (0, 1).
        risk: of calling a difference what is none, in (0, 1); divided by the number of arms where Holm follows.

    Returns:
        The smallest number, 2 at least; `MOST_SEEDS` + 1 says more than `MOST_SEEDS`. None if it cannot be told:
        fewer than two differences, a mean of zero, any not finite. Equal differences need as many as
        their signs do, `seeds_for_signs`.

    Source: power by the noncentral t, Cohen 1988, chapter 2; against observed power, Hoenig & Heisey 2001,
        doi:10.1198/000313001300339897.
    """
    sample = _sample(differences)
    deviation, mean = _deviation(sample), float(sample.mean())
    if math.isnan(deviation) or len(sample) < 2 or abs(mean) <= _ROUNDING * np.abs(sample).max():
        return None
    if deviation == 0:
        return seeds_for_signs(risk)
    effect = min(abs(mean) / deviation, 100.0)  # two seeds do at any larger one

    def is_enough(count: int) -> bool:
        return _power(effect, count, risk) >= power

    return 2 + bisect_left(range(2, MOST_SEEDS + 1), True, key=is_enough)


def seeds_for_signs(risk: float = RISK) -> int:
    """The smallest number of seeds of which all, with the same sign, have p = 2^(1-n) below the risk."""
    return math.floor(1 - math.log2(risk)) + 1


def subtract(scores: Values, base_scores: Values) -> np.ndarray:
    """Differences (S,) of scores and base's scores, paired by seed; not finite where either is not."""
    own, base = _paired(scores, base_scores)
    with np.errstate(invalid="ignore", over="ignore"):  # -∞ - -∞ is NaN, and stands for no score here
        return own - base


def _sample(values: Values) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not len(array):
        raise RecipeError("scores", "be a list of one number or more", array.tolist())
    return array


def _paired(scores: Values, base_scores: Values) -> tuple[np.ndarray, np.ndarray]:
    own, base = _sample(scores), _sample(base_scores)
    if len(own) != len(base):
        raise RecipeError("scores", f"be as many as the base's ({len(base)}), seed by seed", len(own))
    return own, base


def _positive(test_share: float) -> float:
    if not 0 < test_share < math.inf:
        raise RecipeError("test_share", "be positive and finite, rows tested per row trained on", test_share)
    return test_share


def _deviation(sample: np.ndarray) -> float:
    """The standard deviation, over n - 1; 0 where rounding alone makes it, NaN if any value is not finite.

    Of one value it is 0: nothing was seen to deviate. Scaled first: squares of huge scores would overflow.
    """
    size = float(np.abs(sample).max())
    if not math.isfinite(size):
        return math.nan
    if size == 0 or np.ptp(sample / size) <= _ROUNDING:
        return 0.0
    return float(np.std(sample / size, ddof=1)) * size


def _t_interval(sample: np.ndarray, scale: float) -> Interval:
    """mean ± t s √scale."""
    deviation = _deviation(sample)
    if math.isnan(deviation):
        return Interval(math.nan, math.nan, math.nan)
    mean = float(sample.mean())
    if len(sample) == 1:
        return Interval(math.nan, mean, math.nan)
    reach = _quantile(len(sample), RISK) * deviation * math.sqrt(scale)
    return Interval(mean - reach, mean, mean + reach)


def _t_p(sample: np.ndarray, scale: float) -> float:
    """Two-sided p of t = mean / (s √scale), for a deviation above 0."""
    t = float(sample.mean()) / (_deviation(sample) * math.sqrt(scale))
    return 2 * float(special.stdtr(len(sample) - 1, -abs(t)))


def _quantile(count: int, risk: float) -> float:
    """What |t| of `count` values exceeds by chance at the risk."""
    return float(special.stdtrit(count - 1, 1 - risk / 2))


def _power(effect: float, count: int, risk: float) -> float:
    """The chance that a two-sided t test of `count` values finds an effect, in deviations and above 0."""
    limit, shift = _quantile(count, risk), effect * math.sqrt(count)
    below = special.nctdtr(count - 1, shift, np.array((limit, -limit)))
    below_upper, below_lower = np.nan_to_num(below, nan=0.0)  # SciPy 1.17 gives NaN in tails below 1e-40
    return float(1 - below_upper + below_lower)
