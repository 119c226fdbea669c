"""The three matrix products against NumPy in float64, on both sides of every limit of their blocks."""

import numpy as np
import pytest
from numba import njit

from unstuck.dense import blas

# Rows, inputs, outputs of a layer. Blocks are 36 × 32, 48 × up to 192 or more; none beyond 3·10⁷ multiplications.
SHAPES = [
    (1, 1, 1),
    (1, 784, 10),
    (10, 3, 2),
    (36, 64, 32),
    (37, 64, 33),
    (48, 192, 48),
    (49, 193, 49),
    (35, 191, 31),
    (100, 784, 128),
    (97, 790, 131),
    (16, 868, 40),  # 36 · 32 · 868 is just below the limit of multiplications, 869 above
    (16, 869, 40),
    (16, 40, 434),  # 48 · 48 · 434 is just below, 435 above
    (16, 40, 435),
    (434, 40, 16),
    (435, 40, 16),
    (300, 1000, 99),  # 2.97·10⁷ multiplications, worth blocks; 3.03·10⁷ are not
    (300, 1000, 101),
]


@pytest.fixture(scope="module", params=[True, False], ids=["blocks", "whole"])
def products(request):
    """The products compiled with and without blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blas, "_SMALL", request.param)
        functions = [njit(f.py_func) for f in (blas.times_transposed, blas.times, blas.add_outer)]
        x, y = np.ones((2, 3), np.float32), np.ones((2, 4), np.float32)
        weight, one = np.ones((4, 3), np.float32), np.float32(1)
        functions[0](x, weight, y)
        functions[1](y, weight, x)
        functions[2](y, x, one, one, weight)
    return functions


@pytest.fixture
def drawn():
    """Draws a matrix of a shape."""
    generator = np.random.default_rng(0)
    return lambda *shape: generator.normal(size=shape).astype(np.float32)


def check(result, start, left, right):
    """Result = start + left · right, within the bound of any float32 sum of n terms: n · eps · Σ |terms|."""
    left, right = left.astype(np.float64), right.astype(np.float64)
    bound = (len(right) + 2) * np.finfo(np.float32).eps * (np.abs(start) + np.abs(left) @ np.abs(right))
    assert (np.abs(result - (start + left @ right)) <= bound).all()


@pytest.mark.parametrize(("rows", "inputs", "outputs"), SHAPES)
def test_products_are_those_of_numpy(products, drawn, rows, inputs, outputs):
    times_transposed, times, add_outer = products
    x, weight, error = drawn(rows, inputs), drawn(outputs, inputs), drawn(rows, outputs)

    start = drawn(rows, outputs)
    y = start.copy()
    times_transposed(x, weight, y)
    check(y, start, x, weight.T)

    result = np.full((rows, inputs), np.nan, np.float32)  # whatever stood there is written over
    times(error, weight, result)
    check(result, np.zeros_like(result), error, weight)

    start = drawn(outputs, inputs)
    gradient = start.copy()
    add_outer(error, x, np.float32(-0.25), np.float32(0.5), gradient)
    check(gradient, start / 2, -error.T / 4, x)


def test_a_gradient_that_is_not_kept_may_have_been_anything(products, drawn):
    x, error = drawn(5, 7), drawn(5, 3)
    gradient = np.full((3, 7), np.nan, np.float32)
    products[2](error, x, np.float32(1), np.float32(0), gradient)
    check(gradient, np.zeros((3, 7)), error.T, x)


def test_not_a_number_comes_through_a_product(products, drawn):
    x, weight = drawn(4, 6), drawn(3, 6)
    x[2, 4] = np.nan
    y = np.zeros((4, 3), np.float32)
    products[0](x, weight, y)
    np.testing.assert_array_equal(np.isnan(y).all(axis=1), [False, False, True, False])
