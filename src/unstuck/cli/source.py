"""What a verb is given to train: a recipe file, a data set's name, or a path to data, and flags."""

from collections.abc import Sequence
from pathlib import Path

from unstuck.data import asked_for, describe
from unstuck.errors import RecipeError, did_you_mean
from unstuck.recipe.augment import usual
from unstuck.recipe.edit import Edit, edited, value_of
from unstuck.recipe.model import Own
from unstuck.recipe.spec import Recipe
from unstuck.study.design import is_study, ready


def recipe_of(source: str, settings: Sequence[str]) -> Recipe:
    """The recipe that a source stands for, with the flags' settings, which count for more than the file's."""
    return edited(_base(source, settings), [edit_of(setting) for setting in settings])


def stem_of(recipe: Recipe) -> str:
    """What folders of the recipe's runs and studies are named by: its data."""
    return recipe.data.name or Path(recipe.data.path or "").resolve().stem


def model_of(settings: Sequence[str]) -> tuple[str | None, list[str]]:
    """The model of the user's own that flags name, `--model package.module:function`, and the other flags."""
    named = [setting.removeprefix("model=") for setting in settings if setting.startswith("model=")]
    return (named[-1] if named else None), [one for one in settings if not one.startswith("model=")]


def only_model(settings: Sequence[str]) -> str | None:
    """The same, for verbs that take no other flag of a recipe."""
    model, others = model_of(settings)
    if others:
        key, _, value = others[0].partition("=")
        raise RecipeError(key, "be left as the run has it", value, hint="Only --model is taken here.")
    return model


def edit_of(setting: str) -> Edit:
    """`key=value` as an edit."""
    key, equals, text = setting.partition("=")
    if not equals:
        raise RecipeError("--set", "be KEY=VALUE", setting, hint="Try --set optimizer.lr=0.1.")
    value = value_of(text)
    return Edit(key, usual(value) if key == "augment" else value)


def split_data(settings: Sequence[str]) -> tuple[str | None, list[str]]:
    """The set or path that the settings name, by `data` as by `data.name` or `data.path`, and the others."""
    named = [setting for setting in settings if setting.partition("=")[0] in ("data", "data.name", "data.path")]
    return named[-1].partition("=")[2] if named else None, [one for one in settings if one not in named]


def _base(source: str, settings: Sequence[str]) -> Recipe:
    if (study := ready().get(source, Path(source))).suffix == ".toml" and is_study(study):
        raise RecipeError("the source", "be a recipe or data", source, hint=f"A study: unstuck compare {source}")
    if source.endswith(".toml"):
        recipe = Recipe.read(source)
        if isinstance(recipe.model, Own) and not recipe.model.is_library and model_of(settings)[0] is None:
            name = recipe.model.function
            hint = f"Code runs where its name is typed, not because a file holds it: add --model {name}"
            raise RecipeError("model", "be typed again", name, hint=hint)
        return recipe
    if (Path(source) / "run.json").exists():
        hint = f"Try unstuck evaluate {source}, or give its recipe, {Path(source) / 'recipe.toml'}."
        raise RecipeError("the source", "be data or a recipe, not a run", source, hint=hint)
    if runs := _runs_in(Path(source)):  # not a folder of pictures, though runs hold some
        hint = f"Name one of its runs: {', '.join(runs[:5])}{', …' if len(runs) > 5 else ''}."
        raise RecipeError("the source", "be data, a recipe or one run", source, hint=hint)
    if source.endswith(".py"):
        hint = f"Run a program itself: python {source}; or name its function: --model {Path(source).stem}:NAME."
        raise RecipeError("the source", "be data or a recipe, not code", source, hint=hint)
    target = next((s.removeprefix("data.target=") for s in settings if s.startswith("data.target=")), None)
    if data := asked_for(source, target):
        return Recipe(data=data)
    known = _runs_in(Path(source).parent) if "/" in source else [listing.name for listing in describe()]
    hint = did_you_mean(source, known or (listing.name for listing in describe()))
    raise RecipeError("the source", "be a recipe.toml, a path that exists or a data set", source, hint=hint)


def _runs_in(folder: Path) -> list[str]:
    """The folders of runs that lie in a folder, if any."""
    return sorted(str(path.parent) for path in folder.glob("*/run.json"))
