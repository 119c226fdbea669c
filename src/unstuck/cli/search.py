"""unstuck search."""

import json as json_text
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from rich.console import Console

    from unstuck.study.search import Search
    from unstuck.study.trial import Trial
    from unstuck.training.run import Run

# Trials in the table at the end.
_SHOWN = 5


def verb(
    source: str,
    /,
    *,
    vary: Annotated[list[str] | None, Parameter(negative="")] = None,
    trials: int = 20,
    sampler: Literal["tpe", "random"] = "tpe",
    prune: bool = True,
    beside: Literal["random"] | None = None,
    out: str | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Search for the values that a recipe trains best with, by its validation rows; the same command goes on.

    Exit code 1 where every trial diverged.

    Parameters
    ----------
    source
        A data set, a recipe.toml, or a path to data, as `unstuck train` takes it.
    vary
        KEY=LOW..HIGH, KEY=LOW..HIGH:log or KEY=ONE,OTHER; may be repeated. Else optimizer.lr from a hundredth to
        ten times the recipe's, and batch_size from half to four times.
    trials
        How many.
    sampler
        tpe learns from the trials before; random does not.
    prune
        Whether a trial ends early that is behind the median of the finished ones.
    beside
        random: a random search too, of as many epochs, to compare with.
    out
        The search's folder; else runs/search-NAME.
    set_
        KEY=VALUE, the long form of a recipe flag; --seed seeds both the trainings and the search.
    json
        Print the result as JSON and nothing else.
    """
    from rich.console import Console

    from unstuck.cli.flags import in_full
    from unstuck.cli.source import recipe_of, stem_of
    from unstuck.study.search import Search
    from unstuck.study.space import flag

    recipe = recipe_of(source, set_ or [])
    stem = stem_of(recipe)
    space = dict(flag(in_full(text)) for text in vary) if vary else None
    console = Console(quiet=json, highlight=False, soft_wrap=True)
    search = Search(
        recipe, space, trials=trials, sampler=sampler, prune=prune, out=out or Path("runs") / f"search-{stem}"
    )
    searches = [search]
    try:
        if _watched(search, console) and beside:
            searches.append(search.beside())
            console.print(f"random search of as many epochs, {search.spent}")
            _watched(searches[1], console)
        is_whole = not searches[-1].is_interrupted
        return _concluded(searches, console, json=json) if is_whole else _interrupted(searches)
    except KeyboardInterrupt:
        return _interrupted(searches)


def _watched(search: "Search", console: "Console") -> bool:
    """Search to the end, a line per trial; whether it came there."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    if search.trials:
        console.print(f"{len(search.trials)} trials are there already, in {search.out}")
    for trial in search.trials:
        console.print(_line(trial), markup=False)
    total = search.budget or search.wanted
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("searching", total=total)
        for trial in search.epochs():
            best = f", best so far {search.best.score:.4f}" if search.best else ""
            said = f"trial {trial.number}, epochs done {len(trial.scores)}{best}"
            done = search.spent if search.budget else len(search.trials)
            progress.update(bar, completed=min(done, total), description=said)
            if trial.outcome:
                progress.console.print(_line(trial), markup=False)
    if search.tried_all:
        console.print(f"all {len(search.trials)} combinations are tried")
    return not search.is_interrupted


def _line(trial: "Trial") -> str:
    from unstuck.report.view.search import shown
    from unstuck.study.trial import Outcome

    score = "      " if trial.score is None else f"{trial.score:.4f}"
    values = ", ".join(f"{key} {shown(value)}" for key, value in trial.values.items())
    assert trial.outcome
    ending = "" if trial.outcome is Outcome.FINISHED else f"   {trial.outcome.value}"
    reason = f": {trial.reason}" if trial.reason else ""
    epochs = "1 epoch " if trial.epochs == 1 else f"{trial.epochs} epochs"
    return f"trial {trial.number:>3}   {score}   {epochs}   {trial.seconds:.1f} s   {values}{ending}{reason}"


def _interrupted(searches: Sequence["Search"]) -> int:
    import sys

    kept = sum(len(search.trials) for search in searches)
    print(
        f"unstuck: interrupted; {kept} trials are kept in {searches[0].out}. The same command goes on",
        file=sys.stderr,
    )
    return 130


def _concluded(searches: Sequence["Search"], console: "Console", *, json: bool) -> int:
    """Score the best on test rows, write its recipe and the picture, and say what came of it; the exit code."""
    from unstuck import files
    from unstuck.recipe import file
    from unstuck.report import plots, view
    from unstuck.report.view.search import leading

    lead, out = leading(searches), Path(searches[0].out or "")
    run = lead.scored() if lead.best else None
    if run and not run.scores:
        return _interrupted(searches)
    test = run.scores["test"][lead.score.name] if run and "test" in run.scores else None
    plots.save(plots.draw_search(view.SearchView.of(searches, test=test)), out / "search.png")
    if lead.best:
        files.write(out / "best.toml", file.dumps(lead.best_recipe()))
    if json:
        print(json_text.dumps(_as_json(searches, lead, run), indent=2))
    else:
        _say(searches, lead, test, console)
    return 0 if lead.best else 1


def _say(searches: Sequence["Search"], lead: "Search", test: float | None, console: "Console") -> None:
    from unstuck.report import text
    from unstuck.report.view.search import shown
    from unstuck.study.trial import Outcome, rank

    out, name = searches[0].out, lead.score.name
    for search in searches:
        said = f"best {search.best.score:.4f}" if search.best else "none trained to its end"
        stopped = sum(trial.outcome is Outcome.PRUNED for trial in search.trials)
        console.print(
            f"{search.sampler}: {len(search.trials)} trials, {stopped} of them pruned, {search.spent} epochs, "
            f"{sum(trial.seconds for trial in search.trials):.1f} s, {said}"
        )
    if lead.best is None:
        console.print("every trial diverged. Vary optimizer.lr at lower values")
        return
    best = sorted(lead.finished, key=rank, reverse=True)
    rows = [
        (f"{trial.number}", f"{trial.score:.4f}", *(shown(value) for value in trial.values.values()))
        for trial in best[:_SHOWN]
    ]
    title = f"the best of {lead.sampler}"
    console.print(text.listing_table(title, ("trial", f"validation {name}", *lead.space), rows))
    on_test = "" if test is None else f"; on test rows, which no trial saw: {test:.4f}"
    console.print(f"validation {name} {lead.best.score:.4f} is optimistic: the trial was chosen for it{on_test}")
    console.print(f"to train it: unstuck train {out}/best.toml   picture: {out}/search.png", markup=False)


def _as_json(searches: Sequence["Search"], lead: "Search", run: "Run | None") -> dict[str, Any]:
    from dataclasses import asdict

    def plain(trial: "Trial") -> dict[str, Any]:
        return asdict(trial) | {"outcome": trial.outcome and trial.outcome.name.lower()}

    return {
        "score": lead.score.name,
        "best": plain(lead.best) | {"sampler": lead.sampler} if lead.best else None,
        "scores": run.scores if run else None,
        "searches": [
            {"sampler": one.sampler, "epochs": one.spent, "trials": [plain(trial) for trial in one.trials]}
            for one in searches
        ],
    }
