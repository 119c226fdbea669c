"""Each view against hand-worked cases and plain definitions."""

import numpy as np
import pytest

from unstuck.recipe.augment import Augment
from unstuck.report.view import (
    AugmentedView,
    ConfusionView,
    LossView,
    MistakesView,
    OutputsView,
    PredictionView,
    SamplesView,
)
from unstuck.report.view.augmented import chosen
from unstuck.report.view.thinning import running_mean, thinned, window


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape)


# thinning


def test_a_short_series_keeps_every_finite_point():
    np.testing.assert_array_equal(thinned(np.array([3.0, np.nan, 1.0, np.inf])), [0, 2])


def test_a_long_series_keeps_its_extremes_and_no_more_points_than_allowed():
    values = noise(100_000)
    values[[777, 50_001]] = 99, -99
    kept = thinned(values, most=400)
    assert {777, 50_001} <= set(kept)
    assert 300 <= len(kept) <= 400
    assert (np.diff(kept) > 0).all()


def test_the_running_mean_is_the_mean_over_a_window_around_its_place():
    values = noise(1000)
    places, means = running_mean(values)
    half = window(1000) // 2
    expected = [values[max(place - half, 0) : place + half + 1].mean() for place in places]
    np.testing.assert_allclose(means, expected, atol=1e-12)


def test_the_running_mean_forgets_a_huge_value_as_soon_as_it_is_out_of_the_window():
    values = np.full(2000, 0.1)
    values[500] = 1e30
    places, means = running_mean(values)
    np.testing.assert_allclose(means[places > 600], 0.1)


def test_the_running_mean_leaves_a_gap_where_nothing_is_finite():
    values = np.full(1000, 2.0)
    values[400:600] = np.nan
    places, means = running_mean(values)
    assert np.isnan(means[(places >= 450) & (places < 550)]).all()
    np.testing.assert_allclose(means[places < 400], 2.0)


@pytest.mark.parametrize(("length", "width"), [(1, 1), (19, 1), (100, 11), (200, 21), (2200, 23), (60_000, 601)])
def test_the_window_is_a_hundredth_of_a_long_run_and_a_tenth_of_a_short_one(length, width):
    assert window(length) == width


# loss


def test_the_best_epoch_is_the_earliest_of_least_validation_loss():
    view = LossView.of(np.ones(12), steps_per_epoch=3, validation=np.array([np.nan, 0.5, 0.4, 0.4]))
    assert view.best == 3
    assert view.title == "Lowest validation loss 0.4 nats, after epoch 3"


def test_without_validation_the_training_loss_is_stated_and_no_epoch_is_best():
    view = LossView.of(np.array([4.0, 2.0, 1.0, 0.5]), steps_per_epoch=2, train=np.array([3.0, 0.75]))
    assert view.best is None
    assert view.title == "Training loss 0.75 nats at the end"


def test_the_first_step_that_is_not_finite_is_found():
    losses = np.ones(2000)
    losses[1234:] = np.nan
    view = LossView.of(losses, steps_per_epoch=100)
    assert (view.first_not_finite, view.not_finite) == (1234, 766)
    assert view.title == "Diverged: the loss is not finite from step 1 234 on"


def test_a_loss_that_recovers_is_not_called_diverged():
    view = LossView.of(np.array([1.0, np.inf, 1.0, np.nan, 1.0]), steps_per_epoch=5)
    assert view.title == "The loss was not finite at 2 steps, first at step 1"


def test_a_run_that_is_never_finite_has_nothing_to_draw():
    view = LossView.of(np.full(50, np.nan), steps_per_epoch=10, validation=np.full(5, np.nan))
    assert (view.first_not_finite, view.not_finite, view.best, len(view.losses)) == (0, 50, None, 0)
    assert np.isfinite(view.span).all()


def test_a_single_step_is_a_whole_view():
    view = LossView.of(np.array([2.3]), steps_per_epoch=1875)
    assert view.losses.tolist() == view.line.tolist() == [2.3]
    assert view.span[0] < 2.3 < view.span[1]


def test_no_step_at_all_is_an_empty_view():
    view = LossView.of(np.zeros(0), steps_per_epoch=10)
    assert (view.total, len(view.line), view.epochs) == (0, 0, 0)


@pytest.mark.parametrize(
    ("last", "logarithmic"), [(0.11, False), (0.09, True), (0.0, False), (-1.0, False)], ids=str
)
def test_equal_factors_are_shown_as_equal_only_after_a_tenfold_fall_above_zero(last, logarithmic):
    losses = np.concatenate([np.full(500, 1.0), np.full(500, last)])
    assert LossView.of(losses, steps_per_epoch=100).logarithmic is logarithmic


def test_every_mean_and_the_highest_point_lie_within_the_span():
    losses = np.exp(noise(5000) - np.linspace(0, 6, 5000))
    view = LossView.of(losses, steps_per_epoch=1000, validation=np.full(5, 7.0))
    low, high = view.span
    assert low <= np.nanmin(view.line)
    assert max(losses.max(), 7.0) <= high


def test_losses_near_the_end_of_float64_are_shown_at_the_limit():
    view = LossView.of(np.array([1.0, 1e308, 1.7e308]), steps_per_epoch=3)
    assert view.losses.max() == view.line.max() <= view.span[1] < 1e101


# prediction


def test_r2_of_perfect_predictions_is_one_and_of_the_mean_is_zero():
    truth = noise(50)
    assert PredictionView.of(truth, truth).r2 == 1
    assert PredictionView.of(truth, np.full(50, truth.mean())).r2 == pytest.approx(0)


def test_r2_and_typical_error_follow_their_definitions():
    view = PredictionView.of(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0]))
    assert view.r2 == 1 - 4 / 2
    assert view.typical_error == pytest.approx(np.sqrt(4 / 3))


def test_r2_is_undefined_where_all_true_numbers_are_equal():
    assert np.isnan(PredictionView.of(np.ones(3), np.array([1.0, 2.0, 3.0])).r2)


def test_predictions_that_are_not_finite_are_counted_and_void_the_score():
    view = PredictionView.of(np.array([1.0, 2.0]), np.array([np.nan, 2.0]))
    assert (view.not_finite, view.truth.tolist()) == (1, [2.0])
    assert np.isnan(view.r2)
    assert view.title == "Test: 1 of 2 predictions are not finite"


# outputs


def test_a_right_answer_is_stated():
    view = OutputsView.of(np.array([0.2, 0.8]), ("cat", "dog"), truth=1, record="training record 19")
    assert view.title == "Training record 19 is dog, predicted dog with probability 0.800"
    assert view.image is None


def test_a_raw_output_without_a_known_truth_is_stated():
    view = OutputsView.of(np.array([-1.5, 3.25]), ("cat", "dog"), truth=None, record="digit.png", unit="output")
    assert view.title == "Digit.png predicted dog with output 3.250"


def test_of_many_classes_the_largest_are_shown_and_always_the_true_one():
    outputs = np.arange(100) / 4950
    view = OutputsView.of(outputs, tuple(map(str, range(100))), truth=3, record="test record 0")
    assert view.numbers.tolist() == [*range(99, 80, -1), 3]
    assert view.names[0] == view.predicted == "99"
    assert view.classes == 100


def test_outputs_that_are_not_finite_predict_nothing():
    view = OutputsView.of(np.array([0.1, np.nan]), ("a", "b"), truth=0, record="test record 5")
    assert view.predicted is None
    assert view.title == "Test record 5 is a: outputs are not finite"


# confusion


def test_confusions_are_counted_true_by_predicted():
    view = ConfusionView.of(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0]), ("no", "yes"))
    assert view.counts.tolist() == [[1, 1], [1, 2]]
    assert view.recall.tolist() == [1 / 2, 2 / 3]
    assert view.accuracy == 3 / 5
    assert view.title == "Test accuracy 0.6000: 2 of 5 wrong"


def test_a_class_that_is_never_predicted_has_recall_zero_and_one_without_rows_has_none():
    view = ConfusionView.of(np.array([0, 1, 1]), np.array([0, 0, 0]), ("a", "b", "c"))
    assert view.recall[:2].tolist() == [1, 0]
    assert np.isnan(view.recall[2])
    assert view.weakest == "b 0.000, a 1.000"


def test_confusions_of_a_hundred_classes_agree_with_a_plain_loop():
    truth, predicted = np.random.default_rng(0).integers(0, 100, (2, 500))
    expected = np.zeros((100, 100), int)
    for t, p in zip(truth, predicted, strict=True):
        expected[t, p] += 1
    view = ConfusionView.of(truth.astype(np.int32), predicted, tuple(map(str, range(100))))
    np.testing.assert_array_equal(view.counts, expected)


def test_without_rows_there_is_no_accuracy():
    assert np.isnan(ConfusionView.of(np.zeros(0, int), np.zeros(0, int), ("a", "b")).accuracy)


# mistakes


def test_mistakes_come_most_confident_first_with_their_row_in_the_source():
    outputs = np.array([[0.6, 0.4], [0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    truth = np.array([1, 1, 1, 0])
    pictures = noise(4, 5, 5)
    view = MistakesView.of(outputs, truth, pictures, classes=("a", "b"), rows=np.array([10, 11, 12, 13]), most=2)
    assert view.rows.tolist() == [12, 13]
    assert view.predicted.tolist() == [0, 1]
    assert view.truth.tolist() == [1, 0]
    assert view.confidence.tolist() == [0.8, 0.7]
    assert view.title == "The 2 most confident of 3 mistakes on 4 test rows"


def test_a_table_gives_the_numbers_of_each_mistake():
    table = noise(3, 2)
    view = MistakesView.of(np.eye(3), np.array([0, 1, 1]), table, classes=tuple("abc"), features=("x", "y"))
    np.testing.assert_array_equal(view.values, table[[2]])
    assert view.images is None
    assert view.title == "The only mistake on 3 test rows"


def test_no_mistakes_are_a_result():
    view = MistakesView.of(np.eye(3), np.arange(3), noise(3, 3, 4, 4), classes=tuple("abc"))
    assert (len(view.rows), view.mistakes) == (0, 0)
    assert view.title == "No mistakes on 3 test rows"


def test_mistakes_of_outputs_that_are_not_finite_come_last():
    outputs = np.array([[np.nan, np.nan], [0.4, 0.6]])
    view = MistakesView.of(outputs, np.array([1, 0]), noise(2, 4), classes=("a", "b"))
    assert view.rows.tolist() == [1, 0]


# samples


def test_pictures_are_the_first_of_each_class():
    labels = np.array([2, 0, 0, 2, 2, 0])
    pictures = np.arange(6, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    view = SamplesView.of(pictures, labels, name="tiny", classes=("a", "b", "c"))
    assert view.images[:, 0, 0, 0].tolist() == [1, 2, 5, 0, 3, 4]
    assert view.image_classes.tolist() == [0, 0, 0, 2, 2, 2]
    assert view.class_counts.tolist() == [3, 0, 3]
    assert view.title == "tiny: 6 pictures of 2 × 2 in 3 classes"


@pytest.mark.parametrize(("classes", "each"), [(2, 10), (10, 10), (20, 5), (100, 1), (1000, 1)])
def test_more_classes_get_fewer_pictures_each(classes, each):
    labels = np.repeat(np.arange(classes), 12)
    view = SamplesView.of(noise(len(labels), 3, 2, 2), labels, name="x", classes=tuple(map(str, range(classes))))
    assert view.per_class == each
    assert len(view.images) == min(classes, 100) * each


def test_histograms_count_every_finite_value_once_by_class():
    table = noise(60, 20)
    table[7, 0] = np.nan
    labels = np.arange(60) % 3
    view = SamplesView.of(table, labels, name="table", classes=("a", "b", "c"))
    assert len(view.histograms) == 16
    assert view.histograms[0].counts.sum(axis=1).tolist() == [20, 19, 20]
    assert view.histograms[0].not_finite == 1
    assert view.histograms[1].counts.sum() == 60


def test_many_classes_are_not_told_apart_in_histograms():
    view = SamplesView.of(noise(70, 1), np.arange(70) % 7, name="t", classes=tuple("abcdefg"))
    assert view.histograms[0].counts.shape[0] == 1


def test_numbers_to_predict_get_the_last_of_sixteen_histograms():
    view = SamplesView.of(noise(30, 20), noise(30, 1), name="t", classes=None)
    assert [histogram.name for histogram in view.histograms] == [f"feature {n}" for n in range(15)] + ["target"]


@pytest.mark.parametrize("column", [np.full(9, 4.0), np.full(9, np.nan)], ids=["constant", "never finite"])
def test_a_feature_without_spread_has_a_histogram_all_the_same(column):
    histogram = SamplesView.of(column[:, None], np.zeros(9, int), name="t", classes=("a",)).histograms[0]
    assert histogram.counts.sum() + histogram.not_finite == 9


# augmentation


def augmented(targets, **given):
    x = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4)
    versions = np.stack([x + 300.0, x - 300.0, x + 0.4], axis=1)
    given = {"labels": ["a", "b"], "classes": ("a", "b", "c"), **given}
    return AugmentedView.of(x, versions, targets, name="set", augment=Augment(mixup=0.2, shift=0.1), **given)


def test_versions_of_bytes_are_as_bright_as_they_are_and_no_brighter_than_white():
    view = augmented(np.zeros((2, 3), np.int64))
    assert view.versions.shape == (2, 3, 4, 4, 3)
    np.testing.assert_array_equal(view.versions[:, 2], view.originals)
    assert (view.versions[:, 0] == 255).all()
    assert (view.versions[:, 1] == 0).all()
    assert view.title == "set augmented: shift 0.1, mixup 0.2"
    assert view.mixed_in == (("",) * 3,) * 2


def test_each_mixed_version_says_what_was_mixed_in():
    shares = np.array([[[0.7, 0, 0.3], [1, 0, 0], [0.999, 0.001, 0]], [[0.2, 0.8, 0], [0, 1, 0], [0, 0.5, 0.5]]])
    view = augmented(shares)
    assert view.mixed_in == (("30% c", "", ""), ("20% a", "", "50% c"))
    assert augmented(np.zeros((2, 3, 1)), labels=["1.5", "2"], classes=None).mixed_in == (("",) * 3,) * 2


def test_the_first_example_of_each_class_is_augmented_and_else_evenly_spaced_ones():
    np.testing.assert_array_equal(chosen(np.array([2, 2, 0, 1, 0]), ("a", "b", "c")), [2, 3, 0])
    np.testing.assert_array_equal(chosen(np.zeros((40, 1)), None), np.arange(0, 40, 4))
    assert len(chosen(np.arange(40), tuple(map(str, range(40))))) == 10
