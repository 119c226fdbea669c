"""The global random streams, lent to an engine and given back."""

import random

import numpy as np
import pytest
import torch

from unstuck.training import torch_random

CPU = torch.device("cpu")


def draw():
    """From every stream, in ways that keep a number for the next draw and in ways that do not."""
    return torch.rand(3).tolist(), random.random(), random.gauss(0, 1), np.random.rand(), np.random.normal()


def test_streams_that_are_put_back_go_on_from_there():
    for warm_up in range(3):  # Python's and NumPy's normal numbers come in pairs, of which one may be kept
        states = torch_random.current(CPU)
        drawn = draw()
        torch_random.put(states)
        assert draw() == drawn, warm_up


def test_whatever_is_drawn_from_lent_streams_they_are_given_back_as_they_were():
    before = torch_random.current(CPU)
    with torch_random.lent(CPU):
        draw()
    with pytest.raises(TypeError), torch_random.lent(CPU):
        sum(draw())  # drawn, and then a list and a number that do not add up
    assert torch_random.same(before, torch_random.current(CPU))


@pytest.mark.parametrize("one", [lambda: torch.rand(1), random.random, np.random.rand, lambda: random.gauss(0, 1)])
def test_one_number_drawn_from_any_stream_is_seen(one):
    with torch_random.lent(CPU) as before:
        assert torch_random.same(before, torch_random.current(CPU))
        one()
        assert not torch_random.same(before, torch_random.current(CPU))


def test_a_seed_starts_all_streams_and_touches_none():
    with torch_random.lent(CPU) as before:
        first, again, other = (torch_random.seeded(seed, CPU) for seed in (0, 0, 1))
        assert torch_random.same(before, torch_random.current(CPU))
    assert torch_random.same(first, again)
    assert all(not torch.equal(first[name], other[name]) for name in first)
