"""Data that the user brings, read by the kind of file or folder that `data.path` names."""

from pathlib import Path

from unstuck.data.readers import idx
from unstuck.data.source import Source
from unstuck.errors import DataError
from unstuck.recipe.spec import Data


def read(spec: Data) -> Source:
    """What stands at `spec.path`."""
    path = Path(spec.path or "").expanduser()
    if path.is_dir() and idx.find(path):
        return idx.read(path, spec.task)
    raise DataError(f"{path} is not readable yet")
