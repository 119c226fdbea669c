"""Which way up a loss is: whether right answers have less of it than the same ones in another order."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unstuck.errors import REFUSALS
from unstuck.evidence.evidence import Column, Evidence
from unstuck.evidence.facts import Facts
from unstuck.evidence.torch_facts import quiet
from unstuck.evidence.torch_objective import Loss
from unstuck.rng import stream
from unstuck.training import torch_random

_DRAWS = 4  # orders of the rows, all of which must agree
_APART = 1e-3  # relative difference of two losses, far above float32's rounding
_SURE = 0.98  # probability given to what is right, so that no logarithm is without end


def of_sense(loss: Loss, y: Tensor, facts: Facts) -> Evidence:
    """Whether a loss is upside down.

    Wherever a loss grows with the distance from the target, or is a likelihood's negative, right answers have
    the least of all their orders; one that is upside down has the most there.

    Shapes: y (N, …).
    """
    with quiet(), torch_random.lent(y.device), torch.no_grad():
        try:
            right = _right(y, facts)
            value = np.nan if right is None else _inverted(loss, right, y)
        except REFUSALS:
            value = np.nan
    return Evidence({"loss_inverted": Column(np.array(value), "whether")})


def _inverted(loss: Loss, right: Tensor, y: Tensor) -> float:
    """1 if right answers have a larger loss than any other order of them, else 0."""
    best = float(loss(right, y))
    orders = (torch.from_numpy(stream(0, "probe", number).permutation(len(y))) for number in range(_DRAWS))
    others = [float(loss(right[order.to(y.device)], y)) for order in orders]
    if not np.isfinite([best, *others]).all():
        return np.nan
    return float(all(best - other > _APART * (abs(best) + abs(other)) for other in others))


def _right(y: Tensor, facts: Facts) -> Tensor | None:
    """Outputs (N, …) that say the targets, in the code that the loss takes; None where they do not pair."""
    if facts.kind == "other":
        return None
    if facts.kind == "numbers":
        return y.reshape(len(y), *facts.output_shape).float()
    if facts.kind == "classes" and not facts.is_one_hot:
        shares = functional.one_hot(y.long().clamp(min=0), facts.classes).movedim(-1, facts.class_axis)
    else:
        shares = y.reshape(len(y), *facts.output_shape)
    share = shares.float().clamp(1 - _SURE, _SURE)
    match facts.takes:
        case "logits":
            return share.logit()
        case "log-probabilities":
            return share.log()
        case _:
            return share
