"""Rows as the torch engine keeps them: resident on the device where that is possible, else fetched one by one."""

from collections.abc import Callable, Sized
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    default_collate,
)

from unstuck.errors import ProgramError
from unstuck.training import torch_random

# A data set is kept in memory up to so many bytes; its first rows are asked for twice, to see if they change
_IN_MEMORY, _ASKED_TWICE = 2 << 30, 64
EXPECTED = "(x, y) arrays or tensors, a torch Dataset or a DataLoader"
"""What rows may be given as."""


@dataclass(frozen=True, eq=False)
class Resident:
    """Rows in the device's memory: a batch is one `index_select`.

    Args:
        x: (N, …); bytes are multiplied by the factor, if there is one, when a batch is taken.
        y: (N, …).
        factor: for bytes, such as 1 / 255.
    """

    x: Tensor
    y: Tensor
    factor: float | None = None

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, …) and y (B, …) of the row numbers (B,)."""
        x, y = self.x.index_select(0, rows), self.y.index_select(0, rows)
        return (x if self.factor is None else x * self.factor), y

    def take(self, index: np.ndarray) -> "Resident":
        """Some rows, by number (K,)."""
        rows = torch.from_numpy(index).to(self.x.device)
        return Resident(self.x.index_select(0, rows), self.y.index_select(0, rows), self.factor)


@dataclass(frozen=True, eq=False)
class Fetched:
    """Rows asked for one by one: random augmentation, batches put together in the user's way, too many to keep."""

    dataset: Dataset[Any]
    collate: Callable[[list[Any]], Any]
    device: torch.device

    def __len__(self) -> int:
        return len(cast(Sized, self.dataset))

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, …) and y (B, …) of the row numbers (B,)."""
        x, y = _pair(self._together([self.dataset[row] for row in rows.tolist()]), "a batch")
        return x.to(self.device), y.to(self.device)

    def _together(self, rows: list[Any]) -> Any:
        try:
            return self.collate(rows)
        except (RuntimeError, TypeError) as error:
            if self.collate is not default_collate:
                raise
            said = " ".join(str(error).split())
            hint = "Give a DataLoader with a collate_fn that puts them together."
            raise ProgramError(f"rows must make a batch of tensors; torch said: {said}. {hint}") from error

    def take(self, index: np.ndarray) -> "Fetched":
        """Some rows, by number (K,)."""
        return Fetched(Subset(self.dataset, index.tolist()), self.collate, self.device)


Rows = Resident | Fetched


def rows_of(given: Any, device: torch.device, name: str) -> Rows:
    """What a user gives as data, ready to draw batches from; `name` is the argument, for messages."""
    if isinstance(given, Resident | Fetched):
        return given
    collate = default_collate
    if isinstance(given, DataLoader):
        is_own = not isinstance(given.sampler, RandomSampler | SequentialSampler)
        if is_own and not isinstance(given.dataset, IterableDataset):
            raise ProgramError(
                f"{name} must be a DataLoader without a sampler of its own, got {type(given.sampler).__name__}: "
                "unstuck draws the order of the rows from its seed."
            )
        given, collate = given.dataset, given.collate_fn
    if isinstance(given, IterableDataset):
        raise ProgramError(
            f"{name} must have rows that can be asked for by number, got an IterableDataset. "
            "Give some of them as arrays (x, y)."
        )
    if isinstance(given, Dataset):
        return _from_dataset(Fetched(given, collate, device), name)
    if isinstance(given, tuple | list) and len(given) == 2:
        x, y = (_tensor(part, device, name) for part in given)
        if len(x) != len(y):
            raise ProgramError(f"{name} must have as many targets as inputs, got {len(y)} and {len(x)}.")
        return _not_empty(Resident(x, y), name)
    if isinstance(given, Sized) and not len(given):
        raise ProgramError(f"{name} must have at least one row, got none.")
    raise ProgramError(f"{name} must be {EXPECTED}, got {type(given).__name__}.")


def _from_dataset(rows: Fetched, name: str) -> Rows:
    """Resident if there is room, batches are put together the usual way, and a row is always the same: asking
    for it draws no random number, and asking for it again gives it again."""
    if not isinstance(rows.dataset, Sized):
        raise ProgramError(f"{name} must say how many rows it has: give {type(rows.dataset).__name__} a __len__.")
    _not_empty(rows, name)
    if rows.collate is not default_collate:
        return rows
    with torch_random.lent(rows.device) as before:
        some = torch.arange(min(_ASKED_TWICE, len(rows)))
        first, again = rows.batch(some), rows.batch(some)
        size = sum(part.nbytes for part in first) / len(some) * len(rows)
        if size > _IN_MEMORY or not all(map(torch.equal, first, again)):
            return rows
        pairs = [rows.batch(block) for block in torch.arange(len(rows)).split(256)]
        if not torch_random.same(before, torch_random.current(rows.device)):
            return rows
    return Resident(torch.cat([x for x, _ in pairs]), torch.cat([y for _, y in pairs]))


def _not_empty(rows: Rows, name: str) -> Rows:
    if len(rows) == 0:
        raise ProgramError(f"{name} must have at least one row, got none.")
    return rows


def _pair(batch: Any, name: str) -> tuple[Tensor, Tensor]:
    if isinstance(batch, tuple | list) and len(batch) == 2 and all(isinstance(part, Tensor) for part in batch):
        return batch[0], batch[1]
    raise ProgramError(f"{name} must be a pair of tensors (x, y), got {type(batch).__name__}.")


def _tensor(part: Any, device: torch.device, name: str) -> Tensor:
    """A tensor on the device; float64 becomes float32, as the parameters are, and whole numbers int64."""
    if not isinstance(part, np.ndarray | Tensor):
        raise ProgramError(f"{name} must be {EXPECTED}, got {type(part).__name__} in a tuple.")
    if isinstance(part, np.ndarray):
        if part.dtype.kind not in "buifc":
            raise ProgramError(f"{name} must hold numbers, got an array of {part.dtype}.")
        part = np.require(part, part.dtype.newbyteorder("="), ["C", "W"])  # torch takes no others
    if part.ndim == 0:
        raise ProgramError(f"{name} must have rows, got a single number.")
    tensor = torch.as_tensor(part).detach()
    if tensor.dtype == torch.float64:
        tensor = tensor.float()
    elif not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype in (torch.uint8, torch.bool)):
        tensor = tensor.long()
    return tensor.to(device)
