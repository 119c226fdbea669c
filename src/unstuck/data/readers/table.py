"""Tables, CSV or Parquet, read by polars: one row per example, one column to predict."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unstuck.data.readers.labels import encode, numbered
from unstuck.data.sequences import stacked
from unstuck.data.source import Pairs, Source
from unstuck.errors import DataError, RecipeError, did_you_mean
from unstuck.recipe.data import Data

if TYPE_CHECKING:
    import polars as pl

MISSING = ["", "NA", "N/A", "?"]
"""What a CSV file writes for a missing value: R's and spreadsheets' words, and UCI's."""

MOST_WORDS = 100
"""Words of at most so many kinds are one-hot encoded. Ours: enough for countries' regions, too few for names."""

_SHOWN = 20  # columns that a message lists


def read(path: Path, spec: Data) -> Source:
    """The table's columns as inputs, but for `spec.target`, which is what to predict, and `spec.ignore`.

    Numbers and booleans are one input each; words and categories are one-hot encoded in the order of the
    alphabet, as inputs with the names column=word. The vocabulary is that of the whole file. With `spec.sequence`
    rows of the same value in that column are the steps of one sequence, in their order. The column `spec.group`
    says which rows belong together, and is no input either.
    """
    whole = read_frame(path)
    groups = _groups(whole, path, spec)
    frame = whole.drop({*_ignored(whole.columns, path, spec), *([spec.group] if spec.group else [])})
    target = _target(frame.columns, path, spec)
    _check_sequence(frame.columns, path, spec)
    _refuse_missing(frame, path)
    y, classes = encode({"train": values_of(frame[target], path)}, spec.task, f"{path}: column {target!r}")
    if spec.sequence is None:
        x, features = inputs_of(frame.drop(target), path)
        return Source(
            name=path.stem, train=Pairs(x, y["train"]), classes=classes, features=features, groups=groups
        )
    order, lengths, first = grouped(frame[spec.sequence], path)
    for column in (target, spec.group) if spec.group else (target,):
        _refuse_changing(whole, column, spec.sequence, path)
    steps, features = inputs_of(frame.drop(target, spec.sequence), path)
    return Source(
        name=path.stem,
        train=Pairs(stacked(steps[order], lengths), y["train"][first]),
        classes=classes,
        features=features,
        sequence=spec.sequence,
        groups=None if groups is None else groups[first],
    )


def grouped(column: "pl.Series", path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The steps (S,) of each sequence, sequence after sequence in the order of the file; and of each sequence how
    many steps it has (N,), and its first (N,)."""
    _, first, numbers = np.unique(values_of(column, path), return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))[numbers]  # of each row's sequence, by where it begins
    return np.argsort(rank, kind="stable"), np.bincount(rank), np.sort(first)


def _refuse_changing(frame: "pl.DataFrame", column: str, sequence: str, path: Path) -> None:
    kinds = frame.select(sequence, column).group_by(sequence, maintain_order=True).n_unique()
    changing = kinds.row(int((kinds[column].to_numpy() > 1).argmax()))
    if changing[1] > 1:
        raise DataError(
            f"{path}: sequence {changing[0]!r} of column {sequence!r} has {changing[1]} values of {column!r}; "
            "they must be the same in all its rows."
        )


def read_frame(path: Path) -> "pl.DataFrame":
    """The whole file, with the words of `MISSING` as missing values."""
    import polars as pl  # only tables need it

    try:
        if path.suffix.lower() == ".parquet":
            return pl.read_parquet(path)
        # All rows tell a column's type: a fraction or a word may come late.
        return pl.read_csv(path, infer_schema_length=None, null_values=MISSING)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} cannot be read as {path.suffix[1:]}: {str(error).splitlines()[0]}.") from error


def _ignored(columns: list[str], path: Path, spec: Data) -> list[str]:
    for name in spec.ignore:
        if name not in columns or name == spec.target:
            others = [column for column in columns if column != spec.target]
            hint = _did_you_mean(name, others)
            raise RecipeError("data.ignore", f"name columns of {path.name} but the target", name, hint=hint)
    return list(spec.ignore)


def _groups(frame: "pl.DataFrame", path: Path, spec: Data) -> np.ndarray | None:
    """Which rows of the file belong together, (N,), by a column that may be an ignored one; None if none says."""
    if spec.group is None:
        return None
    others = [name for name in frame.columns if name not in (spec.target, spec.sequence)]
    if spec.group not in others:
        besides = "the target" if spec.sequence is None else "the target and the sequence"
        hint = _did_you_mean(spec.group, others)
        raise RecipeError("data.group", f"name a column of {path.name} but {besides}", spec.group, hint=hint)
    if missing := frame[spec.group].null_count():
        raise DataError(
            f"{path} has {missing} of {frame.height} values missing in column {spec.group!r}, which says what "
            "belongs together. Fill them in, or leave the rows out."
        )
    return numbered(values_of(frame[spec.group], path), f"{path}: column {spec.group!r}")


def _target(columns: list[str], path: Path, spec: Data) -> str:
    if spec.target is None:
        more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
        hint = f"It has {', '.join(columns[:_SHOWN])}{more}."
        raise RecipeError("data.target", f"name the column of {path.name} to predict", None, hint=hint)
    if spec.target not in columns:
        hint = _did_you_mean(spec.target, columns)
        raise RecipeError("data.target", f"name a column of {path.name}", spec.target, hint=hint)
    if len(columns) == 1:
        raise DataError(
            f"{path} has no column but {spec.target!r}, so there is nothing to predict it from; add one."
        )
    return spec.target


def _check_sequence(columns: list[str], path: Path, spec: Data) -> None:
    if spec.sequence is None:
        return
    if spec.sequence not in columns or spec.sequence == spec.target:
        hint = _did_you_mean(spec.sequence, [column for column in columns if column != spec.target])
        raise RecipeError(
            "data.sequence", f"name a column of {path.name} but the target", spec.sequence, hint=hint
        )
    if len(columns) == 2:
        raise DataError(f"{path} has no column but {spec.sequence!r} and {spec.target!r} to learn from; add one.")


def _did_you_mean(word: str, columns: list[str]) -> str:
    """As everywhere, but a table of a thousand columns does not list them all."""
    near = difflib.get_close_matches(word, columns, n=_SHOWN, cutoff=0.5)
    return did_you_mean(word, near if near and len(columns) > _SHOWN else columns[:_SHOWN])


def _refuse_missing(frame: "pl.DataFrame", path: Path) -> None:
    missing = {name: count for name, count in frame.null_count().row(0, named=True).items() if count}
    if missing:
        worst = max(missing, key=lambda name: missing[name])
        more = f" ({len(missing) - 1} more such columns)" if len(missing) > 1 else ""
        raise DataError(
            f"{path} has {missing[worst]} of {frame.height} values missing in column {worst!r}{more}. "
            f"Fill them in, leave the rows out, or say data.ignore = {list(missing)}."
        )


def values_of(column: "pl.Series", path: Path) -> np.ndarray:
    """A column as an array of numbers, booleans or words."""
    import polars as pl

    kind = column.dtype
    if kind == pl.String or kind == pl.Categorical or kind == pl.Enum:  # types compare, but are not members
        return np.array(column.cast(pl.String).to_list(), dtype=np.str_)
    if kind.is_decimal():
        return column.cast(pl.Float64).to_numpy()
    if kind.is_numeric() or kind == pl.Boolean:
        return column.to_numpy()
    raise DataError(
        f"{path}: column {column.name!r} is of type {kind}; make it numbers or words, "
        f"or say data.ignore = {[column.name]}."
    )


def inputs_of(frame: "pl.DataFrame", path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Inputs (N, features) float64 and their names."""
    columns, names = [], []
    for column in frame.get_columns():
        values = values_of(column, path)
        if values.dtype.kind != "U":
            columns.append(values.astype(np.float64)[:, None])
            names.append(column.name)
            continue
        words, numbers = np.unique(values, return_inverse=True)
        if len(words) > MOST_WORDS:
            raise DataError(
                f"{path}: column {column.name!r} has {len(words)} different words, more than {MOST_WORDS} are not "
                f"one-hot encoded; say data.ignore = {[column.name]}."
            )
        columns.append((numbers[:, None] == np.arange(len(words))).astype(np.float64))
        names.extend(f"{column.name}={word}" for word in words)
    return np.concatenate(columns, axis=1), tuple(names)
