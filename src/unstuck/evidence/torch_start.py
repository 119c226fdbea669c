"""A program's settings and layers before it is trained, and whether it can fit a batch."""

import numpy as np
import torch

from unstuck.evidence.evidence import Column, Evidence
from unstuck.evidence.facts import Facts
from unstuck.evidence.torch_facts import spread
from unstuck.evidence.torch_fit import of_fit
from unstuck.evidence.torch_layers import of_layers
from unstuck.evidence.torch_steps import engine_of
from unstuck.training import torch_random
from unstuck.training.program import Program

_ROWS = 256  # looked at, at most


def of_start(program: Program, facts: Facts, *, seed: int) -> Evidence:
    """Settings, and activations and gradients on some training rows, by the program's own initial weights."""
    engine = engine_of(program, seed)
    rows = torch.from_numpy(spread(len(engine.rows), _ROWS)).to(engine.device)
    with torch_random.lent(engine.device):
        (x, y), (again, _) = engine.rows.batch(rows), engine.rows.batch(rows)
    settings = {
        "steps": Column(np.array(float(facts.steps_per_epoch * facts.epochs)), "updates"),
        "batch_rows": Column(np.array(float(facts.batch_size)), "rows"),
        "weight_decay": Column(np.array(facts.weight_decay), "per unit of rate"),
        "rows_random": Column(np.array(float(not torch.equal(x, again))), "whether"),
    }
    layers = of_layers(engine.model, engine.loss, x, y, facts=facts)
    return Evidence(settings) | layers | of_fit(program, facts, seed=seed)
