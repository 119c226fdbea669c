"""What values a search or a sweep may give to which keys of a recipe: choices, or a range."""

import itertools
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from unstuck.errors import RecipeError
from unstuck.recipe.edit import Edit, edited, value_of
from unstuck.recipe.part import Part
from unstuck.recipe.problem import checked
from unstuck.recipe.spec import Recipe
from unstuck.rng import stream

# Combinations in which a value is tried before it is said to fit none: it may need another kind beside it.
_TRIED = 64
_TRY = "Try --vary optimizer.lr=1e-4..1e-1:log or --vary optimizer.name=sgd,adam."

Choices = tuple[Any, ...]


def _number(value: Any) -> Any:
    if type(value) in (int, float) and math.isfinite(value):
        return value
    raise PydanticCustomError("number", "Input should be a finite number")


Number = Annotated[int | float, BeforeValidator(_number)]


class Range(Part):
    """All numbers between two ends, both included; whole numbers if both ends are."""

    low: Number
    """The least."""
    high: Number
    """The greatest, above the least."""
    log: bool = False
    """Whether tenfold steps count as equal, as suits a learning rate; the least is then above 0."""
    points: Annotated[int, Field(ge=2)] | None = None
    """How many values a grid takes of it, both ends among them."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.low < self.high:
            raise RecipeError("high", f"be above low ({self.low})", self.high)
        if self.log and self.low <= 0:
            raise RecipeError("low", "be above 0 where log is true", self.low)
        return self

    @property
    def is_whole(self) -> bool:
        """Whether its values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def values(self) -> tuple[Number, ...]:
        """Its `points`, at equal distances, by factors where it is `log`; whole ones are rounded, each once."""
        assert self.points is not None
        spaced = (np.geomspace if self.log else np.linspace)(self.low, self.high, self.points).tolist()
        return tuple(dict.fromkeys(map(round, spaced))) if self.is_whole else tuple(spaced)

    def draw(self, generator: np.random.Generator) -> Number:
        """One of its values, each as likely, or each factor where it is `log`."""
        if self.is_whole and not self.log:
            return int(generator.integers(int(self.low), int(self.high), endpoint=True))
        margin = 0.5 if self.is_whole else 0.0  # so that the ends are as likely as what is between
        low, high = self.low - margin, self.high + margin
        drawn = (
            math.exp(generator.uniform(math.log(low), math.log(high)))
            if self.log
            else generator.uniform(low, high)
        )
        inside = min(max(drawn, self.low), self.high)
        return round(inside) if self.is_whole else float(inside)

    def __str__(self) -> str:
        options = [":log"] * self.log + [f":{self.points}"] * (self.points is not None)
        return f"{self.low}..{self.high}{''.join(options)}"


def _flat(table: Any) -> Any:
    """Tables in tables as dotted keys, each with its choices or its range: a table with low or high is a range."""
    return dict(_leaves(table, "")) if isinstance(table, Mapping) else table


def _leaves(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Choices | Range]]:
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and not value.keys() & {"low", "high"}:
            yield from _leaves(value, f"{key}.")
        else:
            yield key, _values(key, value)


def _values(key: str, value: Any) -> Choices | Range:
    if isinstance(value, Range):
        return value
    if isinstance(value, Mapping):
        try:
            return checked(Range, dict(value))
        except RecipeError as error:
            raise RecipeError(f"{key}.{error.field}", error.must, error.got, hint=error.hint) from None
    if not isinstance(value, list | tuple) or not value:
        raise RecipeError(key, "be a list of choices, or a table with low and high", value)
    if repeated := [one for place, one in enumerate(value) if one in value[:place]]:
        raise RecipeError(key, "have each choice once", repeated[0])
    return tuple(value)


# By dotted key; in TOML `"optimizer.lr" = { low = 1e-4, high = 0.1, log = true }`, or a list of choices.
Space = Annotated[dict[str, Choices | Range], BeforeValidator(_flat)]


def usual(recipe: Recipe, rows: int) -> dict[str, Choices | Range]:
    """What is worth a search first: rates from a hundredth to ten times the recipe's, and batches half to four
    times as large, none larger than the training rows.
    """
    rate, size = recipe.optimizer.lr, min(recipe.batch_size, rows)
    sizes = tuple(dict.fromkeys(max(min(round(size * factor), rows), 1) for factor in (0.5, 1, 2, 4)))
    return {"optimizer.lr": Range(low=rate / 100, high=rate * 10, log=True), "batch_size": sizes}


def space_of(table: Mapping[str, Any]) -> dict[str, Choices | Range]:
    """The space that a table describes, as it stands in TOML, by dotted keys or in tables."""
    return _flat(table)


def check(space: Mapping[str, Choices | Range], recipe: Recipe) -> None:
    """`RecipeError` for a key that is no field of the recipe, or a value that it can never have.

    A value that only goes with another kind beside it (`optimizer.momentum` with the optimizer `momentum`) is
    tried in combinations, and refused if none of them is a recipe.
    """
    if not space:
        raise RecipeError("the space", "have a key that varies", {}, hint=_TRY)
    for key, values in space.items():
        for value in (values.low, values.high) if isinstance(values, Range) else values:
            _check_value(space, recipe, key, value)


def _check_value(space: Mapping[str, Choices | Range], recipe: Recipe, key: str, value: Any) -> None:
    first = refusal(recipe, {key: value})
    generator = stream(recipe.seed, "probe")
    if first and all(refusal(recipe, {**draw(space, generator), key: value}) for _ in range(_TRIED)):
        raise first


def refusal(recipe: Recipe, values: Mapping[str, Any]) -> RecipeError | None:
    """Why the recipe cannot have these values; nothing if it can."""
    try:
        given(recipe, values)
    except RecipeError as error:
        return error
    return None


def given(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with these values: kinds first, whatever order they come in."""
    return edited(recipe, [Edit(key, value) for key, value in values.items()])


def combinations(space: Mapping[str, Choices | Range]) -> float:
    """How many there are; infinity where a range has more than whole numbers."""
    return math.prod(
        len(values)
        if not isinstance(values, Range)
        else values.high - values.low + 1
        if values.is_whole
        else math.inf
        for values in space.values()
    )


def grid(space: Mapping[str, Choices | Range]) -> list[dict[str, Any]]:
    """All combinations of values, the last key's changing fastest. A range must say its `points`."""
    columns: list[Choices] = []
    for key, values in space.items():
        if isinstance(values, Range):
            if values.points is None:
                hint = f"Add points = 5 to its table, or type {key}={values}:5."
                raise RecipeError(key, "say how many points a grid takes of it", str(values), hint=hint)
            columns.append(values.values())
        else:
            columns.append(values)
    return [dict(zip(space, row, strict=True)) for row in itertools.product(*columns)]


def draw(space: Mapping[str, Choices | Range], generator: np.random.Generator) -> dict[str, Any]:
    """A value for every key, drawn independently: of choices each as likely."""
    return {
        key: values.draw(generator) if isinstance(values, Range) else values[generator.integers(len(values))]
        for key, values in space.items()
    }


def flag(text: str) -> tuple[str, Choices | Range]:
    """A key and its values as typed: `KEY=LOW..HIGH`, `KEY=LOW..HIGH:log:POINTS` or `KEY=ONE,OTHER`."""
    key, _, said = (part.strip() for part in text.partition("="))
    if not key or not said:
        raise RecipeError("--vary", "be KEY=LOW..HIGH or KEY=ONE,OTHER", text, hint=_TRY)
    low, dots, rest = said.partition("..")
    try:
        if dots and isinstance(start := value_of(low), int | float):
            return key, _range(key, start, rest)
        return key, _values(key, _choices(said))
    except RecipeError as error:
        raise error.at(f"--vary {text}") from None


def _range(key: str, low: Number, rest: str) -> Range:
    high, *options = rest.split(":")
    table: dict[str, Any] = {"low": low, "high": value_of(high)}
    for option in options:
        points = value_of(option)
        if option != "log" and not isinstance(points, int):
            raise RecipeError(key, "be LOW..HIGH, LOW..HIGH:log or LOW..HIGH:POINTS", f"{low}..{rest}", hint=_TRY)
        table |= {"log": True} if option == "log" else {"points": points}
    values = _values(key, table)
    assert isinstance(values, Range)
    return values


def _choices(text: str) -> list[Any]:
    """TOML's values if all are, else each by itself: words need no quotes. A list in brackets is one choice."""
    try:
        return tomllib.loads(f"value = [{text}]")["value"]
    except tomllib.TOMLDecodeError:
        return [value_of(part.strip()) for part in re.split(r",(?![^\[{]*[\]}])", text)]
