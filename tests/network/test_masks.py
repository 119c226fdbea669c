"""The masks of dropout: against the published generator, and what they promise to both engines."""

import numpy as np
import pytest
import torch

from unstuck.network import masks
from unstuck.network.torch_module import Dropout

WORD = 2**64


class SplitMix64:
    """Steele et al. 2014, figure 17, with java.util.SplittableRandom's constants, in Python's whole numbers."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def next(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) % WORD
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % WORD
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % WORD
        return z ^ (z >> 31)


def test_the_generator_gives_its_published_outputs():
    """For seed 1234567, as https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64 has them."""
    generator = SplitMix64(1234567)
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [generator.next() for _ in published] == published


@pytest.mark.parametrize("seed", [0, 1, 2**63, WORD - 1])
def test_a_mask_is_made_of_the_generators_outputs_in_order(seed):
    generator, share = SplitMix64(seed), 0.3
    expected = [generator.next() >> 32 >= round(share * 2**32) for _ in range(1000)]
    np.testing.assert_array_equal(masks.kept(np.uint64(seed), 1000, share), expected)


def test_the_key_of_a_step_is_the_generators_output_at_that_step():
    key = masks.layer_key(0, "2")
    generator = SplitMix64(int(key))
    expected = [generator.next() for _ in range(5)]
    assert [int(masks.step_key(key, step)) for step in range(5)] == expected


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.9])
def test_a_share_is_dropped_of_every_size_within_its_standard_error(share):
    kept = masks.kept(masks.step_key(masks.layer_key(3, "1"), 7), 100_000, share)
    assert abs((~kept).mean() - share) <= 4 * np.sqrt(share * (1 - share) / kept.size)


def test_masks_of_other_layers_steps_and_seeds_agree_only_by_chance():
    keys = [masks.layer_key(seed, place) for seed in (0, 1) for place in ("1", "3", "3.body.1")]
    drawn = [masks.kept(masks.step_key(key, step), 10_000, 0.5) for key in keys for step in (0, 1)]
    agreements = [(a == b).mean() for n, a in enumerate(drawn) for b in drawn[:n]]
    assert max(abs(share - 0.5) for share in agreements) < 5 * 0.5 / np.sqrt(10_000)  # one of 66 in 10⁵ trials


def test_torch_drops_what_the_masks_say():
    module, x = Dropout(0.4), torch.ones(20, 30)
    module.key, module.step = masks.layer_key(0, "5"), 11
    kept = masks.kept(masks.step_key(module.key, 11), x.numel(), 0.4).reshape(20, 30)
    np.testing.assert_array_equal(module(x).numpy() != 0, kept)
    np.testing.assert_array_equal(module.eval()(x).numpy(), x.numpy())
