"""Folders of pictures, one per class: `photos/cat/1.jpg`, or `photos/train/cat/1.jpg` beside `photos/test`."""

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from unstuck.data.source import Pairs, Source
from unstuck.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

ENDINGS = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"))
"""Of the files that are read as pictures; others are passed over."""

_PARTS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
_GREY = ("1", "L", "LA")
_DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")  # more than 8 bits per pixel: no bytes without a choice
_ORIENTATION = 0x0112  # EXIF tag; from 5 on, the picture lies on its side
_SIDEWAYS = 5


class _Found(NamedTuple):
    """A part's files, class by class, and their class numbers."""

    files: list[Path]
    labels: list[int]


class _Header(NamedTuple):
    grey: bool
    size: tuple[int, int]
    """Height and width, in pixels, upright."""


def read(folder: Path, size: tuple[int, int] | None = None) -> Source:
    """Pictures as bytes: (N, H, W) if all are grey, else (N, 3, H, W).

    Classes are the folders of the training part, in the order of their names, with all pictures below them.
    The parts are the folders train, val and test if there are such, else all is training.

    Args:
        folder: of the class folders, or of the parts.
        size: height and width, in pixels, that every picture is resized to; the commonest, if None.
    """
    folders = _part_folders(folder)
    classes = tuple(path.name for path in _folders(folders["train"]) if _pictures(path))
    if not classes:
        raise DataError(f"{folders['train']} must hold one folder of pictures per class, and has none.")
    found = {part: _find(path, classes) for part, path in folders.items()}
    headers = [_header(path) for part in found.values() for path in part.files]
    grey = all(header.grey for header in headers)
    size = size or Counter(header.size for header in headers).most_common(1)[0][0]
    parts = {
        part: Pairs(_read_all(files, size, grey), np.array(labels, np.int64))
        for part, (files, labels) in found.items()
    }
    return Source(
        name=folder.resolve().name,
        train=parts["train"],
        validation=parts.get("validation"),
        test=parts.get("test"),
        classes=classes,
    )


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _pictures(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and not path.name.startswith(".")
    )


def _part_folders(folder: Path) -> dict[str, Path]:
    """The folder of each part; the whole folder is `train` unless its folders are named as parts are."""
    named = {path.name.lower(): path for path in _folders(folder)}
    parts = {_PARTS[name]: path for name, path in named.items() if name in _PARTS}
    if "train" not in parts or len(parts) < len(named):
        return {"train": folder}
    return parts


def _find(folder: Path, classes: Sequence[str]) -> _Found:
    found = _Found([], [])
    for path in _folders(folder):
        pictures = _pictures(path)
        if pictures and path.name not in classes:
            raise DataError(f"{path} is a class without training pictures; the classes are {', '.join(classes)}.")
        found.files.extend(pictures)
        found.labels.extend([classes.index(path.name)] * len(pictures) if pictures else [])
    return found


@contextmanager
def opened(path: Path) -> Generator["Image.Image"]:
    """A picture's file, open; what goes wrong with it while it is, is a `DataError`."""
    from PIL import Image  # only image folders need it

    try:
        with Image.open(path) as image:
            yield image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path} cannot be read as a picture: {reason}. Mend it or remove it.") from error


def _header(path: Path) -> _Header:
    with opened(path) as image:
        mode, height, width = image.mode, image.height, image.width
        sideways = image.getexif().get(_ORIENTATION, 1) >= _SIDEWAYS
    refuse_deep(mode, path)
    return _Header(grey=mode in _GREY, size=(width, height) if sideways else (height, width))


def refuse_deep(mode: str, path: Path) -> None:
    """Raise a `DataError` for a picture that bytes cannot hold."""
    if mode in _DEEP:
        raise DataError(f"{path} has more than 8 bits per pixel (mode {mode}); save it with 8.")


def _read_all(files: Sequence[Path], size: tuple[int, int], grey: bool) -> np.ndarray:
    pictures = np.empty((len(files), *size) if grey else (len(files), 3, *size), np.uint8)
    for picture, path in zip(pictures, files, strict=True):
        picture[...] = _pixels(path, size, grey)
    return pictures


def _pixels(path: Path, size: tuple[int, int], grey: bool) -> np.ndarray:
    from PIL import Image, ImageOps

    height, width = size
    with opened(path) as image:
        upright = ImageOps.exif_transpose(image).convert("L" if grey else "RGB")
        if upright.size != (width, height):
            upright = upright.resize((width, height), Image.Resampling.BILINEAR)
        pixels = np.asarray(upright)
    return pixels if grey else pixels.transpose(2, 0, 1)
