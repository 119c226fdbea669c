"""One BLAS thread while any engine of this process is at work.

threadpoolctl's limit is the process's: where two engines train at once, the one that ends first would undo it
for the other. So the first to begin sets it, and the last to end takes it back.

Which libraries there are is looked up once: that reads the process's memory map, 2 ms each time (docs/log.md).
The engine's own, SciPy's, is loaded before.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_at_work: list[Any] = []  # the limit, once for each engine at work


@contextmanager
def one_thread() -> Generator[None]:
    """Hold BLAS to one thread; other holders may come and go meanwhile."""
    with _lock:
        _at_work.append(_at_work[0] if _at_work else _libraries().limit(limits=1, user_api="blas"))
    try:
        yield
    finally:
        with _lock:
            limit = _at_work.pop()
            if not _at_work:
                limit.restore_original_limits()


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()
