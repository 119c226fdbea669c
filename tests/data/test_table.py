"""CSV and Parquet tables."""

import datetime

import numpy as np
import polars as pl
import pytest

from unstuck.data import load, open_source
from unstuck.data.readers.table import MOST_WORDS
from unstuck.errors import DataError, RecipeError
from unstuck.recipe.data import Data

PLAIN = {"validation": 0.0, "test": 0.0, "scaling": "none", "target_scaling": "none"}
HOUSES = pl.DataFrame(
    {
        "area": [50.5, 80.0, 120.25, 65.0],
        "rooms": [2, 3, 5, 2],
        "garden": [True, False, True, False],
        "town": ["York", "Bath", "York", "Hull"],
        "price": [100.5, 200.25, 300.0, 150.0],
        "sold": ["yes", "no", "no", "yes"],
    }
)


@pytest.fixture(params=["csv", "parquet"])
def write(request, tmp_path):
    def write(frame):
        path = tmp_path / f"houses.{request.param}"
        frame.write_csv(path) if request.param == "csv" else frame.write_parquet(path)
        return str(path)

    return write


def test_numbers_and_booleans_are_inputs_and_words_are_one_hot(write):
    data = load(Data(path=write(HOUSES), target="price", **PLAIN))
    assert data.features == (
        "area",
        "rooms",
        "garden",
        "town=Bath",
        "town=Hull",
        "town=York",
        "sold=no",
        "sold=yes",
    )
    assert data.train.x[0].tolist() == [50.5, 2, 1, 0, 0, 1, 0, 1]
    assert data.train.x[3].tolist() == [65, 2, 0, 0, 1, 0, 0, 1]
    assert data.classes is None
    assert data.train.y.tolist() == [[100.5], [200.25], [300.0], [150.0]]


@pytest.mark.parametrize(
    ("target", "classes"), [("sold", ("no", "yes")), ("garden", ("False", "True")), ("rooms", ("2", "3", "5"))]
)
def test_words_booleans_and_few_whole_numbers_are_classes(write, target, classes):
    data = load(Data(path=write(HOUSES), target=target, ignore=("price",), **PLAIN))
    assert data.classes == classes
    assert [classes[number] for number in data.train.y] == [str(value) for value in HOUSES[target]]


def test_the_task_overrides_the_rule(write):
    assert load(Data(path=write(HOUSES), target="rooms", task="regression", **PLAIN)).classes is None


def test_ignored_columns_are_no_inputs(write):
    data = load(Data(path=write(HOUSES), target="price", ignore=("town", "sold"), **PLAIN))
    assert data.features == ("area", "rooms", "garden")


def test_without_a_target_the_columns_are_listed_in_one_line(write):
    with pytest.raises(RecipeError, match="got None. It has area, rooms, garden, town, price, sold.$") as caught:
        load(Data(path=write(HOUSES)))
    assert "\n" not in str(caught.value)


def test_many_columns_are_not_all_listed(write):
    wide = pl.DataFrame({f"c{number}": [1.0, 2.0] for number in range(500)})
    for target in (None, "nothing like it"):
        with pytest.raises(RecipeError) as caught:
            load(Data(path=write(wide), target=target))
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize(("field", "given"), [("target", {"target": "prise"}), ("ignore", {"ignore": ("twon",)})])
def test_a_wrong_column_is_answered_with_the_nearest(write, field, given):
    nearest = {"target": "price", "ignore": "town"}[field]
    with pytest.raises(RecipeError, match=f"data.{field} must name .* Did you mean {nearest}"):
        load(Data(path=write(HOUSES), **({"target": "price"} | given)))


def test_the_target_cannot_be_ignored(write):
    with pytest.raises(RecipeError, match="data.ignore must name columns of houses.* but the target, got 'price'"):
        load(Data(path=write(HOUSES), target="price", ignore=("price",)))


def test_missing_values_are_counted_and_named(write):
    holes = HOUSES.with_columns(
        area=pl.Series([None, 80.0, None, 65.0]), town=pl.Series(["York", None, "Hull", "Bath"])
    )
    with pytest.raises(DataError, match=r"2 of 4 values missing in column 'area' \(1 more such columns\)"):
        load(Data(path=write(holes), target="price"))
    assert load(Data(path=write(holes), target="price", ignore=("area", "town"), **PLAIN)).shape == (4,)


def test_nan_is_named_by_its_column(write):
    holes = HOUSES.with_columns(area=pl.Series([float("nan"), 80.0, 70.0, 65.0]))
    with pytest.raises(DataError, match="1 of 4 values NaN or infinite in column 'area'"):
        load(Data(path=write(holes), target="price"))


@pytest.mark.parametrize("word", ["", "NA", "N/A", "?"])
def test_the_usual_words_for_missing_are_understood_in_csv(word, tmp_path):
    (tmp_path / "t.csv").write_text(f"a,b\n1,2.5\n{word},3.5\n")
    with pytest.raises(DataError, match="1 of 2 values missing in column 'a'"):
        load(Data(path=str(tmp_path / "t.csv"), target="b"))


def test_a_column_of_too_many_words_is_refused_with_a_remedy(write):
    for count, fits in ((MOST_WORDS, True), (MOST_WORDS + 1, False)):
        frame = pl.DataFrame({"name": [f"n{row}" for row in range(count)], "y": np.arange(count) / 7})
        spec = Data(path=write(frame), target="y", **PLAIN)
        if fits:
            assert load(spec).shape == (count,)
        else:
            with pytest.raises(DataError, match=r"say data.ignore = \['name'\]"):
                load(spec)


def test_a_fraction_late_in_the_file_is_no_error(tmp_path):
    rows = "".join(f"{row},{row % 2}\n" for row in range(500))
    (tmp_path / "t.csv").write_text(f"a,b\n{rows}0.5,1\n")
    assert load(Data(path=str(tmp_path / "t.csv"), target="b", **PLAIN)).train.x[-1, 0] == 0.5


def test_dates_are_refused_by_name(tmp_path):
    days = [datetime.date(2020, 1, day) for day in (1, 2)]
    pl.DataFrame({"day": days, "y": [1.5, 2.5]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"column 'day' is of type Date; .* data.ignore = \['day'\]"):
        load(Data(path=str(tmp_path / "t.parquet"), target="y"))


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_file_that_is_no_table_is_refused_in_one_line(name, tmp_path):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match="cannot be read as") as caught:
        load(Data(path=str(tmp_path / name), target="y"))
    assert "\n" not in str(caught.value)


def test_a_table_of_the_target_alone_is_refused(write):
    with pytest.raises(DataError, match="has no column but 'price'"):
        load(Data(path=write(HOUSES.select("price")), target="price"))


@pytest.mark.parametrize(("path", "message"), [("none.csv", "There is no"), ("notes.txt", "is of no known kind")])
def test_a_path_that_cannot_be_read_says_what_can(path, message, tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match=f"{message}.* data.path must be a folder of class folders"):
        load(Data(path=str(tmp_path / path)))


VISITS = pl.DataFrame(
    {
        "pulse": [60.0, 70.0, 80.0, 65.0, 75.0, 62.0],
        "patient": ["ann", "bob", "ann", "cy", "bob", "ann"],
        "ill": ["no", "yes", "no", "yes", "no", "yes"],
    }
)


@pytest.mark.parametrize("ignore", [(), ("patient",)])
def test_a_column_says_which_rows_belong_together_and_is_no_input(write, ignore):
    found = open_source(Data(path=write(VISITS), target="ill", group="patient", ignore=ignore))
    assert found.features == ("pulse",)
    assert found.groups.dtype == np.int64
    assert found.groups.tolist() == [0, 1, 0, 2, 1, 0]


def test_the_groups_of_sequences_are_those_of_their_rows(write):
    steps = VISITS.with_columns(ward=pl.Series([7, 3, 7, 7, 3, 7]), ill=pl.Series([0, 1, 0, 1, 1, 0]))
    spec = Data(path=write(steps), target="ill", group="ward", sequence="patient")
    found = open_source(spec)
    assert found.train.x.shape == (3, 3, 1)
    assert found.groups.tolist() == [1, 0, 1]
    moved = steps.with_columns(ward=pl.Series([7, 3, 5, 7, 3, 7]))
    with pytest.raises(
        DataError, match=r"sequence 'ann' of column 'patient' has 2 values of 'ward'; they must be"
    ):
        open_source(spec.model_copy(update={"path": write(moved)}))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"group": "patent"}, r"must name a column of .* but the target, got 'patent'. Did you mean patient\?"),
        ({"group": "ill"}, "must name a column of .* but the target, got 'ill'"),
        (
            {"group": "patient", "sequence": "patient"},
            "must name a column of .* but the target and the sequence, got 'patient'",
        ),
    ],
    ids=["unknown", "target", "sequence"],
)
def test_a_column_that_cannot_group_is_one_line(write, given, message):
    with pytest.raises(RecipeError, match=f"data.group {message}") as caught:
        load(Data(path=write(VISITS), target="ill", **given))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [[1, None, 1, 2, 2, 2], [1.0, float("nan"), 1.0, 2.0, 2.0, 2.0]])
def test_a_row_of_no_group_is_refused(write, values):
    holes = VISITS.with_columns(patient=pl.Series(values))
    with pytest.raises(DataError, match="1 of 6 values (missing|NaN)|has 1 of 6 values NaN"):
        load(Data(path=write(holes), target="ill", group="patient"))
