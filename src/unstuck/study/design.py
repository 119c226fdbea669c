"""What a study trains: a base recipe, arms that are edits of it, and seeds or folds that all of them share."""

import itertools
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from unstuck.errors import RecipeError, did_you_mean
from unstuck.recipe import file
from unstuck.recipe.edit import Edit, edited
from unstuck.recipe.part import Count, Listed, Part
from unstuck.recipe.spec import Recipe
from unstuck.rng import stream
from unstuck.study import space
from unstuck.study.member import Member
from unstuck.study.space import Space

BASE = "base"
Method = Literal["t", "bootstrap"]


def _flat(table: Any) -> Any:
    """Tables in tables as dotted keys, so that `optimizer = { lr = 1 }` and `optimizer.lr = 1` say the same."""
    if not isinstance(table, dict):
        return table
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": leaf for key, leaf in _flat(value).items()}
        else:
            flat[name] = value
    return flat


Edits = Annotated[dict[str, Any], BeforeValidator(_flat)]
"""The dotted path of each field that changes, and its new value."""


class Sweep(Part):
    """Values of some keys, in every combination, or so many combinations drawn from them."""

    over: Space
    """By key: a list of choices, or a range { low, high, log, points }."""
    draws: Count | None = None
    """Combinations that are drawn; nothing: all that there are."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Draws them."""

    def settings(self) -> list[dict[str, Any]]:
        """The combinations, each as edits, and none twice."""
        if self.draws is None:
            return space.grid(self.over)
        wanted, found = min(self.draws, space.combinations(self.over)), list[dict[str, Any]]()
        for draw in itertools.count():
            if len(found) == wanted:
                break
            drawn = space.draw(self.over, stream(self.seed, "probe", draw))
            found += [] if drawn in found else [drawn]
        return found

    def named(self) -> list[tuple[str, dict[str, Any]]]:
        """The combinations, each with its name, to as many digits as tell them apart."""
        settings, names = self.settings(), list[str]()
        for digits in range(3, 18):  # 17 tell any two floats apart
            names = [named(setting, digits) for setting in settings]
            if len({*names}) == len(names):
                break
        return [*zip(names, settings, strict=True)]


Fractions = Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], Listed]


class Study(Part):
    """A base recipe and arms. The base is an arm without edits; every arm is trained with the same seeds."""

    title: str = ""
    """What is compared."""
    seeds: Count = 10
    """Trainings of each arm: they have the recipe's seed and those that follow it."""
    folds: Annotated[int, Field(ge=2)] | None = None
    """Trainings of each arm by cross-validation instead, all with the recipe's seed: one for each fold."""
    repeats: Count = 1
    """How often the rows are dealt out into folds anew."""
    redraw: bool = False
    """Whether a seed draws the rows, too: which of them are trained on, and which scored."""
    method: Method = "t"
    """Of the intervals: Student's t, or bootstrap, which assumes no shape and needs 6 seeds to decide anything."""
    recipe: Recipe
    """The base."""
    base: str = BASE
    """What the base is called."""
    arms: dict[str, Edits] = {}
    """By name, what each changes."""
    ablation: dict[str, Edits] = {}
    """Changes by name: each alone is an arm, all together are, and all but each."""
    sweep: Sweep | None = None
    """Every combination is an arm."""
    fractions: Fractions = ()
    """Shares of the base's training rows, in (0, 1): each is an arm, and the base has them all."""
    published: dict[str, float] = {}
    """Scores that others published, by arm."""
    rebuilt: dict[str, float] = {}
    """Scores of the published networks, rebuilt in plain PyTorch."""

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The study in a TOML file."""
        return file.read(cls, Path(path))

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.folds is None and self.repeats > 1:
            raise RecipeError("repeats", "be 1 where there are no folds", self.repeats, hint="Say folds = 10.")
        if self.folds is not None and self.redraw:
            raise RecipeError("redraw", "be false where there are folds, which deal out all rows", True)
        return self

    def check_seeds(self, seeds: object) -> None:
        """Raise a `RecipeError` where a number of seeds was asked for, and folds are trained instead."""
        if seeds is not None and self.folds is not None:
            hint = f"{self.folds} folds are the trainings of each arm; for more of them raise repeats."
            raise RecipeError("seeds", "be left out where there are folds", seeds, hint=hint)

    def edits(self) -> dict[str, Mapping[str, Any]]:
        """Each arm's edits by its name, the base left out; `RecipeError` if there are none or two of one name."""
        found: dict[str, Mapping[str, Any]] = {}
        shared = {edit.path for edit in next(self._pairs())}
        for name, edits in self._named():
            if name in found or name == self.base:
                raise RecipeError("the study", "have a name of its own for each arm", name)
            for path in shared & {*edits}:
                raise RecipeError(path, "be left to the study, whose arms share it", edits[path]).at(
                    f"arm {name!r}"
                )
            found[name] = edits
        if not found:
            hint = "Try --arm sgd:optimizer=sgd, or [arms.sgd] in a file; or --vary, --fractions, [ablation]."
            raise RecipeError("the study", "have an arm beside its base", "none", hint=hint)
        for name in (*self.published, *self.rebuilt):
            if name not in found and name != self.base:
                raise RecipeError("a published score", "be of an arm", name, hint=did_you_mean(name, found))
        return found

    def _named(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        yield from self.arms.items()
        yield from _ablated(self.ablation)
        for name, setting in self.sweep.named() if self.sweep else ():
            if space.refusal(self.recipe, setting) or space.given(self.recipe, setting) != self.recipe:
                yield name, setting  # the combination that the base has is no arm
        for fraction in self.fractions:
            yield f"{100 * fraction:g} % of the rows", {"data.rows": _share(self.recipe.data.rows, fraction)}

    def recipes(self) -> dict[str, Recipe]:
        """Each arm's recipe by its name, the base first; a `RecipeError` names the arm that cannot be."""
        recipes = {self.base: self.recipe}
        for name, edits in self.edits().items():
            try:
                recipes[name] = edited(self.recipe, [Edit(path, to) for path, to in edits.items()])
            except RecipeError as error:
                raise error.at(f"arm {name!r}") from None
        return recipes

    def only(self, names: Sequence[str]) -> dict[str, Recipe]:
        """The base and the arms of these names; all if there are none."""
        recipes = self.recipes()
        for name in names:
            if name not in recipes:
                raise RecipeError("--only", "name an arm", name, hint=f"Known: {', '.join(recipes)}.")
        if names and {*names} == {self.base}:
            raise RecipeError("--only", "name an arm beside the base", self.base)
        return {name: one for name, one in recipes.items() if not names or name in names or name == self.base}

    def members(self, recipes: Mapping[str, Recipe]) -> list[Member]:
        """Every training, pair by pair: a study that is stopped has compared all arms on some seeds."""
        return [
            Member(arm=arm, number=number, recipe=edited(recipe, edits))
            for number, edits in enumerate(self._pairs())
            for arm, recipe in recipes.items()
        ]

    def _pairs(self) -> Iterator[list[Edit]]:
        """What members of one number have in common."""
        if self.folds is not None:
            for repeat, number in itertools.product(range(self.repeats), range(self.folds)):
                yield fold(self.folds, number, repeat)
        else:
            for seed in range(self.recipe.seed, self.recipe.seed + self.seeds):
                yield [Edit("seed", seed), *([Edit("data.seed", seed)] if self.redraw else [])]


def fold(folds: int | None, number: int, repeat: int = 0) -> list[Edit]:
    """The edits that hold out one fold of so many; of as many as there are rows where `folds` is None."""
    places = {"folds": folds, "number": number, "repeat": repeat}
    return [Edit(f"data.fold.{name}", to) for name, to in places.items()]


def _ablated(changes: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each change alone; all together; and, where that is not one alone again, all but each."""
    yield from changes.items()
    if len(changes) > 1:
        yield "all", _together(changes.values())
    if len(changes) > 2:
        for left_out in changes:
            others = [edits for name, edits in changes.items() if name != left_out]
            yield f"all but {left_out}", _together(others)


def _together(changes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {path: to for edits in changes for path, to in edits.items()}


def _share(rows: int | float | None, fraction: float) -> int | float:
    """So much of the rows that the base trains on: a share of them all, or a number where it has one."""
    if isinstance(rows, int):
        return max(round(fraction * rows), 1)
    return fraction if rows is None else fraction * rows


def named(setting: Mapping[str, Any], digits: int = 3) -> str:
    """What an arm of a sweep is called: `lr 0.1, batch_size 20`."""
    said = (f"{path.removesuffix('.name').split('.')[-1]} {_short(to, digits)}" for path, to in setting.items())
    return ", ".join(said)


def _short(value: Any, digits: int) -> str:
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    return "-".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def ready() -> dict[str, Path]:
    """The ready-made studies' files by name: in the package, or beside it where it is not installed from one."""
    here = Path(__file__).resolve()
    folder = next((f for f in (here.parents[1] / "studies", here.parents[3] / "studies") if f.is_dir()), None)
    return {path.stem: path for path in sorted(folder.glob("*.toml"))} if folder else {}


def is_study(path: Path) -> bool:
    """Whether a TOML file holds a study, and not a recipe: it has a key that only studies have."""
    try:
        return not Study.model_fields.keys().isdisjoint(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False  # whoever reads it as a recipe says what is wrong
