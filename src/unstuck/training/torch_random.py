"""The global random streams that a user's code draws from: torch's, Python's and NumPy's.

While an engine works they are its own, and go on where it left them; after it they are as they were.
"""

import random
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from unstuck.rng import stream, torch_seed

States = dict[str, Tensor]


def seeded(seed: int, device: torch.device) -> States:
    """The streams at the start of training: torch's from the stream `dropout`, the others from `augmentation`."""
    with lent(device):
        torch.manual_seed(torch_seed(seed, "dropout"))
        draw = stream(seed, "augmentation")
        random.seed(int(draw.integers(2**63)))
        np.random.seed(int(draw.integers(2**32)))
        return current(device)


def current(device: torch.device) -> States:
    """Where each stream stands, as tensors: a checkpoint can keep them."""
    _, words, gauss = random.getstate()
    _, key, *rest = cast(tuple[Any, ...], np.random.get_state())
    states = {
        "cpu": torch.get_rng_state(),
        "python": torch.from_numpy(np.array((*words, np.nan if gauss is None else gauss))),
        "numpy": torch.from_numpy(np.append(key.astype(np.float64), rest)),
    }
    return states | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def put(states: States) -> None:
    """Set each stream to where it stood."""
    torch.set_rng_state(states["cpu"])
    if "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"])
    words, gauss = states["python"].numpy()[:-1], float(states["python"][-1])
    random.setstate((3, tuple(words.astype(np.int64).tolist()), None if np.isnan(gauss) else gauss))
    key, (place, has_gauss, cached) = states["numpy"].numpy()[:-3], states["numpy"][-3:].tolist()
    np.random.set_state(("MT19937", key.astype(np.uint32), int(place), int(has_gauss), cached))


def same(ours: States, theirs: States) -> bool:
    """Whether no stream was drawn from between the two."""
    return all(torch.equal(state.nan_to_num(), theirs[name].nan_to_num()) for name, state in ours.items())


@contextmanager
def lent(device: torch.device) -> Generator[States]:
    """Whatever is drawn inside, the streams are after it as they were before, which is what it gives."""
    states = current(device)
    try:
        yield states
    finally:
        put(states)
