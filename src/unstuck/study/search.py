"""A search for the values that a recipe trains best with, trial after trial.

It chooses by validation rows. Test rows are taken out of the data before a trial gets them; at the end the best
recipe alone is scored on them. The best trial's own score is optimistic, because the trial was chosen for it.
"""

import importlib
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from unstuck import files
from unstuck.data import Dataset, load_for
from unstuck.engine import StopReason
from unstuck.errors import DataError, RecipeError, RunError, did_you_mean
from unstuck.extras import need
from unstuck.recipe.spec import Recipe
from unstuck.recipe.transfer import Transfer
from unstuck.study.proposals import Proposal, Proposals, Sampler
from unstuck.study.space import Choices, Range, check, combinations, given, usual
from unstuck.study.trial import Outcome, Trial, facts, rank, read
from unstuck.training.folder import Folder
from unstuck.training.run import Run, conclude
from unstuck.training.scores import score_of
from unstuck.training.task import Task, task_of_recipe
from unstuck.training.training import Training
from unstuck.training.transfer import noted

# What decides which rows are scored, or what a score means: across these, scores cannot be compared.
_FIXED = (
    "",
    "name",
    "path",
    "target",
    "sequence",
    "task",
    "group",
    "validation",
    "test",
    "seed",
    "fold",
    "bootstrap",
)
# The least score that optuna is told: below, all are as useless. A trial that diverged counts as this.
_FLOORS = {"accuracy": 0.0, "r2": -1.0}
_SAMPLERS = ("tpe", "random")


class Search:
    """Iterate over it to search; each trial comes when it is over. Stopping is `break`, and Ctrl-C.

    With a folder it can go on where it was left: made again in the same way, it has the trials that are finished,
    and those that are missing follow, the very same ones.

    Args:
        recipe: what is varied; its own seed draws every trial's weights and batches.
        space: the values of each key, as `space.flag` and `space.space_of` make them; nothing: the usual ones.
        trials: how many.
        sampler: tpe learns from the trials before; random does not.
        seed: of the search; nothing: the recipe's.
        prune: whether a trial ends early that is behind the median of the finished ones.
        budget: epochs to spend, all trials together, in place of a number of trials; the last trial is cut short.
        known: trials of a like search, not trained again where their values are drawn.
        out: a folder for `search.json` and `journal.log`; nothing: it stays in memory.
    """

    def __init__(
        self,
        recipe: Recipe,
        space: Mapping[str, Choices | Range] | None = None,
        *,
        trials: int = 20,
        sampler: Sampler = "tpe",
        seed: int | None = None,
        prune: bool = True,
        budget: int | None = None,
        known: Sequence[Trial] = (),
        out: str | Path | None = None,
    ) -> None:
        need("search", "optuna")
        self.recipe, self.seed, self.prune = recipe, recipe.seed if seed is None else seed, prune
        self.wanted, self.budget, self.out = trials, budget, Path(out) if out is not None else None
        self.sampler: Sampler = sampler
        self.is_interrupted = False
        self.trials: list[Trial] = []
        self._known, self._load = tuple(known), lru_cache(maxsize=4)(_rows)
        _check_numbers(trials, sampler, self.seed)
        if space is not None:
            _check_space(space, recipe)
        dataset = self._load(_source_of(recipe))
        if dataset.validation is None:
            hint = "A search chooses by validation rows; 0.1 is usual."
            raise RecipeError("data.validation", "be above 0", recipe.data.validation, hint=hint)
        self.space = dict(usual(recipe, len(dataset.train)) if space is None else space)
        self.score = score_of(recipe, dataset.classes)
        self._folder = None if self.out is None else _made(self.out)
        with self._folder.claimed() if self._folder else nullcontext():
            if self._folder:
                _check_same(self._folder.path, self._identity(dataset.fingerprint))
            self._proposals = self._reopened()

    def _identity(self, fingerprint: str) -> dict[str, Any]:
        """What must not change from one beginning of a search to the next, as JSON has it."""
        space = {
            key: values.model_dump() if isinstance(values, Range) else list(values)
            for key, values in self.space.items()
        }
        told = {"format": 1, "seed": self.seed, "recipe": self.recipe.model_dump(mode="json"), "space": space}
        return json.loads(json.dumps(told | {"data": fingerprint}))

    def _reopened(self) -> Proposals:
        path = self._folder.path / "journal.log" if self._folder else None
        proposals = Proposals(self.space, sampler=self.sampler, seed=self.seed, prune=self.prune, path=path)
        self.trials = [
            read(number, values, said) for number, (values, said) in enumerate(proposals.finished(), start=1)
        ]
        return proposals

    @property
    def spent(self) -> int:
        """Epochs begun by all trials that are over."""
        return sum(trial.epochs for trial in self.trials)

    @property
    def best(self) -> Trial | None:
        """The trial of the best score among those trained to their end, the first of equals."""
        return max(self.finished, key=rank, default=None)

    @property
    def finished(self) -> list[Trial]:
        """The trials that were trained to their end with a finite score."""
        return [trial for trial in self.trials if trial.outcome is Outcome.FINISHED and math.isfinite(rank(trial))]

    @property
    def is_over(self) -> bool:
        """Whether no trial is missing, or no combination is left to try."""
        if self.tried_all:
            return True
        if self.budget is None:
            return len(self.trials) >= self.wanted
        return self.spent >= self.budget or len(self.trials) >= 2 * self.budget  # some may not be possible

    @property
    def tried_all(self) -> bool:
        """Whether every combination of the space was tried."""
        different: list[Mapping[str, Any]] = []
        for trial in self.trials:
            if trial.values not in different:
                different.append(trial.values)
        return len(different) >= combinations(self.space)

    def __iter__(self) -> Iterator[Trial]:
        return (trial for trial in self.epochs() if trial.outcome)

    def epochs(self) -> Iterator[Trial]:
        """Each trial at its start, after each of its epochs, and when it is over, with its outcome."""
        with self._folder.claimed() if self._folder else nullcontext():
            if self._folder:  # another process may have gone on with it meanwhile
                self._proposals = self._reopened()
            while not self.is_over and not self.is_interrupted:
                yield from self._tried()
        if self.is_over and all(trial.outcome is Outcome.NOT_POSSIBLE for trial in self.trials):
            first = self.trials[0]
            raise RecipeError(
                "the space", "have a combination that can be trained", dict(first.values), hint=first.reason
            )

    def _tried(self) -> Iterator[Trial]:
        proposal, started = self._proposals.next(), time.perf_counter()
        trial = Trial(number=len(self.trials) + 1, values=proposal.values)
        try:
            for now in self._under_way(trial, proposal):
                trial = replace(now, seconds=time.perf_counter() - started)
                if not trial.outcome:
                    yield trial
        finally:
            if trial.outcome:
                self._proposals.keep(proposal, self._told(trial), facts(trial))
                self.trials.append(trial)
            else:
                self._proposals.drop(proposal)
        if trial.outcome:
            yield trial

    def _under_way(self, trial: Trial, proposal: Proposal) -> Iterator[Trial]:
        yield trial
        if twin := self._twin(trial.values):
            for epoch, score in enumerate(twin.scores, start=1):
                proposal.is_behind(epoch, self._floored(score))
            yield replace(twin, number=trial.number)
            return
        try:
            training = Training(self._task(trial.values))
        except (RecipeError, DataError, MemoryError) as error:
            yield replace(trial, outcome=Outcome.NOT_POSSIBLE, reason=str(error) or "not enough memory.")
            return
        column, outcome = f"validation_{self.score.name}", Outcome.FINISHED
        for stretch in training:
            scores = tuple(training.record.columns.get(column, ()))
            trial = replace(trial, epochs=stretch.epoch + 1)
            if len(scores) == len(trial.scores):
                continue
            trial = replace(trial, scores=scores, score=_kept(training, scores))
            behind = proposal.is_behind(len(scores), self._floored(scores[-1]))
            yield trial
            if training.stop is None and len(scores) < training.task.plan.epochs:
                if behind:
                    outcome = Outcome.PRUNED
                elif self.budget is not None and self.spent + trial.epochs >= self.budget:
                    outcome = Outcome.CUT
                if outcome is not Outcome.FINISHED:
                    break
        reason = training.stop.reason if training.stop else None
        if reason is StopReason.INTERRUPTED:
            self.is_interrupted = True
        elif reason is StopReason.NOT_FINITE:
            yield replace(trial, score=None, outcome=Outcome.DIVERGED)
        else:
            yield replace(trial, outcome=outcome)

    def beside(self) -> "Search":
        """A random search that spends as many epochs, to its trials' ends: what this one must be better than.

        It has the same seed, and so begins with the same values as this one, before that learned anything.
        """
        return Search(
            self.recipe,
            self.space,
            sampler="random",
            seed=self.seed,
            prune=False,
            budget=self.spent,
            known=self.trials,
            out=self.out,
        )

    def best_recipe(self) -> Recipe:
        """The recipe of the best trial; `RunError` where none was trained to its end."""
        if self.best is None:
            raise RunError("no trial was trained to its end: every one diverged or is not possible.")
        return given(self.recipe, self.best.values)

    def scored(self) -> Run:
        """The best recipe, trained once more, and scored on test rows too, of which no trial knew."""
        training = Training(task_of_recipe(self.best_recipe()))
        for _ in training:
            pass
        return conclude(training)

    def _twin(self, values: Mapping[str, Any]) -> Trial | None:
        """A trial of the same values, which has the same scores. It costs nothing if it is this search's own."""
        for trial in self.trials:
            if trial.values == values and trial.outcome is not Outcome.CUT:
                return replace(trial, epochs=0)
        left = math.inf if self.budget is None else self.budget - self.spent
        whole = (one for one in self._known if one.outcome in (Outcome.FINISHED, Outcome.DIVERGED))
        return next((one for one in whole if one.values == values and one.epochs <= left), None)

    def _task(self, values: Mapping[str, Any]) -> Task:
        """A trial made live, without test rows."""
        recipe = given(self.recipe, values)
        task = task_of_recipe(recipe, replace(self._load(_source_of(recipe)), test=None))
        if task.score.name != self.score.name:
            hint = f"Across {task.score.name} and {self.score.name} nothing is better."
            raise RecipeError(
                "model.name", f"be one that is scored by {self.score.name}", recipe.model.name, hint=hint
            )
        return task

    def _floored(self, score: float) -> float:
        floor = _FLOORS[self.score.name]
        return max(score, floor) if math.isfinite(score) else floor

    def _told(self, trial: Trial) -> float | None:
        """What optuna takes as a trial's value; nothing of one that was not trained to its end."""
        if trial.outcome is Outcome.DIVERGED:
            return _FLOORS[self.score.name]
        return (
            self._floored(trial.score) if trial.outcome is Outcome.FINISHED and trial.score is not None else None
        )


def _kept(training: Training, scores: tuple[float, ...]) -> float:
    """The score of the weights that would be kept if training ended here."""
    best = training.best if training.task.keep == "best" else None
    return scores[best.epoch - 1] if best else scores[-1]


def _source_of(recipe: Recipe) -> str:
    """The least recipe that has the same data, as JSON: trials that share it share the arrays."""
    learns_itself = recipe.model.name == "autoencoder"
    least = Recipe(
        data=recipe.data,
        model="autoencoder" if learns_itself else "mlp",
        transfer=Transfer(source=recipe.transfer.source) if recipe.transfer else None,
    )
    return least.model_dump_json()


def _rows(source: str) -> Dataset:
    """The data, with inputs as a source of weights had them where there is one."""
    recipe = Recipe.model_validate_json(source)
    if recipe.transfer is None:
        return load_for(recipe)
    trained = importlib.import_module("unstuck.training.torch_transfer").trained(recipe.transfer)
    return load_for(noted(recipe, trained), trained.inputs)


def _check_numbers(trials: int, sampler: str, seed: int) -> None:
    for name, value, least in (("trials", trials, 1), ("seed", seed, 0)):
        if value < least:
            raise RecipeError(name, f"be {least} or more", value)
    if sampler not in _SAMPLERS:
        raise RecipeError("sampler", "be a known word", sampler, hint=did_you_mean(sampler, _SAMPLERS))


def _check_space(space: Mapping[str, Choices | Range], recipe: Recipe) -> None:
    for key, values in space.items():
        table, _, name = key.partition(".")
        is_drawn_first = name == "rows" and recipe.data.fold is not None  # a fold is one of the rows that are left
        if table == "data" and (name.partition(".")[0] in _FIXED or is_drawn_first):
            raise RecipeError(key, "stay as it is", _said(values), hint="Scores on other rows cannot be compared.")
        if key == "seed":
            raise RecipeError(
                key, "stay as it is", _said(values), hint="The luckiest seed is not the best recipe."
            )
    check(space, recipe)


def _said(values: Choices | Range) -> object:
    return str(values) if isinstance(values, Range) else values


def _made(out: Path) -> Folder:
    with files.said(out):
        out.mkdir(parents=True, exist_ok=True)
        strange = not (out / "search.json").exists() and any(one.name[0] != "." for one in out.iterdir())
    if strange:
        raise RunError(f"{out} exists already, and is no search. Choose another --out, or remove it.")
    return Folder(out)


def _check_same(path: Path, identity: Mapping[str, Any]) -> None:
    """Write down what is searched, or refuse to go on with something else."""
    if not (path / "search.json").exists():
        files.write_json(path / "search.json", identity)
        return
    try:
        written = json.loads((path / "search.json").read_text(encoding="utf-8"))
        other = [name for name, value in identity.items() if written.get(name) != value]
    except (ValueError, AttributeError):
        raise RunError(f"{path / 'search.json'} is damaged: the search cannot go on.") from None
    if other:
        raise RunError(
            f"{path} is a search with another {' and '.join(other)}. Choose another --out, or remove it."
        )
