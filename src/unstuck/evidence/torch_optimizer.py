"""A torch optimizer's settings beside those that its class has of itself."""

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
from torch.optim import Optimizer

from unstuck.evidence.evidence import Column, Evidence

MEMORIES = ("betas", "alpha", "rho", "momentum")
"""Shares of the past that is kept: of b, 1 / (1 - b) steps are remembered."""
OWN = {"momentum": 0.9}
"""Of what is off by itself: the usual one."""


def held_by(optimizer: Optimizer) -> set[int]:
    """Numbers, by `id`, of the parameters that it holds at a rate above 0: its present one, or a schedule's."""
    groups = [group for group in optimizer.param_groups if group.get("initial_lr") or group["lr"]]
    return {id(parameter) for group in groups for parameter in group["params"]}


def of_optimizer(optimizer: Optimizer) -> Evidence:
    """How many times as long each memory is as the default, or as short, in any group; at least 1."""
    found: dict[str, float] = {}
    for group in optimizer.param_groups:
        for name, ratio in _ratios(type(optimizer), group):
            found[name] = max(ratio, found.get(name, 1.0))
    names = tuple(found)
    return Evidence({"optimizer_odd": Column(np.array([found[name] for name in names]), "times", along=names)})


def _ratios(kind: type[Optimizer], group: dict[str, Any]) -> Iterator[tuple[str, float]]:
    defaults = {name: one.default for name, one in inspect.signature(kind).parameters.items()}
    for name in MEMORIES:
        given, usual = group.get(name), OWN.get(name, defaults.get(name))
        if not isinstance(given, float | tuple) or not isinstance(usual, float | tuple):
            continue
        pairs = zip(np.atleast_1d(given), np.atleast_1d(usual), strict=False)
        for place, (own, other) in enumerate(pairs):
            if name == "momentum" and own <= other:
                continue  # to have less of it, or none, is as usual
            ratio = (1 - other) / (1 - own) if max(own, other) < 1 else np.inf
            yield (f"{name}[{place}]" if isinstance(given, tuple) else name), float(max(ratio, 1 / ratio))
