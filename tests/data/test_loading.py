"""`load`: from the recipe's data to named splits of arrays."""

import subprocess
import sys

import numpy as np
import pytest

from unstuck.data import catalog, load
from unstuck.data.loading import arrange
from unstuck.data.source import Pairs, Source
from unstuck.errors import DataError, RecipeError
from unstuck.recipe.data import Data

OFFLINE = [name for name, entry in catalog.SETS.items() if "fetched" not in entry.origin]


def numbers(rows=40, features=3, outputs=1, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(5, 2, (rows, features))
    return Source(name="numbers", train=Pairs(x, x.sum(axis=1, keepdims=True).repeat(outputs, axis=1)))


def classes(rows=40, kinds=2, x=None):
    x = np.random.default_rng(0).normal(size=(rows, 3)) if x is None else x
    return Source(name="kinds", train=Pairs(x, np.arange(len(x)) % kinds), classes=tuple(map(str, range(kinds))))


@pytest.mark.parametrize("name", OFFLINE)
def test_every_set_that_needs_no_network_loads_as_its_listing_says(name):
    entry = catalog.SETS[name]
    data = load(Data(name=name))
    assert data.name == name
    assert data.shape == entry.shape
    assert sum(map(len, data.splits.values())) == entry.rows
    assert (data.classes is None) == (entry.task == "regression")


@pytest.mark.parametrize("name", OFFLINE)
def test_splits_are_contiguous_writable_and_of_the_promised_types(name):
    data = load(Data(name=name))
    for split in data.splits.values():
        assert split.x.dtype in (np.uint8, np.float32)
        assert split.y.dtype == (np.int64 if data.classes else np.float32)
        assert split.y.shape == (len(split),) if data.classes else (len(split), data.outputs)
        for array in (split.x, split.y, split.rows):
            assert array.flags.c_contiguous
            assert array.flags.writeable


HEAVY = ("torch", "numba", "scipy", "sklearn", "polars", "PIL", "pooch", "requests")


def test_loading_mnist_imports_none_of_the_heavy_packages():
    load_mnist = "from unstuck.data import load; from unstuck.recipe.data import Data; load(Data(name='mnist'))"
    code = f"import sys; {load_mnist}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_same_spec_gives_the_same_fingerprint_and_another_seed_another():
    spec = Data(name="iris")
    assert load(spec).fingerprint == load(spec).fingerprint
    assert load(spec).fingerprint != load(spec.model_copy(update={"seed": 1})).fingerprint


@pytest.mark.parametrize("change", ["x", "y", "scaling"])
def test_the_fingerprint_tells_any_change_of_the_data(change):
    source, spec = numbers(), Data(name="any", scaling="none", target_scaling="none")
    before = arrange(source, spec).fingerprint
    if change == "scaling":
        spec = Data(name="any", scaling="none", target_scaling="standard")
    else:
        getattr(source.train, change)[7, 0] += 1
    assert arrange(source, spec).fingerprint != before


@pytest.mark.parametrize(
    ("field", "value"), [("target", "species"), ("size", (8, 8)), ("group", "petal"), ("task", "regression")]
)
def test_what_contradicts_a_named_set_is_refused(field, value):
    with pytest.raises(RecipeError, match=f"data.{field} must be .* for the set iris"):
        load(Data(name="iris", **{field: value}))


def test_an_unknown_name_is_answered_with_the_nearest_known():
    with pytest.raises(RecipeError, match="Did you mean mnist"):
        load(Data(name="mnits"))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
@pytest.mark.parametrize("role", ["x", "y"])
def test_numbers_that_float32_cannot_hold_are_counted_and_placed(role, value):
    source = numbers(features=3)
    array = getattr(source.train, role)
    array[[2, 5], -1] = value
    place = "input 2" if role == "x" else "target 0"
    with pytest.raises(DataError, match=f"2 of 40 values NaN or infinite in {place}"):
        arrange(source, Data(name="any"))


def test_bad_numbers_in_a_table_are_named_by_their_column():
    source = numbers(features=2)
    source.train.x[3:6, 1] = np.nan
    source.train.x[0, 0] = np.inf
    table = Source(name="table", train=source.train, features=("age", "height"))
    with pytest.raises(
        DataError, match=r"3 of 40 values NaN or infinite in column 'height' \(1 more such columns\)"
    ):
        arrange(table, Data(name="any"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (classes(kinds=1), "one class only"),
        (classes(rows=1), "1 training rows are too few"),
        (classes(rows=0), "0 rows of shape"),
        (classes(x=np.zeros((9, 0))), "give at least one row and feature"),
        (Source(name="s", train=Pairs(np.eye(3), np.ones((3, 1)))), "nothing to learn"),
        (Source(name="s", train=Pairs(np.eye(3), np.arange(2))), "must be as many"),
        (
            Source(name="s", train=Pairs(np.eye(4), np.array([0, 0, 2, 2])), classes=("a", "b", "c")),
            "class 'b' has no",
        ),
        (
            Source(name="s", train=numbers(features=3).train, test=numbers(features=2).train),
            r"test rows have shape \(2,\), train rows \(3,\)",
        ),
        (
            Source(name="s", train=numbers().train, test=Pairs(np.zeros((2, 3), np.uint8), np.ones((2, 1)))),
            "test inputs are uint8, train inputs float64",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_data_that_cannot_be_learned_from_are_refused_in_one_line(source, message):
    with pytest.raises(DataError, match=message) as caught:
        arrange(source, Data(name="any"))
    assert "\n" not in str(caught.value)


def test_a_source_with_its_own_parts_keeps_them():
    train, validation, test = (numbers(rows, seed=rows).train for rows in (30, 8, 6))
    data = arrange(Source(name="s", train=train, validation=validation, test=test), Data(name="any"))
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 30, "validation": 8, "test": 6}


def test_shares_of_zero_leave_all_rows_to_train_on():
    data = arrange(numbers(), Data(name="any", validation=0.0, test=0.0))
    assert list(data.splits) == ["train"]
    assert len(data.train) == 40
