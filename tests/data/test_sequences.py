"""Sequences of unequal length: from NPZ and tables, checked, padded by NaN, split and scaled step by step."""

import numpy as np
import polars as pl
import pytest

from unstuck.data import Intake, load, look
from unstuck.data.sequences import lengthened, lengths_of, padded, stacked, steps_of
from unstuck.data.synthetic import pulses
from unstuck.errors import DataError, RecipeError
from unstuck.recipe.data import Data
from unstuck.rng import stream

PLAIN = {"validation": 0.0, "test": 0.0, "scaling": "none", "target_scaling": "none"}
LENGTHS = np.array([3, 1, 5, 2, 5, 4])
NAN = np.nan


@pytest.fixture
def save(tmp_path):
    def save(**arrays):
        np.savez(tmp_path / "set.npz", **arrays)
        return str(tmp_path / "set.npz")

    return save


def arrays(rows=6, steps=5, features=2):
    rng = np.random.default_rng(0)
    return {"x": rng.normal(3, 2, (rows, steps, features)), "y": np.arange(rows) % 2}


def ended(x, lengths=LENGTHS):
    x = np.array(x, np.float64)
    for row, length in zip(x, lengths, strict=True):
        row[length:] = NAN
    return x


# NPZ


def test_lengths_say_where_each_sequence_ends(save):
    given = arrays()
    data = load(Data(path=save(**given, lengths=LENGTHS), **PLAIN))
    np.testing.assert_array_equal(data.train.x, ended(given["x"]).astype(np.float32))
    assert data.is_padded
    assert not data.has_pictures
    assert data.shape == (5, 2)
    np.testing.assert_array_equal(lengths_of(data.train.x), LENGTHS)


def test_nan_after_the_end_says_it_too_and_both_may_be_given(save):
    given = arrays()
    x = ended(given["x"])
    plain = load(Data(path=save(x=x, y=given["y"]), **PLAIN))
    both = load(Data(path=save(x=x, y=given["y"], lengths=LENGTHS), **PLAIN))
    by_name = load(Data(path=save(x=given["x"], y=given["y"], n=LENGTHS), sequence="n", **PLAIN))
    for data in (plain, both, by_name):
        np.testing.assert_array_equal(data.train.x, x.astype(np.float32))
        assert data.fingerprint == plain.fingerprint


def test_numbers_without_features_are_sequences_of_one_where_lengths_are_there(save):
    given = arrays()
    flat, whole = given["x"][:, :, 0], (10 * given["x"][:, :, 0]).astype(np.uint8)
    assert load(Data(path=save(x=flat, y=given["y"], lengths=LENGTHS), **PLAIN)).shape == (5, 1)
    assert load(Data(path=save(x=flat, y=given["y"]), **PLAIN)).shape == (5,)
    data = load(Data(path=save(x=whole, y=given["y"], lengths=LENGTHS), **PLAIN))
    np.testing.assert_array_equal(data.train.x[2, :, 0], whole[2])


def test_parts_of_unequal_length_are_all_as_long_as_the_longest(save):
    a, b = arrays(), arrays(4, 8)
    path = save(
        x_train=a["x"],
        y_train=a["y"],
        lengths_train=LENGTHS,
        x_test=b["x"],
        y_test=b["y"],
        lengths_test=np.full(4, 8),
    )
    data = load(Data(path=path, **PLAIN))
    assert data.shape == (8, 2)
    np.testing.assert_array_equal(lengths_of(data.train.x), LENGTHS)
    np.testing.assert_array_equal(data.test.x, b["x"].astype(np.float32))


def test_floating_pictures_stay_pictures(save):
    assert load(Data(path=save(**arrays()), **PLAIN)).has_pictures


BAD = [
    ({"lengths": LENGTHS[:5]}, r"has 6 sequences and lengths of shape \(5,\); give one for each"),
    ({"lengths": LENGTHS.astype(float)}, "has lengths of type float64; they must be whole numbers"),
    ({"lengths": np.array([3, 1, 0, 2, 5, 4])}, r"row 3 has length 0; it must be in 1 … 5"),
    ({"lengths": np.array([3, 1, 5, 6, 5, 4])}, r"row 4 has length 6; it must be in 1 … 5"),
    ({"x": ended(arrays()["x"]), "lengths": np.full(6, 5)}, "row 1, step 4, holds NaN or infinite numbers within"),
    ({"x": np.where(np.arange(5)[:, None] == 1, NAN, arrays()["x"])}, "row 1, step 2, holds NaN"),
    ({"x": np.where(np.arange(2) == 1, NAN, arrays()["x"])}, "row 1 has NaN in its first step"),
    ({"x": ended(arrays()["x"], [3, 5, 0, 5, 5, 5])}, "row 3 has NaN in its first step"),
    (
        {"x": np.where(np.arange(5)[:, None] == 3, np.inf, ended(arrays()["x"], [5] * 5 + [2]))},
        "row 1, step 4, holds",
    ),
    ({"y": np.arange(5) % 2, "lengths": LENGTHS}, "has 6 rows of inputs and 5 of targets"),
    ({"x": np.zeros((6, 2, 2, 2)), "lengths": LENGTHS}, "must be sequences"),
    ({"lengths": np.array([1, "a"], dtype=object)}, "holds Python objects"),
]


@pytest.mark.parametrize(("given", "message"), BAD, ids=[message[:30] for _, message in BAD])
def test_what_does_not_fit_is_said_in_one_line_with_row_and_step(given, message, save):
    with pytest.raises(DataError, match=message) as error:
        load(Data(path=save(**arrays() | given), **PLAIN))
    assert "\n" not in str(error.value)


# tables


@pytest.fixture(params=["csv", "parquet"])
def write(request, tmp_path):
    def write(frame):
        path = tmp_path / f"t.{request.param}"
        frame.write_csv(path) if request.param == "csv" else frame.write_parquet(path)
        return str(path)

    return write


VISITS = pl.DataFrame(
    {
        "who": ["b", "b", "a", "b", "c", "a", "d", "d"],
        "pulse": [1.0, 2.0, 10.0, 3.0, 20.0, 11.0, 30.0, 31.0],
        "ward": ["x", "x", "y", "y", "x", "x", "y", "x"],
        "ill": ["no", "no", "yes", "no", "yes", "yes", "no", "no"],
    }
)


def test_rows_of_one_value_form_a_sequence_in_the_files_order(write):
    data = load(Data(path=write(VISITS), target="ill", sequence="who", **PLAIN))
    assert data.features == ("pulse", "ward=x", "ward=y")
    assert data.classes == ("no", "yes")
    assert data.train.y.tolist() == [0, 1, 1, 0]  # b, a, c, d: in the order in which they begin
    expected = [[1, 2, 3], [10, 11, NAN], [20, NAN, NAN], [30, 31, NAN]]
    np.testing.assert_array_equal(data.train.x[:, :, 0], expected)
    np.testing.assert_array_equal(data.train.x[0, :, 1], [1, 1, 0])


def test_a_target_that_changes_within_a_sequence_is_named(write):
    frame = VISITS.with_columns(ill=pl.Series(["no", "no", "yes", "no", "yes", "no", "no", "no"]))
    with pytest.raises(DataError, match="sequence 'a' of column 'who' has 2 values of 'ill'"):
        load(Data(path=write(frame), target="ill", sequence="who", **PLAIN))


@pytest.mark.parametrize(
    ("sequence", "message"), [("whom", "Did you mean who"), ("ill", "name a column of t.* but the target")]
)
def test_a_column_of_sequences_must_be_one_of_the_others(write, sequence, message):
    with pytest.raises(RecipeError, match=message):
        load(Data(path=write(VISITS), target="ill", sequence=sequence, **PLAIN))


def test_there_must_be_something_in_each_step(write):
    with pytest.raises(DataError, match="has no column but 'who' and 'ill'"):
        load(Data(path=write(VISITS.select("who", "ill")), target="ill", sequence="who", **PLAIN))


@pytest.mark.parametrize("field", ["sequence", "group"])
def test_only_tables_and_archives_have_sequences_and_groups(tmp_path, field):
    (tmp_path / "a").mkdir()
    with pytest.raises(RecipeError, match=f"data.{field} must be left out but for tables and .npz files"):
        load(Data(path=str(tmp_path), **{field: "who"}))


def test_a_named_set_has_no_other_sequences():
    with pytest.raises(RecipeError, match="data.sequence must be left out for the set iris"):
        load(Data(name="iris", sequence="who"))


# scaling, splits, look


def test_each_feature_is_scaled_over_all_steps_of_the_training_sequences_alone(save):
    given = arrays(40)
    lengths = np.random.default_rng(1).integers(1, 6, 40)
    data = load(Data(path=save(**given, lengths=lengths), validation=0.2, test=0.2, scaling="standard"))
    raw = ended(given["x"], lengths)[data.train.rows]
    flat = np.concatenate([row[:length] for row, length in zip(raw, lengths[data.train.rows], strict=True)])
    assert data.inputs.shift.shape == (2,)
    np.testing.assert_allclose(data.inputs.shift, flat.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(1 / data.inputs.factor, flat.std(axis=0), rtol=1e-5)
    np.testing.assert_allclose(data.train.x, (raw - flat.mean(axis=0)) / flat.std(axis=0), atol=1e-5)
    rows = np.concatenate([split.rows for split in data.splits.values()])
    assert sorted(rows) == list(range(40))


def test_a_look_measures_steps_and_ignores_what_lies_after_the_end(save):
    given = arrays()
    data = load(Data(path=save(**given, lengths=LENGTHS), **PLAIN))
    seen = look(data).splits["train"]
    assert seen.steps == (1, 3.5, 5)
    flat = steps_of(data.train.x)
    assert seen.inputs.raw == pytest.approx((flat.min(), flat.max()), rel=1e-5)
    assert look(load(Data(name="iris"))).splits["train"].steps is None


def test_stacking_and_taking_apart_are_inverse():
    x = ended(arrays()["x"])
    np.testing.assert_array_equal(stacked(steps_of(x), LENGTHS), x)
    np.testing.assert_array_equal(lengthened(x, 7, "x")[:, :5], x)
    np.testing.assert_array_equal(lengthened(lengthened(x, 7, "x"), 5, "x"), x)
    with pytest.raises(DataError, match="at most 4 steps, got 5"):
        lengthened(x, 4, "x")
    np.testing.assert_array_equal(padded(x, None, "x"), x)


# new sequences


def test_new_sequences_are_read_like_those_trained_on(save, write, tmp_path):
    intake = Intake.of(load(Data(path=write(VISITS), target="ill", sequence="who", **PLAIN)))
    assert Intake.from_facts(intake.facts()) == intake
    new = VISITS.filter(pl.col("who") != "b").drop("ill")
    x = intake.rows(write(new))
    assert x.shape == (3, 3, 3)
    np.testing.assert_array_equal(x[:, :, 0], [[10, 11, NAN], [20, NAN, NAN], [30, 31, NAN]])
    with pytest.raises(DataError, match="has no column 'who'"):
        intake.rows(write(new.drop("who")))
    with pytest.raises(DataError, match="at most 3 steps, got 4"):
        intake.rows(write(new.with_columns(who=pl.lit("e")).head(4)))

    given = arrays()
    intake = Intake.of(load(Data(path=save(**given, lengths=LENGTHS), **PLAIN)))
    np.savez(tmp_path / "new.npz", x=given["x"][:2, :4], lengths=[2, 4])
    np.testing.assert_array_equal(lengths_of(intake.rows(tmp_path / "new.npz")), [2, 4])
    np.savez(tmp_path / "new.npz", x=given["x"][:, :, :1])
    with pytest.raises(DataError, match="must have 2 features in each step, got 1"):
        intake.rows(tmp_path / "new.npz")


# generated


def test_pulses_are_told_apart_by_the_order_of_their_steps_alone():
    x, y = pulses(stream(0, "data"))
    lengths = lengths_of(x)
    assert (lengths.min(), lengths.max()) == (8, 24)
    signal = np.nan_to_num(x[:, :, 0])
    np.testing.assert_array_equal(signal.argmax(axis=1) < signal.argmin(axis=1), y == 0)
    sums = [np.sort(steps_of(x[y == label])[:, 0]) for label in (0, 1)]  # what is left when the order is lost
    for quantile in (0.001, 0.1, 0.5, 0.9, 0.999):
        assert np.quantile(sums[0], quantile) == pytest.approx(np.quantile(sums[1], quantile), abs=0.1)
