"""The worked example is right with a pencil, and the page says what the code does."""

import math

import numpy as np
import pytest
from studies.backpropagation import PAGE, PICTURE, example

from studies import backpropagation
from unstuck.report import graph_page
from unstuck.report.view.graph import GraphView


def test_the_example_is_right_with_a_pencil():
    h = [1 / (1 + math.exp(-z)) for z in (0.0, 1.0, -1.0)]
    off = h[0] * 1 + h[1] * -1 + h[2] * 2 + 0.5  # less the target, 0
    error = 2 * off
    hidden = [error * v * y * (1 - y) for v, y in zip((1, -1, 2), h, strict=True)]
    by_hand = {
        "2.bias": [error],
        "2.weight": [[error * y for y in h]],
        "0.bias": hidden,
        "0.weight": [[slope * 1, slope * 2] for slope in hidden],
    }
    told = example()
    assert told.loss == pytest.approx(off**2, rel=1e-14)
    kept = {part.name: part.gradient for part in told.parts if part.is_kept}
    assert kept.keys() == by_hand.keys()
    for name, gradient in by_hand.items():
        np.testing.assert_allclose(kept[name], gradient, rtol=1e-12)
    said = PAGE.read_text(encoding="utf-8")
    for number in (h[1], off, error, hidden[0]):
        assert f"{number:.4f}" in said.split("<!-- back")[0]


def test_second_derivatives_are_those_of_a_square():
    squares = [2 / (1 + math.exp(-z)) ** 2 for z in (0.0, 1.0, -1.0)]
    written = backpropagation.second(example())
    assert "  ".join(f"{square:.4f}" for square in squares) in written
    assert written.endswith("| `2` |")


@pytest.mark.parametrize("name", ["forward", "back", "step", "second"])
def test_the_page_is_what_the_code_says(name):
    """Tables of roundings and of trained sizes are left out: they differ from machine to machine."""
    made = getattr(backpropagation, name)(example())
    assert made in PAGE.read_text(encoding="utf-8")


def test_the_picture_is_what_the_code_draws():
    assert PICTURE.read_text(encoding="utf-8") == graph_page.svg(GraphView.of(example())) + "\n"


def test_a_sigmoid_loses_what_relu_keeps(tmp_path):
    cells = [line.strip("| ").split(" | ") for line in backpropagation.faded().split("\n")[2:]]
    rows = {name: float(left) for name, _, _, left in cells}
    assert rows["sigmoid"] < 4.0**-backpropagation.DEPTH
    assert rows["relu"] < rows["relu, He's weights"]
    backpropagation.draw(tmp_path / "fading.png")
    assert (tmp_path / "fading.png").stat().st_size > 10_000


def test_every_part_has_its_place():
    page = PAGE.read_text(encoding="utf-8")
    assert backpropagation.filled(page).count("<!-- end of") == page.count("<!-- end of")
