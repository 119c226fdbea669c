"""Whether the graph's gradients are right: beside finite differences, torch, and a step of the dense engine."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unstuck.data.dataset import Split
from unstuck.dense.engine import DenseEngine, why_not
from unstuck.errors import RecipeError
from unstuck.explain.explanation import Explanation
from unstuck.graph import differences
from unstuck.graph.check import STEP
from unstuck.network.graphed import graphed, loss_of
from unstuck.recipe.edit import Edit, edited
from unstuck.rng import stream

MOST = 40
"""Weights of a tensor that finite differences are taken of, drawn if there are more: each costs two passes."""
DIFFERENCES, TORCH, DENSE = 1e-6, 1e-10, 1e-5
"""Largest differences at which two agree, of gradients up to 1, else as shares of the largest: central differences
err by about 1e-10 of the loss, float64 by 1e-16 and float32 by 1e-7 of the terms, and sums of many by more."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One weight tensor's gradient by the graph, and how far others are from it, at most.

    Args:
        name: the weight's.
        largest: of the gradient, in magnitude.
        differences: largest difference from finite differences, of up to `MOST` weights drawn; None where all of
            these stand at kinks.
        kinks: how many of the drawn stand so near a kink, of ReLU or of the largest of several, that differences
            go over it. There is no derivative to compare with, and they are left out.
        torch: from torch's, in float64.
        dense: from the dense engine's, in float32; None where it cannot train the network.
    """

    name: str
    largest: float
    differences: float | None
    kinks: int
    torch: float
    dense: float | None

    @property
    def agrees(self) -> bool:
        """Whether all are as near as their arithmetic lets them be."""
        limits = ((self.differences or 0.0, DIFFERENCES), (self.torch, TORCH), (self.dense or 0.0, DENSE))
        return all(difference <= limit * max(self.largest, 1.0) for difference, limit in limits)


def compared(told: Explanation) -> tuple[Compared, ...]:
    """The comparison, weight by weight; `RecipeError` where there is no graph to compare with."""
    if not told.parts:
        raise RecipeError("--check", "be left out where no graph is laid out", told.recipe.model.name)
    ours = {part.name: part.gradient for part in told.parts if part.kind == "weight"}
    witness = importlib.import_module("unstuck.training.torch_gradients")
    _, by_torch = witness.gradients(told.network, told.weights, told.x, told.targets, told.recipe.loss)
    by_dense = _by_dense(told)
    rows: list[Compared] = []
    for name, gradient in ours.items():
        smooth, kinks = _by_differences(told, name, gradient)
        row = Compared(
            name=name,
            largest=float(np.abs(gradient).max()),
            differences=float(smooth.max()) if smooth.size else None,
            kinks=kinks,
            torch=float(np.abs(gradient - by_torch[name]).max()),
            dense=float(np.abs(gradient - by_dense[name]).max()) if by_dense else None,
        )
        rows.append(row)
    return tuple(rows)


def _by_differences(told: Explanation, name: str, gradient: np.ndarray) -> tuple[np.ndarray, int]:
    """How far differences are, of weights that are drawn if there are many, and how many kinks are left out."""
    whole = np.array(told.weights[name], np.float64)
    drawn = stream(told.recipe.seed, "probe").permutation(whole.size)[:MOST]

    def loss(some: np.ndarray) -> float:
        changed = whole.copy()
        changed.flat[drawn] = some
        outputs = graphed(told.network, {**told.weights, name: changed}, told.x).outputs
        return float(loss_of(outputs, told.targets, told.recipe.loss).value)

    at, limit = whole.flat[drawn], DIFFERENCES * max(float(np.abs(gradient).max()), 1.0)
    off = np.abs(differences(loss, at) - gradient.flat[drawn])
    kinks = [number for number in range(len(at)) if off[number] > limit and is_kink(loss, at, number, limit)]
    return np.delete(off, kinks), len(kinks)


def is_kink(function: Callable[[np.ndarray], float], at: np.ndarray, number: int, limit: float) -> bool:
    """Whether a function of an array has a kink so near in one number that central differences go over it.

    The slopes on both sides differ by curvature times step where it is smooth, so half as much at half the step.

    Args:
        function: of (P,).
        at: (P,).
        number: which of them.
        limit: difference of slopes from which it counts.
    """
    unit = np.zeros(len(at))
    unit[number] = STEP * max(1.0, abs(at[number]))

    def jump(share: float) -> float:
        beside = function(at + share * unit) - 2 * function(at) + function(at - share * unit)
        return beside / (share * unit[number])

    return abs(jump(1.0) - 2 * jump(0.5)) > limit


def _by_dense(told: Explanation) -> dict[str, np.ndarray] | None:
    """What one step of gradient descent at rate 1 takes off each weight."""
    plain = {"optimizer": "sgd", "optimizer.lr": 1.0, "schedule": "constant", "batch_size": told.rows}
    recipe = edited(told.recipe, [Edit(path, to) for path, to in plain.items()])
    if why_not(recipe, told.network):
        return None
    flat = told.network.flat(told.weights)
    before = {name: value.copy() for name, value in told.network.named(flat).items()}
    rows = Split(told.x.astype(np.float32), told.targets, np.arange(told.rows))
    engine = DenseEngine.make(told.network, recipe, parameters=flat, train=rows, factor=1.0)
    engine.advance(np.arange(told.rows), np.ones(1), 0)
    after = engine.weights()
    return {name: before[name] - after[name] for name in before}
