"""A recipe as TOML text, and back."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from unstuck.errors import RecipeError
from unstuck.recipe.problem import Model, checked


def read(kind: type[Model], path: Path) -> Model:
    """The recipe in a file. Every error names the file, the key and the value."""
    try:
        return parse(kind, path.read_text(encoding="utf-8-sig"), source=str(path))
    except FileNotFoundError:
        raise RecipeError("the recipe", "be a file that exists", str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError("the recipe", "be a readable text file", str(path), hint=f"{error}.") from None


def parse(kind: type[Model], text: str, *, source: str = "") -> Model:
    """The recipe in TOML text; `source` is named in errors."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError("the text", "be TOML", str(error), source=source) from None
    try:
        return checked(kind, table)
    except RecipeError as error:
        raise error.at(source) from None


def dumps(recipe: BaseModel, *, explained: bool = False) -> str:
    """TOML text that `parse` reads back to an equal recipe: a line per field; or, explained, per key."""
    table = recipe.model_dump(mode="json", exclude_none=True)
    if explained:
        return "\n".join(_explained(recipe, table, ""))
    return "".join(f"{key} = {_value(value)}\n" for key, value in table.items())


def _explained(part: BaseModel, table: dict[str, Any], prefix: str) -> Iterator[str]:
    """Plain keys first, as TOML wants it, then the tables; every line with what it means."""
    inner = {key: getattr(part, key) for key in table if isinstance(getattr(part, key), BaseModel)}
    for key, field in sorted(type(part).model_fields.items(), key=lambda item: item[0] != "name"):
        if key in table and key not in inner:
            about = " ".join((field.description or "").split())
            yield f"{key} = {_value(table[key])}" + (f"  # {about}" if about else "")
    for key, value in inner.items():
        yield f"\n[{prefix}{key}]  # {(type(value).__doc__ or '').splitlines()[0]}"
        yield from _explained(value, table[key], f"{prefix}{key}.")
    if not prefix:
        yield ""


def _value(value: Any) -> str:
    match value:
        case dict():
            items = sorted(value.items(), key=lambda item: item[0] != "name")
            return "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in items) + " }"
        case list():
            return "[" + ", ".join(map(_value, value)) + "]"
        case None:
            hint = "Leave it out of the base instead, and let an arm give it."
            raise RecipeError("an edit", "have a value that TOML can say", None, hint=hint)
        case _:
            # A TOML number, boolean or basic string; of its control characters JSON leaves one unescaped
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    """Bare where TOML allows it, else quoted."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)
