"""IDX, the format of MNIST: a few numbers of header, then the array; plain or gzip.

Source: the format is described under "THE IDX FILE FORMAT" at http://yann.lecun.com/exdb/mnist/.
"""

import gzip
import hashlib
import math
import re
import struct
import zlib
from pathlib import Path

import numpy as np

from unstuck.data.readers.labels import encode
from unstuck.data.source import Pairs, Source
from unstuck.errors import DataError

# The third byte of a file tells the type of its numbers, which stand big-endian.
_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
# train-images-idx3-ubyte.gz as published, train-images.idx3-ubyte as some archives unpack it
_NAME = re.compile(r"(?P<part>train|t10k|test)-(?P<kind>images|labels)[-.]idx\d-ubyte(\.gz)?")


def read_array(path: Path, *, sha256: str = "", mend: str = "Fetch it again.") -> np.ndarray:
    """The array in one IDX file, read-only.

    Args:
        path: the file, plain or gzip; its first bytes tell which.
        sha256: of the uncompressed content, checked if given, so that how it was compressed does not matter.
        mend: the sentence that says what to do about a damaged file.
    """
    content = _uncompressed(path, mend)
    if sha256 and (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise DataError(f"{path} is damaged: SHA-256 of its content is {found}, not {sha256}. {mend}")
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES:
        raise DataError(f"{path} is no IDX file: it starts with {content[:4]!r}. {mend}")
    kind, dimensions = np.dtype(_TYPES[content[2]]), content[3]
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise DataError(f"{path} ends inside its header. {mend}")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    expected = start + math.prod(shape) * kind.itemsize
    if len(content) != expected:
        raise DataError(f"{path} has {len(content)} bytes where its header says {expected}. {mend}")
    return np.frombuffer(content, dtype=kind, offset=start).reshape(shape)


def _uncompressed(path: Path, mend: str) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}. {mend}") from error


def find(folder: Path) -> dict[tuple[str, str], Path]:
    """The IDX files of a folder by part (train, test) and kind (images, labels); none if it has none."""
    found = {}
    for path in sorted(folder.iterdir()):
        if match := _NAME.fullmatch(path.name):
            part = "train" if match["part"] == "train" else "test"
            found[part, match["kind"]] = path
    return found


def read(folder: Path, task: str = "auto") -> Source:
    """The images and labels of a folder with files named as MNIST's; the two of the test may be missing."""
    files = find(folder)
    test = [("test", kind) in files for kind in ("images", "labels")]
    if ("train", "images") not in files or ("train", "labels") not in files or any(test) != all(test):
        names = ", ".join(path.name for path in files.values())
        raise DataError(
            f"{folder} has only {names}; put train-images-idx3-ubyte and train-labels-idx1-ubyte there, "
            "and both or neither of t10k-…, each plain or .gz."
        )
    arrays = {key: read_array(path) for key, path in files.items()}
    x = {part: _native(array) for (part, kind), array in arrays.items() if kind == "images"}
    labels = {part: array for (part, kind), array in arrays.items() if kind == "labels"}
    y, classes = encode(labels, task, f"{folder.name} labels", pictures=True)
    parts = {part: Pairs(x[part], y[part]) for part in x}
    return Source(name=folder.name, train=parts["train"], test=parts.get("test"), classes=classes)


def _native(array: np.ndarray) -> np.ndarray:
    """Bytes as they are, other numbers as float64 in this machine's byte order."""
    return array if array.dtype == np.uint8 else array.astype(np.float64)
