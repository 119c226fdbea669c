"""unstuck diagnose."""

import json as json_text
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from unstuck.diagnosis.terms import Cure


def verb(
    source: str,
    /,
    *,
    seeds: int = 5,
    trainings: float = 40,
    seconds: float | None = None,
    seed: int | None = None,
    cure: str | None = None,
    out: str | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Say why a program does not train, by experiment, and prove a cure on fresh seeds.

    The exit code is 0 if no cause was confirmed, and 1 if one was, as linters have it.

    Parameters
    ----------
    source
        A recipe.toml, a data set, or a path to data, as `unstuck train` takes it; a run's folder, for its recipe;
        or program.py:make or package.module:make, a function of yours that returns an unstuck.Program.
    seeds
        On which a cure is proven beside the program as given, 2 or more; as many again where chance may decide.
    trainings
        What may be spent, in trainings of the program as given; the best answer so far is told when it is.
    seconds
        What may be spent in time; without it, no limit.
    seed
        That all seeds follow from; the recipe's, or 0 for a program, unless told.
    cure
        Where to write the cure: a recipe's as TOML, ready to train; a program's as the lines to change.
    out
        A page with pictures, NAME.html, which needs no network.
    set_
        KEY=VALUE, the long form of a recipe flag.
    json
        Print the diagnosis as JSON and nothing else.
    """
    from rich.console import Console

    from unstuck import experiments, files
    from unstuck.report import diagnosed, diagnosis_page
    from unstuck.training.own import in_one_line

    settings = set_ or []
    if seed is not None:  # typed as a flag it has become --set seed=
        settings = [*settings, f"seed={seed}"]
    is_program = ":" in source and not Path(source).exists()
    _check(source, cure, out, is_program=is_program)
    what, first = _program(source, settings) if is_program else _recipe(source, settings)
    with _telling(quiet=json) as tell, in_one_line(source) if is_program else nullcontext():
        found = experiments.diagnose(
            what, seeds=seeds, seed=first, trainings=trainings, seconds=seconds, tell=tell
        )
    if json:
        print(json_text.dumps(diagnosed.as_json(found), indent=2))
    else:
        Console(highlight=False).print(diagnosed.terminal(found))
    said: list[str] = []
    if out is not None:
        files.write(Path(out), diagnosis_page.page(found, source))
        said.append(f"wrote {out}")
    if cure is not None and found.cure:
        files.write(Path(cure), _as_file(found.cure))
        said.append(f"wrote {cure}")
    elif cure is not None:
        said.append(f"no cure was proven: {cure} is not written")
    if said and not json:
        print("\n" + "; ".join(said))
    return 0 if found.healthy else 1


def _check(source: str, cure: str | None, out: str | None, *, is_program: bool) -> None:
    """Before anything is trained: where the answers can go."""
    from unstuck.errors import RecipeError

    if Path(source).suffix == ".py":
        hint = f"It returns an unstuck.Program: unstuck diagnose {source}:make"
        raise RecipeError("the source", "name a function of the file", source, hint=hint)
    if out is not None and Path(out).suffix != ".html":
        raise RecipeError("--out", "end in .html", out)
    for flag, path in (("--out", out), ("--cure", cure)):
        if path is not None and Path(path).is_dir():
            raise RecipeError(flag, "be a file, which the folder is not", path)
        if path is not None and not Path(path).parent.is_dir():
            raise RecipeError(flag, "lie in a folder that exists", path)
    if cure is None:
        return
    if not is_program and Path(cure).suffix != ".toml":
        raise RecipeError("--cure", "end in .toml, where a recipe is cured", cure)
    if Path(cure).resolve() == Path(source.partition(":")[0]).resolve():
        raise RecipeError("--cure", "be another file than what is diagnosed", cure)


def _program(source: str, settings: list[str]) -> tuple[Any, Any]:
    """The user's program, and the seed that was typed, or 0."""
    from unstuck.cli.source import edit_of
    from unstuck.errors import RecipeError
    from unstuck.training.own import program

    edits = [edit_of(setting) for setting in settings]
    for edit in edits:
        if edit.path != "seed":
            hint = "Change it in your code: keys of a recipe do not apply to it."
            raise RecipeError(edit.path, "be left to the program", edit.to, hint=hint)
    return program(source), edits[-1].to if edits else 0


def _recipe(source: str, settings: list[str]) -> tuple[Any, Any]:
    from unstuck.cli.source import recipe_of

    path = Path(source)
    is_run = (path / "run.json").exists()
    recipe = recipe_of(str(path / "recipe.toml") if is_run else source, settings)
    return recipe, recipe.seed


def _as_file(cure: "Cure") -> str:
    from unstuck.recipe import file
    from unstuck.recipe.spec import Recipe

    return file.dumps(cure.program) if isinstance(cure.program, Recipe) else "\n".join((*cure.lines, ""))


@contextmanager
def _telling(*, quiet: bool) -> Generator[Callable[[str], None]]:
    """A line that says what is being tested, beside a clock; where there is no terminal, a line for each."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.text import Text

    console = Console(stderr=True, highlight=False, quiet=quiet)
    if not console.is_terminal:
        yield lambda line: console.print(Text(line), soft_wrap=True)
        return
    columns = SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False)
    with Progress(*columns, console=console, transient=True) as progress:
        shown = progress.add_task("starting", total=None)
        yield lambda line: progress.update(shown, description=line)
