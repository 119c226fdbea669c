"""Which numbers dropout drops: a function of seed, layer, step and place, the same in every engine.

A place's random number is an output of SplitMix64, Steele et al. 2014, doi:10.1145/2660193.2660195, whose n-th
output is a function of n: nothing is remembered between steps, so a resumed training drops the same.
"""

import numpy as np

from unstuck.rng import stream

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # the odd number next to 2**64 / golden ratio
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)


def layer_key(seed: int, place: str) -> np.uint64:
    """Of one dropout layer, by its name in the network, such as 3 or 3.body.1."""
    index = [int(part) for part in place.split(".") if part.isdigit()]
    return stream(seed, "dropout", *index).integers(2**64, dtype=np.uint64)


def mixed(state: np.ndarray) -> np.ndarray:
    """SplitMix64's output for states (n,) uint64; all arithmetic is modulo 2**64."""
    state = (state ^ (state >> np.uint64(30))) * FIRST
    state = (state ^ (state >> np.uint64(27))) * SECOND
    return state ^ (state >> np.uint64(31))


def step_key(key: np.uint64, step: int) -> np.uint64:
    """Of one step of a layer, steps counted from the start of training."""
    return mixed(np.array([key]) + np.array([step + 1], np.uint64) * GOLDEN)[0]


def threshold(share: float) -> int:
    """Random numbers of 32 bits below it are dropped."""
    return round(share * 2**32)


def kept(key: np.uint64, size: int, share: float) -> np.ndarray:
    """(size,) whether each place of a batch, row after row, is kept; `key` is the step's."""
    outputs = mixed(np.array([key]) + np.arange(1, size + 1, dtype=np.uint64) * GOLDEN)
    return outputs >> np.uint64(32) >= np.uint64(threshold(share))
