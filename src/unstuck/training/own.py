"""A model of the user's own, `package.module:function`, found only where the user has typed the name."""

import ast
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from unstuck.errors import ProgramError, RunError, UnstuckError, did_you_mean
from unstuck.recipe.model import LIBRARIES, Own
from unstuck.recipe.spec import Recipe
from unstuck.training.program import Program

_GATHERING = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
# Folders of what is installed, in which the user's own package has strangers beside it.
_INSTALLED = ("site-packages", "dist-packages")


def maker(name: str) -> Callable[..., Any]:
    """What the name stands for, looked for in the current folder too; `ProgramError` if there is no such thing.

    `timm:NAME` and `torchvision:NAME` are those libraries' networks.
    """
    module, _, path = name.partition(":")
    if module in LIBRARIES:
        return partial(importlib.import_module("unstuck.training.torch_vision").made, name)
    with _looked_in(Path.cwd()):
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


def program(name: str) -> Program:
    """What `program.py:make` or `package.module:make` returns; `ProgramError` in one line for all that goes wrong.

    It is the user's own code: what it raises is told with the place in its file.
    """
    module, _, path = name.rpartition(":")
    if not module or Path(module).suffix == ".ipynb":
        raise ProgramError(
            f"a program must be named as program.py:make, got {name!r}. A notebook's code must be put into a file."
        )
    try:
        made = (_of_file(Path(module), path) if module.endswith(".py") else maker(name))()
    except (*_RAISED, SystemExit) as error:
        if isinstance(error, ProgramError):
            raise
        said = _told(error, _places_in_own(error))
        raise ProgramError(f"{name} must return a Program; {said}") from error
    if not isinstance(made, Program):
        raise ProgramError(
            f"{name} must return an unstuck.Program, got {type(made).__name__}. "
            "Its last line is: return unstuck.Program(model=…, train=(x, y), loss=…, optimizer=…)"
        )
    return made


@contextmanager
def in_one_line(name: str) -> Generator[None]:
    """Within it, what a program's own code raises when called is a `ProgramError` with the place in its file.

    An error that `unstuck` makes is left as it is: its traceback says more to whoever mends it.
    """
    try:
        yield
    except _RAISED as error:
        places = _places_in_own(error)
        if isinstance(error, UnstuckError) or not places or not _is_innermost(places[-1], error):
            raise
        raise ProgramError(f"{name} must train without an error; {_told(error, places)}") from error


_RAISED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What somebody's code may raise, by Python's own tree; of others the traceback says more than a line."""


def _of_file(path: Path, name: str) -> Callable[..., Any]:
    """A function of a file, whose neighbours it can import, as if the file had been run."""
    if not path.is_file():
        raise ProgramError(
            f"{path}:{name} must name a file that exists, got {path}; it is looked for from {Path.cwd()}."
        )
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None  # as it ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # as dataclasses and copies of its classes ask for it
    with _looked_in(path.resolve().parent):
        spec.loader.exec_module(module)
        found = getattr(module, name, None)
    if not callable(found):
        got = "nothing" if found is None else type(found).__name__
        hint = did_you_mean(name, _makers(vars(module), module.__name__))
        raise ProgramError(f"{path}:{name} must name a function of {path}, got {got}. {hint}")
    return found


def _makers(names: dict[str, Any], module: str) -> list[str]:
    """A file's own functions that need no arguments; all of them, if there is none such."""
    own = {name: one for name, one in names.items() if inspect.isfunction(one) and one.__module__ == module}
    return [name for name, one in own.items() if one.__name__ != "<lambda>" and not _needs(one)] or [*own]


def _needs(function: Callable[..., Any]) -> bool:
    """Whether it takes arguments that must be given."""
    parts = inspect.signature(function).parameters.values()
    return any(part.default is part.empty and part.kind not in _GATHERING for part in parts)


def _places_in_own(error: BaseException) -> list[tuple[Path, int]]:
    """The lines of the user's own files on the way to an error, which may lie deeper in installed ones."""
    if isinstance(error, SyntaxError) and error.filename:
        return [(Path(error.filename), error.lineno or 0)]
    inside = Path(__file__).resolve().parents[1]
    return [(file, line) for file, line in _places_not_installed(error) if inside not in file.parents]


def _places_not_installed(error: BaseException) -> list[tuple[Path, int]]:
    frames = [(Path(frame.filename), frame.lineno or 0) for frame in traceback.extract_tb(error.__traceback__)]
    return [(file, line) for file, line in frames if file.is_file() and not {*_INSTALLED} & {*file.parts}]


def _is_innermost(place: tuple[Path, int], error: BaseException) -> bool:
    return _places_not_installed(error)[-1:] == [place]


def _told(error: BaseException, places: Sequence[tuple[Path, int]]) -> str:
    said = " ".join(str(error).split())
    where = f"{places[-1][0].name} line {places[-1][1]}" if places else "Python said"
    return f"{where}: {type(error).__name__}: {said}"


def files_of(module: str) -> list[Path]:
    """The file of a module that is imported, and those that it imports beside it or in its package, and so on.

    They are found by the text of their imports, whatever else is imported meanwhile; what stands in other places
    is not the user's.
    """
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return []
    is_package = Path(file).stem == "__init__"
    root = Path(file).resolve().parents[module.count(".") + is_package]
    top = module.partition(".")[0]
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = next((one for one in _places(root, name) if one.is_file()), None)
        is_installed = root.name in _INSTALLED and name.partition(".")[0] != top
        if path is None or name in found or is_installed:
            continue
        found[name] = path
        package = name if path.stem == "__init__" else name.rpartition(".")[0]
        waiting += [*_above(name), *_imported(path, package)]
    return [found[name] for name in sorted(found)]


def _places(root: Path, name: str) -> tuple[Path, Path]:
    """Where a module's file may lie."""
    path = root.joinpath(*name.split("."))
    return path / "__init__.py", path.with_suffix(".py")


def _above(name: str) -> Iterator[str]:
    """The packages that a module is in, which are imported with it."""
    while name := name.rpartition(".")[0]:
        yield name


def _imported(path: Path, package: str) -> Iterator[str]:
    """Names of all that a file's imports may stand for: of `from a import b`, both a and a.b."""
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError:  # so that nothing has imported it yet
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)


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
def _looked_in(folder: Path) -> Generator[None]:
    """A command that pip installs does not look for modules where it is typed; `python` does."""
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
