# numba infers the types of compiled functions from their calls:
# pyright: standard
"""How this package's functions are compiled, and when compiled code is out of date."""

from pathlib import Path

from numba import njit

from unstuck.network import masks

# All that fast arithmetic allows, except to assume that NaN and infinity never occur: seeing them is our trade.
_ARITHMETIC = {"reassoc", "contract", "arcp", "nsz", "afn"}

# What is compiled, in part or whole
_SOURCES = (*Path(__file__).parent.glob("*.py"), Path(masks.__file__))

inlined = njit(forceinline=True, error_model="numpy", fastmath=_ARITHMETIC)


def entry(function):
    """Compile a function that Python calls, once, with all that it calls inlined, and cache it on disk.

    Without the inlining, the first process would run other copies of the inner functions than those that load
    the cache: other roundings. Compiled code older than any source is removed, as numba itself compares the
    entry's own file alone.
    """
    compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath=_ARITHMETIC)(function)
    newest = max(source.stat().st_mtime for source in _SOURCES)
    for index in _indices(compiled):
        if index.stat().st_mtime < newest:
            index.unlink(missing_ok=True)
    return compiled


def is_compiled(entry) -> bool:
    """Whether an entry's compiled code lies on disk, so that its first call takes no ten seconds."""
    return bool(_indices(entry))


def _indices(entry) -> list[Path]:
    return list(Path(entry.stats.cache_path).glob(f"*.{entry.py_func.__name__}-*.nbi"))
