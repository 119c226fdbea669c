"""What a verb is given to train: a recipe file, a data set's name, or a path to data, and flags."""

from collections.abc import Sequence
from pathlib import Path

from unstuck.data import describe
from unstuck.errors import RecipeError, did_you_mean
from unstuck.recipe.augment import usual
from unstuck.recipe.data import Data
from unstuck.recipe.edit import Edit, edited, value_of
from unstuck.recipe.spec import Recipe


def recipe_of(source: str, settings: Sequence[str]) -> Recipe:
    """The recipe that a source stands for, with the flags' settings, which count for more than the file's."""
    return edited(_base(source, settings), [edit_of(setting) for setting in settings])


def edit_of(setting: str) -> Edit:
    """`key=value` as an edit."""
    key, equals, text = setting.partition("=")
    if not equals:
        raise RecipeError("--set", "be KEY=VALUE", setting, hint="Try --set optimizer.lr=0.1.")
    value = value_of(text)
    return Edit(key, usual(value) if key == "augment" else value)


def _base(source: str, settings: Sequence[str]) -> Recipe:
    names = [listing.name for listing in describe()]
    if source.endswith(".toml"):
        return Recipe.read(source)
    if source.lower().replace("_", "-") in names:
        return Recipe(data=Data(name=source))
    if Path(source).exists():
        target = next((s.removeprefix("data.target=") for s in settings if s.startswith("data.target=")), None)
        return Recipe(data=Data(path=source, target=target))
    hint = did_you_mean(source, names)
    raise RecipeError("the source", "be a recipe.toml, a path that exists or a data set", source, hint=hint)
