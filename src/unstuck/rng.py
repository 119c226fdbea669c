"""One seed, many independent named streams of random numbers.

Each use of randomness has a stream of its own, so that drawing more from one (a larger network takes
more weights) leaves the others where they were (the order of the batches).
"""

import zlib

import numpy as np

STREAMS = ("order", "weights", "dropout", "augmentation", "probe", "data", "splits")


def stream(seed: int, name: str, *index: int) -> np.random.Generator:
    """The generator of one stream.

    Args:
        seed: the recipe's seed, 0 or more.
        name: one of `STREAMS`.
        index: a position inside the stream (the epoch, the layer), so that it can be entered anywhere.

    Source: NumPy's SeedSequence keeps streams of different spawn keys independent.
    """
    if name not in STREAMS:
        raise KeyError(f"no stream {name!r}; streams are {', '.join(STREAMS)}")
    key = (zlib.crc32(name.encode()), *index)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def torch_seed(seed: int, name: str) -> int:
    """A seed for torch's own generators, in [0, 2**63), drawn from the stream."""
    return int(stream(seed, name).integers(2**63))
