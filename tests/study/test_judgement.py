"""What is said of an arm follows from its numbers, and of arms that are alike nothing is said too often."""

import math

import numpy as np
import pytest
from scipy import stats

from unstuck.errors import RecipeError
from unstuck.interval import Interval
from unstuck.study.judgement import Judgement, judge, sentence
from unstuck.study.statistics import MOST_SEEDS, flip_p, holm, seeds_needed, t_interval

SHARE = "share of rows"  # accuracy's unit
BASE = [0.80, 0.82, 0.81, 0.79, 0.80, 0.83, 0.80, 0.81, 0.82, 0.78]
STEPS = np.array([1, -1, 2, -2, 0, 1, -1, 3, -3, 0]) / 1000  # mean 0, variance (4·1 + 2·4 + 2·9) / 9 = 10/3 · 1e-6


def seen(scores, base=BASE, **how):
    return judge(base, {"arm": scores}, **how)["arm"]


def told(scores, base=BASE, unit=SHARE, **how):
    return sentence("arm", seen(scores, base, **how), unit=unit)


def plus(mean, steps=STEPS):
    return np.array(BASE) + mean + steps


# numbers


def test_a_difference_is_paired_by_seed():
    found = seen(plus(0.05))
    reach = 2.262 * math.sqrt(10 / 3 * 1e-6 / 10)  # quantile 0.975 at 9 degrees of freedom, of any table
    assert found.interval == pytest.approx((0.05 - reach, 0.05, 0.05 + reach), rel=1e-3)
    assert found.p == pytest.approx(stats.ttest_rel(plus(0.05), BASE).pvalue)
    assert (found.n, found.wins, found.ties, found.losses) == (10, 10, 0, 0)
    assert (found.method, found.test, found.arms) == ("t", "t", 1)
    assert found.judgement is Judgement.BETTER
    assert found.effect > 0
    assert isinstance(found.interval, Interval)


def test_a_lower_score_is_worse():
    assert seen(plus(-0.05)).judgement is Judgement.WORSE
    assert seen(plus(-0.05)).losses == 10


def test_arms_are_judged_together():
    arms = {"a": plus(0.0015), "b": plus(0.0003), "c": plus(0.05)}
    found = judge(BASE, arms)
    assert list(found) == ["a", "b", "c"]
    assert [found[name].adjusted_p for name in arms] == pytest.approx(holm([found[name].p for name in arms]))
    assert judge(BASE, {}) == {}


def test_what_is_found_alone_may_be_undecided_among_many():
    """Its p is below 0.05 and above 0.05 / 8."""
    arms = {f"other {number}": plus(0.0) for number in range(7)} | {"arm": plus(0.0015)}
    found = judge(BASE, arms)["arm"]
    assert seen(arms["arm"]).judgement is Judgement.BETTER
    assert 0.05 / 8 < found.p < 0.05
    assert found.judgement is Judgement.UNDECIDED
    assert found.interval.low > 0
    assert sentence("arm", found, unit=SHARE).startswith(
        "arm: undecided among 8 arms, +0.15 points, 95 % [0.02, 0.28]"
    )


@pytest.mark.parametrize(("p", "judgement"), [(0.0499, Judgement.BETTER), (0.05, Judgement.UNDECIDED)])
def test_the_limit_is_5_percent(p, judgement):
    """Of a deviation of 1 and 10 pairs t is √10 times the mean."""
    mean = stats.t(9).isf(p / 2) / math.sqrt(10)
    found = seen(
        np.array([1, -1, 2, -2, 0, 1, -1, 3, -3, 0]) / math.sqrt(10 / 3) + mean * (1 - 1e-12), np.zeros(10)
    )
    assert found.p == pytest.approx(p)
    assert found.judgement is judgement


def test_the_bootstrap_flips_signs_and_draws_the_same_for_each_arm():
    generator = np.random.default_rng(0)
    alone = seen(plus(0.002), method="bootstrap", generator=generator)
    among = judge(BASE, {"x": plus(1), "arm": plus(0.002)}, method="bootstrap", generator=generator)["arm"]
    assert alone.interval == among.interval
    assert (alone.method, alone.test) == ("bootstrap", "sign flips")
    assert alone.p == flip_p(plus(0.002) - BASE, generator)
    assert alone.interval == pytest.approx(t_interval(plus(0.002) - BASE), abs=4e-4)


def test_folds_are_told_apart_by_the_corrected_test():
    found = seen(plus(0.0015), method="corrected t", test_share=1 / 9)
    naive = seen(plus(0.0015))
    widths = [d.interval.high - d.interval.low for d in (found, naive)]
    assert widths[0] / widths[1] == pytest.approx(math.sqrt((1 / 10 + 1 / 9) / (1 / 10)))
    assert naive.p < 0.05 < found.p
    assert found.needed is None
    assert sentence("arm", found, unit=SHARE) == (
        "arm: undecided, +0.15 points, 95 % [-0.04, 0.34], better on 8 of 10 folds"
    )


def test_an_arm_of_other_length_is_named():
    with pytest.raises(RecipeError, match=r"scores of 'arm' must be as many as the base's \(10\), got 2"):
        seen([1, 2])


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"method": "bootstrap"}, "generator must be given for the bootstrap"),
        ({"method": "corrected t"}, "test_share must be given for folds"),
        ({"method": "boot"}, "Did you mean bootstrap"),
    ],
)
def test_what_a_method_needs_is_asked_for(how, said):
    with pytest.raises(RecipeError, match=said):
        seen(BASE, **how)


# false alarms


def accuracies(generator, shape, rows=100):
    """Networks of one kind, from seed to seed a little better and worse, on a small test set."""
    return generator.binomial(rows, generator.normal(0.9, 0.01, shape).clip(0, 1)) / rows


@pytest.mark.parametrize("scores", [lambda generator, shape: generator.normal(0.9, 0.01, shape), accuracies])
def test_of_five_arms_like_the_base_one_or_more_is_called_different_in_5_percent_of_studies_at_most(scores):
    generator = np.random.default_rng(0)
    called = alone = 0
    for _ in range(1000):
        base, *arms = scores(generator, (6, 10))
        found = judge(base, dict(enumerate(arms))).values()
        called += any(difference.judgement is not Judgement.UNDECIDED for difference in found)
        alone += any(difference.p < 0.05 for difference in found)
    assert called <= 50
    assert alone > 100  # what Holm is for


def test_an_arm_like_the_base_is_called_different_at_the_stated_rate():
    studies = np.random.default_rng(0).normal(size=(1000, 2, 5))
    called = sum(seen(arm, base).judgement is not Judgement.UNDECIDED for base, arm in studies)
    low, high = stats.binom.interval(0.998, 1000, 0.05)
    assert low <= called <= high


def test_what_is_undecided_needs_more_seeds_than_there_are():
    generator = np.random.default_rng(0)
    for _ in range(100):
        base, *arms = generator.normal(size=(5, 6)) + [[0], [0], [0.5], [1], [2]]
        for difference in judge(base, dict(enumerate(arms))).values():
            if difference.judgement is Judgement.UNDECIDED:
                assert difference.needed > 6
            else:
                assert difference.needed is None


# sentences


def test_a_decided_arm_is_told_in_points():
    """±2.262 √(10/3 · 1e-6 / 10) is ±0.0013, and ten times that where the steps are ten times as large."""
    assert told(plus(0.098, 2 * STEPS)) == "arm: +9.8 points, 95 % [9.5, 10.1], better on 10 of 10 seeds"
    assert told(plus(-0.098, 2 * STEPS)) == "arm: -9.8 points, 95 % [-10.1, -9.5], worse on 10 of 10 seeds"


def test_other_scores_are_told_as_they_are():
    assert told(plus(0.078, 7 * STEPS), unit="share of variance") == (
        "arm: +0.078, 95 % [0.069, 0.087], better on 10 of 10 seeds"
    )


def test_an_undecided_arm_is_told_with_what_would_decide():
    scores = plus(-0.001, 4 * STEPS)
    needed = seeds_needed(4 * STEPS - 0.001)
    assert told(scores) == (
        f"arm: undecided, -0.1 points, 95 % [-0.6, 0.4], better on 4 of 10 seeds; about {needed} seeds would tell"
    )
    assert told(plus(0.00001)).endswith(f"; more than {MOST_SEEDS} seeds would be needed")


def test_a_narrow_interval_is_told_in_finer_digits_and_zero_has_no_minus():
    """±0.013 points, of which two digits are told, and ±0.05, of which one is."""
    assert "+5.000 points, 95 % [4.987, 5.013]" in told(plus(0.05, STEPS / 10))
    assert "+0.00 points, 95 % [-0.05, 0.05]" in told(plus(-0.000001, STEPS * 0.4))


def test_a_huge_difference_is_told_short():
    assert told(np.array(BASE) - 1e30, unit="").startswith("arm: -1e+30, 95 % [")


def test_one_seed_cannot_tell():
    assert (
        told([0.9], [0.8]) == "arm: undecided, +10.0 points; one seed cannot tell: repeat with --seeds 5 or more"
    )
    assert told([0.8], [0.8]) == (
        "arm: no difference on the one seed; one seed cannot tell: repeat with --seeds 5 or more"
    )
    assert told([math.nan], [0.8]) == (
        "arm: undecided; 1 of 1 run did not end with a finite score; "
        "one seed cannot tell: repeat with --seeds 5 or more"
    )
    assert seen([1e9], [0.0]).judgement is Judgement.UNDECIDED


def test_no_difference_is_told_as_such():
    assert told(BASE) == "arm: no difference on any of 10 seeds"
    assert seen(BASE).judgement is Judgement.UNDECIDED


def test_the_same_difference_on_every_seed_is_decided_from_six_on():
    assert told(plus(0.01, 0)[:5], BASE[:5]) == (
        "arm: undecided, +1.0 points, 95 % [1.0, 1.0], better on 5 of 5 seeds; about 6 seeds would tell"
    )
    assert seen(plus(0.01, 0)[:6], BASE[:6]).judgement is Judgement.BETTER


def test_runs_that_diverged_are_told():
    scores = plus(0.098)
    scores[[2, 5, 7]] = math.nan, -math.inf, math.nan
    assert told(scores) == "arm: undecided, better on 7 of 10 seeds; 3 of 10 runs did not end with a finite score"
    assert told(np.full(10, math.nan)) == (
        "arm: worse on 10 of 10 seeds; 10 of 10 runs did not end with a finite score"
    )
    assert told(BASE, scores) == (
        "arm: undecided, better on 3 of 10 seeds; 3 of 10 runs of the base did not end with a finite score"
    )
    assert seen(scores).test == "sign test"
    assert math.isnan(seen(scores).interval.mean)


def test_runs_that_all_diverged_are_no_difference_that_anyone_saw():
    lost = [math.nan] * 10
    assert told(lost, lost) == (
        "arm: undecided, better on 0 and equal on 10 of 10 seeds; 10 of 10 runs did not end with a finite score; "
        "10 of 10 runs of the base did not end with a finite score"
    )


def test_a_few_runs_that_all_diverged_need_as_many_seeds_as_signs():
    assert told([math.nan] * 5, BASE[:5]).endswith("; about 6 seeds would tell")


def test_folds_that_diverged_cannot_be_tested():
    found = seen([*BASE[:9], math.nan], method="corrected t", test_share=1 / 9)
    assert math.isnan(found.adjusted_p)
    assert found.judgement is Judgement.UNDECIDED
