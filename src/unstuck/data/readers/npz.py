"""NPZ, NumPy's archive of named arrays. Arrays of Python objects are not read: to unpickle is to run code."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from unstuck.data.readers.labels import encode
from unstuck.data.source import Pairs, Source
from unstuck.errors import DataError, RecipeError, did_you_mean
from unstuck.recipe.data import Data

_PARTS = {"train": ("train",), "validation": ("validation", "val"), "test": ("test",)}
_INPUTS = ("x", "features")


def read(path: Path, spec: Data) -> Source:
    """The arrays x_train and y_train (and x_val, y_val, x_test, y_test), or x and y, in either case.

    With `spec.target` the array of that name is what to predict, from x, features, or the only other array.
    Bytes stay bytes, other numbers become floating. Of inputs with four axes, channels that stand last are put
    first, and a single channel is dropped, so that pictures are (N, H, W) or (N, 3, H, W).
    """
    arrays = read_arrays(path)
    names = _with_target(arrays, spec.target, path) if spec.target else _by_convention(arrays, path)
    x = {part: inputs_of(arrays[inputs], f"{path}: {inputs}") for part, (inputs, _) in names.items()}
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
    )


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


def _with_target(arrays: dict[str, np.ndarray], target: str, path: Path) -> dict[str, tuple[str, str]]:
    if target.lower() not in arrays:
        raise RecipeError(
            "data.target", f"name an array of {path.name}", target, hint=did_you_mean(target.lower(), arrays)
        )
    others = [name for name in arrays if name != target.lower()]
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
