"""`python -m benchmarks.curvature`: both outermost curvatures of a perceptron, beside curvlinops with eigsh.

The same weights, digits, tolerance and thread for all, one way after the other, round by round.
"""

import argparse
import datetime
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import curvlinops
import numpy as np
import torch
from scipy.sparse.linalg import eigsh
from torch import nn

from benchmarks import table
from benchmarks.contest import ROOT
from unstuck.api import train
from unstuck.landscape.point import FLAT
from unstuck.landscape.spectrum import ends
from unstuck.landscape.surface import Surface
from unstuck.recipe.spec import Recipe
from unstuck.training.run import task_of_run

DIGITS = 1000
TOLERANCE = 1e-4


class Found(NamedTuple):
    """Both ends, and how far their vectors are from eigenvectors of the Hessian in float64, ‖Av - λv‖."""

    smallest: float
    largest: float
    errors: tuple[float, float]


class Case(NamedTuple):
    """A trained network and the digits that its loss is the mean of."""

    module: nn.Module
    x: torch.Tensor
    y: torch.Tensor

    def to(self, dtype: torch.dtype) -> "Case":
        """The same in another precision."""
        return Case(self.module.to(dtype), self.x.to(dtype), self.y)

    def surface(self, dtype: torch.dtype = torch.float64) -> Surface:
        """A new one, of which nothing is computed yet."""
        return Surface(self.module, nn.CrossEntropyLoss(), self.x, self.y, dtype=dtype)


def trained() -> Case:
    """784-64-10, after three epochs on 2 000 digits of MNIST, and 1 000 of them."""
    asked = {"data": {"name": "mnist", "rows": 2000}, "model": {"name": "mlp", "hidden": (64,)}}
    run = train(Recipe(**asked, epochs=3, engine="torch"))
    engine = task_of_run(run).engine
    x, y = engine.rows.batch(torch.arange(DIGITS))
    return Case(engine.model.eval(), x, y)


def by_us(case: Case, dtype: torch.dtype) -> Found:
    surface = case.surface(dtype)
    found = ends(surface.product, surface.size, np.random.default_rng(0), tolerance=TOLERANCE)
    return checked(case, found.smallest.vector, found.largest.vector)


def by_curvlinops(case: Case, which: tuple[str, ...]) -> Found:
    """Its operator as its guide gives it to eigsh, in float64; SA and LA one after the other, or BE at once."""
    case = case.to(torch.float64)
    loss, parameters = nn.CrossEntropyLoss(), list(case.module.parameters())
    operator = curvlinops.HessianLinearOperator(
        case.module, loss, parameters, [(case.x, case.y)], check_deterministic=False
    ).to_scipy()
    start = np.random.default_rng(0).normal(size=operator.shape[0])
    vectors = [eigsh(operator, k=2 if one == "BE" else 1, which=one, v0=start, tol=TOLERANCE)[1] for one in which]
    return checked(case, vectors[0][:, 0], vectors[-1][:, -1])


def checked(case: Case, low: np.ndarray, high: np.ndarray) -> Found:
    """What the vectors are worth, by one and the same float64 Hessian."""
    surface, values, errors = case.surface(), [], []
    for vector in (low, high):
        vector = vector.astype(np.float64) / np.linalg.norm(vector.astype(np.float64))
        image = surface.product(vector)
        values.append(float(vector @ image))
        errors.append(float(np.linalg.norm(image - values[-1] * vector)))
    return Found(values[0], values[1], (errors[0], errors[1]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.curvature", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each way (default: 5)")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    case = trained()
    ways: dict[str, Callable[[], Found]] = {
        "unstuck": partial(by_us, case, torch.float64),
        "curvlinops, eigsh SA and LA": partial(by_curvlinops, case, ("SA", "LA")),
        "curvlinops, eigsh BE": partial(by_curvlinops, case, ("BE",)),
        "unstuck's in float32": partial(by_us, case, torch.float32),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    found = {name: way() for name, way in ways.items()}  # what the first call loads is no one's time
    for number in range(rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - started)
            print(f"round {number + 1}: {name}: {seconds[name][-1]:.2f} s", file=sys.stderr, flush=True)
    page = written(case, seconds, found, rounds)
    print(page)
    (ROOT / "docs" / "benchmark-curvature.md").write_text(page, encoding="utf-8")


def written(case: Case, seconds: dict[str, list[float]], found: dict[str, Found], rounds: int) -> str:
    rows = [("way", "seconds", "× the first", "smallest", "± at most", "largest", "± at most")]
    ours = statistics.median(seconds["unstuck"])
    for name, spent in seconds.items():
        low, high, errors = found[name]
        middle = statistics.median(spent)
        ends_told = (f"{low:.6f}", f"{errors[0]:.0e}", f"{high:.6f}", f"{errors[1]:.0e}")
        rows.append((name, f"{middle:.2f}", f"{middle / ours:.1f}", *ends_told))
    surface = case.surface()
    flat = 2 * FLAT * surface.moved(np.zeros(surface.size)) / surface.length**2
    return (
        "# Curvature: both ends of the spectrum\n\n"
        f"`python -m benchmarks.curvature`, {datetime.date.today().isoformat()}. {table.machine()} One thread. "
        f"A perceptron 784-64-10 ({surface.size} parameters) on {DIGITS} digits of MNIST, the same weights "
        f"for all, both outermost eigenvalues of the Hessian at a tolerance of {TOLERANCE:g}; asked are 10 "
        f"seconds. Seconds are the median of {rounds} rounds, in each of which every way is taken once; errors "
        "are residuals "
        "‖Av - λv‖ by one float64 product, the same for all.\n\n"
        f"{table.markdown(rows)}\n\n"
        "What makes the difference: the gradient's graph is kept, so that a product is one backward pass and not "
        "a forward and two backward ones; both ends come from one Krylov space of 40 vectors, of a matrix shifted "
        "so that ARPACK's tolerance, a share of each eigenvalue, is one of the largest.\n\n"
        "Why float64 all the same: a verdict hangs on the sign of the smallest curvature, and what counts as flat "
        f"([limits](thresholds.md)) lies at {flat:.0e} here. In float32 an eigenvalue is known to about 1e-7 of "
        "the largest, which tells this saddle, but not a minimum that is so flat.\n"
    )


if __name__ == "__main__":
    main()
