"""What a loss cannot say: targets for which it is no number, and classes of which it says nothing."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from unstuck.errors import REFUSALS
from unstuck.evidence.evidence import Column, Evidence
from unstuck.evidence.facts import Facts
from unstuck.evidence.torch_facts import quiet
from unstuck.evidence.torch_objective import Loss
from unstuck.rng import stream
from unstuck.training import torch_random

_DRAWS = 3  # of each kind of outputs
_SAME = 1e-5  # relative difference of float32 sums in another order


def of_unsaid(loss: Loss, y: Tensor, facts: Facts, own: tuple[Tensor, Tensor] | None = None) -> Evidence:
    """Whether a loss is a finite number for no outputs that were tried, and which values of targets it ignores.

    Args:
        loss: of outputs and targets.
        y: (N, …) targets.
        facts: of the program.
        own: outputs and targets that the program's own step gave the loss, if it did.
    """
    with quiet(), torch_random.lent(y.device):
        undefined, silent = np.nan, list[float]()
        if facts.kind != "other" and bool(y.isfinite().all()):
            shape = (len(y), *facts.output_shape)
            try:
                undefined = float(_is_undefined(loss, shape, y, facts, own))
                silent = silent_values(loss, shape, y, facts.class_axis if facts.kind == "classes" else None)
            except REFUSALS:
                undefined = np.nan if np.isnan(undefined) else undefined
    return Evidence(
        {
            "loss_undefined": Column(np.array(undefined), "whether"),
            "targets_silent": Column(np.array(silent, float), "value", tuple(f"{value:g}" for value in silent)),
        }
    )


def _is_undefined(
    loss: Loss, shape: tuple[int, ...], y: Tensor, facts: Facts, own: tuple[Tensor, Tensor] | None
) -> bool:
    """Of outputs like the targets too, which are the answer to a loss of numbers, and of the program's own."""
    axis = facts.class_axis or -1
    likely = [y.reshape(shape).float()] if y.numel() == np.prod(shape) else []
    with torch.no_grad():
        if own is not None and bool(loss(*own).isfinite().all()):
            return False
        return not any(bool(loss(told, y).isfinite().all()) for told in (*likely, *_outputs(shape, axis, y)))


def silent_values(loss: Loss, shape: tuple[int, ...], y: Tensor, axis: int | None) -> list[float]:
    """Values of targets, of which no output changes the loss, whatever it is, though that counts them.

    A loss that leaves rows out, as torch does by `ignore_index`, is 0 or no number of those alone. Where there
    are but two values it must tell them apart, and may leave out neither; of several outputs per row it may, for
    a softmax that made them lowers the others where it raises one.

    Args:
        loss: of outputs and targets.
        shape: of the outputs, (N, …).
        y: numbers of classes, or one of two numbers per row.
        axis: of the outputs that runs over the classes; None for an output per row.
    """
    values = [float(value) for value in y.unique() if axis is None or value >= 0]
    per_target = shape if axis is None else (*shape[:axis], *shape[axis + 1 :])
    if np.prod(per_target) != y.numel() or len(values) < 2:
        return []
    if axis is None and (len(values) > 2 or y.numel() > len(y)):
        return []
    unheard = values
    heard = torch.zeros(y.numel(), dtype=torch.bool, device=y.device)
    for told in _outputs(shape, axis or -1, y):
        slope = _slope(loss, told, y)
        changes = (slope != 0) if axis is None else (slope != 0).any(dim=axis)
        heard |= changes.reshape(-1)
        unheard = sorted(set(values) - set(y.reshape(-1)[heard].tolist()))
        if not unheard:
            return []
    if len(unheard) == len(values):
        return []
    return [value for value in unheard if axis is None or _counts(loss, shape, torch.full_like(y, value), axis)]


def _slope(loss: Loss, told: Tensor, y: Tensor) -> Tensor:
    """Of the loss along each output; NaN counts as one."""
    with torch.enable_grad():
        outputs = told.requires_grad_()
        return torch.autograd.grad(loss(outputs, y), outputs)[0]


def _counts(loss: Loss, shape: tuple[int, ...], alone: Tensor, axis: int) -> bool:
    """Whether the loss of a class alone is something, and the same, whatever outputs are."""
    with torch.no_grad():
        values = [float(loss(told, alone)) for told in _outputs(shape, axis, alone)]
    return bool(np.isfinite(values).all()) and values[0] != 0 and np.ptp(values) <= _SAME * abs(values[0])


_KINDS: Sequence[Callable[[Tensor, int], Tensor]] = (
    lambda drawn, axis: drawn,
    lambda drawn, axis: drawn.softmax(dim=axis),
    lambda drawn, axis: drawn.sigmoid(),
    lambda drawn, axis: drawn.log_softmax(dim=axis),
    lambda drawn, axis: drawn.tanh(),
    lambda drawn, axis: drawn.abs(),
    lambda drawn, axis: -drawn.abs(),
    lambda drawn, axis: 3 * drawn,
)
"""What outputs may be: any numbers, probabilities, their logarithms, between -1 and 1, of one sign, large."""


def _outputs(shape: tuple[int, ...], axis: int, y: Tensor) -> Iterator[Tensor]:
    for number in range(_DRAWS):
        drawn = stream(0, "probe", number).normal(size=shape).astype(np.float32)
        for kind in _KINDS:
            yield kind(torch.from_numpy(drawn).to(y.device), axis)
