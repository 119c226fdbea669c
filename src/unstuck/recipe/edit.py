"""Changes of a recipe, and the difference of two."""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from unstuck.errors import RecipeError
from unstuck.recipe.problem import Model, checked

# A data set is found by name or by path: choosing one drops the other, and the column that belonged to it.
_DROPPED_WITH = {"data.name": ("path", "target"), "data.path": ("name",)}

# A kind that is still to be decided: whichever it will be, what is said beside it stays.
_OPEN = "auto"

# Tables that a recipe may be without: a key of theirs makes them.
_ABSENT = ("transfer", "data.fold")


@dataclass(frozen=True)
class Edit:
    """One change to one field of a recipe, the only way a recipe ever changes.

    Arms of an experiment, folds, injected faults and treatments are all edits. Naming another kind of a
    part (`optimizer.name`) swaps the part: the new kind starts from its own defaults, so that Adam does
    not inherit the learning rate that suited gradient descent. Only `auto` is no kind yet, and what stands beside
    it stays. `optimizer` is short for `optimizer.name`.
    """

    path: str
    to: object

    def __call__(self, recipe: Model) -> Model:
        """A new, checked recipe; the old one is not touched."""
        return edited(recipe, (self,))

    def write(self, table: dict[str, Any]) -> None:
        """Make the change in a recipe's table. Whether key and value are known is for the check after it."""
        *parts, leaf = self.path.split(".")
        node: Any = table
        for depth, name in enumerate(parts, start=1):
            if ".".join(parts[:depth]) in _ABSENT and node.get(name) is None:
                node[name] = {}
            node = node.setdefault(name, {})
            if not isinstance(node, dict):
                raise RecipeError(self.path, "name a field", name, hint="There is no table at that place.")
        path = self.path
        if _comes_in_kinds(node.get(leaf)) and isinstance(self.to, str):
            node, leaf, path = node[leaf], "name", f"{path}.name"
        if path in _DROPPED_WITH:
            node.update(dict.fromkeys(_DROPPED_WITH[path]))
        elif leaf == "name" and node.get("name", _OPEN) not in (_OPEN, canonical(self.to)):
            node.clear()
        node[leaf] = dict(self.to) if isinstance(self.to, dict) else self.to

    def chooses_a_kind(self, table: dict[str, Any]) -> bool:
        """Whether it names another kind of a part, or another source of data, or gives a whole part."""
        node: Any = table
        for name in self.path.split("."):
            node = node.get(name) if isinstance(node, dict) else None
        short = _comes_in_kinds(node) and isinstance(self.to, str)
        return short or isinstance(self.to, dict) or self.path.endswith(".name") or self.path in _DROPPED_WITH

    def __str__(self) -> str:
        return f"{self.path} = {self.to!r}"


def _comes_in_kinds(part: Any) -> bool:
    return isinstance(part, dict) and "name" in part


def edited(recipe: Model, edits: Iterable[Edit]) -> Model:
    """The recipe after all edits, checked once they are made: none must make sense without the others.

    Those that choose a kind go first, whatever order they came in.
    """
    table = recipe.model_dump()
    for edit in sorted(edits, key=lambda edit: not edit.chooses_a_kind(table)):
        edit.write(table)
    return checked(type(recipe), table)


def canonical(word: Any) -> Any:
    """Names are read without regard to case or underscores: Leaky_ReLU is leaky-relu."""
    return word.lower().replace("_", "-") if isinstance(word, str) else word


def value_of(text: str) -> object:
    """A flag's text as the value that TOML would read, a list of such for `128,64`, or else the text itself."""
    for candidate in (text, f"[{text}]" if "," in text else text):
        try:
            return tomllib.loads(f"value = {candidate}")["value"]
        except tomllib.TOMLDecodeError:
            continue
    return text


def difference(before: BaseModel, after: BaseModel) -> tuple[Edit, ...]:
    """The edits that lead from one recipe to another, kinds before their fields; none if they are equal."""
    return tuple(_changes(before.model_dump(), after.model_dump(), ""))


def _changes(before: dict[str, Any], after: dict[str, Any], prefix: str) -> Iterator[Edit]:
    before = dict(before)
    if before.get("name") != after.get("name") and prefix != "data.":
        before = {}  # another kind: everything of it is new, its name before the rest
    for name, new in sorted(after.items(), key=lambda item: item[0] != "name"):
        old = before.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _changes(old, new, f"{prefix}{name}.")
        elif old != new and not (new is None and f"{prefix}{name}" in _DROPPED_WITH):
            yield Edit(prefix + name, new)
            before |= dict.fromkeys(_DROPPED_WITH.get(prefix + name, ()))
