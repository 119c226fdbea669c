"""Numbers are written so that they can be computed with: in rows, aligned, and never as minus zero."""

import numpy as np
import pytest

from unstuck.report.numerals import MOST_COLUMNS, MOST_ROWS, written


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.5, "2.5000"),
        ([1.0, -1.0], " 1  -1"),
        ([[0.25, -0.5], [10.0, 0.0]], " 0.2500  -0.5000\n10.0000   0.0000"),
        ([-0.0, 1e-16], "0  0"),
        ([0.5, 1e-7], "  0.5  1e-07"),
    ],
)
def test_small_arrays_are_written_row_by_row(value, text):
    assert written(np.array(value)) == text


def test_large_ones_are_ranges():
    fits = np.linspace(0, 1, MOST_ROWS * MOST_COLUMNS).reshape(MOST_ROWS, MOST_COLUMNS)
    assert written(fits).count("\n") == MOST_ROWS - 1
    for larger in (np.vstack([fits, fits]), np.hstack([fits, fits]), fits[None]):
        assert written(larger) == "0 to 1"
