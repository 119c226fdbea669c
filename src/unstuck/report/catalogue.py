"""What a recipe may name, read off the recipe itself, so that the list cannot be out of date."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, TypeGuard, get_args

from pydantic import BaseModel

from unstuck.data import describe
from unstuck.diagnosis.causes import CAUSES
from unstuck.errors import RecipeError, did_you_mean
from unstuck.network.build import build
from unstuck.network.outline import cost
from unstuck.recipe import initializer, model, optimizer, schedule, spec
from unstuck.recipe.loss import Loss
from unstuck.report.wording import size
from unstuck.study.design import Study, ready

Listing = tuple[str, Sequence[str], list[Sequence[object]]]

_PARTS: dict[str, Any] = {
    "models": model.Model,
    "optimizers": optimizer.Optimizer,
    "schedules": schedule.Schedule,
    "initializers": initializer.Initializer,
}
_KINDS = {name: get_args(get_args(union)[0]) for name, union in _PARTS.items()}
_WORDS: dict[str, tuple[type[BaseModel], str]] = {
    "activations": (model.Mlp, "activation"),
    "normalizations": (model.Mlp, "normalization"),
    "losses": (Loss, "name"),
    "outputs": (model.Mlp, "output"),
}


def listing(kind: str) -> Listing:
    """Title, columns and rows of one kind of thing; of `all`, the kinds."""
    known = ("data", "keys", "studies", "causes", *_KINDS, *_WORDS)
    if kind == "all":
        return "What can be listed", ("kind",), [(name,) for name in known]
    if kind == "data":
        columns = ("name", "about", "task", "rows", "shape", "origin", "licence")
        return "Data sets", columns, [tuple(getattr(row, name) for name in columns) for row in describe()]
    if kind == "keys":
        return "Keys of a recipe, which are its flags", ("key", "usual", "about"), list(_keys(spec.Recipe, ""))
    if kind == "studies":
        return "Ready-made studies", ("name", "title", "arms", "seeds"), list(_studies())
    if kind == "causes":
        columns = ("id", "group", "explains", "experiment")
        return "Causes", columns, [tuple(getattr(cause, name) for name in columns) for cause in CAUSES.values()]
    if kind == "models":
        columns = ("name", "rows of", "parameters", "multiply-adds", "weights", "kept a row", "about")
        return "Models", columns, list(_models())
    if kind in _KINDS:
        return (
            kind.capitalize(),
            ("name", "about", "settings"),
            [row for part in _KINDS[kind] for row in _parts(part)],
        )
    if kind in _WORDS:
        part, field = _WORDS[kind]
        words = get_args(part.model_fields[field].annotation)
        return kind.capitalize(), ("name",), [(word,) for word in words]
    raise RecipeError("the kind", "be one that can be listed", kind, hint=did_you_mean(kind, known))


def _studies() -> Iterator[Sequence[object]]:
    for name, path in ready().items():
        study = Study.read(path)
        yield name, study.title, len(study.edits()), study.seeds


def _models() -> Iterator[Sequence[object]]:
    """Each model in the forms it has, and what it costs for 10 classes of small gray pictures, or as published."""
    for part in _KINDS["models"]:
        about = (part.__doc__ or "").split("\n")[0].split(": ")[0]
        forms = ("small", "published") if "form" in part.model_fields else ("",)
        for name, form in product(get_args(part.model_fields["name"].annotation), forms):
            if part is model.Own:
                yield (name, *[""] * 5, about)
                continue
            shape, classes = ((3, 224, 224), 1000) if form == "published" else ((28, 28), 10)
            made = part.model_validate({"name": name, "form": form} if form else {"name": name})
            total = cost(build(made, Loss(name="cross-entropy"), shape=shape, outputs=classes))
            bytes_ = size(total.weights), size(total.row)
            said = f"{name} {form}".strip()
            yield said, " x ".join(map(str, shape)), total.parameters, total.operations, *bytes_, about


def _parts(part: type[BaseModel]) -> list[Sequence[object]]:
    about = (part.__doc__ or "").split("\n")[0]
    settings = ", ".join(f"{name} {field.default}" for name, field in part.model_fields.items() if name != "name")
    return [(name, about, settings) for name in get_args(part.model_fields["name"].annotation)]


def _keys(part: type[BaseModel], prefix: str) -> list[Sequence[object]]:
    rows: list[Sequence[object]] = []
    for name, field in part.model_fields.items():
        inner = list(filter(_is_part, (field.annotation, *get_args(field.annotation))))
        deeper = [row for kind in inner for row in _of_kind(kind, f"{prefix}{name}.", several=len(inner) > 1)]
        rows += deeper
        if not deeper:
            about = " ".join((field.description or "").split())
            rows.append((prefix + name, "" if field.default is None else str(field.default), about))
    return rows


def _of_kind(kind: type[BaseModel], prefix: str, *, several: bool) -> list[Sequence[object]]:
    """The keys of a kind of part; where there are several kinds, each key says whose it is."""
    whose = f"{kind.model_fields['name'].default}: " if several else ""
    return [(key, usual, f"{whose}{about}") for key, usual, about in _keys(kind, prefix)]


def _is_part(kind: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
