"""Whether a program's model and loss can fit a single batch, with the cost told."""

import numpy as np
import torch

from unstuck.evidence.evidence import Column, Evidence
from unstuck.evidence.facts import Facts, chance_loss
from unstuck.evidence.torch_facts import quiet, spread
from unstuck.evidence.torch_steps import engine_of
from unstuck.training import torch_random
from unstuck.training.program import Program

_ROWS, _STEPS, _RATES = 32, 150, (1e-2, 1e-3)
_FITTED = 0.01  # share of the chance loss at which there is nothing left to see


def of_fit(program: Program, facts: Facts, *, seed: int) -> Evidence:
    """Train copies by Adam on 32 rows, without dropout, until they are fitted: the least loss beside chance.

    The cost is in trainings of the program as given, by rows seen.
    """
    least, chance, steps, count = np.inf, np.nan, 0, 1
    for rate in _RATES:
        engine = engine_of(program, seed)
        x, y = engine.rows.batch(torch.from_numpy(spread(len(engine.rows), _ROWS)).to(engine.device))
        chance, count = chance_loss(facts, y.cpu().numpy()), len(y)
        learned = [part for part in engine.model.parameters() if part.requires_grad]
        if not learned:
            return Evidence()
        engine.model.train()
        for part in engine.model.modules():
            if "Dropout" in type(part).__name__:
                part.eval()
        optimizer = torch.optim.Adam(learned, lr=rate)
        with quiet(), torch_random.lent(engine.device):
            torch_random.put(engine.random)
            for _ in range(_STEPS):
                optimizer.zero_grad()
                value = engine.loss(engine.model(x), y)
                if not (value.requires_grad and bool(value.isfinite())):
                    break
                least, steps = min(least, float(value.detach())), steps + 1
                if least <= _FITTED * chance:
                    break
                value.backward()
                optimizer.step()
        if least <= _FITTED * chance:
            break
    trained = facts.epochs * facts.rows["train"]
    return Evidence(
        {
            "fit_loss": Column(np.array(least / chance if chance else np.nan), "of the loss by chance"),
            "fit_trainings": Column(np.array(steps * count / trained), "trainings"),
        }
    )
