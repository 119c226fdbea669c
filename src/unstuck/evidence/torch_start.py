"""A program's settings and layers before it is trained, and whether it can fit a batch."""

import numpy as np
import torch

from unstuck.evidence.evidence import Column, Evidence
from unstuck.evidence.facts import Facts
from unstuck.evidence.torch_facts import spread
from unstuck.evidence.torch_fit import of_fit
from unstuck.evidence.torch_layers import of_layers
from unstuck.evidence.torch_optimizer import of_optimizer
from unstuck.evidence.torch_steps import engine_of, rate_kept
from unstuck.training import torch_random
from unstuck.training.program import Program

_ROWS = 256  # looked at, at most
_STEPS, _FAINT = 1000, 0.01  # of a schedule that are looked at, at most; share of the peak that is next to nothing


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
    settings |= _of_schedule(program, facts, seed)
    layers = of_layers(engine.model, engine.loss, x, y, facts=facts)
    return Evidence(settings) | of_optimizer(engine.optimizer) | layers | of_fit(program, facts, seed=seed)


def _of_schedule(program: Program, facts: Facts, seed: int) -> dict[str, Column]:
    """How much of a training has next to no rate, and what the rate ends at beside its usual one.

    A step of the user's own that takes the same factor of the rate each time would leave its power, if it went on
    as it began. What it does to a rate that a schedule sets each time does not last.
    """
    steps = spread(facts.steps_per_epoch * facts.epochs, _STEPS)
    if program.schedule is not None:
        factors = np.array([program.schedule(int(step)) for step in steps], dtype=np.float64)
    elif (kept := rate_kept(program, seed=seed)) < 1:
        factors = kept ** np.asarray(steps, dtype=np.float64)
    else:
        return {}
    peak, usual = float(factors.max()), float(np.median(factors))
    faint = float((factors < _FAINT * peak).mean()) if peak > 0 else 1.0
    return {
        "rate_faint": Column(np.array(faint), "share of the steps"),
        "rate_end": Column(np.array(float(factors[-1]) / usual if usual > 0 else np.nan), "times the median rate"),
    }
