"""Two rivals at unstuck's budget: random search over its treatments, and AutoTrainer's fixed order of remedies.

Both choose by rows that are spared from training, on seeds of their own, accept what gains the same margin on
every seed, and prove it on other seeds.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

from benchmarks.faults import plain
from benchmarks.faults.remedies import Remedy, in_order
from unstuck.training.program import Program

MARGIN = 0.05  # what a score must gain; a twentieth of the way from none to all, as unstuck asks at least
CHOOSING, PROVING = (70_001, 70_002), (80_001, 80_002, 80_003)
SPARED, LEAST = 0.2, 60  # share of the training rows to choose by; of fewer rows all are used for both

# AutoTrainer's limits, as its tool has them
VANISHED, VANISHED_FIRST, EXPLODED, DEAD = 1e-3, 1e-4, 70.0, 0.7
SATISFIED, SWING, SWINGING, CREEPING = 0.7, 0.03, 0.2, 0.01

EXPLAINED = {
    "vanishing": {"saturating-activation", "too-deep", "poor-initialisation", "missing-normalisation"},
    "exploding": {
        "exploding-activation",
        "learning-rate-too-high",
        "poor-initialisation",
        "missing-normalisation",
    },
    "dying": {"dead-relu", "poor-initialisation"},
    "oscillating": {"learning-rate-too-high", "poor-optimizer", "batch-size-too-small"},
    "slow": {"learning-rate-too-low", "poor-optimizer", "too-few-epochs"},
}
"""Causes that a symptom of AutoTrainer's stands for; generous, because it names no others."""


class Found(NamedTuple):
    """What a rival says: what it calls wrong, the remedies of its cure, the program cured, and its cost."""

    says: frozenset[str]
    remedies: tuple[str, ...]
    program: Program | None
    trainings: float


class Purse:
    """Trainings that are left, each counted by its steps beside one of the program as given."""

    def __init__(self, program: Program, budget: float) -> None:
        self.steps, self.left, self.spent = steps(program), budget, 0.0

    def price(self, program: Program, count: int) -> float:
        return count * steps(program) / self.steps

    def pay(self, program: Program, count: int) -> bool:
        """Whether there was enough left."""
        price = self.price(program, count)
        if price > self.left:
            return False
        self.left -= price
        self.spent += price
        return True


def steps(program: Program) -> int:
    """Of one training."""
    given = program.train.dataset if isinstance(program.train, DataLoader) else program.train
    rows = len(given) if isinstance(given, Dataset) else len(given[0])
    size = program.batch_size or getattr(program.train, "batch_size", None) or 32
    return program.epochs * math.ceil(rows / size)


def choosing(program: Program, seed: int = 0) -> Program:
    """With the rows that remedies are chosen by as its test rows."""
    if program.validation is not None:
        return replace(program, test=program.validation)
    given = program.train.dataset if isinstance(program.train, DataLoader) else program.train
    rows = len(given) if isinstance(given, Dataset) else len(given[0])
    if rows < LEAST:
        return replace(program, test=program.train)
    order = np.random.default_rng(seed).permutation(rows)
    spared, kept = np.split(order, [round(SPARED * rows)])
    size = program.batch_size or getattr(program.train, "batch_size", None)
    return replace(program, train=_taken(given, kept), test=_taken(given, spared), batch_size=size)


def _taken(given: Any, rows: np.ndarray) -> Any:
    if isinstance(given, Dataset):
        return Subset(given, rows.tolist())
    return tuple(part[torch.from_numpy(rows) if isinstance(part, torch.Tensor) else rows] for part in given)


def trained(program: Program, seeds: Sequence[int]) -> np.ndarray:
    """Scores (S,); the lowest where a remedy made a program that cannot be trained."""
    try:
        return np.array(plain.scores(program, seeds))
    except (RuntimeError, ValueError, IndexError, TypeError):
        return np.full(len(seeds), plain.LOWEST)


def gains(before: np.ndarray, after: np.ndarray) -> bool:
    """Better by the margin, and better on every seed."""
    return bool((after - before).mean() > MARGIN and (after > before).all())


def random_search(
    program: Program, remedies: Sequence[Remedy], *, budget: float, seed: int, pairs: float = 1 / 3
) -> Found:
    """The best of randomly drawn remedies, alone or two at once; what is best is proven last."""
    chance, purse, chosen_by = random.Random(seed), Purse(program, budget), choosing(program)
    if not purse.pay(program, len(CHOOSING)):
        return Found(frozenset(), (), None, purse.spent)
    before = trained(chosen_by, CHOOSING)
    best: tuple[float, tuple[Remedy, ...]] = (-math.inf, ())
    for _ in range(200):
        drawn = tuple(chance.sample(remedies, 2 if chance.random() < pairs else 1))
        treated = applied(chosen_by, drawn)
        if treated is None:
            continue
        whole = purse.price(treated, len(CHOOSING)) + purse.price(program, 2 * len(PROVING))
        if whole > purse.left or not purse.pay(treated, len(CHOOSING)):
            continue  # what is cheaper may still be drawn
        after = trained(treated, CHOOSING)
        if gains(before, after) and after.mean() > best[0]:
            best = (float(after.mean()), drawn)
    return _proven(program, purse, best[1], frozenset(one.id for one in best[1]))


def fixed_order(program: Program, *, budget: float, seed: int) -> Found:
    """AutoTrainer: one symptom, its remedies in order, the first that helps."""
    chance, purse, chosen_by = random.Random(seed), Purse(program, budget), choosing(program)
    purse.pay(program, 1)
    symptom = watched(chosen_by, CHOOSING[0])
    if symptom is None or not purse.pay(program, len(CHOOSING)):
        return Found(frozenset(), (), None, purse.spent)
    before = trained(chosen_by, CHOOSING)
    for remedy in in_order(symptom, chance):
        treated = remedy.apply(chosen_by)
        if treated is None:
            continue
        if not purse.pay(treated, len(CHOOSING)):
            break
        if gains(before, trained(treated, CHOOSING)):
            return _proven(program, purse, (remedy,), frozenset(EXPLAINED[symptom]))
    return Found(frozenset(EXPLAINED[symptom]), (), None, purse.spent)


def applied(program: Program, remedies: Sequence[Remedy]) -> Program | None:
    """One on top of the other; None where one of them does not apply."""
    treated: Program | None = program
    for remedy in remedies:
        treated = remedy.apply(treated) if treated else None
    return treated


def _proven(program: Program, purse: Purse, remedies: Sequence[Remedy], says: frozenset[str]) -> Found:
    """The cure, if it gains the margin on the seeds that prove; they are paid for even where little is left."""
    treated = applied(program, remedies) if remedies else None
    if treated is None:
        return Found(says, (), None, purse.spent)
    judged_by = choosing(program, seed=1)
    after_of = applied(judged_by, remedies)
    purse.spent += purse.price(program, len(PROVING)) + purse.price(treated, len(PROVING))
    if after_of is None or not gains(trained(judged_by, PROVING), trained(after_of, PROVING)):
        return Found(says, (), None, purse.spent)
    return Found(says, tuple(one.id for one in remedies), treated, purse.spent)


# AutoTrainer's symptoms


class Watch(NamedTuple):
    """What is recorded of a training: gradients at the end of each epoch, and training scores."""

    ratio: list[float]
    first: list[float]
    zeros: list[float]
    scores: list[float]
    finite: bool


def watched(program: Program, seed: int) -> str | None:
    """The symptom that AutoTrainer sees in one training, or None."""
    return symptom_of(watch(program, seed))


def symptom_of(seen: Watch) -> str | None:
    """By its limits; a program is judged only if it is not satisfied with the score."""
    if not seen.finite:
        return "exploding"
    jumps = np.diff(seen.scores) if len(seen.scores) > 1 else np.zeros(1)
    poor, creeping = max(seen.scores) < SATISFIED, jumps.max() < CREEPING
    if poor or creeping:
        if any(share >= DEAD for share in seen.zeros):
            return "dying"
        if any(ratio > EXPLODED for ratio in seen.ratio):
            return "exploding"
        if any(
            low < VANISHED and first < VANISHED_FIRST for low, first in zip(seen.ratio, seen.first, strict=True)
        ):
            return "vanishing"
        return "slow" if creeping else None
    return "oscillating" if _swings(np.array(seen.scores)) else None


def _swings(scores: np.ndarray) -> bool:
    """Whether peaks stand above valleys by 3 %, often enough."""
    before, here, after = scores[:-2], scores[1:-1], scores[2:]
    peaks, valleys = here[(here >= before) & (here >= after)], here[(here <= before) & (here <= after)]
    pairs = min(len(peaks), len(valleys))
    return bool((peaks[:pairs] - valleys[:pairs] >= SWING).sum() >= SWINGING * len(scores) and pairs)


def watch(program: Program, seed: int) -> Watch:
    """One training, stopped after each epoch to look."""
    torch.manual_seed(seed)
    seen, model, loss, optimizer = Watch([], [], [], [], True), *plain.made(program)
    x, y = next(iter(plain.batches(program)))
    for _ in range(program.epochs):
        model.train()
        for inputs, targets in plain.batches(program):
            if not math.isfinite(plain.step(program, model, inputs, targets, loss, optimizer)):
                return seen._replace(finite=False)
        seen.scores.append(plain.score(replace(program, test=program.train), model))
        _look(model, loss(model(x), y), seen)
    return seen


def _look(model: nn.Module, value: torch.Tensor, seen: Watch) -> None:
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad and parameter.ndim > 1]
    if not weights or not value.requires_grad:
        return
    gradients = [part for part in torch.autograd.grad(value, weights, allow_unused=True) if part is not None]
    if not gradients:
        return
    norms = [float(part.norm()) for part in gradients]
    seen.ratio.append(norms[0] / norms[-1] if norms[-1] else 0.0)
    seen.first.append(norms[0])
    count = sum(part.numel() for part in gradients)
    seen.zeros.append(sum(int((part == 0).sum()) for part in gradients) / count)


def treatments_of_unstuck(program: Program) -> list[Remedy]:
    """unstuck's own treatments, for random search to draw from."""
    from unstuck.diagnosis.treatments import TREATMENTS
    from unstuck.evidence.torch_facts import facts_of

    facts = facts_of(program, seed=0)

    def remedy(name: str) -> Remedy:
        def apply(given: Program) -> Program | None:
            treated = TREATMENTS[name].treat(given, facts)
            return treated.program if treated else None

        return Remedy(name, apply)

    return [remedy(name) for name in TREATMENTS]


def causes_by_treatment() -> dict[str, frozenset[str]]:
    """Causes that each of unstuck's treatments mends: what a cure of random search says is wrong, generously."""
    from unstuck.diagnosis.causes import CAUSES

    names = {name for cause in CAUSES.values() for name in cause.treatments}
    return {name: frozenset(cause.id for cause in CAUSES.values() if name in cause.treatments) for name in names}
