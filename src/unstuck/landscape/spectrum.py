"""Eigenvalues of a symmetric matrix that is known by its products alone: the ends, the trace, the density."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

Product = Callable[[np.ndarray], np.ndarray]
"""v (P,) → A v (P,), A symmetric."""

_operator: Any = LinearOperator  # SciPy says their types in parts
_eigsh: Any = eigsh
_SMALL = 64  # rows up to which the whole matrix is computed: Lanczos needs more rows than eigenvalues


class Eigenvalue(NamedTuple):
    """An eigenvalue with its vector, and how far the true one may be.

    `error` is the residual ‖A v - λ v‖: a symmetric matrix has an eigenvalue within it of λ (Parlett 1998, The
    Symmetric Eigenvalue Problem, 4.5.1). That no other lies further out is what Lanczos finds, and does not prove.
    """

    value: float
    error: float
    vector: np.ndarray


class Ends(NamedTuple):
    """The smallest and the largest eigenvalue, and how many products they took."""

    smallest: Eigenvalue
    largest: Eigenvalue
    products: int


def ends(
    product: Product,
    size: int,
    generator: np.random.Generator,
    *,
    tolerance: float = 1e-4,
    most: int = 400,
) -> Ends:
    """The outermost eigenvalues by Lanczos, or of the whole matrix if it is small.

    Args:
        product: with the matrix.
        size: P, its rows.
        generator: draws the start vector.
        tolerance: of the eigenvalues, as a share of the largest in magnitude.
        most: iterations for each end; what is known then is given with its error.
    """
    spent = 0

    def counted(v: np.ndarray) -> np.ndarray:
        nonlocal spent
        spent += 1
        return product(v)

    if size <= _SMALL:
        matrix = np.stack([counted(row) for row in np.eye(size)])
        values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
        smallest, largest = (_eigenvalue(counted, float(values[end]), vectors[:, end]) for end in (0, -1))
        return Ends(smallest, largest, spent)
    operator = _operator((size, size), matvec=counted, dtype=np.float64)
    start = generator.normal(size=size)
    smallest, largest = (_end(operator, counted, which, start, tolerance, most) for which in ("SA", "LA"))
    return Ends(smallest, largest, spent)


def _end(
    operator: Any, product: Product, which: str, start: np.ndarray, tolerance: float, most: int
) -> Eigenvalue:
    try:
        values, vectors = _eigsh(operator, k=1, which=which, v0=start, tol=tolerance, maxiter=most)
    except ArpackNoConvergence as error:
        values, vectors = error.eigenvalues, error.eigenvectors
        if not len(values):
            values, vectors = np.zeros(1), (start / np.linalg.norm(start))[:, None]
            values[0] = float(vectors[:, 0] @ product(vectors[:, 0]))
    return _eigenvalue(product, float(values[0]), vectors[:, 0])


def _eigenvalue(product: Product, value: float, vector: np.ndarray) -> Eigenvalue:
    vector = vector / np.linalg.norm(vector)
    return Eigenvalue(value, float(np.linalg.norm(product(vector) - value * vector)), vector)


def trace(product: Product, size: int, generator: np.random.Generator, *, draws: int = 30) -> np.ndarray:
    """Independent estimates (draws,) whose mean is the trace. Hutchinson 1990, doi:10.1080/03610919008812866."""
    signs = generator.choice([-1.0, 1.0], (draws, size))
    return np.array([v @ product(v) for v in signs])


class Density(NamedTuple):
    """How the eigenvalues are spread: places (K,), and the shares of them that lie there, which sum to 1."""

    places: np.ndarray
    shares: np.ndarray


def density(
    product: Product, size: int, generator: np.random.Generator, *, draws: int = 10, steps: int = 40
) -> Density:
    """The spectral density by stochastic Lanczos quadrature.

    Each draw's tridiagonal matrix has the moments of the density up to 2 · steps, as seen from a random vector.

    Source: Ghorbani et al. 2019, arXiv:1901.10159; Ubaru et al. 2017, doi:10.1137/16M1104974.
    """
    places, shares = [], []
    for _ in range(draws):
        start = generator.normal(size=size)
        unit = start / np.linalg.norm(start)
        values, vectors = np.linalg.eigh(_tridiagonal(product, unit, min(steps, size)))
        places.append(values)
        shares.append(vectors[0] ** 2 / draws)
    order = np.argsort(np.concatenate(places))
    return Density(np.concatenate(places)[order], np.concatenate(shares)[order])


def _tridiagonal(product: Product, start: np.ndarray, steps: int) -> np.ndarray:
    """Lanczos, every vector made orthogonal to all before it, twice: rounding would bring copies otherwise."""
    basis, diagonal, beside = [start], [], []
    for step in range(steps):
        v = product(basis[-1])
        diagonal.append(float(v @ basis[-1]))
        for _ in range(2):
            v = v - np.stack(basis).T @ (np.stack(basis) @ v)
        length = float(np.linalg.norm(v))
        if step + 1 == steps or length < 1e-12 * max(1.0, abs(diagonal[0])):
            break
        beside.append(length)
        basis.append(v / length)
    beside = beside[: len(diagonal) - 1]
    return np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
