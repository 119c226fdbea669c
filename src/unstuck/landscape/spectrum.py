"""Eigenvalues of a symmetric matrix that is known by its products alone: the ends, the trace, the density."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

Product = Callable[[np.ndarray], np.ndarray]
"""v (P,) → A v (P,), A symmetric."""

_operator: Any = LinearOperator  # SciPy says their types in parts
_eigsh: Any = eigsh
_SMALL = 64  # rows up to which the whole matrix is computed
_BASIS = 40  # vectors that Lanczos keeps: of 10, 20 and 40 the fewest products, docs/log.md
_TOLD = 1e-3  # share of itself within which the smallest is to be known
_SCALED = 8  # steps after which the largest magnitude is known to a few percent


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
    nought: float = 0.0,
    most: int = 1000,
) -> Ends:
    """The outermost eigenvalues by Lanczos, both from one Krylov space, or of the whole matrix if it is small.

    The smallest is often a thousandth of the largest, and its sign is what one asks for: where its error is no
    thousandth of itself, the search goes on with a hundredth of the tolerance.

    Args:
        product: with the matrix.
        size: P, its rows.
        generator: draws the start vector.
        tolerance: of the eigenvalues, as a share of the largest in magnitude.
        nought: magnitude below which an eigenvalue counts as 0, so that its sign need not be told.
        most: products, about, that are spent; what is known then is given with its error.
    """
    spent = 0

    def counted(v: np.ndarray) -> np.ndarray:
        nonlocal spent
        spent += 1
        return product(v)

    if size <= _SMALL:
        vectors = np.linalg.eigh(_whole(counted, size))[1]
        return Ends(_eigenvalue(counted, vectors[:, 0]), _eigenvalue(counted, vectors[:, -1]), spent)
    start = generator.normal(size=size)
    few, _ = _lanczos(counted, start, _SCALED)
    scale = float(np.abs(np.linalg.eigvalsh(few)).max())
    found = None
    for finer in tolerance * 100.0 ** -np.arange(3):
        nearer = _restarted(counted, start, "BE", scale or 1.0, finer, (most - spent) // _BASIS)
        if nearer is None:
            break
        smallest, highest = found = nearer
        if smallest.error <= max(_TOLD * abs(smallest.value), nought / 10):
            break
        start = smallest.vector + highest.vector
    smallest, highest = found or _roughly(counted, start)
    return Ends(smallest, highest, spent)


def largest(
    product: Product, size: int, generator: np.random.Generator, *, tolerance: float = 1e-4, most: int = 1000
) -> Eigenvalue:
    """The largest eigenvalue alone; arguments as for `ends`."""
    if size <= _SMALL:
        return _eigenvalue(product, np.linalg.eigh(_whole(product, size))[1][:, -1])
    start = generator.normal(size=size)
    found = _restarted(product, start, "LA", 0.0, tolerance, most // _BASIS)
    return (found or _roughly(product, start))[-1]


def _whole(product: Product, size: int) -> np.ndarray:
    matrix = np.stack([product(row) for row in np.eye(size)])
    return (matrix + matrix.T) / 2


def _restarted(
    product: Product, start: np.ndarray, which: str, scale: float, tolerance: float, restarts: int
) -> list[Eigenvalue] | None:
    """One end or both ("LA", "BE"), upwards, by implicitly restarted Lanczos; nothing if it takes more restarts.

    ARPACK's tolerance is a share of each eigenvalue, which no work would reach near 0. Of A + scale · I, whose
    vectors are the same, both ends are about as large as the largest.
    """
    size, count = len(start), 2 if which == "BE" else 1
    if restarts < 1:
        return None
    shifted = _operator((size, size), matvec=lambda v: product(v) + scale * v.ravel(), dtype=np.float64)
    try:
        _, vectors = _eigsh(shifted, k=count, which=which, v0=start, ncv=_BASIS, tol=tolerance, maxiter=restarts)
    except ArpackError:  # too few restarts, or nothing but noughts
        return None
    return sorted((_eigenvalue(product, vector) for vector in vectors.T), key=lambda found: found.value)


def _roughly(product: Product, start: np.ndarray) -> list[Eigenvalue]:
    """Both ends as far as a single pass of Lanczos tells."""
    matrix, basis = _lanczos(product, start, _BASIS)
    ritz = np.linalg.eigh(matrix)[1].T @ basis
    return [_eigenvalue(product, ritz[end]) for end in (0, -1)]


def _eigenvalue(product: Product, vector: np.ndarray) -> Eigenvalue:
    """A vector's Rayleigh quotient, which is nearer to an eigenvalue than any other number, and its residual."""
    vector = vector / np.linalg.norm(vector)
    image = product(vector)
    value = float(vector @ image)
    return Eigenvalue(value, float(np.linalg.norm(image - value * vector)), vector)


def newton_gain(product: Product, gradient: np.ndarray, *, nought: float, steps: int = 20) -> float:
    """What Newton's step would win on the local quadratic, ½ gᵀ |A|⁻¹ g, as far as so many products tell.

    The magnitudes of the curvatures make a saddle no place to go to. Lanczos from g sees what g is made of: a
    slope along a flat valley counts, however much steeper the walls are.

    Args:
        product: with the Hessian A.
        gradient: g (P,).
        nought: magnitude, above 0, up to which a curvature counts as this.
        steps: products, at most.

    Source: half the squared Newton decrement, Boyd & Vandenberghe 2004, Convex Optimization, 9.5.1; magnitudes,
        Dauphin et al. 2014, arXiv:1406.2572.
    """
    square = float(gradient @ gradient)
    if square == 0:
        return 0.0
    matrix, _ = _lanczos(product, gradient, min(steps, len(gradient)))
    values, vectors = np.linalg.eigh(matrix)
    return square / 2 * float((vectors[0] ** 2 / np.maximum(np.abs(values), nought)).sum())


def trace(product: Product, size: int, generator: np.random.Generator, *, draws: int = 30) -> np.ndarray:
    """Independent estimates (draws,) whose mean is the trace; of a small matrix all are the trace itself.

    Source: Hutchinson 1990, doi:10.1080/03610919008812866.
    """
    if size <= _SMALL:
        return np.full(draws, np.trace(_whole(product, size)))
    signs = generator.choice([-1.0, 1.0], (draws, size))
    return np.array([v @ product(v) for v in signs])


class Density(NamedTuple):
    """How the eigenvalues are spread: places (K,), and the shares of them that lie there, which sum to 1."""

    places: np.ndarray
    shares: np.ndarray


def density(
    product: Product, size: int, generator: np.random.Generator, *, draws: int = 10, steps: int = 40
) -> Density:
    """The spectral density by stochastic Lanczos quadrature; of a small matrix, its eigenvalues themselves.

    Each draw's tridiagonal matrix has the moments of the density up to 2 · steps, as seen from a random vector.

    Source: Ghorbani et al. 2019, arXiv:1901.10159; Ubaru et al. 2017, doi:10.1137/16M1104974.
    """
    if size <= _SMALL:
        return Density(np.linalg.eigvalsh(_whole(product, size)), np.full(size, 1 / size))
    places, shares = [], []
    for _ in range(draws):
        matrix, _ = _lanczos(product, generator.normal(size=size), min(steps, size))
        values, vectors = np.linalg.eigh(matrix)
        places.append(values)
        shares.append(vectors[0] ** 2 / draws)
    order = np.argsort(np.concatenate(places))
    return Density(np.concatenate(places)[order], np.concatenate(shares)[order])


def _lanczos(product: Product, start: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """A tridiagonal matrix (K, K) and the basis (K, P) in which A is that, K at most `steps`.

    Every vector is made orthogonal to all before it, twice: rounding would bring copies otherwise.
    """
    basis = np.empty((steps, len(start)))
    basis[0] = start / np.linalg.norm(start)
    diagonal, beside = [], []
    for step in range(steps):
        v, known = product(basis[step]), basis[: step + 1]
        diagonal.append(float(v @ basis[step]))
        for _ in range(2):
            v = v - known.T @ (known @ v)
        length = float(np.linalg.norm(v))
        if step + 1 == steps or length <= 1e-12 * max(map(abs, diagonal + beside)):
            break
        beside.append(length)
        basis[step + 1] = v / length
    return np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1), basis[: len(diagonal)]
