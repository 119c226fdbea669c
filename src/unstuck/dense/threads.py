"""One BLAS thread while any engine of this process is at work.

threadpoolctl's limit is the process's: where two engines train at once, the one that ends first would undo it
for the other. So the first to begin sets it, and the last to end takes it back.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

_lock = threading.Lock()
_at_work: list[threadpool_limits] = []  # the limit, once for each engine at work


@contextmanager
def one_thread() -> Generator[None]:
    """Hold BLAS to one thread; other holders may come and go meanwhile."""
    with _lock:
        _at_work.append(_at_work[0] if _at_work else threadpool_limits(1, user_api="blas"))
    try:
        yield
    finally:
        with _lock:
            limit = _at_work.pop()
            if not _at_work:
                limit.restore_original_limits()
