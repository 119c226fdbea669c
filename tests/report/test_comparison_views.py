"""The pictures of a comparison show what their definitions say, without a canvas."""

import math

import numpy as np
import pytest
from comparisons import AWKWARD, BASE, FAR, FOLDS, MANY, ODD, ONE, SIZES, USUAL, compared, course

from unstuck.report.view import BandsView, DataSizeView, ForestView
from unstuck.report.view.bands import MOST_COLOURED, Band
from unstuck.report.view.forest import FARTHEST, LARGE
from unstuck.study.judgement import Judgement
from unstuck.study.statistics import t_interval


def rows(view):
    return {row.name: row for group in view.groups for row in group.rows}


# forest


def test_differences_are_in_points_pair_by_pair_and_scores_as_they_are():
    for name, row in rows(ForestView.of(USUAL)).items():
        scores = USUAL.base.scores if name == "base" else USUAL.arms[name].scores
        np.testing.assert_array_equal(row.scores, scores)
        np.testing.assert_allclose(row.differences, 100 * (scores - BASE), rtol=1e-12)
        assert row.interval == pytest.approx(t_interval(100 * (scores - BASE)))


def test_differences_of_r2_have_no_unit():
    view = ForestView.of(FAR)
    assert view.difference == "difference of test R²"
    np.testing.assert_array_equal(rows(view)["near"].differences, FAR.arms["near"].scores - FAR.base.scores)


def test_an_arm_is_coloured_by_its_judgement_and_the_base_is_not():
    judged = {name: row.judgement for name, row in rows(ForestView.of(USUAL)).items()}
    assert judged == {"base": None} | {name: arm.judged.judgement for name, arm in USUAL.arms.items()}
    assert set(judged.values()) == {None, *Judgement}


def test_published_figures_stand_beside_the_scores():
    known = rows(ForestView.of(USUAL))
    assert {name: row.published for name, row in known.items() if row.published} == {"base": 0.87, "better": 0.97}
    low, high = ForestView.of(USUAL).score_span
    assert low < min(0.87, *USUAL.arms["worse"].scores) < 0.97 < high


UP, DOWN, SAME = [0.96, 0.98, 0.95, 0.96], [0.80, 0.82, 0.78, 0.81], [0.90, 0.92, 0.88, 0.91]


@pytest.mark.parametrize(
    ("arms", "title"),
    [
        ([UP], "0 helps"),
        ([DOWN], "0 harms"),
        ([SAME], "0 is undecided"),
        ([UP, UP], "2 of 2 changes help"),
        ([UP, DOWN], "1 of 2 changes helps, 1 harms"),
        ([UP, SAME, DOWN, DOWN, SAME], "1 of 5 changes helps, 2 harm, 2 are undecided"),
        ([DOWN, SAME], "None of 2 changes helps, 1 harms, 1 is undecided"),
        ([SAME, SAME], "None of 2 changes makes a difference that 4 seeds can tell"),
    ],
)
def test_the_title_is_the_result(arms, title):
    assert ForestView.of(compared(BASE, {str(number): arm for number, arm in enumerate(arms)})).title == title


def test_one_training_each_has_no_result():
    view = ForestView.of(ONE)
    assert view.title == "Whether the change helps, one training cannot tell"
    assert rows(view)["a"].said == "+5.0"
    assert "interval" not in view.note
    assert ForestView.of(compared([0.5], {"a": [0.5], "b": [0.6]})).title.startswith("Which changes help, one")


def reaching(factor):
    """Two arms of which one reaches `factor` times as far as the other; reaches are of the interval's far end."""
    base, small = np.array([0.5, 0.51]), np.array([0.0, 0.001])
    return compared(base, {"small": base + small, "large": base + factor * small})


@pytest.mark.parametrize(("factor", "logarithmic"), [(0.99 * LARGE, False), (1.01 * LARGE, True)])
def test_the_scale_is_logarithmic_only_where_an_arm_would_not_be_seen(factor, logarithmic):
    view = ForestView.of(reaching(factor))
    assert (view.linear_within is not None) == logarithmic
    small = rows(view)["small"].reach
    assert not logarithmic or view.linear_within <= small < 10 * view.linear_within


def test_everything_finite_is_inside_a_linear_scale():
    view = ForestView.of(USUAL)
    shown = np.concatenate([(*row.interval, *row.differences) for row in rows(view).values()])
    assert view.linear_within is None
    assert view.span[0] < min(0, shown.min()) < max(0, shown.max()) < view.span[1]


def test_what_is_beyond_all_measure_does_not_stretch_the_scales():
    view = ForestView.of(FAR)
    assert -2 * FARTHEST * view.linear_within < view.span[0]
    low, high = view.score_span
    assert 0 < low < min(FAR.base.scores) < max(FAR.arms["near"].scores) < high < 1


def test_scores_that_are_not_finite_are_said_and_not_drawn():
    row = rows(ForestView.of(ODD))["diverged"]
    assert row.said == "2 of 4 not finite"
    assert row.mean == "–, 4 of 4 diverged"
    assert math.isnan(row.interval.mean)
    assert np.isfinite(row.differences).tolist() == [False, True, False, True]


def test_a_base_that_is_not_finite_is_said_too():
    view = ForestView.of(compared([0.5, np.nan, 0.5], {"a": [0.6, 0.6, 0.6]}))
    assert rows(view)["a"].said == "1 of 3 of the base not finite"


def test_several_comparisons_stand_under_their_titles_with_one_result():
    view = ForestView.of(USUAL, ODD)
    assert [group.title for group in view.groups] == ["A study", "[bold]$ and $"]
    assert f"of {len(USUAL.arms) + len(ODD.arms)} changes" in view.title
    assert [group.title for group in ForestView.of(USUAL).groups] == [""]


def test_names_are_left_as_they_are():
    assert [row.name for row in ForestView.of(ODD).groups[0].rows][1:5] == list(AWKWARD)


def test_folds_are_called_folds():
    assert "paired by 4 folds, 95 % intervals by t, corrected" in ForestView.of(FOLDS).note


# bands


def test_a_band_is_the_interval_of_the_mean_at_each_epoch():
    columns = np.random.default_rng(0).random((5, 7))
    band = Band.over(list(columns))
    for epoch in range(7):
        low, mean, high = t_interval(columns[:, epoch])
        assert (band.low[epoch], band.mean[epoch], band.high[epoch]) == (low, mean, high)


@pytest.mark.parametrize(("count", "folds"), [(2, False), (5, True)])
def test_two_trainings_and_folds_have_a_band_from_the_least_to_the_greatest(count, folds):
    columns = np.random.default_rng(0).random((count, 7))
    band = Band.over(list(columns), folds=folds)
    np.testing.assert_array_equal(band, [columns.mean(axis=0), columns.min(axis=0), columns.max(axis=0)])


def test_one_training_has_a_line_and_no_band_and_none_has_neither():
    one = Band.over([np.array([1.0, 2.0])])
    assert one.mean.tolist() == [1.0, 2.0]
    assert np.isnan([one.low, one.high]).all()
    assert [len(part) for part in Band.over([])] == [0, 0, 0]


def test_a_geometric_band_is_that_of_the_logarithms():
    columns = np.random.default_rng(0).random((5, 7)) + 0.1
    logarithms = Band.over(list(np.log(columns)))
    np.testing.assert_allclose(Band.over(list(columns), geometric=True), np.exp(logarithms))
    assert np.isfinite(Band.over([np.zeros(3), np.ones(3)], geometric=True)).all()


def view_of(columns, **more):
    """Of two arms, the base and "a", whose seeds have these columns."""
    base, scores = ([value] * len(columns) for value in (0.5, 0.6))
    return BandsView.of(compared(base, {"a": scores}, courses={"a": columns}, **more))


def drawn(view, name="a"):
    return next(one for one in view.loss.courses if one.name.startswith(name))


def test_a_mean_goes_as_far_as_all_trainings_do_and_each_goes_on_by_itself():
    lengths = (2, 4, 3)
    losses = [np.linspace(1, 0.5, length) + seed / 10 for seed, length in enumerate(lengths)]
    found = drawn(view_of([course(values) for values in losses]))
    np.testing.assert_allclose(found.band.mean, np.mean([values[:2] for values in losses], axis=0))
    assert [tail.epoch for tail in found.tails] == [2, 2]
    for tail, values in zip(found.tails, losses[1:], strict=True):
        np.testing.assert_array_equal(tail.values, values[1:])
        assert not tail.diverged


def test_a_diverged_training_is_in_no_mean_and_drawn_until_it_ends():
    columns = [course([1, 0.8, 0.6])] * 3 + [course([1, 1e300])]
    view = view_of(columns, diverged={("a", 3)})
    found = drawn(view)
    np.testing.assert_allclose(found.band.mean, [1, 0.8, 0.6])
    (tail,) = found.tails
    assert (tail.epoch, tail.diverged, len(tail.values)) == (1, True, 2)
    assert found.name == "a, 1 of 4 diverged"
    assert "1 diverged (thin, to a cross)" in view.note
    assert view.loss.span[1] < 2  # it does not stretch the scale


def test_an_arm_that_diverged_in_its_first_epoch_is_said():
    view = BandsView.of(ODD)
    assert drawn(view, "at once").tails == ()
    assert "8 diverged (thin, to a cross)" in view.note
    nothing = BandsView.of(
        compared([0.1] * 2, {"a": [0.1] * 2}, courses=dict.fromkeys(("base", "a"), [course([])] * 2))
    )
    assert nothing.epochs == 0
    at_once = view_of([course([])] * 2, diverged={("a", 0), ("a", 1)})
    assert "2 diverged in the first epoch" in at_once.note
    assert nothing.title == "No arm was trained to the end of an epoch with a finite loss"


def test_training_rows_are_shown_where_none_were_held_out():
    columns = [course([1, 0.5], split="train")] * 2
    held = BandsView.of(USUAL)
    none = BandsView.of(compared([0.5] * 2, {"a": [0.6] * 2}, courses=dict.fromkeys(("base", "a"), columns)))
    assert (held.loss.label, held.score.label) == ("validation loss (nats)", "validation accuracy")
    assert (none.loss.label, none.score.label) == ("train loss (nats)", "train accuracy")


@pytest.mark.parametrize(("arms", "pale"), [(MOST_COLOURED, 0), (MOST_COLOURED + 2, 2)])
def test_the_base_and_the_best_arms_are_coloured(arms, pale):
    scores = {str(number): [number / 10] * 2 for number in range(arms)}
    view = BandsView.of(compared([0.5] * 2, scores))
    places = {one.name: one.place for one in view.loss.courses}
    assert [name for name, place in places.items() if place is None] == [str(number) for number in range(pale)]
    assert list(places)[pale:] == ["base", *list(scores)[pale:]]
    assert (f"pale: {pale} other arms" in view.note) == bool(pale)


@pytest.mark.parametrize(("last", "logarithmic"), [(0.11, False), (0.1, True), (0.0, True), (-1.0, False)])
def test_the_loss_is_on_a_logarithmic_scale_once_it_falls_tenfold(last, logarithmic):
    columns = [course([1.0, 0.1 if last == 0 else 0.5, last])] * 2  # whose mean is exact
    assert view_of(columns).loss.logarithmic == logarithmic


def test_scales_hold_every_mean_and_no_score_that_cannot_be():
    for comparison in (USUAL, FAR, MANY, SIZES):
        view = BandsView.of(comparison)
        for panel in (view.loss, view.score):
            means = np.concatenate([one.band.mean for one in panel.courses])
            assert panel.span[0] <= means.min() <= means.max() <= panel.span[1]
        assert view.score.span[1] <= 1.05


def test_the_title_names_the_best_arm_and_its_epoch():
    columns = {"base": [course([1, 1])] * 2, "a": [course([1, 1], [0.5, 0.75])] * 2}
    view = BandsView.of(compared([0.5] * 2, {"a": [0.6] * 2}, courses=columns))
    assert view.title == "Highest mean validation accuracy: 0.7500 by a, after epoch 2"


def test_of_equals_the_title_names_one_that_has_a_colour():
    arms = {str(number): [number / 10] * 2 for number in range(MOST_COLOURED + 2)}
    assert "by base, after epoch 3" in BandsView.of(compared([0.5] * 2, arms)).title


def test_what_is_far_below_zero_is_said_to_be_off_the_scale():
    far = course([1.0, 0.5], [-1e6, -1e3], score="r2")
    near, views = course([1.0, 0.5], score="r2"), []
    for one in (near, far):
        courses = {"base": [near] * 2, "a": [one] * 2}
        views.append(BandsView.of(compared([0.5] * 2, {"a": [0.5] * 2}, score="r2", courses=courses)))
    assert ["off the scale" in view.note for view in views] == [False, True]
    assert views[1].score.span[0] >= -1.1


# data size


def test_a_learning_curve_goes_over_the_rows_that_were_trained_on():
    view = DataSizeView.of(SIZES)
    assert view.rows.tolist() == [100, 500, 1000]
    arms = [SIZES.arms["10 % of the rows"], SIZES.arms["50 % of the rows"], SIZES.base]
    np.testing.assert_array_equal(view.new, [arm.scores for arm in arms])
    new, _ = view.bands
    assert [tuple(ends) for ends in zip(new.low, new.mean, new.high, strict=True)] == [
        t_interval(arm.scores) for arm in arms
    ]


def test_its_title_is_what_the_last_rows_brought():
    low, mean, high = (-100 * end for end in reversed(SIZES.arms["50 % of the rows"].difference))
    title = f"From 500 to 1 000 rows the test accuracy changes by {mean:+.1f} [{low:.1f}, {high:.1f}] points"
    assert DataSizeView.of(SIZES).title == title


def test_without_fractions_there_is_no_learning_curve():
    assert DataSizeView.of(USUAL) is None
