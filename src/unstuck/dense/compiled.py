"""How this package's functions are compiled, and when compiled code is out of date."""

from pathlib import Path

from numba import njit

# All that fast arithmetic allows, except to assume that NaN and infinity never occur: seeing them is our trade.
_ARITHMETIC = {"reassoc", "contract", "arcp", "nsz", "afn"}

# An entry is compiled once with all that it calls inlined, and cached on disk. Without the inlining, the first
# process would run other copies of the inner functions than those that load the cache: other roundings.
entry = njit(cache=True, nogil=True, error_model="numpy", fastmath=_ARITHMETIC)
inlined = njit(forceinline=True, error_model="numpy", fastmath=_ARITHMETIC)


def is_compiled(function) -> bool:  # noqa: ANN001  (numba's dispatcher has no public type)
    """Whether an entry's compiled code lies on disk, so that its first call takes no ten seconds.

    Code older than any source of this package is removed: numba compares the entry's own file alone.
    """
    newest = max(source.stat().st_mtime for source in Path(__file__).parent.glob("*.py"))
    known = list(Path(function.stats.cache_path).glob(f"*{function.py_func.__name__}-*.nbi"))
    for index in known:
        if index.stat().st_mtime < newest:
            index.unlink(missing_ok=True)
    return any(index.exists() for index in known)
