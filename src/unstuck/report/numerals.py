"""An array's numbers as text: a small matrix row by row, of a large one the range."""

import numpy as np

MOST_ROWS, MOST_COLUMNS = 4, 6
"""Of a matrix, up to which every number is written."""
ROUNDING = 1e-14
"""Below it, what float64 leaves of sums of numbers around 1 that cancel is written as 0."""


def written(value: np.ndarray, *, digits: int = 4, columns: int = MOST_COLUMNS) -> str:
    """All numbers in aligned rows if there are few, else from the least to the largest."""
    if value.ndim > 2 or value.size > 1 and not _fits(value, columns):
        return f"{_plain(value.min())} to {_plain(value.max())}"
    matrix = np.where(np.abs(np.atleast_2d(value)) < ROUNDING, 0.0, np.atleast_2d(value))  # no -0 either
    cells = [[_cell(number, matrix, digits) for number in row] for row in matrix]
    wide = max(len(cell) for row in cells for cell in row)
    return "\n".join("  ".join(cell.rjust(wide) for cell in row) for row in cells)


def _fits(value: np.ndarray, columns: int) -> bool:
    *rows, wide = value.shape
    return all(count <= MOST_ROWS for count in rows) and wide <= columns


def _cell(number: float, among: np.ndarray, digits: int) -> str:
    """As many places as others have, unless one is too small or too large for them."""
    if (among == np.round(among)).all() and np.abs(among).max() < 10**digits:
        return f"{number:.0f}"
    sizes = np.abs(among[among != 0])
    if sizes.max() >= 10**digits or sizes.min() < 0.5 * 10.0**-digits:
        return f"{number:.{digits - 1}g}"
    return f"{number:.{digits}f}"


def _plain(number: float) -> str:
    return f"{number + 0.0:.3g}"
