"""Train a neural network. When it will not train, find out why by experiment, and prove the cure.

The names below are loaded when they are first used: `import unstuck` itself imports nothing else.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unstuck.api import curvature, escape, export, finetune, load, plane, train
    from unstuck.errors import UnstuckError
    from unstuck.estimators import UnstuckClassifier, UnstuckRegressor
    from unstuck.experiments import compare, crossval, diagnose, ensemble
    from unstuck.recipe.edit import Edit
    from unstuck.recipe.spec import Recipe
    from unstuck.training.program import Program
    from unstuck.training.run import Run

__all__ = [
    "Edit",
    "Program",
    "Recipe",
    "Run",
    "UnstuckClassifier",
    "UnstuckError",
    "UnstuckRegressor",
    "compare",
    "crossval",
    "curvature",
    "diagnose",
    "ensemble",
    "escape",
    "export",
    "finetune",
    "load",
    "plane",
    "train",
]

_HOMES = {
    "Edit": "unstuck.recipe.edit",
    "Program": "unstuck.training.program",
    "Recipe": "unstuck.recipe.spec",
    "Run": "unstuck.training.run",
    "UnstuckClassifier": "unstuck.estimators",
    "UnstuckError": "unstuck.errors",
    "UnstuckRegressor": "unstuck.estimators",
    "compare": "unstuck.experiments",
    "crossval": "unstuck.experiments",
    "curvature": "unstuck.api",
    "diagnose": "unstuck.experiments",
    "ensemble": "unstuck.experiments",
    "escape": "unstuck.api",
    "export": "unstuck.api",
    "finetune": "unstuck.api",
    "load": "unstuck.api",
    "plane": "unstuck.api",
    "train": "unstuck.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'unstuck' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
