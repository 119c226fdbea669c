"""Files of the sets that are fetched on first use: from the user's folder, the cache, or the publisher."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from unstuck.errors import DataError

FOLDER = "UNSTUCK_DATA"
"""Environment variable: a folder that holds sets already, each file at <folder>/<set>/<file>."""


@dataclass(frozen=True, kw_only=True)
class Remote:
    """Where a set is published, and how its files are known to be right."""

    url: str
    """Of the folder that holds the files, with a slash at the end."""
    files: Mapping[str, str]
    """SHA-256 of each file as published, by name."""
    contents: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of what a file holds uncompressed, where it is known: files may be compressed anew."""


def obtain(
    name: str, remote: Remote, *, folder: str | None = None, cache: str | Path | None = None
) -> dict[str, Path]:
    """Paths of all files of a set, fetched only where they are not on this machine.

    Args:
        name: of the set, and so of the folder that its files are in.
        remote: where it is published.
        folder: looked into first, at <folder>/<name>/<file>; None takes the variable UNSTUCK_DATA.
        cache: where fetched files are kept, at <cache>/<name>/<file>; None takes the user's cache.

    Every file has the published checksum, but for those of the user's folder whose content has a known checksum
    of its own: it is left to the reader, who uncompresses them, to compare that.
    """
    folder = os.environ.get(FOLDER) if folder is None else folder
    paths = {}
    for file in remote.files:
        held = Path(folder).expanduser() / name / file if folder else None
        if held and held.is_file():
            paths[file] = _verified(held, remote)
        else:
            paths[file] = _fetch(name, file, remote, held, cache)
    return paths


def _verified(held: Path, remote: Remote) -> Path:
    expected = remote.files[held.name]
    if held.name not in remote.contents and (found := _sha256(held)) != expected:
        raise DataError(f"{held} is not the file that was published: its SHA-256 is {found}, not {expected}.")
    return held


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(name: str, file: str, remote: Remote, held: Path | None, cache: str | Path | None) -> Path:
    import pooch  # heavy with requests: only for sets that are fetched

    kept = Path(cache or pooch.os_cache("unstuck")) / name
    registry = {file: f"sha256:{sha256}" for file, sha256 in remote.files.items()}
    shelf = pooch.create(path=kept, base_url=remote.url, registry=registry)
    try:
        return Path(shelf.fetch(file))
    except ValueError as error:  # pooch's word for a wrong checksum
        reason = f"{remote.url}{file} is not the file that was published (its SHA-256 differs)"
        raise DataError(f"{name}: {reason}{_how_to_mend(name, remote, held, kept)}") from error
    except OSError as error:  # requests' errors are OSErrors
        reason = f"{remote.url}{file} cannot be fetched ({type(error).__name__})"
        raise DataError(f"{name}: {reason}{_how_to_mend(name, remote, held, kept)}") from error


def _how_to_mend(name: str, remote: Remote, held: Path | None, kept: Path) -> str:
    tried = f" and {held} is not there" if held else ""
    return (
        f"{tried}. Put {', '.join(remote.files)} into {kept}, "
        f"or set {FOLDER} to a folder that holds them in {name}/."
    )
