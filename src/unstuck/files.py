"""Files that are whole or not there: written beside, flushed to the disk, and swapped in."""

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unstuck.errors import RunError


@contextmanager
def said(path: Path) -> Generator[None]:
    """What the system objects to in writing there, in one line: no space, no permission, no such folder."""
    try:
        yield
    except RunError:
        raise
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror or error}.") from None


def write(path: Path, content: bytes | str) -> None:
    """Put the content at the path. Killed or out of space at any moment, it leaves the old file or the new one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with said(path):
        try:
            with beside.open("wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        _flush_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Put a value there as readable JSON."""
    write(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _flush_folder(folder: Path) -> None:
    """A file's new name outlives a power cut only once its folder is flushed, where the system can do that."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
