"""Folders of pictures, one folder per class."""

import numpy as np
import pytest
from PIL import Image

from unstuck.data import load
from unstuck.errors import DataError, RecipeError
from unstuck.recipe.data import Data

PLAIN = {"validation": 0.0, "test": 0.0}


def save(path, height=6, width=5, colour=False, seed=0, **settings):
    shape = (height, width, 3) if colour else (height, width)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **settings)
    return pixels


@pytest.fixture
def grey(tmp_path):
    """Two classes of three grey pictures, and their pixels in the order of the files."""
    names = [f"{kind}/{number}.png" for kind in ("cat", "dog") for number in range(3)]
    return tmp_path, [save(tmp_path / name, seed=seed) for seed, name in enumerate(names)]


def test_grey_pictures_are_read_pixel_by_pixel(grey):
    folder, pixels = grey
    data = load(Data(path=str(folder), **PLAIN))
    assert data.classes == ("cat", "dog")
    assert data.train.y.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.train.x.dtype == np.uint8
    assert np.array_equal(data.train.x, np.stack(pixels))


def test_one_coloured_picture_makes_all_coloured_channels_first(grey):
    folder, pixels = grey
    coloured = save(folder / "dog" / "9.png", colour=True)
    data = load(Data(path=str(folder), **PLAIN))
    assert data.shape == (3, 6, 5)
    assert np.array_equal(data.train.x[0], np.stack([pixels[0]] * 3))
    assert np.array_equal(data.train.x[-1], coloured.transpose(2, 0, 1))


def test_pictures_become_the_commonest_size_unless_one_is_given(grey):
    folder, _ = grey
    save(folder / "cat" / "large.png", height=60, width=50)
    assert load(Data(path=str(folder), **PLAIN)).shape == (6, 5)
    assert load(Data(path=str(folder), size=(4, 9), **PLAIN)).shape == (4, 9)


def test_pictures_that_lie_on_their_side_are_turned_upright(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6  # turn by 90 degrees clockwise to show
    for kind in ("a", "b"):
        for number in range(2):
            pixels = save(tmp_path / kind / f"{number}.png", height=8, width=5, exif=turned)
    data = load(Data(path=str(tmp_path), **PLAIN))
    assert data.shape == (5, 8)
    assert np.array_equal(data.train.x[-1], np.rot90(pixels, -1))


@pytest.mark.parametrize("held", ["val", "validation", "test"])
def test_folders_of_parts_are_kept_apart(tmp_path, held):
    for part, count in (("train", 4), (held, 2)):
        for kind in ("cat", "dog"):
            for number in range(count):
                save(tmp_path / part / kind / f"{number}.png")
    splits = load(Data(path=str(tmp_path), **PLAIN)).splits
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 8,
        "test" if held == "test" else "validation": 4,
    }


def test_a_class_may_be_called_train(tmp_path):
    for kind in ("bus", "train"):
        for number in range(2):
            save(tmp_path / kind / f"{number}.png")
    assert load(Data(path=str(tmp_path), **PLAIN)).classes == ("bus", "train")


def test_a_class_of_test_pictures_alone_is_refused(tmp_path):
    for name in ("train/cat/0.png", "train/dog/0.png", "test/cow/0.png"):
        save(tmp_path / name)
    with pytest.raises(DataError, match="cow is a class without training pictures; the classes are cat, dog"):
        load(Data(path=str(tmp_path), **PLAIN))


def test_other_files_are_passed_over(grey):
    folder, pixels = grey
    (folder / "cat" / "notes.txt").touch()
    (folder / "cat" / ".hidden.png").touch()
    (folder / "README").touch()
    (folder / "empty").mkdir()
    data = load(Data(path=str(folder), **PLAIN))
    assert data.classes == ("cat", "dog")
    assert len(data.train) == len(pixels)


@pytest.mark.parametrize("damage", [lambda raw: b"", lambda raw: b"text", lambda raw: raw[: len(raw) // 2]])
def test_an_unreadable_picture_is_named(grey, damage):
    folder, _ = grey
    broken = folder / "dog" / "1.png"
    broken.write_bytes(damage(broken.read_bytes()))
    with pytest.raises(DataError, match=r"dog.1\.png cannot be read as a picture") as caught:
        load(Data(path=str(folder), **PLAIN))
    assert "\n" not in str(caught.value)


def test_pictures_of_more_than_eight_bits_are_named(grey):
    folder, _ = grey
    Image.fromarray(np.full((6, 5), 40_000, np.uint16)).save(folder / "dog" / "deep.png")
    with pytest.raises(DataError, match="deep.png has more than 8 bits per pixel"):
        load(Data(path=str(folder), **PLAIN))


@pytest.mark.parametrize("file", [None, "1.png"])
def test_a_folder_without_class_folders_is_refused(tmp_path, file):
    if file:
        save(tmp_path / file)
    with pytest.raises(DataError, match="must hold one folder of pictures per class"):
        load(Data(path=str(tmp_path)))


@pytest.mark.parametrize(("field", "value"), [("target", "y"), ("ignore", ("x",)), ("task", "regression")])
def test_settings_of_other_kinds_of_data_are_refused(grey, field, value):
    with pytest.raises(RecipeError, match=f"data.{field} must be"):
        load(Data(path=str(grey[0]), **{field: value}))
