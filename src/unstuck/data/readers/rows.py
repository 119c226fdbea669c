"""New rows for a trained network, encoded as the rows were that it was trained on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unstuck.data import sequences
from unstuck.data.readers import npz, table
from unstuck.errors import DataError

if TYPE_CHECKING:
    import polars as pl

ENDINGS = (".csv", ".parquet", ".npz")
"""Of the files that rows are read from."""

_INPUTS = ("x", "features", "x_test")  # arrays of an .npz file that are taken before its first
_SHOWN = 20  # names that a message lists


def read(path: Path, shape: tuple[int, ...], features: tuple[str, ...] | None) -> np.ndarray:
    """Raw inputs (N, *shape): of tables in float64, as they were when scaling was fitted; of .npz as stored.

    A table's columns are matched by name, and others than the features, such as the target, are passed over.
    Without names, it must have as many columns as there are features, in their order.

    Args:
        path: a file with one of `ENDINGS`.
        shape: of one example.
        features: names of the inputs, in order, one-hot encoded words as column=word; None if they have none.
    """
    x = (
        _from_npz(path, shape)
        if _kind(path) == ".npz"
        else _from_table(table.read_frame(path), path, shape, features)
    )
    _refuse_empty(x, path)
    if x.dtype.kind == "f" and (bad := ~np.isfinite(x).reshape(len(x), -1).all(axis=1)).any():
        raise DataError(f"{path}: row {bad.argmax() + 1} holds NaN or infinite numbers; fill them in.")
    return x


def read_sequences(
    path: Path, shape: tuple[int, ...], features: tuple[str, ...] | None, sequence: str
) -> np.ndarray:
    """Raw sequences (N, *shape), NaN after their end; `sequence` is the column, or the array of lengths.

    Those of a table are in the order in which they begin.
    """
    if _kind(path) == ".npz":
        arrays = npz.read_arrays(path)
        name = _inputs_name(arrays, path)
        x = npz.sequences_of(arrays, name, path, sequence)
    else:
        frame = table.read_frame(path)
        if sequence not in frame.columns:
            raise DataError(f"{path} has no column {sequence!r}, which says which sequence a row is a step of.")
        order, lengths, _ = table.grouped(frame[sequence], path)
        steps = _from_table(frame.drop(sequence), path, shape[1:], features)
        _refuse_empty(steps, path)
        x = sequences.stacked(steps[order], lengths)
        sequences.check(x, lengths, str(path))
    if x.shape[2] != shape[1]:
        raise DataError(f"{path} must have {shape[1]} features in each step, got {x.shape[2]}.")
    return sequences.lengthened(x, shape[0], str(path))


def _kind(path: Path) -> str:
    if not path.is_file():
        raise DataError(f"There is no file {path}; name one that ends in {', '.join(ENDINGS)}.")
    kind = path.suffix.lower()
    if kind not in ENDINGS:
        raise DataError(f"{path} is of no known kind; rows are read from {', '.join(ENDINGS)}.")
    return kind


def _refuse_empty(x: np.ndarray, path: Path) -> None:
    if not len(x):
        raise DataError(f"{path} has no rows; give at least one.")


def _inputs_name(arrays: Mapping[str, np.ndarray], path: Path) -> str:
    if not arrays:
        raise DataError(f"{path} holds no arrays; save the inputs under the name x.")
    return next((name for name in _INPUTS if name in arrays), next(iter(arrays)))


def _from_npz(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    arrays = npz.read_arrays(path)
    name = _inputs_name(arrays, path)
    x = npz.inputs_of(arrays[name], f"{path}: {name}")
    if x.shape[1:] == shape or x[:1].size == np.prod(shape):
        return x.reshape(-1, *shape)
    wanted = ", ".join(map(str, shape))
    raise DataError(f"{path}: {name} must have shape (rows, {wanted}), got {arrays[name].shape}.")


def _from_table(
    frame: "pl.DataFrame", path: Path, shape: tuple[int, ...], features: tuple[str, ...] | None
) -> np.ndarray:
    if features is None:
        return _by_place(frame, path, shape)
    sources = [_source(feature, frame.columns) for feature in features]
    _refuse_absent(
        [f for f, source in zip(features, sources, strict=True) if source is None], features, path, frame
    )
    _refuse_missing(frame.select({source for source in sources if source}), path)
    known = {
        source: [feature[len(source) + 1 :] for feature, by in zip(features, sources, strict=True) if by == source]
        for feature, source in zip(features, sources, strict=True)
        if source and source != feature
    }
    encoded = {column: _words(frame[column], words, path) for column, words in known.items()}
    columns = [
        encoded[source] == feature[len(source) + 1 :] if source in known else _numbers(frame[feature], path)
        for feature, source in zip(features, sources, strict=True)
        if source
    ]
    return np.stack(columns, axis=1).astype(np.float64)


def _by_place(frame: "pl.DataFrame", path: Path, shape: tuple[int, ...]) -> np.ndarray:
    wanted = int(np.prod(shape))
    if frame.width != wanted:
        raise DataError(
            f"{path} must have the {wanted} columns that the network was trained on, which have no names, "
            f"in their order and no others, got {frame.width}."
        )
    _refuse_missing(frame, path)
    columns = [_numbers(column, path) for column in frame.get_columns()]
    return np.stack(columns, axis=1).reshape(-1, *shape)


def _source(feature: str, columns: Sequence[str]) -> str | None:
    """The column that a feature comes from: of its own name, or, for a word, of the name before an = in it."""
    if feature in columns:
        return feature
    cuts = [place for place, letter in enumerate(feature) if letter == "="]
    return next((feature[:cut] for cut in cuts if feature[:cut] in columns), None)


def _refuse_absent(absent: list[str], features: tuple[str, ...], path: Path, frame: "pl.DataFrame") -> None:
    if not absent:
        return
    names = list(dict.fromkeys(feature.split("=")[0] for feature in absent))
    has = f"It has {_listed(frame.columns)}."
    if len(absent) == len(features):
        raise DataError(f"{path} has none of the columns that the network was trained on: {_listed(names)}. {has}")
    more = f" (and lacks {len(names) - 1} more)" if len(names) > 1 else ""
    raise DataError(f"{path} has no column {names[0]!r}, which the network was trained on{more}. {has}")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def _refuse_missing(frame: "pl.DataFrame", path: Path) -> None:
    for name, count in frame.null_count().row(0, named=True).items() if frame.height else ():
        if count:
            raise DataError(
                f"{path} has {count} of {frame.height} values missing in column {name!r}; "
                "fill them in, or leave the rows out."
            )


def _words(column: "pl.Series", known: Sequence[str], path: Path) -> np.ndarray:
    """A column as words (N,), each of which is known. Numbers count as the words that they are written as."""
    import polars as pl

    words = np.array(column.cast(pl.String).to_list(), dtype=np.str_)
    unknown = words[~np.isin(words, known)]
    if len(unknown):
        raise DataError(
            f"{path}: column {column.name!r} holds {str(unknown[0])!r}, which the network was not trained on. "
            f"Known: {', '.join(known)}."
        )
    return words


def _numbers(column: "pl.Series", path: Path) -> np.ndarray:
    values = table.values_of(column, path)
    if values.dtype.kind == "U" and len(values):
        raise DataError(f"{path}: column {column.name!r} must hold numbers, got {str(values[0])!r}.")
    return values.astype(np.float64)
