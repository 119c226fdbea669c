"""Intervals cover, tests give false alarms, and guesses at seeds hold, at the rates that they state."""

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from unstuck.errors import RecipeError
from unstuck.interval import Interval
from unstuck.study.statistics import (
    MOST_SEEDS,
    Significance,
    Tally,
    bootstrap_interval,
    corrected_interval,
    corrected_p,
    effect_size,
    flip_p,
    holm,
    paired_test,
    seeds_for_signs,
    seeds_needed,
    sign_p,
    subtract,
    t_interval,
    tally,
)

DRAWS = {"normal": ("standard_normal", 0.0), "exponential": ("standard_exponential", 1.0)}  # and their means


def draw(kind, shape, seed=0):
    name, mean = DRAWS[kind]
    return getattr(np.random.default_rng(seed), name)(shape) - mean


def covered(intervals):
    """Share of intervals that hold 0, the true mean."""
    return np.mean([low <= 0 <= high for low, _, high in intervals])


def chance(rate, studies):
    """How far a rate measured on so many studies strays by chance: once in a thousand further."""
    return 3.3 * math.sqrt(rate * (1 - rate) / studies)


# intervals


def test_an_interval_is_that_of_the_textbook():
    values = [0.1, 0.4, 0.2, 0.3, 0.5]
    low, mean, high = t_interval(values)
    t = 2.776  # quantile 0.975 at 4 degrees of freedom, of any table
    assert mean == pytest.approx(0.3)
    assert high - mean == pytest.approx(t * np.std(values, ddof=1) / math.sqrt(5), rel=1e-3)
    assert mean - low == pytest.approx(high - mean)


@pytest.mark.parametrize("count", [2, 5, 10])
def test_t_intervals_cover_95_percent(count):
    studies = 10_000
    rate = covered(t_interval(values) for values in draw("normal", (studies, count)))
    assert abs(rate - 0.95) <= chance(0.95, studies)


def test_t_intervals_of_skewed_values_cover_what_is_stated():
    studies = 10_000
    rate = covered(t_interval(values) for values in draw("exponential", (studies, 10)))
    assert abs(rate - 0.90) <= 0.005 + chance(0.90, studies)  # stated in whole percent


@pytest.mark.parametrize(
    ("kind", "count", "stated", "studies"),
    [
        ("normal", 10, 0.95, 10_000),
        ("normal", 5, 0.92, 2_000),
        ("exponential", 10, 0.91, 2_000),
        ("exponential", 5, 0.86, 2_000),
    ],
)
def test_bootstrap_intervals_cover_what_is_stated(kind, count, stated, studies):
    generator = np.random.default_rng(1)
    rate = covered(bootstrap_interval(values, generator, 1_000) for values in draw(kind, (studies, count)))
    assert abs(rate - stated) <= 0.005 + chance(stated, studies)


def test_a_bootstrap_interval_has_students_width_where_resamples_are_normal():
    """Many values, so that the means of resamples are normal: there both are mean ± 1.96 s / √n."""
    values = draw("normal", 400)
    drawn, exact = bootstrap_interval(values, np.random.default_rng(0)), t_interval(values)
    assert drawn.high - drawn.low == pytest.approx(exact.high - exact.low, rel=0.03)
    assert drawn.mean == exact.mean


def test_a_bootstrap_interval_leans_to_where_values_straggle():
    low, mean, high = bootstrap_interval([0, 0, 0, 0, 0, 0, 0, 1, 2, 9], np.random.default_rng(0))
    assert high - mean > mean - low


def test_a_corrected_interval_is_that_of_the_formula():
    """Five folds: mean 0.3, variance (0.04 + 0.01 + 0 + 0.01 + 0.04) / 4 = 0.025, n_test / n_train = 1 / 4.

    So the squared error is (1 / 5 + 1 / 4) 0.025 = 0.01125, where a naive one has 0.025 / 5 = 0.005.
    """
    folds = [0.1, 0.4, 0.2, 0.3, 0.5]
    low, mean, high = corrected_interval(folds, test_share=1 / 4)
    assert mean == pytest.approx(0.3)
    assert high - mean == pytest.approx(2.776 * math.sqrt(0.01125), rel=1e-3)
    assert mean - low == pytest.approx(high - mean)
    t = 0.3 / math.sqrt(0.01125)
    assert corrected_p(folds, test_share=1 / 4) == pytest.approx(2 * stats.t(4).sf(t))


@pytest.mark.parametrize("make", [t_interval, lambda v: bootstrap_interval(v, np.random.default_rng(0))])
def test_one_value_has_a_mean_and_no_interval(make):
    low, mean, high = make([0.3])
    assert mean == 0.3
    assert math.isnan(low)
    assert math.isnan(high)
    assert str(Interval(low, mean, high)) == "+0.300 [?, ?]"


@pytest.mark.parametrize("make", [t_interval, lambda v: bootstrap_interval(v, np.random.default_rng(0))])
def test_equal_values_have_an_interval_of_no_width(make):
    assert make([0.25, 0.25, 0.25]) == Interval(0.25, 0.25, 0.25)


@pytest.mark.parametrize("lost", [math.nan, -math.inf, math.inf])
def test_a_value_that_is_not_finite_leaves_no_interval(lost):
    values = [0.3, lost, 0.5]
    for interval in (
        t_interval(values),
        bootstrap_interval(values, np.random.default_rng(0)),
        corrected_interval(values, test_share=0.5),
    ):
        assert all(map(math.isnan, interval))
    assert str(t_interval(values)) == "? [?, ?]"


def test_huge_values_do_not_overflow():
    interval = t_interval([1e200, -1e200, 1e200])
    assert math.isfinite(interval.high)
    assert str(interval).startswith("+3.33e+199 [")


def test_an_interval_is_written_with_its_signs():
    assert str(Interval(0.0951, 0.098, -0.1)) == "+0.098 [+0.095, -0.100]"
    assert str(t_interval([0.25, 0.25])) == "+0.250 [+0.250, +0.250]"


def test_bad_values_are_named():
    with pytest.raises(RecipeError, match="scores must be a list of one number or more"):
        t_interval([])
    with pytest.raises(RecipeError, match=r"scores must be as many as the base's \(3\), seed by seed, got 2"):
        subtract([1, 2], [1, 2, 3])
    with pytest.raises(RecipeError, match=r"scores must be as many as the base's \(3\)"):
        tally([1], [1, 2, 3])
    for share in (0, -1, math.inf, math.nan):
        with pytest.raises(RecipeError, match="test_share must be positive and finite"):
            corrected_interval([1, 2], test_share=share)


# tests


def test_finite_scores_are_told_apart_by_the_paired_t_test():
    scores, base = draw("normal", (2, 8))
    found = paired_test(scores, base)
    assert found.test == "t"
    assert found.p == pytest.approx(stats.ttest_rel(scores, base).pvalue)


def test_where_all_differences_are_equal_signs_are_flipped():
    """Of the 2^4 ways to choose signs two, all plus and all minus, have a mean as far from zero."""
    assert paired_test([2, 3, 4, 5], [1, 2, 3, 4]) == Significance(2 / 2**4, "sign flips")
    assert paired_test([1, 2, 3, 4], [2, 3, 4, 5]).p == 2 / 2**4
    assert paired_test([1, 2, 3, 4], [1, 2, 3, 4]) == Significance(1, "sign flips")
    assert paired_test([5], [1]) == Significance(1, "sign flips")


def test_differences_that_are_equal_but_for_rounding_count_as_equal():
    scores, base = [0.3, 0.8, 0.6], [0.2, 0.7, 0.5]
    assert len(set(subtract(scores, base))) > 1
    assert paired_test(scores, base) == Significance(2 / 2**3, "sign flips")
    assert effect_size(subtract(scores, base)) == math.inf


def test_runs_without_a_finite_score_are_lost():
    """Won 5, lost 1, two ties: of 2^6 ways for a coin to fall 7 have at most one tail, and 7 at most one head."""
    nan, inf = math.nan, math.inf
    scores = [1, 1, 1, 1, 0.0, nan, nan, 7]
    base = [0, 0, nan, -inf, -inf, 0.0, -inf, 7]
    assert tally(scores, base) == Tally(wins=5, ties=2, losses=1)
    found = paired_test(scores, base)
    assert found.test == "sign test"
    assert found.p == pytest.approx((7 + 7) / 2**6)
    assert paired_test([nan, nan], [nan, -inf]) == Significance(1, "sign test")


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 0), (2, 2), (9, 1), (3, 8)])
def test_the_sign_test_is_that_of_the_textbook(wins, losses):
    expected = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1
    assert sign_p(Tally(wins, 3, losses)) == pytest.approx(expected)


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_flips_are_all_tried_where_they_are_few(count):
    values = draw("exponential", count).round(1)
    flipped = [abs(np.dot(signs, values)) for signs in product((1, -1), repeat=count)]
    expected = np.mean([total >= abs(values.sum()) - 1e-12 for total in flipped])
    assert flip_p(values, np.random.default_rng(0)) == pytest.approx(expected)


def test_of_many_flips_a_sample_is_drawn():
    values = draw("normal", 30) + 0.4
    drawn = flip_p(values, np.random.default_rng(0), 40_000)
    assert drawn == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.01)  # the two agree for normal values
    assert flip_p(np.ones(30), np.random.default_rng(0), 99) == 1 / 100  # never zero


def test_flips_of_values_that_are_not_finite_tell_nothing():
    assert math.isnan(flip_p([1, math.nan], np.random.default_rng(0)))
    assert flip_p([1e308, 1e308, -1e308], np.random.default_rng(0)) == 1


def test_flips_give_false_alarms_at_no_more_than_their_rate():
    studies = 2_000
    generator = np.random.default_rng(0)
    rate = np.mean([flip_p(values, generator) < 0.05 for values in draw("normal", (studies, 8))])
    assert abs(rate - 12 / 256) <= chance(0.05, studies)  # of 256 flips 12 are the most below 5 %


def test_folds_that_say_nothing_are_told_apart_from_equal_ones():
    assert corrected_p([0, 0, 0], test_share=0.5) == 1
    assert math.isnan(corrected_p([1, 1, 1], test_share=0.5))
    assert math.isnan(corrected_p([1, math.nan, 1], test_share=0.5))


def folds_of_two_equal_learners(generator, *, rows=50, test=10, splits=15, features=4):
    """Difference in error, fold by fold, of classifiers that see different features, equally good ones.

    Each class's mean decides. Folds are drawn again and again from the same rows, so their training rows overlap.
    """
    labels = generator.choice((-1, 1), rows)
    x = generator.standard_normal((2, rows, features)) + 0.3 * labels[:, None]
    is_test = np.zeros((splits, rows), dtype=bool)
    for fold in is_test:
        fold[generator.choice(rows, test, replace=False)] = True
    directions = ~is_test @ (x * labels[:, None])  # (2, splits, features)
    is_wrong = np.sign(directions @ x.transpose(0, 2, 1)) != labels  # (2, splits, rows)
    wrong = np.where(is_test, is_wrong, False).sum(axis=2) / test  # (2, splits)
    return wrong[0] - wrong[1]


def test_the_corrected_test_gives_false_alarms_nearer_their_rate_than_the_naive_one():
    generator, studies = np.random.default_rng(0), 2_000
    folds = [folds_of_two_equal_learners(generator) for _ in range(studies)]
    corrected = np.mean([corrected_p(fold, test_share=10 / 40) < 0.05 for fold in folds])
    naive = np.mean([paired_test(fold, np.zeros(15)).p < 0.05 for fold in folds])
    assert naive > 0.25
    assert corrected < 0.10


# many arms


def test_holm_is_that_of_a_hand_worked_case():
    """Ascending 0.01, 0.02, 0.03, 0.04, times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.04, and none below one before."""
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.6]) == pytest.approx([1, 1])
    assert holm([0.02]) == pytest.approx([0.02])
    assert holm([]).shape == (0,)


def test_holm_does_not_count_a_test_that_could_not_be_done():
    assert holm([0.03, math.nan, 0.01]) == pytest.approx([0.03, math.nan, 0.02], nan_ok=True)
    assert np.isnan(holm([math.nan, math.nan])).all()


def stepped_down(p_values, risk):
    """Holm's own words: reject the smallest while each is below the risk over the number left, then stop."""
    rejected, left = set(), sorted(range(len(p_values)), key=p_values.__getitem__)
    while left and p_values[left[0]] < risk / len(left):
        rejected.add(left.pop(0))
    return rejected


def test_holm_rejects_what_stepping_down_rejects():
    generator = np.random.default_rng(0)
    for _ in range(300):
        p_values = generator.random(generator.integers(1, 9)) ** 3
        for risk in (0.01, 0.05, 0.2, 0.7):
            adjusted = holm(p_values)
            assert set(np.flatnonzero(adjusted < risk)) == stepped_down(p_values.tolist(), risk)


# sizes


def test_an_effect_is_that_of_the_formula():
    """Mean 2, deviation 1; at two degrees of freedom J = Γ(1) / (√1 Γ(1/2)) = 1 / √π."""
    assert effect_size([1, 2, 3]) == pytest.approx(2 / math.sqrt(math.pi))
    assert effect_size([-1, -2, -3]) == -effect_size([1, 2, 3])


def test_an_effect_is_right_on_average():
    effects = [effect_size(values + 0.8) for values in draw("normal", (10_000, 6))]
    assert np.mean(effects) == pytest.approx(0.8, abs=3.3 * np.std(effects) / 100)


def test_an_effect_without_deviation_is_none_or_infinite():
    assert effect_size([0, 0, 0]) == 0
    assert effect_size([2, 2, 2]) == math.inf
    assert effect_size([-2, -2, -2]) == -math.inf
    assert math.isnan(effect_size([1, 2]))
    assert math.isnan(effect_size([1, 2, math.nan]))


def of(mean, count=10):
    """Differences of that mean, with a deviation of exactly one."""
    values = draw("normal", count)
    return (values - values.mean()) / values.std(ddof=1) + mean


@pytest.mark.parametrize(("effect", "power", "risk"), [(0.5, 0.8, 0.05), (1.2, 0.9, 0.05), (2.5, 0.8, 0.01)])
def test_the_seeds_needed_find_it_as_often_as_they_say_and_one_less_does_not(effect, power, risk):
    studies = 20_000
    needed = seeds_needed(of(effect), power=power, risk=risk)

    def found(count):
        samples = draw("normal", (studies, count)) + effect
        return np.mean(stats.ttest_1samp(samples, 0, axis=1).pvalue < risk)

    assert found(needed) >= power - chance(power, studies)
    assert found(needed - 1) < power + chance(power, studies)


def test_the_seeds_needed_are_few_for_what_is_plain_and_have_a_limit():
    assert seeds_needed(of(1e6)) == seeds_needed(of(30)) == 2
    assert seeds_needed(of(0.01)) == MOST_SEEDS + 1
    assert 500 < seeds_needed(of(0.1)) <= MOST_SEEDS
    assert seeds_needed(of(-0.7)) == seeds_needed(of(0.7))


@pytest.mark.parametrize("effect", [0.25, 0.6, 1.2, 2.5, 8])
def test_the_seeds_needed_are_the_first_at_which_the_power_is_reached(effect):
    """By the definition, with |t| > limit integrated over the deviations that samples have, χ²/(n - 1)."""
    shares = (np.arange(4_000) + 0.5) / 4_000
    for count in range(2, MOST_SEEDS + 1):
        limit = stats.t(count - 1).isf(0.025)
        deviations = np.sqrt(stats.chi2(count - 1).ppf(shares) / (count - 1))
        shift = effect * math.sqrt(count)
        power = stats.norm.sf(limit * deviations - shift) + stats.norm.cdf(-limit * deviations - shift)
        if power.mean() >= 0.8:
            break
    assert seeds_needed(of(effect)) == count


def test_the_seeds_needed_are_sometimes_unknown():
    assert seeds_needed([1]) is None
    assert seeds_needed([1, -1, 0]) is None
    assert seeds_needed([0, 0]) is None
    assert seeds_needed([1, 2, math.nan]) is None


def test_equal_differences_need_as_many_seeds_as_their_signs():
    """2^(1-6) = 1/32 is below 0.05, 2^(1-5) = 1/16 is not; 2^(1-5) is not below itself."""
    assert seeds_needed([1, 1, 1]) == seeds_for_signs() == 6
    assert seeds_for_signs(1 / 16) == 6
