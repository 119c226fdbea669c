"""One seed, many independent streams."""

import numpy as np
import pytest
from scipy import stats

from unstuck.rng import STREAMS, stream, torch_seed


def test_a_stream_gives_the_same_numbers_each_time():
    first, again = (stream(7, "order", 3).random(100) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_streams_positions_and_seeds_all_give_other_numbers():
    places = [
        (seed, name, *index) for seed in (0, 1, 2**40) for name in STREAMS for index in ((), (0,), (1,), (0, 1))
    ]
    drawn = {tuple(stream(*place).integers(2**63, size=2)) for place in places}
    assert len(drawn) == len(places)


def test_streams_are_not_correlated():
    drawn = np.array([stream(0, name, index).normal(size=10_000) for name in STREAMS for index in range(3)])
    correlation = np.corrcoef(drawn) - np.eye(len(drawn))
    # of 10⁴ pairs the correlation has deviation 1/100; six of them, as there are 210 pairs
    assert np.abs(correlation).max() < 6 / 100


def test_a_stream_is_uniform():
    assert stats.kstest(stream(0, "data").random(10_000), "uniform").pvalue > 1e-4


def test_an_unknown_stream_is_a_mistake_of_the_programmer():
    with pytest.raises(KeyError, match="no stream 'ordre'; streams are order, weights"):
        stream(0, "ordre")


def test_torchs_seed_is_one_that_torch_takes():
    seeds = [torch_seed(seed, name) for seed in range(20) for name in STREAMS]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
