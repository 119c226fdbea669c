"""A model of the user's own, `package.module:function`, found only where the user has typed the name."""

import importlib
import inspect
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from unstuck.errors import ProgramError, RunError
from unstuck.recipe.model import LIBRARIES, Own
from unstuck.recipe.spec import Recipe


def maker(name: str) -> Callable[..., Any]:
    """What the name stands for, looked for in the current folder too; `ProgramError` if there is no such thing.

    `timm:NAME` and `torchvision:NAME` are those libraries' networks.
    """
    module, _, path = name.partition(":")
    if module in LIBRARIES:
        return partial(importlib.import_module("unstuck.training.torch_vision").made, name)
    with _current_folder():
        try:
            found: Any = importlib.import_module(module)
        except ImportError as error:
            raise ProgramError(
                f"{name} must name a module that can be imported; Python said: {error}. "
                "Its file must lie in the current folder, or in PYTHONPATH."
            ) from error
    for part in path.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        got = "nothing" if found is None else type(found).__name__
        raise ProgramError(f"{name} must name a function or a class of {module}, got {got}.")
    return found


def retyped(recipe: Recipe, typed: str | None, folder: Path | str) -> Callable[..., Any] | None:
    """What makes the model of a run that is read from a folder, if that is code of the user's own.

    Code runs because somebody types its name, never because a folder holds it: `typed` is that name.
    """
    if not isinstance(recipe.model, Own) or recipe.model.is_library:
        return None
    if typed is None:
        raise RunError(
            f"{folder} has a model that is code of your own, which no folder may start by itself: "
            f"add --model {recipe.model.function}"
        )
    return maker(typed)


def called(function: Callable[..., Any], shape: tuple[int, ...], outputs: int) -> Any:
    """The function's result; it is told the shape of a row and the number of outputs if it asks for them."""
    try:
        asked = inspect.signature(function).parameters
    except ValueError:  # of some classes written in C
        asked = {}
    known: dict[str, Any] = {"shape": shape, "outputs": outputs}
    try:
        return function(**{name: value for name, value in known.items() if name in asked})
    except TypeError as error:
        name = getattr(function, "__name__", "the model")
        raise ProgramError(f"{name} must take shape, outputs or nothing; it said: {error}.") from error


@contextmanager
def _current_folder() -> Generator[None]:
    """A command that pip installs does not look for modules where it is typed; `python` does."""
    folder = str(Path.cwd())
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
