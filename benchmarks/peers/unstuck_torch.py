"""Our torch engine, as a run uses it."""

from collections.abc import Callable

import numpy as np

from benchmarks.task import Task


def prepare(task: Task) -> Callable[[int], np.ndarray]:
    raise NotImplementedError("the torch engine is not written yet")
