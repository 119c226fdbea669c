"""Data that the user brings, read by the kind of file or folder that `data.path` names."""

from pathlib import Path

from unstuck.data.readers import idx, images, npz, table
from unstuck.data.source import Source
from unstuck.errors import DataError, RecipeError
from unstuck.recipe.data import Data

_FILES = {".npz": npz.read, ".csv": table.read, ".parquet": table.read}
_KINDS = f"a folder of class folders, a folder of IDX files, or a file {', '.join(_FILES)}"


def read(spec: Data) -> Source:
    """What stands at `spec.path`, by its kind."""
    path = Path(spec.path or "").expanduser()
    if not path.exists():
        here = "" if path.is_absolute() else f" under {Path.cwd()}"
        raise DataError(f"There is no {path}{here}; data.path must be {_KINDS}.")
    if path.is_file():
        if path.suffix.lower() not in _FILES:
            raise DataError(f"{path} is of no known kind; data.path must be {_KINDS}.")
        _refuse("size", spec.size, "pictures of an image folder")
        if path.suffix.lower() == ".npz":
            _refuse("ignore", spec.ignore, "tables")
        return _FILES[path.suffix.lower()](path, spec)
    _refuse("ignore", spec.ignore, "tables")
    _refuse("sequence", spec.sequence, "tables and .npz files")
    _refuse("target", spec.target, "tables and .npz files")
    _refuse("group", spec.group, "tables and .npz files")
    if idx.find(path):
        _refuse("size", spec.size, "pictures of an image folder")
        return idx.read(path, spec.task)
    if spec.task == "regression":
        raise RecipeError("data.task", "be auto or classification for a folder of class folders", spec.task)
    return images.read(path, spec.size)


def _refuse(field: str, value: object, whom: str) -> None:
    if value:
        raise RecipeError(f"data.{field}", f"be left out but for {whom}", value)
