"""NPZ archives: by convention, by target, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from unstuck.data import load, open_source
from unstuck.errors import DataError, RecipeError
from unstuck.recipe.data import Data

PLAIN = {"validation": 0.0, "test": 0.0, "scaling": "none", "target_scaling": "none"}


@pytest.fixture
def save(tmp_path):
    def save(**arrays):
        np.savez(tmp_path / "set.npz", **arrays)
        return str(tmp_path / "set.npz")

    return save


def table(rows=12):
    return np.random.default_rng(0).normal(size=(rows, 3))


def test_parts_by_their_conventional_names_are_kept_apart(save):
    x, y = table(12), np.arange(12) % 3
    path = save(x_train=x, y_train=y, x_val=x[:5], y_val=y[:5], x_test=x[:4], y_test=y[:4])
    data = load(Data(path=path, scaling="none"))
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 12, "validation": 5, "test": 4}
    assert np.array_equal(data.test.x, x[:4].astype(np.float32))
    assert data.classes == ("0", "1", "2")


@pytest.mark.parametrize("names", [("x", "y"), ("X", "Y")])
def test_x_and_y_are_read_in_either_case(names, save):
    x, y = table(), np.arange(12) % 2
    data = load(Data(path=save(**dict(zip(names, (x, y), strict=True))), **PLAIN))
    assert np.array_equal(data.train.x, x.astype(np.float32))
    assert np.array_equal(data.train.y, y)


@pytest.mark.parametrize("others", [{"features": 0, "extra": 1}, {"x": 0, "extra": 1}, {"anything": 0}])
def test_a_target_names_the_array_to_predict(others, save):
    x, prices = table(), np.linspace(1.5, 9, 12)
    arrays = {name: x if number == 0 else x[:, :1] for name, number in others.items()}
    data = load(Data(path=save(**arrays, Price=prices), target="Price", **PLAIN))
    assert data.classes is None
    np.testing.assert_array_equal(data.train.y, prices[:, None].astype(np.float32))
    assert data.shape == (3,)


@pytest.mark.parametrize(
    ("stored", "shape"),
    [((8, 8), (8, 8)), ((1, 8, 8), (8, 8)), ((8, 8, 1), (8, 8)), ((3, 8, 8), (3, 8, 8)), ((8, 8, 3), (3, 8, 8))],
)
def test_pictures_are_grey_without_channels_or_coloured_with_channels_first(stored, shape, save):
    x = np.random.default_rng(0).integers(0, 256, (6, *stored), dtype=np.uint8)
    data = load(Data(path=save(x=x, y=np.arange(6) % 2), **PLAIN))
    assert data.shape == shape
    assert data.train.x.dtype == np.uint8
    one = x[0].transpose(2, 0, 1) if stored == (8, 8, 3) else x[0]
    assert np.array_equal(data.train.x[0], one.reshape(shape))


def test_several_fractional_targets_are_several_outputs(save):
    y = np.random.default_rng(0).normal(size=(12, 2))
    data = load(Data(path=save(x=table(), y=y), **PLAIN))
    assert data.outputs == 2
    np.testing.assert_array_equal(data.train.y, y.astype(np.float32))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.eye(3)}, "holds a; name them x_train"),
        ({"x_train": np.eye(3)}, "has x_train and no y_train"),
        ({"x": np.eye(4), "y": np.eye(4)[:, :2][[0, 0, 1, 1]]}, r"Store y.argmax\(axis=1\)"),
        ({"x": np.array(["a", "b"]), "y": np.arange(2)}, "inputs must be rows of numbers"),
        ({"x": np.eye(3), "y": np.array(1)}, "a single value"),
        ({"x": np.eye(3), "y": np.arange(3) * 1j}, "must be numbers, words or booleans"),
        ({"x": np.eye(3), "y": np.zeros((3, 1, 2))}, r"must be \(rows,\) or \(rows, outputs\)"),
        ({"x": np.eye(3), "y": np.arange(2)}, "3 rows of inputs and 2 of targets"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arrays_that_do_not_make_a_set_are_refused_in_one_line(arrays, message, save):
    with pytest.raises(DataError, match=message) as caught:
        load(Data(path=save(**arrays)))
    assert "\n" not in str(caught.value)


def test_objects_are_not_unpickled(save):
    with pytest.raises(DataError, match="holds Python objects, which are not read"):
        load(Data(path=save(x=np.array([{}, {}], dtype=object), y=np.arange(2))))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 but no more", b"text"])
def test_a_file_that_is_no_archive_is_refused(content, tmp_path):
    (tmp_path / "set.npz").write_bytes(content)
    with pytest.raises(DataError, match="is no .npz archive, or a damaged one"):
        load(Data(path=str(tmp_path / "set.npz")))


def test_a_damaged_array_is_refused(save):
    path = save(x=np.eye(100), y=np.arange(100) % 2)
    raw = bytearray(Path(path).read_bytes())
    raw[5000] ^= 1
    Path(path).write_bytes(raw)
    with pytest.raises(DataError, match="cannot be read: Bad CRC-32"):
        load(Data(path=path))


def test_a_wrong_target_is_answered_with_the_nearest_array(save):
    with pytest.raises(
        RecipeError, match=r"data.target must name an array of set.npz, got 'prize'. Did you mean price"
    ):
        load(Data(path=save(x=table(), price=np.arange(12.0)), target="prize"))


def test_inputs_that_cannot_be_told_from_the_rest_are_asked_for(save):
    with pytest.raises(DataError, match="which array are the inputs, a, b"):
        load(Data(path=save(a=table(), b=table(), y=np.arange(12)), target="y"))


def test_an_array_says_which_rows_belong_together(save):
    x, y, writers = table(), np.arange(12) % 2, np.repeat(["zoe", "al", "bo"], 4)
    for names in ({"x": x, "y": y}, {"x_train": x, "y_train": y, "x_test": x, "y_test": y}):
        for name in ("Writer", "writer_train") if "x_train" in names else ("Writer",):
            found = open_source(Data(path=save(**names, **{name: writers}), group="Writer"))
            assert found.groups.tolist() == [2] * 4 + [0] * 4 + [1] * 4
    found = open_source(Data(path=save(anything=x, price=y, writer=writers), target="price", group="writer"))
    assert np.array_equal(found.train.x, x)


@pytest.mark.parametrize(
    ("group", "array", "error", "message"),
    [
        (
            "wirter",
            np.arange(12),
            RecipeError,
            "data.group must name an array of set.npz but inputs and target, got",
        ),
        (
            "y",
            np.arange(12),
            RecipeError,
            "data.group must name an array of set.npz but inputs and target, got 'y'",
        ),
        (
            "writer",
            np.eye(12),
            DataError,
            r"writer is float64 of shape \(12, 12\); it must be \(rows,\) numbers or",
        ),
        ("writer", np.arange(11), DataError, r"groups have shape \(11,\); they must be one for each of 12 rows"),
        ("writer", np.full(12, np.nan), DataError, "writer has 12 of 12 values NaN"),
    ],
)
def test_an_array_that_cannot_group_is_one_line(group, array, error, message, save):
    with pytest.raises(error, match=message) as caught:
        load(Data(path=save(x=table(), y=np.arange(12) % 2, writer=array), group=group))
    assert "\n" not in str(caught.value)
