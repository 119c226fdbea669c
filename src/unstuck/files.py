"""Files and folders that are whole or not there: written beside, flushed to the disk, and swapped in."""

import json
import os
import shutil
import threading
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
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
    except (FileExistsError, NotADirectoryError):
        raise RunError(
            f"{path} cannot be written: a file is where its folder would be. Give another path."
        ) from None
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror or error}.") from None


def write(path: Path, content: bytes | str) -> None:
    """Put the content at the path. Killed or out of space at any moment, it leaves the old file or the new one."""
    beside = _beside(path)
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


def write_folder(path: Path, contents: Mapping[str, bytes | Path]) -> None:
    """Put a folder with these files at the path, where nothing is yet: all of them or, whatever happens, nothing.

    A path among the contents is a file that was flushed before. It is linked where the disk can do that, so
    that it takes no more space.
    """
    beside = _beside(path)
    with said(path):
        try:
            beside.mkdir()
            with ExitStack() as stack:
                written = [
                    stack.enter_context((beside / name).open("wb"))
                    for name, content in contents.items()
                    if not (isinstance(content, Path) and _linked(content, beside / name))
                ]
                for file in written:
                    content = contents[Path(file.name).name]
                    file.write(content.read_bytes() if isinstance(content, Path) else content)
                    file.flush()
                for file in written:  # after the last was written: a journal then takes them together
                    os.fsync(file.fileno())
            _flush_folder(beside)
            beside.rename(path)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        _flush_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Put a value there as readable JSON."""
    write(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _beside(path: Path) -> Path:
    """A place of this thread's own: another may be writing the same file."""
    return path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}")


def _linked(source: Path, path: Path) -> bool:
    try:
        os.link(source, path)
    except OSError:  # some disks know no links, or no more of them
        return False
    return True


def _flush_folder(folder: Path) -> None:
    """A file's new name outlives a power cut only once its folder is flushed, where the system can do that."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
