"""What every table of a recipe is made of: frozen parts that check themselves, and words read leniently."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from unstuck.recipe.edit import canonical
from unstuck.recipe.problem import UnknownKeyError

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(gt=0)]
Canonical = BeforeValidator(canonical)


class Part(BaseModel):
    """A table of the recipe: frozen, exact in its types, without unknown keys, NaN or infinity."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, table: Any) -> Any:
        unknown = [key for key in table if key not in cls.model_fields] if isinstance(table, dict) else []
        if unknown:
            raise UnknownKeyError(unknown[0], cls.model_fields)
        return table


def named(default: str | None = None) -> BeforeValidator:
    """`"adam"` stands for `{ name = "adam" }`, and a table without a name is of the default kind."""

    def part(value: Any) -> Any:
        if isinstance(value, str):
            return {"name": canonical(value)}
        if isinstance(value, dict) and ("name" in value or default):
            return {**value, "name": canonical(value.get("name", default))}
        return value

    return BeforeValidator(part)


def listed(value: Any) -> Any:
    """TOML knows lists, frozen data needs tuples, and one number or word may be given bare."""
    is_bare = isinstance(value, str | int) and not isinstance(value, bool)
    return tuple(value) if isinstance(value, list) else (value,) if is_bare else value


Listed = BeforeValidator(listed)
Pair = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
