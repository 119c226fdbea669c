"""A training watched: its layers at the start, after an epoch, half way and at the end; not one bit is changed."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from unstuck.engine import Arrays, Stretch
from unstuck.evidence.evidence import Column, Evidence
from unstuck.evidence.facts import Facts
from unstuck.evidence.torch_facts import spread
from unstuck.evidence.torch_layers import of_layers
from unstuck.evidence.torch_steps import engine_of
from unstuck.training.program import Program
from unstuck.training.training import Training

_ROWS, _LEAST = 256, 8  # of the probe batch, at most and at least
_SHARE = 0.01  # of all rows that a training sees, for each of four looks: they are to cost a tenth of it at most
_KEPT = ("layer_mean", "layer_spread", "activation_saturated", "units_dead", "gradient_norm")
_NUMBERS = ("gradient_length", "probe_loss")


class Watch:
    """Iterate over it instead of the training; `evidence` is what was seen so far.

    Layers are measured on a model of the watch's own, which gets the engine's weights: it draws no random number
    that the training draws, and moves none of its statistics.
    """

    def __init__(self, training: Training, program: Program, facts: Facts, *, seed: int) -> None:
        self.training, self.facts = training, facts
        own = engine_of(program, seed)
        seen = facts.rows["train"] * facts.epochs
        count = int(np.clip(_SHARE * seen, _LEAST, _ROWS))
        self._own: Any = own
        self._x, self._y = own.rows.batch(torch.from_numpy(spread(len(own.rows), count)).to(own.device))
        self._looks: dict[int, Evidence] = {}
        self._ratio: Column | None = None
        self._first: Arrays = {}
        self._moved: dict[int, np.ndarray] = {}

    def __iter__(self) -> Iterator[Stretch]:
        steps, epochs = self.facts.steps_per_epoch, self.facts.epochs
        marks = {steps, steps * max(1, epochs // 2), steps * epochs}
        self._look()
        before = self._first
        for stretch in self.training:
            if self._ratio is None:
                self._ratio = self._of_first(before, len(stretch.losses))
            if self.training.done in marks:
                self._look()
            yield stretch
        self._look()

    def _look(self) -> None:
        done = self.training.done
        if done in self._looks:
            return
        weights = self.training.task.engine.weights()
        self._first = self._first or weights
        self._own.model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights.items()})
        self._looks[done] = of_layers(self._own.model, self._own.loss, self._x, self._y, whole=False)
        self._moved[done] = self._change(self._first, weights)

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self._own.model.named_parameters())

    def _change(self, before: Arrays, after: Arrays) -> np.ndarray:
        """(P,) how far each parameter is from where it was, as a share of its length then."""
        with np.errstate(over="ignore", invalid="ignore"):
            lengths = np.array([np.linalg.norm(before[name].astype(np.float64)) for name in self._names])
            apart = [np.linalg.norm(after[name].astype(np.float64) - before[name]) for name in self._names]
        return np.array(apart) / np.where(lengths > 0, lengths, 1)

    def _of_first(self, before: Arrays, steps: int) -> Column:
        """The first stretch is of one step: what an update does to weights."""
        change = self._change(before, self.training.task.engine.weights())
        return Column(change / max(steps, 1), "share of the weights' length per step", self._names)

    @property
    def evidence(self) -> Evidence:
        """Columns of layers by step (T, …), and how far weights moved."""
        steps = tuple(sorted(self._looks))
        if not steps:
            return Evidence()
        columns: dict[str, Column] = {}
        for name in (*_KEPT, *_NUMBERS):
            found = [self._looks[step].get(name) for step in steps]
            same = [one for one in found if one is not None and one.along == (found[0] and found[0].along)]
            if len(same) == len(steps):
                values = np.stack([one.values for one in same])
                columns[f"watched_{name}"] = Column(values, same[0].unit, same[0].along, steps)
        moved = np.stack([self._moved[step] for step in steps])
        columns["weights_moved"] = Column(moved, "share of their first length", self._names, steps)
        if self._ratio is not None:
            columns["update_ratio"] = self._ratio
        return Evidence(columns)
