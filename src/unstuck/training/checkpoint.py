"""Checkpoints: safetensors, swapped in whole. `last` resumes a training, `best` is for use."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from unstuck import files
from unstuck.engine import Arrays
from unstuck.errors import RunError


@dataclass(frozen=True)
class Checkpoint:
    """Named groups of arrays, and the few plain facts that go with them."""

    groups: Mapping[str, Arrays]
    facts: Mapping[str, Any]

    def save(self, path: Path) -> None:
        """Put it at the path, whole or not at all."""
        flat = {
            f"{group}:{name}": value for group, arrays in self.groups.items() for name, value in arrays.items()
        }
        tensors = {name: np.asarray(value, order="C") for name, value in flat.items()}
        files.write(path, save(tensors, metadata={"facts": json.dumps(dict(self.facts))}))

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
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
        except (SafetensorError, KeyError, ValueError) as error:
            raise RunError(f"{path} is damaged ({error}): the run cannot be read from it.") from None
