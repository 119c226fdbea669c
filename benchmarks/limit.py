"""The limit: how fast the machine multiplies matrices, and how many multiplications a step cannot do without."""

from collections.abc import Callable

import numpy as np
from scipy.linalg.blas import sgemm

from benchmarks.task import Task

SIZE = 2048  # of the square matrices: 6 % faster here than 1024, so the limit is the harder one


def operations(widths: tuple[int, ...], batch: int) -> int:
    """Floating-point operations of one step's matrix products, two for each multiplication and addition.

    Each layer multiplies by its weights going forward, and forms the gradient of its weights; each but the
    first also passes the error on to its input.
    """
    sizes = [2 * batch * inputs * outputs for inputs, outputs in zip(widths, widths[1:], strict=False)]
    return 3 * sum(sizes) - sizes[0]


def prepare(task: Task) -> Callable[[int], np.ndarray]:
    """A runner that spends on large products what the steps need, in sgemm, and trains nothing."""
    rng = np.random.default_rng(0)
    a, b, c = (np.asfortranarray(rng.random((SIZE, SIZE), dtype=np.float32)) for _ in range(3))
    steps_per_column = 2 * SIZE * SIZE / operations(task.widths, task.batch)

    def run(steps: int) -> np.ndarray:
        products, columns = divmod(round(steps / steps_per_column), SIZE)
        for _ in range(products):
            sgemm(1.0, a, b, c=c, overwrite_c=1)
        sgemm(1.0, a, b[:, :columns])  # the rest of a product, so that steps need not be a multiple
        return np.empty(0)

    return run
