"""CIFAR-10's binary version: records of one label and the red, green and blue plane of a picture.

Source: A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version".
"""

import re
import tarfile
import zlib
from pathlib import Path

import numpy as np

from unstuck.data.source import Pairs
from unstuck.errors import DataError

_SHAPE = (3, 32, 32)
_RECORD = 1 + 3 * 32 * 32  # bytes
_NAME = re.compile(r"(?:.*/)?(?P<batch>data_batch_\d|test_batch)\.bin")


def read(archive: Path) -> tuple[Pairs, Pairs]:
    """Training and test rows of the tar archive: pictures (N, 3, 32, 32) uint8, class numbers (N,) int64."""
    batches: dict[str, np.ndarray] = {}
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                if (match := _NAME.fullmatch(member.name)) and (content := tar.extractfile(member)):
                    batches[match["batch"]] = _records(content.read(), f"{archive}: {member.name}")
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise DataError(f"{archive} cannot be read: {error}. Delete it, to have it fetched again.") from error
    training = [batches[name] for name in sorted(batches) if name != "test_batch"]
    if not training or "test_batch" not in batches:
        raise DataError(f"{archive} must hold data_batch_1.bin … and test_batch.bin, and has {sorted(batches)}.")
    return _pairs(np.concatenate(training)), _pairs(batches["test_batch"])


def _records(content: bytes, where: str) -> np.ndarray:
    if len(content) % _RECORD:
        raise DataError(
            f"{where} has {len(content)} bytes, no multiple of the record's {_RECORD}; fetch it again."
        )
    return np.frombuffer(content, dtype=np.uint8).reshape(-1, _RECORD)


def _pairs(records: np.ndarray) -> Pairs:
    return Pairs(records[:, 1:].reshape(-1, *_SHAPE), records[:, 0].astype(np.int64))
