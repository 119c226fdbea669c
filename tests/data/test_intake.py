"""New inputs made like the training data."""

import dataclasses
import json

import numpy as np
import polars as pl
import pytest
from PIL import Image
from scenes import SCENES, as_bytes, digit, save
from sklearn.neighbors import KNeighborsClassifier

from unstuck.data import Intake, load
from unstuck.data.loading import arrange
from unstuck.data.paper import Usual, breadth, measure
from unstuck.data.source import Pairs, Source
from unstuck.errors import DataError
from unstuck.recipe.data import Data

PHOTOGRAPHS = [name for name in SCENES if name != "thin.png"]
PHOTOGRAPHED = 15  # digits of each scene
PLAIN = {"validation": 0.0, "test": 0.0}


@pytest.fixture(scope="module")
def mnist():
    return load(Data(name="mnist"))


@pytest.fixture(scope="module")
def intake(mnist):
    return Intake.of(mnist)


@pytest.fixture(scope="module")
def judge(mnist):
    """Three nearest of 5000 training digits, which knows nothing of scenes, and the test digits it recognises."""
    x, y = (values[:5000] for values in (mnist.train.x, mnist.train.y))
    nearest = KNeighborsClassifier(3, algorithm="brute").fit(x.reshape(-1, 784), y)
    tested = nearest.predict(mnist.test.x[:500].reshape(-1, 784)) == mnist.test.y[:500]
    return nearest, np.flatnonzero(tested)


def write(path, levels):
    Image.fromarray(np.asarray(levels, dtype=np.uint8)).save(path)
    return path


def intake_of(x):
    """Of training inputs (N, …) alone."""
    source = Source(name="own", train=Pairs(x, np.arange(len(x)) % 2), classes=("a", "b"))
    return Intake.of(arrange(source, Data(name="own", **PLAIN)))


# --- pictures on an even background


@pytest.mark.parametrize("number", range(len(PHOTOGRAPHS)), ids=PHOTOGRAPHS)
def test_photographed_digits_are_recognised(mnist, intake, judge, tmp_path, number):
    nearest, recognised = judge
    rows = recognised[number * PHOTOGRAPHED :][:PHOTOGRAPHED]
    taken = intake.pictures([save(tmp_path, PHOTOGRAPHS[number], mnist.test.x[row], int(row)) for row in rows])
    right = nearest.predict(taken.reshape(-1, 784)) == mnist.test.y[rows]
    assert right.mean() >= 0.9


def test_thin_lines_are_recognised_because_they_are_thickened(mnist, intake, judge, tmp_path):
    nearest, recognised = judge
    rows = recognised[:100]
    paths = [save(tmp_path, "thin.png", mnist.test.x[row], int(row)) for row in rows]
    unbroadened = dataclasses.replace(intake.paper, stroke=Usual(0, 0, intake.paper.stroke.high))
    right = {
        paper.stroke.median: nearest.predict(taken.reshape(-1, 784)) == mnist.test.y[rows]
        for paper in (intake.paper, unbroadened)
        for taken in [dataclasses.replace(intake, paper=paper).pictures(paths)]
    }
    assert right[intake.paper.stroke.median].mean() >= 0.9
    assert right[0].mean() < 0.75


def test_untouched_pictures_come_through_as_they_are(mnist, intake, tmp_path):
    paths = [write(tmp_path / f"{row}.png", mnist.test.x[row]) for row in range(100)]
    assert np.array_equal(intake.pictures(paths), mnist.test.x[:100])


def test_small_inverted_pictures_come_through_nearly_as_they_were(mnist, intake, tmp_path):
    paths = [write(tmp_path / f"{row}.png", 255 - mnist.test.x[row]) for row in range(100)]
    off = intake.pictures(paths).astype(float) - mnist.test.x[:100]
    assert np.median(np.abs(off).max(axis=(1, 2))) <= 2  # levels


def test_new_pictures_have_the_size_and_the_place_of_the_training_pictures(mnist, intake, tmp_path):
    taken = intake.pictures([save(tmp_path, "lit.png", mnist.test.x[row], row) for row in range(20)])
    drawn = measure(taken.astype(float), 255 / 8)
    assert np.abs(drawn.extent - 20).max() <= 1
    assert np.abs(drawn.mass - intake.paper.centre).max() <= 0.5


def test_what_is_drawn_on_light_paper_becomes_dark_on_light_where_training_was(mnist, tmp_path):
    light = intake_of(255 - mnist.train.x[:200])
    assert light.paper.dark
    path = save(tmp_path, "blackboard.png", mnist.test.x[0], 0)
    dark = intake_of(mnist.train.x[:200])
    assert np.array_equal(light.pictures([path]), 255 - dark.pictures([path]))


def test_a_picture_is_turned_as_its_camera_says(mnist, intake, tmp_path):
    upright = save(tmp_path, "clean.png", mnist.test.x[0], 0)
    turned = Image.Exif()
    turned[0x0112] = 6  # turn by 90 degrees clockwise to show
    with Image.open(upright) as image:
        image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=turned)
    assert np.array_equal(intake.pictures([upright]), intake.pictures([tmp_path / "turned.png"]))


@pytest.mark.parametrize("ink", [0, 255])
def test_ink_of_any_colour_shows_on_transparent_ground(mnist, intake, tmp_path, ink):
    alpha = as_bytes(255 * np.pad(digit(mnist.test.x[0]), 60))
    plain = Image.fromarray(np.full_like(alpha, ink))
    Image.merge("LA", (plain, Image.fromarray(alpha))).save(tmp_path / "clear.png")
    opaque = write(tmp_path / "opaque.png", 255 - alpha)
    off = intake.pictures([tmp_path / "clear.png"]).astype(float) - intake.pictures([opaque])
    assert np.abs(off).max() <= 3  # levels


def test_a_large_photograph_is_taken(mnist, intake, tmp_path):
    path = save(tmp_path, "lit.jpg", mnist.test.x[0], 0)
    small = intake.pictures([path])
    with Image.open(path) as image:
        image.resize((1800, 2400)).save(tmp_path / "large.jpg")
    assert np.abs(intake.pictures([tmp_path / "large.jpg"]).astype(float) - small).mean() < 3  # levels


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (3, 3), (28, 28), (300, 400)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_picture_is_named(intake, tmp_path, shape, level):
    path = write(tmp_path / "empty.png", np.full(shape, level))
    with pytest.raises(DataError, match=r"empty.png is blank: nothing on it stands out"):
        intake.pictures([path])


@pytest.mark.parametrize("deviation", [1, 10, 25])
def test_noise_is_no_drawing(intake, tmp_path, deviation):
    noise = np.random.default_rng(0).normal(200, deviation, (300, 400))
    with pytest.raises(DataError, match="is blank"):
        intake.pictures([write(tmp_path / "noise.png", as_bytes(noise))])


def test_an_empty_sheet_on_a_desk_is_named(intake, tmp_path):
    desk = np.full((300, 300), 60)
    desk[40:-40, 60:-60] = 230
    with pytest.raises(DataError, match=r"sheet.png shows a bright or dark area and no drawing on it"):
        intake.pictures([write(tmp_path / "sheet.png", desk)])


def test_each_file_that_is_no_picture_is_named(intake, tmp_path):
    text = tmp_path / "text.png"
    text.write_text("no picture")
    cut = write(tmp_path / "cut.png", np.random.default_rng(0).integers(0, 256, (200, 200)))
    cut.write_bytes(cut.read_bytes()[:5000])
    deep = tmp_path / "deep.png"
    Image.fromarray(np.zeros((9, 9), dtype=np.uint16)).save(deep)
    for path, why in (
        (text, "cannot be read as a picture"),
        (cut, "cannot be read as a picture"),
        (deep, "has more than 8 bits per pixel"),
        (tmp_path / "none.png", "There is no picture"),
        (tmp_path, "There is no picture"),
    ):
        with pytest.raises(DataError, match=why) as caught:
            intake.pictures([path])
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_the_breadth_of_a_bar_is_its_area_over_its_length():
    bar = np.zeros((1, 100, 100))
    bar[0, 10:90, 40:47] = 1
    assert breadth(bar)[0] == pytest.approx(7 * 80 / (7 + 80), rel=0.02)  # 2 area / perimeter


# --- other pictures


def test_pictures_without_an_even_background_are_stretched_as_the_reader_does(tmp_path):
    generator = np.random.default_rng(0)
    for row in range(8):
        folder = tmp_path / "set" / "ab"[row % 2]
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / f"{row}.png", generator.integers(0, 256, (12 + row, 10, 3)))
    data = load(Data(path=str(tmp_path / "set"), size=(9, 8), **PLAIN))
    taken = Intake.of(data)
    assert taken.paper is None
    paths = [tmp_path / "set" / "ab"[row % 2] / f"{row}.png" for row in (0, 2, 4, 6, 1, 3, 5, 7)]
    assert np.array_equal(taken.pictures(paths), data.train.x)


def test_a_grey_picture_is_taken_by_a_coloured_set(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (20, 3, 8, 8)).astype(np.uint8)
    taken = intake_of(x).pictures([write(tmp_path / "grey.png", x[0, 0])])
    assert np.array_equal(taken, np.stack([x[0, 0]] * 3)[None])


@pytest.mark.parametrize("white", [1, 16])
def test_pictures_stored_as_fractions_stay_fractions(mnist, tmp_path, white):
    x = mnist.train.x[:300] * np.float32(white / 255)
    own = intake_of(x)
    path = write(tmp_path / "seven.png", mnist.test.x[0])
    assert own.white == white
    assert own.pictures([path])[0] == pytest.approx(mnist.test.x[0] * (white / 255))


def test_standardised_pictures_have_the_same_facts(mnist, intake):
    assert Intake.of(load(Data(name="mnist", scaling="standard"))) == intake


def test_a_set_that_is_no_pictures_refuses_pictures():
    with pytest.raises(
        DataError, match=r"digit.png is no input for a network that was trained on rows of 4 numbers"
    ):
        Intake.of(load(Data(name="iris"))).pictures(["digit.png"])


# --- facts


@pytest.mark.parametrize("name", ["mnist", "digits", "iris", "sum-intervals"])
def test_facts_survive_json(name):
    known = Intake.of(load(Data(name=name)))
    assert Intake.from_facts(json.loads(json.dumps(known.facts()))) == known


def test_facts_are_of_the_training_rows_alone(mnist, intake):
    other = dataclasses.replace(mnist, test=None, validation=mnist.validation.take(np.arange(9)))
    assert Intake.of(other) == intake


def test_the_facts_of_mnist_are_those_that_its_authors_state(intake):
    assert intake.paper.level == 0
    assert not intake.paper.dark
    assert intake.paper.by_mass
    assert intake.paper.extent.median == 20
    assert intake.paper.centre == pytest.approx((14.5, 14.5), abs=0.1)


# --- rows

HOUSES = pl.DataFrame(
    {
        "area": [50.5, 80.0, 120.25, 65.0],
        "garden": [True, False, True, False],
        "town": ["York", "Bath", "York", "Hull"],
        "price": [100.5, 200.25, 300.0, 150.0],
    }
)


@pytest.fixture(params=["csv", "parquet"])
def save_table(request, tmp_path):
    def save_table(frame, name="rows"):
        path = tmp_path / f"{name}.{request.param}"
        frame.write_csv(path) if request.param == "csv" else frame.write_parquet(path)
        return path

    return save_table


@pytest.fixture
def houses(save_table):
    data = load(Data(path=str(save_table(HOUSES, "houses")), target="price", scaling="none", **PLAIN))
    return data, Intake.of(data)


@pytest.mark.parametrize("columns", [["area", "garden", "town"], ["price", "town", "more", "garden", "area"]])
def test_columns_are_matched_by_name_and_others_passed_over(houses, save_table, columns):
    data, known = houses
    frame = HOUSES.with_columns(more=pl.lit("x")).select(columns)
    assert np.array_equal(known.rows(save_table(frame)), data.train.x)


def test_words_are_encoded_as_in_training_whichever_come(houses, save_table):
    data, known = houses
    assert known.rows(save_table(HOUSES[3:])).tolist() == data.train.x[3:].tolist()


def test_large_numbers_are_not_rounded(save_table):
    rows = pl.DataFrame({"seconds": [1.7e9 + row for row in range(4)], "y": ["a", "b", "a", "b"]})
    data = load(Data(path=str(save_table(rows)), target="y", **PLAIN))
    known = Intake.of(data)
    assert np.array_equal(data.inputs.apply(known.rows(save_table(rows))), data.train.x)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda rows: rows.drop("area"), r"has no column 'area', which the network was trained on. It has garden"),
        (lambda rows: rows.drop("town"), r"has no column 'town'"),
        (lambda rows: rows.drop("town", "area"), r"no column 'area', .* \(and lacks 1 more\)"),
        (
            lambda rows: rows.select("price"),
            r"none of the columns .* trained on: area, garden, town. It has price",
        ),
        (lambda rows: rows.with_columns(town=pl.lit("Rome")), r"'town' holds 'Rome', .* Known: Bath, Hull, York"),
        (lambda rows: rows.with_columns(area=pl.lit("big")), r"column 'area' must hold numbers, got 'big'"),
        (lambda rows: rows.with_columns(area=pl.lit(None)), r"4 of 4 values missing in column 'area'"),
        (lambda rows: rows.with_columns(area=pl.lit(float("nan"))), r"row 1 holds NaN or infinite numbers"),
        (lambda rows: rows[:0], r"has no rows"),
    ],
)
def test_rows_that_do_not_fit_are_answered_in_one_line(houses, save_table, change, why):
    path = save_table(change(HOUSES))
    with pytest.raises(DataError, match=why) as caught:
        houses[1].rows(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_value_in_a_column_that_is_passed_over_does_not_matter(houses, save_table):
    data, known = houses
    assert np.array_equal(known.rows(save_table(HOUSES.with_columns(price=pl.lit(None)))), data.train.x)


def test_columns_encoded_by_the_user_are_taken_by_their_names(houses, save_table):
    data, known = houses
    assert np.array_equal(
        known.rows(save_table(pl.DataFrame(data.train.x, schema=list(data.features)))), data.train.x
    )


def test_nameless_features_are_taken_by_their_place(save_table):
    x = np.random.default_rng(0).normal(size=(6, 3))
    known = intake_of(x)
    assert known.rows(save_table(pl.DataFrame(x))) == pytest.approx(x)
    with pytest.raises(DataError, match="must have the 3 columns .* got 2"):
        known.rows(save_table(pl.DataFrame(x[:, :2])))


@pytest.mark.parametrize("name", ["x", "X", "features", "anything"])
def test_arrays_are_taken_under_their_usual_names_or_as_the_first(tmp_path, name):
    x = np.random.default_rng(0).normal(size=(6, 4))
    np.savez(tmp_path / "rows.npz", **{name: x, "y": np.zeros(6)})
    assert np.array_equal(Intake.of(load(Data(name="iris"))).rows(tmp_path / "rows.npz"), x)


@pytest.mark.parametrize("shape", [(6, 28, 28), (6, 784), (6, 1, 28, 28), (6, 28, 28, 1)])
def test_arrays_of_pictures_get_the_shape_of_the_training_pictures(mnist, intake, tmp_path, shape):
    np.savez(tmp_path / "rows.npz", x=mnist.test.x[:6].reshape(shape))
    taken = intake.rows(tmp_path / "rows.npz")
    assert np.array_equal(taken, mnist.test.x[:6])
    assert taken.dtype == np.uint8


def test_an_array_of_another_shape_is_named(tmp_path):
    np.savez(tmp_path / "rows.npz", x=np.zeros((6, 5)))
    with pytest.raises(DataError, match=r"rows.npz: x must have shape \(rows, 4\), got \(6, 5\)"):
        Intake.of(load(Data(name="iris"))).rows(tmp_path / "rows.npz")


@pytest.mark.parametrize(("name", "why"), [("none.csv", "There is no file"), ("rows.txt", "is of no known kind")])
def test_a_file_that_holds_no_rows_is_named(tmp_path, name, why):
    (tmp_path / "rows.txt").write_text("1,2,3,4")
    with pytest.raises(DataError, match=why):
        Intake.of(load(Data(name="iris"))).rows(tmp_path / name)
