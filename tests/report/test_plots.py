"""Painters draw every view, awkward ones too, into a PNG, the same each time."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from unstuck.report import plots
from unstuck.report.view import (
    ConfusionView,
    LossView,
    MistakesView,
    OutputsView,
    PredictionView,
    SamplesView,
)

RANDOM = np.random.default_rng(0)
CLASSES = tuple("abcdefghij")
MANY = tuple(f"class {number}" for number in range(100))
AWKWARD = (
    "$5 and $6",
    "[red]",
    "under_score ^ $ 猫é",
    "a name that is a good deal longer than its place",
    *"efghij",
)
PROBABILITIES = RANDOM.dirichlet(np.full(10, 0.1), 200)
TRUTH = RANDOM.integers(0, 10, 200)
GREY = RANDOM.integers(0, 255, (200, 28, 28)).astype(np.uint8)
COLOUR = RANDOM.normal(size=(200, 3, 40, 30)).astype(np.float32)
TABLE = RANDOM.normal(size=(200, 20))
LOSSES = RANDOM.gamma(2, 0.5, 5000) * np.exp(-np.linspace(0, 5, 5000))
DIVERGED = np.concatenate([LOSSES[:2000], np.exp(np.linspace(0, 700, 500)), np.full(2500, np.nan)])


def confusion(truth, predicted, classes):
    return ConfusionView.of(np.asarray(truth), np.asarray(predicted), classes)


def outputs(values, classes, **known):
    return OutputsView.of(values, classes, **{"truth": 3, "record": "test record 7", **known})


CASES = {
    "loss": LossView.of(LOSSES, steps_per_epoch=1000, train=np.ones(5), validation=np.arange(5) + 0.1),
    "loss, 300 epochs": LossView.of(
        LOSSES[:3000], steps_per_epoch=10, validation=RANDOM.random(300), unit="squared"
    ),
    "loss, diverged": LossView.of(DIVERGED, steps_per_epoch=1000, validation=np.array([1, 2e200, np.nan])),
    "loss, never finite": LossView.of(np.full(9, np.nan), steps_per_epoch=3, validation=np.full(3, np.nan)),
    "loss, largest floats": LossView.of(np.array([1.0, 1.7e308, np.inf]), steps_per_epoch=3),
    "loss, zero": LossView.of(np.zeros(9), steps_per_epoch=3),
    "loss, one step": LossView.of(np.array([2.3]), steps_per_epoch=1875),
    "loss, no step": LossView.of(np.zeros(0), steps_per_epoch=1),
    "predictions": PredictionView.of(TABLE[:, 0], TABLE[:, 1], target="price in $ and $"),
    "predictions, one": PredictionView.of(np.ones(1), np.ones(1)),
    "predictions, none finite": PredictionView.of(TABLE[:, 0], TABLE[:, 0] * np.nan),
    "outputs": outputs(PROBABILITIES[0], AWKWARD, example=GREY[0]),
    "outputs, colour, raw, 100 classes": outputs(RANDOM.normal(size=100), MANY, example=COLOUR[0], unit="output"),
    "outputs, not finite": outputs(np.full(10, np.nan), CLASSES, truth=None),
    "outputs, all zero": outputs(np.zeros(10), CLASSES, unit="output"),
    "confusion": confusion(TRUTH, PROBABILITIES.argmax(axis=1), AWKWARD),
    "confusion, perfect": confusion(TRUTH, TRUTH, CLASSES),
    "confusion, one class predicted": confusion(TRUTH % 3, TRUTH * 0, CLASSES[:4]),
    "confusion, 100 classes": confusion(RANDOM.integers(0, 100, 500), RANDOM.integers(0, 100, 500), MANY),
    "confusion, no rows": confusion(np.zeros(0, int), np.zeros(0, int), CLASSES),
    "mistakes": MistakesView.of(PROBABILITIES, TRUTH, GREY, classes=AWKWARD),
    "mistakes, colour": MistakesView.of(PROBABILITIES[:3], TRUTH[:3], COLOUR[:3], classes=CLASSES),
    "mistakes, table": MistakesView.of(PROBABILITIES, TRUTH, TABLE, classes=AWKWARD),
    "mistakes, none": MistakesView.of(PROBABILITIES, PROBABILITIES.argmax(axis=1), GREY, classes=CLASSES),
    "samples": SamplesView.of(GREY, TRUTH, name="grey", classes=AWKWARD),
    "samples, 100 classes": SamplesView.of(COLOUR, np.arange(200) % 100, name="colour", classes=MANY),
    "samples, a class without rows": SamplesView.of(COLOUR, TRUTH % 2, name="colour", classes=("a", "b", "c")),
    "samples, pictures with numbers": SamplesView.of(GREY, TABLE[:, :1], name="grey", classes=None),
    "samples, table": SamplesView.of(TABLE, TRUTH % 3, name="table", classes=("a", "b", "c")),
    "samples, table with numbers": SamplesView.of(TABLE, TABLE[:, :1], name="table", classes=None),
    "samples, one feature, 100 classes": SamplesView.of(TABLE[:, :1], TRUTH, name="table", classes=MANY),
}
PAINTERS = {
    LossView: plots.draw_loss,
    PredictionView: plots.draw_predictions,
    OutputsView: plots.draw_outputs,
    ConfusionView: plots.draw_confusion,
    MistakesView: plots.draw_mistakes,
    SamplesView: plots.draw_samples,
}


@pytest.mark.parametrize("view", CASES.values(), ids=CASES)
def test_every_view_is_painted(view, tmp_path):
    plots.save(PAINTERS[type(view)](view), tmp_path / "view.png")
    with Image.open(tmp_path / "view.png") as image:
        image.load()
        assert image.format == "PNG"
        assert 300 < image.width < 1500
        assert len(image.getcolors(1_000_000)) > 10  # more than an empty page


@pytest.mark.parametrize("case", ["loss", "predictions", "outputs", "confusion", "mistakes", "samples"])
def test_a_view_painted_twice_gives_the_same_bytes(case, tmp_path):
    for name in ("one.png", "two.png"):
        plots.save(PAINTERS[type(CASES[case])](CASES[case]), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_pixels_reach_the_file_one_to_one(tmp_path):
    view = CASES["outputs, colour, raw, 100 classes"]
    plots.save(plots.draw_outputs(view), tmp_path / "outputs.png")
    with Image.open(tmp_path / "outputs.png") as image:
        shown = np.asarray(image.convert("RGB"))
    enlarged = view.image.repeat(5, axis=0).repeat(5, axis=1)  # 40 x 30 in a place 230 wide
    corners = np.argwhere((shown == enlarged[0, 0]).all(axis=-1))
    assert any((shown[y : y + 200, x : x + 150] == enlarged).all() for y, x in corners if y < 80 and x < 20)


def test_a_saved_picture_replaces_the_old_one_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "figures" / "loss.png"
    path.parent.mkdir()
    path.write_bytes(b"old")
    plots.save(plots.draw_loss(CASES["loss"]), path)
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert [file.name for file in path.parent.iterdir()] == ["loss.png"]


def test_a_picture_that_cannot_be_drawn_leaves_the_old_one(tmp_path):
    path = tmp_path / "loss.png"
    path.write_bytes(b"old")
    figure = plots.draw_loss(CASES["loss"])
    figure.text(0, 0, "$\\nonsense$")  # is drawn only while saving, and is no formula
    with pytest.raises(ValueError, match="nonsense"):
        plots.save(figure, path)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["loss.png"]


def test_a_picture_names_no_program_and_no_date(tmp_path):
    plots.save(plots.draw_loss(CASES["loss"]), tmp_path / "loss.png")
    with Image.open(tmp_path / "loss.png") as image:
        assert set(image.info) <= {"dpi"}


def test_the_package_is_imported_without_matplotlib_and_torch_and_paints_without_pyplot(tmp_path):
    program = f"""
import sys
from unstuck.report import plots, text, view
assert not {{"matplotlib", "torch"}} & set(sys.modules)
import numpy as np
plots.save(plots.draw_loss(view.LossView.of(np.ones(9), steps_per_epoch=3)), {str(tmp_path / "a.png")!r})
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
