"""Studies as they are typed: a file or a name, or a recipe with its arms as flags."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unstuck.cli.flags import in_full
from unstuck.cli.source import edit_of, model_of, recipe_of, stem_of
from unstuck.data import asked_for, describe
from unstuck.errors import RecipeError, did_you_mean
from unstuck.recipe.edit import edited, value_of
from unstuck.recipe.model import Own
from unstuck.recipe.problem import checked
from unstuck.study.design import Study, is_study, ready
from unstuck.study.runner import Where
from unstuck.study.space import flag

_READY = "Ready-made studies go by name: unstuck list studies."
_TRY = "Try --arm sgd:optimizer=sgd or --vary optimizer.lr=0.01,0.1."


def place_of(settings: Sequence[str]) -> tuple[list[str], Where]:
    """The settings without `engine=ray`, which says where a study is trained and not by which engine."""
    others = [setting for setting in settings if setting != "engine=ray"]
    return others, "here" if len(others) == len(settings) else "ray"


def study_of(
    source: str,
    settings: Sequence[str],
    *,
    arms: Sequence[str] = (),
    vary: Sequence[str] = (),
    options: Mapping[str, Any],
) -> tuple[Study, str]:
    """The study that was asked for, and a name for its folder; settings change its base.

    `options` are fields of a study as typed, None where they were not: seeds, folds, repeats, method, fractions,
    draws.
    """
    given = {name: value for name, value in options.items() if value is not None}
    draws = given.pop("draws", None)
    if isinstance(text := given.get("fractions"), str):
        given["fractions"] = [value_of(one.strip()) for one in text.split(",") if one.strip()]
    if draws is not None and not vary:
        raise RecipeError("--draws", "go with --vary", draws, hint=_TRY)
    study, stem = _base(source, settings)
    added, over = _arms(arms), _space(vary)
    table = study.model_dump() | given
    table["arms"] |= added
    if vary:
        table["sweep"] = {"over": over, "draws": draws}
    study = checked(Study, table)
    study.check_seeds(given.get("seeds"))
    values = [*(one for edits in added.values() for one in edits.values()), *over.get("model", ())]
    _check_own(study, [model_of(settings)[0], *values])
    return study, stem


def _base(source: str, settings: Sequence[str]) -> tuple[Study, str]:
    path = ready().get(source, Path(source))
    if path.suffix == ".toml" and is_study(path):
        study = Study.read(path)
        recipe = edited(study.recipe, [edit_of(setting) for setting in settings])
        return checked(Study, study.model_dump() | {"recipe": recipe.model_dump()}), path.stem
    if not source.endswith(".toml") and asked_for(source) is None:
        hint = did_you_mean(source, (*ready(), *(listing.name for listing in describe())))
        must = "be a study, a recipe.toml, a path that exists or a data set"
        raise RecipeError("the source", must, source, hint=hint)
    if source.endswith(".toml") and not path.exists():
        raise RecipeError("the study or recipe", "be a file that exists", source, hint=_READY)
    recipe = recipe_of(source, settings)
    return Study(recipe=recipe), path.stem if path.suffix == ".toml" else stem_of(recipe)


def _arms(typed: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`NAME:KEY=VALUE`, by name; what is typed of one name belongs together."""
    arms: dict[str, dict[str, Any]] = {}
    for text in typed:
        name, colon, setting = text.partition(":")
        if not colon or not name or "=" not in setting:
            raise RecipeError("--arm", "be NAME:KEY=VALUE", text, hint=_TRY)
        edit = edit_of(in_full(setting))
        arms.setdefault(name, {})[edit.path] = edit.to
    return arms


def _space(typed: Sequence[str]) -> dict[str, Any]:
    over: dict[str, Any] = {}
    for text in typed:
        key, values = flag(in_full(text))
        if key in over:
            raise RecipeError(
                "--vary", "name a key once", key, hint=f"Put all its values into one: --vary {key}=…"
            )
        over[key] = list(values) if isinstance(values, tuple) else values.model_dump()
    return over


def _check_own(study: Study, typed: Sequence[Any]) -> None:
    """Code of the user's own runs where its name is typed, not because a study's file holds it."""
    for name, recipe in study.recipes().items():
        model = recipe.model
        if isinstance(model, Own) and not model.is_library and model.function not in typed:
            hint = f"Code runs where its name is typed, not because a file holds it: add --model {model.function}"
            raise RecipeError(f"arm {name!r}: model", "be typed again", model.function, hint=hint)
