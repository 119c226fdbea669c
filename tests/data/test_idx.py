"""IDX files, and MNIST as it is shipped."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

import unstuck.data
from unstuck.data import catalog, load, published
from unstuck.data.readers import idx
from unstuck.errors import DataError, RecipeError
from unstuck.recipe.data import Data

SHIPPED = Path(unstuck.data.__file__).parent / "mnist"
CODES = {"u1": 8, "i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}


def content(array):
    header = bytes([0, 0, CODES[array.dtype.newbyteorder(">").str.lstrip("|")], array.ndim])
    return (
        header
        + b"".join(n.to_bytes(4, "big") for n in array.shape)
        + array.astype(array.dtype.newbyteorder(">")).tobytes()
    )


def write_set(folder, *, dot=False, zipped=False, parts=("train", "t10k")):
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 5), dtype=np.uint8)
    labels = (np.arange(30) % 3 * 2).astype(np.uint8)  # 0, 2, 4
    for part in parts:
        for kind, array in (("images", images), ("labels", labels)):
            name = f"{part}-{kind}{'.' if dot else '-'}idx{array.ndim}-ubyte"
            raw = content(array)
            (folder / (name + ".gz" * zipped)).write_bytes(gzip.compress(raw) if zipped else raw)
    return images, labels


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("zipped", [False, True])
def test_arrays_of_every_type_are_read(kind, zipped, tmp_path):
    array = np.arange(24).reshape(2, 3, 4).astype(kind)
    raw = content(array)
    path = tmp_path / "array"
    path.write_bytes(gzip.compress(raw) if zipped else raw)
    found = idx.read_array(path)
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: b"PNG" + raw[3:], "is no IDX file"),
        (lambda raw: raw[:2] + b"\x07" + raw[3:], "is no IDX file"),
        (lambda raw: raw[:3], "is no IDX file"),
        (lambda raw: raw[:9], "ends inside its header"),
        (lambda raw: raw[:-1], "bytes where its header says"),
        (lambda raw: raw + b"\0", "bytes where its header says"),
        (lambda raw: gzip.compress(raw)[:-12], "cannot be read"),
        (lambda raw: b"\x1f\x8b" + raw, "cannot be read"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(damage, message, tmp_path):
    path = tmp_path / "array"
    path.write_bytes(damage(content(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))))
    with pytest.raises(DataError, match=message) as caught:
        idx.read_array(path, mend="Do this.")
    assert str(path) in str(caught.value)
    assert str(caught.value).endswith("Do this.")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dot", [False, True])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_folder_named_as_mnists_is_read_in_any_spelling(dot, zipped, tmp_path):
    images, labels = write_set(tmp_path, dot=dot, zipped=zipped)
    data = load(Data(path=str(tmp_path)))
    assert data.classes == ("0", "2", "4")
    assert np.array_equal(data.test.x, images)
    assert np.array_equal(data.test.y * 2, labels)
    assert len(data.train) + len(data.validation) == 30


def test_without_test_files_the_test_rows_are_split_off(tmp_path):
    write_set(tmp_path, parts=["train"])
    data = load(Data(path=str(tmp_path), test=0.2))
    assert len(data.test) == 0.2 * 30


@pytest.mark.parametrize("lost", ["train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte", "train-images-idx3-ubyte"])
def test_half_a_part_is_refused_with_the_names_that_are_needed(lost, tmp_path):
    write_set(tmp_path)
    (tmp_path / lost).unlink()
    with pytest.raises(DataError, match="put train-images-idx3-ubyte and train-labels-idx1-ubyte there"):
        load(Data(path=str(tmp_path)))


@pytest.mark.parametrize(("field", "value"), [("target", "y"), ("size", (8, 8)), ("ignore", ("x",))])
def test_settings_of_other_kinds_of_data_are_refused(field, value, tmp_path):
    write_set(tmp_path)
    with pytest.raises(RecipeError, match=f"data.{field} must be left out"):
        load(Data(path=str(tmp_path), **{field: value}))


def test_shipped_mnist_is_what_its_name_says():
    data = load(Data(name="mnist", validation=0.0))
    assert data.train.x.shape == (60_000, 28, 28)
    assert data.test.x.shape == (10_000, 28, 28)
    assert data.classes == published.DIGITS


def test_a_damaged_mnist_says_how_to_mend_it(tmp_path):
    for path in SHIPPED.iterdir():
        shutil.copy(path, tmp_path)
    labels = tmp_path / "t10k-labels-idx1-ubyte.gz"
    raw = bytearray(gzip.decompress(labels.read_bytes()))
    raw[100] ^= 1
    labels.write_bytes(gzip.compress(bytes(raw)))
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz is damaged: .* pip install --force-reinstall"):
        catalog.shipped_mnist(folder=tmp_path)
