"""Archives: named arrays and a few plain facts in one safetensors file, in which no code can hide."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load, save

from unstuck import files
from unstuck.engine import Arrays
from unstuck.errors import RunError

# What safetensors, NumPy and JSON raise on content that is not what it should be, however it was made up.
_DAMAGE = (SafetensorError, KeyError, ValueError, TypeError, RecursionError)


@dataclass(frozen=True)
class Archive:
    """Named groups of arrays, and the few plain facts that go with them."""

    groups: Mapping[str, Arrays]
    facts: Mapping[str, Any]

    def save(self, path: Path) -> None:
        """Put it at the path, whole or not at all."""
        flat = {
            f"{group}:{name}": value for group, arrays in self.groups.items() for name, value in arrays.items()
        }
        files.write(path, save(_in_order(flat), metadata={"facts": json.dumps(dict(self.facts))}))

    @classmethod
    def load(cls, path: Path) -> "Archive":
        """Read it back; a missing or damaged file is a `RunError`."""
        groups: dict[str, dict[str, np.ndarray]] = {}
        try:
            with safe_open(path, framework="numpy") as file:
                for key in file.keys():  # noqa: SIM118  (not a mapping)
                    group, _, name = key.partition(":")
                    groups.setdefault(group, {})[name] = file.get_tensor(key)
                return cls(groups, json.loads((file.metadata() or {})["facts"]))
        except FileNotFoundError:
            raise RunError(f"{path} is missing: the run cannot be read without it.") from None
        except OSError as error:
            raise RunError(f"{path} cannot be read: {error.strerror or error}.") from None
        except _DAMAGE as error:
            raise RunError(f"{path} is damaged ({error}): the run cannot be read from it.") from None


def packed(arrays: Arrays) -> bytes:
    """Arrays as the content of a safetensors file, under their own names."""
    return save(_in_order(arrays))


def unpacked(content: bytes, path: Path) -> Arrays:
    """The arrays in a safetensors file's content; the path is for the `RunError` where it is something else."""
    try:
        return load(content)
    except _DAMAGE as error:
        raise RunError(f"{path} is damaged ({error}).") from None


def _in_order(arrays: Arrays) -> dict[str, np.ndarray]:
    return {name: np.asarray(value, order="C") for name, value in arrays.items()}
