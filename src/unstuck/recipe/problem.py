"""pydantic's findings, reworded by the project's formula: field must condition, got value, and what to do."""

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from unstuck.errors import RecipeError, did_you_mean

Model = TypeVar("Model", bound=BaseModel)


class UnknownKeyError(ValueError):
    """A key that its table does not have; only where the table stands is still unknown."""

    def __init__(self, key: str, known: Iterable[str]) -> None:
        super().__init__(key)
        self.key, self.known = key, tuple(known)


def checked(kind: type[Model], table: dict[str, Any]) -> Model:
    """The table as a `kind`, or the `RecipeError` of the first thing that is wrong with it."""
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        raise reworded(error, table) from None


def reworded(error: ValidationError, table: dict[str, Any]) -> RecipeError:
    """The first of pydantic's findings in a table, as a `RecipeError`."""
    first, *others = error.errors(include_url=False)
    context, got = first.get("ctx", {}), first["input"]
    field = ".".join(_written_path(first["loc"], table))
    more = f"({len(others)} more to mend after it.)" if others else ""
    cause = context.get("error")
    if isinstance(cause, RecipeError):
        return cause
    if isinstance(cause, UnknownKeyError):
        path = _written_path((*first["loc"], cause.key), table)
        return RecipeError(".".join(path), "name a field", cause.key, hint=did_you_mean(cause.key, cause.known))
    match first["type"]:
        case "missing" if isinstance(first["loc"][-1], int):
            return RecipeError(field.rpartition(".")[0], "have more items", list(got), hint=more)
        case "too_long":
            return RecipeError(field, f"have at most {context['max_length']} items", list(got), hint=more)
        case "tuple_type":
            return RecipeError(field, "be a list", got, hint=more)
        case "missing":
            return RecipeError(field, "be given", None, hint='Try data = "mnist".' * (field == "data"))
        case "union_tag_invalid":
            return _unknown_word(f"{field}.name", context["tag"], context["expected_tags"])
        case "literal_error" if isinstance(got, str):
            return _unknown_word(field, got, context["expected"].replace(" or ", ", "))
        case "string_pattern_mismatch":
            return RecipeError(field, "be package.module:function", got, hint=more)
        case "model_type" | "model_attributes_type" | "dict_type":
            return RecipeError(field, "be a name or a table", got, hint=more)
        case _:
            return RecipeError(field, first["msg"].removeprefix("Input should "), got, hint=more)


def _unknown_word(field: str, word: str, quoted: str) -> RecipeError:
    known = [part.strip(" '") for part in quoted.split(",")]
    return RecipeError(field, "be a known word", word, hint=did_you_mean(word, known))


def _written_path(location: tuple[int | str, ...], table: Any) -> list[str]:
    """The path as the user wrote it: pydantic slips the kind's tag in between, optimizer.adam.lr."""
    path: list[str] = []
    for depth, step in enumerate(location):
        if isinstance(table, dict) and step not in table and depth < len(location) - 1:
            continue
        path.append(str(step))
        table = table.get(step) if isinstance(table, dict) else None
    return path
