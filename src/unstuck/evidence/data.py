"""Evidence of the data, before anything is trained: sizes, twins, shifts, and what can be learned from rows."""

from collections.abc import Mapping

import numpy as np

from unstuck.evidence.evidence import Column, Evidence
from unstuck.evidence.learnable import of_learnable
from unstuck.evidence.sample import Splits, sample
from unstuck.evidence.shift import of_shift, of_twins
from unstuck.evidence.tables import of_inputs, of_targets

HELD_OUT = ("test", "validation")
"""Which split is compared with the training rows: the first that there is."""


def of_data(splits: Splits, kind: str, *, seed: int) -> Evidence:
    """Measure the splits, in seconds: of many rows some are drawn by the seed's stream "probe".

    Args:
        splits: "train", and perhaps "validation" and "test": inputs (N, …), or None where they cannot be had, and
            targets (N, …).
        kind: "classes" (numbers, or one-hot rows), "binary" (0 or 1, (N,) or (N, 1)), "labels" (0 or 1, (N, L)),
            "numbers", or "other", of which only what needs no meaning is measured.
        seed: of what is drawn.

    Raises:
        RecipeError: if the kind is unknown, or a split has not as many inputs as targets.
    """
    samples = {name: sample(split, kind) for name, split in splits.items()}
    train = samples["train"]
    held = next((samples[name] for name in HELD_OUT if name in samples), None)
    columns: Mapping[str, Column] = of_targets(samples)
    with np.errstate(over="ignore", invalid="ignore"):  # numbers that overflow are what is looked for
        columns |= of_inputs(samples, seed=seed)
        if train.x is not None and len(train):
            columns |= of_twins(train, held)
        columns |= of_shift(train, held, seed=seed)
        columns |= of_learnable(samples, seed=seed)
    return Evidence(columns)
