"""NPZ, NumPy's archive of named arrays. Arrays of Python objects are not read: to unpickle is to run code."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from unstuck.data.readers.labels import encode, numbered
from unstuck.data.sequences import LENGTHS, lengthened, padded
from unstuck.data.source import Pairs, Source
from unstuck.errors import DataError, RecipeError, did_you_mean
from unstuck.recipe.data import Data

_PARTS = {"train": ("train",), "validation": ("validation", "val"), "test": ("test",)}
_INPUTS = ("x", "features")


def read(path: Path, spec: Data) -> Source:
    """The arrays x_train and y_train (and x_val, y_val, x_test, y_test), or x and y, in either case.

    With `spec.target` the array of that name is what to predict, from x, features, or the only other array.
    Sequences (N, T, F) are told by an array of their lengths, `lengths` beside x and `lengths_train` beside
    x_train, or by NaN after their end. `spec.group` names an array beside x or x_train likewise. Bytes stay bytes,
    other numbers become floating. Of inputs with four axes, channels that stand last are put first, and a single
    channel is dropped, so that pictures are (N, H, W) or (N, 3, H, W).
    """
    arrays = read_arrays(path)
    says = spec.sequence or LENGTHS
    if spec.sequence and not any(name.startswith(says.lower()) for name in arrays):
        must = f"name the array of {path.name} that says how long each sequence is"
        raise RecipeError("data.sequence", must, spec.sequence, hint=did_you_mean(says.lower(), arrays))
    belongs = [name for name in (says, spec.group) if name]
    names = _with_target(arrays, spec.target, path, belongs) if spec.target else _by_convention(arrays, path)
    raw = {inputs: arrays[inputs] for inputs, _ in names.values()}
    are_sequences = any(_lengths(arrays, name, says) is not None or has_ends(x) for name, x in raw.items())
    if are_sequences:
        x = _sequences(arrays, names, path, says)
    else:
        x = {part: inputs_of(raw[inputs], f"{path}: {inputs}") for part, (inputs, _) in names.items()}
    y = {part: arrays[targets] for part, (_, targets) in names.items()}
    for part, targets in y.items():
        if targets.ndim == 0:
            raise DataError(f"{path}: {names[part][1]} is a single value; it must have a row for each example.")
    pictures = all(inputs.dtype == np.uint8 and inputs.ndim > 2 for inputs in x.values())
    encoded, classes = encode(y, spec.task, f"{path}: {names['train'][1]}", pictures=pictures)
    parts = {part: Pairs(x[part], encoded[part]) for part in x}
    return Source(
        name=path.stem,
        train=parts["train"],
        validation=parts.get("validation"),
        test=parts.get("test"),
        classes=classes,
        sequence=says if are_sequences else None,
        groups=_groups(arrays, names["train"], path, spec.group) if spec.group else None,
    )


def _groups(arrays: dict[str, np.ndarray], names: tuple[str, str], path: Path, group: str) -> np.ndarray:
    """Of the training rows; `names` are those of their inputs and targets."""
    name = group.lower()
    name = f"{name}_train" if names[0] == "x_train" and f"{name}_train" in arrays else name
    if name not in arrays or name in names:
        others = [other for other in arrays if other not in names]
        must = f"name an array of {path.name} but inputs and target"
        raise RecipeError("data.group", must, group, hint=did_you_mean(name, others))
    return numbered(arrays[name], f"{path}: {name}")


def has_ends(x: np.ndarray) -> bool:
    """Whether an array with three axes holds sequences that say by NaN where they end."""
    return x.ndim == 3 and x.dtype.kind == "f" and bool(np.isnan(x).any())


def sequences_of(arrays: dict[str, np.ndarray], name: str, path: Path, says: str) -> np.ndarray:
    """The array of a name as sequences (N, T, F); `says` is the array of their lengths, which may be absent."""
    return padded(arrays[name], _lengths(arrays, name, says), f"{path}: {name}")


def _lengths(arrays: dict[str, np.ndarray], name: str, says: str) -> np.ndarray | None:
    """Of x the array `lengths`, of x_train `lengths_train`."""
    ending = name.removeprefix("x") if name.startswith("x_") else ""
    return arrays.get(says.lower() + ending)


def _sequences(
    arrays: dict[str, np.ndarray], names: dict[str, tuple[str, str]], path: Path, says: str
) -> dict[str, np.ndarray]:
    """Of each part, all as long as the longest of any."""
    x = {part: sequences_of(arrays, inputs, path, says) for part, (inputs, _) in names.items()}
    steps = max(part.shape[1] for part in x.values())
    return {part: lengthened(values, steps, str(path)) for part, values in x.items()}


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array by its name in lower case."""
    if not zipfile.is_zipfile(path):  # NumPy would take it for a pickle, and say so
        raise DataError(f"{path} is no .npz archive, or a damaged one. Save it again with numpy.savez.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name.lower(): archive[name] for name in archive.files}
    except ValueError as error:
        raise DataError(
            f"{path} holds Python objects, which are not read, for they may run code: save arrays of numbers."
        ) from error
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}. Save it again with numpy.savez.") from error


def _by_convention(arrays: dict[str, np.ndarray], path: Path) -> dict[str, tuple[str, str]]:
    """Names of the arrays of inputs and of targets, by part."""
    if {"x", "y"} <= arrays.keys():
        return {"train": ("x", "y")}
    found = {}
    for part, endings in _PARTS.items():
        for ending in endings:
            names = f"x_{ending}", f"y_{ending}"
            there = [name in arrays for name in names]
            if any(there) and not all(there):
                raise DataError(
                    f"{path} has {names[there.index(True)]} and no {names[there.index(False)]}; add it."
                )
            if all(there):
                found[part] = names
    if "train" not in found:
        raise DataError(
            f"{path} holds {', '.join(arrays) or 'no arrays'}; name them x_train, y_train, x_test, y_test, "
            "or x and y, or name the array to predict by data.target."
        )
    return found


def _with_target(
    arrays: dict[str, np.ndarray], target: str, path: Path, belongs: list[str]
) -> dict[str, tuple[str, str]]:
    """The same, where the target is named; what else `belongs` to the rows is no input."""
    if target.lower() not in arrays:
        raise RecipeError(
            "data.target", f"name an array of {path.name}", target, hint=did_you_mean(target.lower(), arrays)
        )
    no_inputs = {name.lower() for name in (target, *belongs)}
    others = [name for name in arrays if name not in no_inputs]
    named = [name for name in _INPUTS if name in others] or others
    if len(named) != 1:
        raise DataError(f"{path}: which array are the inputs, {', '.join(named)}? Save them under the name x.")
    return {"train": (named[0], target.lower())}


def inputs_of(x: np.ndarray, where: str) -> np.ndarray:
    """Inputs as networks take them: bytes or floating, pictures (N, H, W) or (N, 3, H, W)."""
    if x.dtype.kind not in "biuf" or x.ndim == 0:
        raise DataError(f"{where} is of type {x.dtype} and shape {x.shape}; inputs must be rows of numbers.")
    if x.dtype != np.uint8 and x.dtype.kind != "f":
        x = x.astype(np.float64)
    if x.ndim == 1:
        return x[:, None]
    if x.ndim != 4:
        return x
    if x.shape[1] not in (1, 3) and x.shape[3] in (1, 3):
        x = x.transpose(0, 3, 1, 2)
    return x[:, 0] if x.shape[1] == 1 else x
