"""Where on its loss surface a training has ended: in a minimum, at a saddle, on a plateau."""

from typing import Any

import numpy as np

from unstuck.errors import ProgramError
from unstuck.evidence.evidence import Column, Evidence, word
from unstuck.evidence.torch_facts import quiet
from unstuck.training.run import Run
from unstuck.training.torch_engine import TorchEngine
from unstuck.training.torch_surface import point_of

MOST = 100_000
"""Parameters up to which the Hessian is looked at: both ends of its spectrum take some seconds then."""
_ROWS = 300


def of_point(run: Run, *, seed: int) -> Evidence:
    """The kind of point, and the ends of the Hessian's spectrum, at a run's last weights, on some training rows.

    Nothing of a large network, nor where the loss cannot be differentiated twice.
    """
    engine: Any = run.predictor
    if not isinstance(engine, TorchEngine) or sum(part.numel() for part in engine.model.parameters()) > MOST:
        return Evidence()
    try:
        with quiet():
            point = point_of(run, None, rows=_ROWS, seed=seed)
    except (ProgramError, RuntimeError, NotImplementedError):
        return Evidence()
    escaped = np.nan if point.escape is None else point.escape.after
    numbers = {
        "point_loss": (point.loss, "loss"),
        "point_gain": (point.gain, "share of the loss that Newton's step would win"),
        "point_smallest": (point.smallest.mean, "loss per squared parameter"),
        "point_smallest_error": (point.smallest.high - point.smallest.mean, "loss per squared parameter"),
        "point_largest": (point.largest.mean, "loss per squared parameter"),
        "point_escaped": (escaped, "loss after a step along the most negative curvature"),
    }
    columns = {name: Column(np.array(value), unit) for name, (value, unit) in numbers.items()}
    return Evidence({**columns, "point_kind": word(point.kind)})
