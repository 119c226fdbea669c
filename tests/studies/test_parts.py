"""Intervals are those of the textbook, and only what stands between the marks of a document is replaced."""

import math

import numpy as np
import pytest
from studies.parts import interval, markdown, put


def test_an_interval_is_that_of_the_textbook():
    values = [0.1, 0.4, 0.2, 0.3, 0.5]
    low, mean, high = interval(values)
    t = 2.776  # quantile 0.975 at 4 degrees of freedom, of any table
    assert mean == pytest.approx(0.3)
    assert high - mean == pytest.approx(t * np.std(values, ddof=1) / math.sqrt(5), rel=1e-3)
    assert mean - low == pytest.approx(high - mean)


def test_an_interval_is_written_with_its_signs():
    assert str(interval([0.25, 0.25])) == "+0.250 [+0.250, +0.250]"


def test_a_table_is_legible_as_text():
    assert markdown(("arm", "n"), [("a", "10"), ("long", "9")]).splitlines() == [
        "| arm  |  n |",
        "| ---- | -: |",
        "| a    | 10 |",
        "| long |  9 |",
    ]


def test_only_what_stands_between_the_marks_is_replaced():
    page = "before\n<!-- a: written by studies/s.py -->\nold\n<!-- end of a -->\nafter\n"
    once = put(page, "a", "new", study="s")
    assert once == "before\n<!-- a: written by studies/s.py -->\n\nnew\n\n<!-- end of a -->\nafter\n"
    assert put(once, "a", "new", study="s") == once
    with pytest.raises(ValueError, match="marks"):
        put(page, "b", "new", study="s")
    with pytest.raises(ValueError, match="marks"):
        put(page, "a", "new", study="another")
