"""What is measured of data is what was put into it."""

import numpy as np
import pytest

from unstuck.errors import RecipeError
from unstuck.evidence import learnable, tables
from unstuck.evidence.data import of_data
from unstuck.evidence.sample import has_tokens, sample
from unstuck.evidence.shift import tell_apart, twins, twins_within

ROWS = 300


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def measure(x, y, kind="classes", **splits):
    return of_data({"train": (x, y), **splits}, kind, seed=0)


# tables


def test_sizes_are_those_of_the_definition(rng):
    x = rng.normal(3, 2, size=(ROWS, 4)) * (1, 1, 1, 10)
    found = measure(x, rng.normal(size=ROWS), "numbers")
    np.testing.assert_allclose(found["inputs_mean"].values, x.mean(axis=0))
    np.testing.assert_allclose(found["inputs_spread"].values, x.std(axis=0))
    assert found.number("inputs_size") == pytest.approx(np.sqrt((x**2).mean()))
    away = np.linalg.norm(x - x.mean(axis=0), axis=1)
    assert found.number("inputs_reach") == pytest.approx(np.sqrt((away**2).mean()))
    assert found.number("inputs_spread_ratio") == pytest.approx(x[:, 3].std() / np.sort(x.std(axis=0))[1])


def test_sizes_are_of_finite_numbers_and_those_that_are_not_are_counted(rng):
    x = rng.normal(size=(10, 3))
    x[:2, 0], x[0, 2] = np.nan, np.inf
    found = measure(x, np.arange(10) % 2)
    np.testing.assert_allclose(found["inputs_not_finite"].values, (0.2, 0, 0.1))
    assert found["inputs_not_finite_rows"].values.tolist() == [0.2]
    assert np.isfinite(found["inputs_spread"].values).all()


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_sizes_of_huge_and_tiny_numbers_are_finite(rng, size):
    found = measure(rng.normal(size=(50, 3)) * size, rng.normal(size=50) * size, "numbers")
    assert 0.5 < found.number("inputs_size") / size < 2
    assert 0.5 < found.number("targets_size") / size < 2


def test_constant_features_are_found_though_their_mean_is_rounded():
    x = np.stack([np.full(30, 0.1), np.arange(30)], axis=1)
    assert measure(x, np.arange(30) % 2)["inputs_constant"].values.tolist() == [1, 0]


@pytest.mark.parametrize(("dtype", "tokens"), [("int64", True), ("int32", True), ("uint8", False), ("f4", False)])
def test_whole_numbers_are_tokens_without_a_size_but_bytes_are_not(dtype, tokens):
    x = np.arange(60).reshape(30, 2).astype(dtype)
    assert has_tokens(x) == tokens
    assert ("inputs_size" in measure(x, np.arange(30) % 2)) != tokens


@pytest.mark.parametrize(
    ("name", "is_code"),
    [
        ("-999 in some rows", True),
        ("99 among counts up to 10", True),
        ("-999 in one row of each of four columns", True),
        ("-999 in two rows", False),
        ("one row thrice, far out", False),
        ("a heavy tail", False),
        ("a heavy tail of whole numbers", False),
        ("a one-hot column", False),
        ("zero for none", False),
        ("mostly zero", False),
        ("bytes of a border", False),
    ],
)
def test_a_number_for_what_is_missing_is_repeated_and_far_beyond_all_others(rng, name, is_code):
    x = rng.normal(size=(400, 4))
    some = np.arange(400) % 40 == 0
    match name:
        case "-999 in some rows":
            x[some, 1] = -999
        case "99 among counts up to 10":
            x[:, 1] = np.where(some, 99, rng.integers(0, 11, 400))
        case "-999 in one row of each of four columns":
            x[range(4), range(4)] = -999
        case "-999 in two rows":
            x[:2, 1] = -999
        case "one row thrice, far out":
            x[:3] = x[0] * 100
        case "a heavy tail":
            x = np.exp(4 * x)
        case "a heavy tail of whole numbers":
            x = np.round(np.exp(2 * x))
        case "a one-hot column":
            x[:, 1] = 1000 * some
        case "zero for none":
            x[:, 1] = np.where(some, 0, rng.uniform(50, 90, 400))
        case "mostly zero":
            x[:, 1] = np.where(some, 1000, rng.random(400) < 0.1)
        case _:
            x[:, 1] = np.where(np.arange(400) < 5, 254, np.where(np.arange(400) < 9, 3, 0))
    assert np.isfinite(tables.codes(x)).any() == is_code


def test_classes_are_counted_with_gaps_and_those_that_only_other_splits_have():
    y = np.array([0, 0, 0, 3, 3, 5])
    found = measure(None, y, test=(None, np.array([1, 3])))
    assert found["class_rows"].along == ("class 0", "class 3", "class 5")
    assert found["class_rows"].values.tolist() == [3, 2, 1]
    assert found.number("imbalance") == 3
    assert found.number("class_gaps") == 3
    assert found.number("classes_unseen") == 1


@pytest.mark.parametrize(
    ("kind", "y", "share"),
    [
        ("classes", [0, 1, -1, 2], 0.25),
        ("classes", [0, 1, -100, 2], 0),  # what torch's losses pass over
        ("classes", [0, 1, np.nan, -2], 0.5),
        ("numbers", [0, -1, np.inf, 2], 0.25),
        ("labels", [[0, 1], [np.nan, 1]], 0.5),
        ("other", [-1, np.nan], 0.5),
    ],
)
def test_targets_that_nothing_can_be_learned_from_are_counted(kind, y, share):
    assert measure(None, np.array(y), kind)["targets_bad"].values.tolist() == [share]


@pytest.mark.parametrize("y", [np.eye(3)[[0, 1, 2, 1]], np.array([0, 1, 2, 1]), np.array([[0], [1], [2], [1]])])
def test_one_hot_rows_and_columns_of_numbers_are_classes(y):
    assert sample((None, y), "classes").y.tolist() == [0, 1, 2, 1]


def test_steps_of_sequences_are_counted_but_not_modelled(rng):
    found = measure(rng.normal(size=(40, 5, 2)), rng.integers(0, 3, size=(40, 5)))
    assert found["class_rows"].values.sum() == 200
    assert "attainable" not in found


def test_misuse_is_told_in_one_line():
    with pytest.raises(RecipeError, match="kind must be a known one, got 'clases'"):
        measure(None, np.zeros(3), "clases")
    with pytest.raises(RecipeError, match=r"inputs must be as many as the targets \(3\), got 2"):
        measure(np.zeros((2, 1)), np.zeros(3))


# splits


def test_twins_are_rows_whose_every_number_is_equal(rng):
    known = rng.normal(size=(20, 3)).astype(np.float32)
    x = np.concatenate([known[:4], rng.normal(size=(6, 3))])
    x[0, 0] = np.nextafter(x[0, 0], 9)
    assert twins(x, known).tolist() == [False] + 3 * [True] + 6 * [False]
    assert twins(np.array([[0, 3]], dtype=np.uint8), np.array([[-0.0, 3.0]])).all()
    assert twins_within(np.array([[1.0], [2.0], [1.0]])).tolist() == [True, False, True]


def test_twins_that_few_values_give_are_expected(rng):
    draw = lambda n: (rng.integers(0, 2, size=(n, 4)).astype(float), rng.integers(0, 2, size=n))  # noqa: E731 (two draws)
    found = measure(*draw(400), test=draw(200))
    assert found.number("twins") > 0.99
    assert abs(found.number("twins_beyond_chance")) < 3 * found.number("twins_error") + 1e-9


def test_copied_rows_are_not_expected(rng):
    x, y = rng.normal(size=(ROWS, 3)), rng.integers(0, 2, ROWS)
    test = (np.concatenate([x[:30], rng.normal(size=(70, 3))]), rng.integers(0, 2, 100))
    found = measure(x, y, test=test)
    assert found.number("twins") == found.number("twins_beyond_chance") == 0.3


@pytest.mark.parametrize(
    ("kind", "y", "lost"), [("classes", [0, 0, 1, 1, 2], 0.2), ("numbers", [0, 0, 1, 0, 0], 5 / 6)]
)
def test_contradictions_are_what_no_function_of_the_inputs_gets_right(kind, y, lost):
    """Of numbers: within the first three twins (0, 0, 1) lie 2/3 of the squares, of 4/5 in all."""
    x = np.array([7.0, 7.0, 7.0, 8.0, 9.0])[:, None]
    assert measure(x, np.array(y), kind).number("contradictions") == pytest.approx(lost)


def test_splits_of_one_source_are_not_told_apart_and_shifted_ones_are(rng):
    alike, shifted = (sample((rng.normal(size=(ROWS, 4)) + by, np.zeros(ROWS)), "numbers") for by in (0, 3))
    train = sample((rng.normal(size=(ROWS, 4)), np.zeros(ROWS)), "numbers")
    near, far = (tell_apart(train, other, seed=0) for other in (alike, shifted))
    assert near.auc < 0.5 + 4 * near.error
    assert far.auc > 0.99


def test_sets_of_one_source_are_told_apart_as_rarely_as_the_error_says(rng):
    """Cross-fitting makes the area of equal sets lie below one half rather than above."""
    pairs = [[sample((rng.normal(size=(40, 2)), np.zeros(40)), "numbers") for _ in range(2)] for _ in range(12)]
    found = [tell_apart(*pair, seed=0) for pair in pairs]
    assert all(one.auc < 0.5 + 3 * one.error for one in found)


def test_shifted_targets_are_measured_by_their_definition(rng):
    train, test = np.repeat((0, 1), (50, 50)), np.repeat((0, 1), (90, 10))
    assert measure(None, train, test=(None, test)).number("targets_shift") == pytest.approx(0.4)
    numbers = measure(None, np.arange(100.0), "numbers", test=(None, np.arange(50, 150.0)))
    assert numbers.number("targets_shift") == pytest.approx(0.5)
    assert numbers.number("targets_shift_p") < 1e-6


# what can be learned


def test_the_yardstick_is_read_on_held_out_rows_where_there_are_some(rng):
    x = rng.normal(size=(2 * ROWS, 3))
    y = (x[:, 0] > 0).astype(int)
    alone = measure(x[:ROWS], y[:ROWS])
    both = measure(x[:ROWS], y[:ROWS], test=(x[ROWS:], 1 - y[ROWS:]))
    assert alone.number("attainable") == alone.number("attainable_unseen") > 0.9
    assert both.number("attainable") < 0.1
    assert both["forest_score"].along == ("train", "test", "out of fold")


@pytest.mark.parametrize("kind", ["classes", "binary", "labels", "numbers"])
def test_signal_is_told_from_none_whatever_is_predicted(rng, kind):
    x = rng.normal(size=(ROWS, 5))
    weight = rng.normal(size=(5, 3 if kind == "labels" else 1))
    y = x @ weight if kind == "numbers" else (x @ weight > 0).astype(float)
    p = [measure(x, targets, kind).number("chance_p") for targets in (y, y[rng.permutation(ROWS)])]
    assert p[0] < 0.01
    assert p[1] > 0.02


def test_a_rare_class_that_can_be_told_is_signal_though_no_decision_is(rng):
    x = rng.normal(size=(600, 2))
    y = (rng.random(600) < 0.3 / (1 + np.exp(-2 * x[:, 0]))).astype(int)  # never above one half
    found = measure(x, y)
    assert found.number("attainable") < found.number("chance") + 0.03
    assert found.number("chance_p") < 0.01
    assert found.number("unseen_gain") > 0


def test_shuffling_is_right_in_as_many_cases_as_it_says(rng):
    """Of targets without a signal a share of q has p below q."""
    found = []
    for seed in range(100):
        said, targets = rng.normal(size=(30, 1)), rng.normal(size=(30, 1))
        found.append(learnable.permutation_p(said - said.mean(), targets - targets.mean(), seed=seed, draws=99))
    assert 0.35 < np.mean(np.array(found) < 0.5) < 0.65
    assert np.mean(np.array(found) < 0.05) < 0.12


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2, 0.4])
def test_known_noise_lies_within_the_interval_of_the_labels_that_are_off(noise):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1500, 4)) * 3
    y = (x[:, 0] + x[:, 1] > 0).astype(int)
    found = measure(x, np.where(rng.random(1500) < noise, 1 - y, y))
    assert found.number("labels_off_low") - 0.02 <= noise <= found.number("labels_off_high") + 0.02


def test_overlapping_classes_have_few_labels_that_are_off(rng):
    x = rng.normal(size=(1500, 4))
    y = (x[:, 0] + 0.7 * rng.normal(size=1500) > 0).astype(int)
    found = measure(x, y)
    assert found.number("labels_missed") > 0.15
    assert found.number("labels_off") < 0.3 * found.number("labels_missed")


def test_the_same_seed_measures_the_same(rng):
    split = {"train": (rng.normal(size=(80, 3)), rng.integers(0, 3, 80))}
    first, second = (of_data(split, "classes", seed=4) for _ in range(2))
    assert list(first) == list(second)
    for name in first:
        np.testing.assert_array_equal(first[name].values, second[name].values)


def test_every_column_has_a_unit_and_names_as_many_as_it_has_numbers(rng):
    split = (rng.normal(size=(60, 3)), rng.integers(0, 2, 60))
    for column in of_data({"train": split, "validation": split, "test": split}, "classes", seed=0).values():
        assert column.unit
        assert not column.along or len(column.along) == column.values.shape[-1]


@pytest.mark.parametrize("rows", [1, 2, 7, 8, 9])
@pytest.mark.parametrize("kind", ["classes", "labels", "numbers", "other"])
def test_a_handful_of_rows_is_measured_as_far_as_it_goes(rng, rows, kind):
    y = rng.integers(0, 2, size=(rows, 2) if kind == "labels" else rows)
    split = rng.normal(size=(rows, 3)), y
    found = of_data({"train": split, "test": split}, kind, seed=0)
    assert found["rows"].values.tolist() == [rows, rows]
