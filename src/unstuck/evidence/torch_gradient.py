"""A step's gradient beside the plain one on two batches, from the same weights: its length, and what is added."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unstuck.errors import REFUSALS
from unstuck.evidence.evidence import Column, Evidence
from unstuck.evidence.torch_facts import quiet
from unstuck.evidence.torch_steps import Vector, engine_of, plain_gradient
from unstuck.training import torch_random
from unstuck.training.program import Program

_ROWS = 2  # at least, of the smaller batch: batch normalization takes no single one


def of_gradient(program: Program, *, seed: int) -> Evidence:
    """Of a step that updates once: cosine and length beside the plain gradient, and the difference between them.

    Signs that agree are told apart from the cosine: a gradient that is cut number by number keeps them all.

    How far the difference changes with the batch is told as a share of how far the plain gradient does. Of a
    penalty on the weights that is 0; of a gradient that is scaled, clipped, noisy, or of other rows, it is not.
    """
    if program.step is None:
        return Evidence()
    engine = engine_of(program, seed)
    size = min(engine.batch_size, len(engine.rows))
    if size < 2 * _ROWS:
        return Evidence()
    x, y = engine.rows.batch(torch.arange(size, device=engine.device))
    half = size // 2
    with quiet(), torch_random.lent(engine.device):
        try:
            pairs = [_gradients(program, seed, x[:count], y[:count], count) for count in (size, half)]
        except REFUSALS:
            return Evidence()
    if any(pair is None for pair in pairs):
        return Evidence()
    (found, plain), (other, other_plain) = (pair for pair in pairs if pair is not None)
    first, second = found - plain, other - other_plain
    turned = float((plain - other_plain).norm())
    share = float((first - second).norm()) / turned if turned else np.nan
    length = float(plain.norm()) or np.nan
    cosine = float(found @ plain / (found.norm() * plain.norm())) if found.any() and plain.any() else np.nan
    return Evidence(
        {
            "step_cosine": Column(np.array(cosine), "cosine"),
            "step_signs": Column(np.array(_agreeing(found, plain)), "share of the numbers that are not 0"),
            "step_length": Column(np.array(float(found.norm()) / length), "times the plain gradient's length"),
            "step_added": Column(np.array(float(first.norm()) / length), "times the plain gradient's length"),
            "step_added_by_rows": Column(np.array(share), "of the change of the plain gradient"),
        }
    )


def _gradients(program: Program, seed: int, x: Tensor, y: Tensor, draw: int) -> tuple[Tensor, Tensor] | None:
    """(P,) what the optimizer gets of one call of the step, and the plain one, from the start of a training; None
    where the call updates nothing, or more than once."""
    assert program.step is not None
    engine, twin = engine_of(program, seed), engine_of(program, seed)
    named = {name: part for name, part in engine.model.named_parameters() if part.requires_grad}
    found: list[Vector] = []
    modes: list[bool] = []

    def note(*_: Any) -> None:
        kept = {name: part.grad for name, part in named.items() if part.grad is not None}
        found.append({name: gradient.detach().to_dense().clone() for name, gradient in kept.items()})

    random = torch_random.seeded(draw, engine.device)
    engine.optimizer.register_step_pre_hook(note)
    engine.model.register_forward_pre_hook(lambda model, _: modes.append(model.training))
    engine.model.train()
    torch_random.put(random)
    program.step(engine.model, x, y, engine.loss, engine.optimizer)
    plain = plain_gradient(twin.model.train(all(modes[:1])), twin.loss, x, y, random)
    if len(found) != 1 or not plain:
        return None
    return _flat(found[0], named), _flat(plain, named)


def _agreeing(found: Tensor, plain: Tensor) -> float:
    told = plain != 0
    return float((found.sign() == plain.sign())[told].double().mean()) if told.any() else np.nan


def _flat(vector: Vector, named: Mapping[str, Tensor]) -> Tensor:
    """Of every parameter, 0 where it has no gradient."""
    parts = [vector.get(name, torch.zeros_like(part)).reshape(-1).double() for name, part in named.items()]
    return torch.cat(parts)
