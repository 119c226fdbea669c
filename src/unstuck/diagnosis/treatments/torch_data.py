"""Treatments of the data: their size, as a first and a last layer of the model, and rows that are no numbers."""

import copy
from collections.abc import Sized
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from unstuck.diagnosis.terms import Treated
from unstuck.diagnosis.treatments.torch_losses import Scaled, keep_score
from unstuck.diagnosis.treatments.torch_surgery import Draft, Wrapped, batch_size, draft, with_model
from unstuck.evidence.facts import Facts, Split
from unstuck.evidence.sample import flat
from unstuck.evidence.tables import codes
from unstuck.training import torch_random
from unstuck.training.from_program import arrays
from unstuck.training.program import Program
from unstuck.training.torch_rows import Fetched, Resident

# Numbers whose mean and spread are within this of 0 and 1 are taken as scaled
_NEAR = 0.1
_ASKED = 16  # rows that are asked for twice, to see if they change


class Moments(NamedTuple):
    """Means, and spreads with 1 in the place of 0, in the shape that scales a row."""

    mean: Tensor
    spread: Tensor

    @property
    def is_standard(self) -> bool:
        """Whether there is nothing to scale."""
        return bool((self.mean.abs() <= _NEAR).all() and ((self.spread - 1).abs() <= _NEAR).all())


class ScaledInputs(Wrapped):
    """A first layer that takes each feature to mean 0 and spread 1, as it has in the training rows."""

    mean: Tensor
    spread: Tensor

    def __init__(self, model: nn.Module, moments: Moments) -> None:
        super().__init__(model, mean=moments.mean.clone(), spread=moments.spread.clone())

    def forward(self, *inputs: Any) -> Any:
        """The model's answer to the scaled inputs."""
        x, *others = inputs
        return self.model((x - self.mean) / self.spread, *others)


class ScaledOutputs(Wrapped):
    """A last layer that takes what the model says from spread 1 and mean 0 to the targets'."""

    mean: Tensor
    spread: Tensor

    def __init__(self, model: nn.Module, moments: Moments) -> None:
        super().__init__(model, mean=moments.mean.clone(), spread=moments.spread.clone())

    def forward(self, *inputs: Any) -> Any:
        """Predictions in the targets' unit."""
        return self.model(*inputs) * self.spread + self.mean


class FilledInputs(Wrapped):
    """A first layer that puts the training rows' mean in the place of what is missing: not finite, or a code."""

    mean: Tensor
    code: Tensor

    def __init__(self, model: nn.Module, mean: Tensor, code: Tensor) -> None:
        super().__init__(model, mean=mean.clone(), code=code.clone())

    def forward(self, *inputs: Any) -> Any:
        """The model's answer to the filled inputs."""
        x, *others = inputs
        return self.model(torch.where(torch.isfinite(x) & (x != self.code), x, self.mean), *others)


def fill_missing(program: Program, facts: Facts) -> Treated | None:
    """Means of the training rows in the place of inputs that are missing, in test rows too; nothing if none is."""
    x = facts.train.x
    if facts.is_token or x is None or x.dtype.kind != "f" or x.ndim < 2:
        return None
    splits = [split.x for split in (facts.train, facts.validation, facts.test) if split and split.x is not None]
    code = codes(flat(x)).astype(x.dtype)
    if np.isnan(code).all() and all(np.isfinite(part).all() for part in splits):
        return None
    if any(isinstance(part, FilledInputs) for part in draft(program, facts).model.modules()):
        return None
    numbers = _known(x).reshape(len(x), -1)
    known = np.isfinite(numbers)
    mean = np.where(known, numbers, 0).sum(axis=0, dtype=np.float64) / np.maximum(known.sum(axis=0), 1)
    named = ", ".join(f"{one:g}" for one in np.unique(code[~np.isnan(code)])[:3])
    missing = "not isfinite(x)" + (f" or x in ({named})" if named else "")
    lines = ("- model(x)", f"+ model(where({missing}, mean, x))  # mean of the training rows, per feature")
    put = {"mean": mean, "code": code}
    parts = {name: torch.from_numpy(part.astype(x.dtype).reshape(x.shape[1:])) for name, part in put.items()}
    return Treated(with_model(program, partial(FilledInputs, **parts)), lines)


def _known(x: np.ndarray) -> np.ndarray:
    """Inputs (N, …) with NaN in the place of what is missing."""
    if x.dtype.kind != "f" or x.ndim < 2:
        return x
    numbers = x.reshape(len(x), -1)
    missing = ~np.isfinite(numbers) | (numbers == codes(flat(x)).astype(x.dtype))
    return np.where(missing, np.nan, numbers).astype(x.dtype).reshape(x.shape)


def scale_inputs(program: Program, facts: Facts) -> Treated | None:
    """Inputs scaled by the training rows' means and spreads; nothing for tokens, or where they are so already."""
    x = facts.train.x
    if facts.is_token or x is None or x.dtype.kind not in "fui":
        return None
    look = draft(program, facts)
    if any(isinstance(part, ScaledInputs) for part in look.model.modules()):
        return None
    found = moments(_known(x) if x.dtype != np.uint8 else x.astype(np.float32), _axis(look, x.ndim))
    if found.is_standard:
        return None
    lines = (
        "- model(x)",
        "+ model((x - mean) / spread)  # of the training rows, "
        + ("per channel" if x.ndim > 2 else "per feature" if x.ndim == 2 else "of all"),
    )
    return Treated(with_model(program, partial(ScaledInputs, moments=found)), lines)


def _axis(look: Draft, dimensions: int) -> int:
    """Along which features lie: channels where a convolution reads them, else the last; -1 of single numbers."""
    if dimensions <= 1:
        return -1
    if dimensions == 2:
        return 1
    first = next((call for call in look.flow().calls if call.name.startswith("conv")), None)
    return 1 if dimensions >= 4 or (first and first.entered == tuple(look.x.shape)) else dimensions - 1


def moments(values: np.ndarray, axis: int) -> Moments:
    """Means and spreads along an axis (N, …), of the finite numbers; of all where the axis is -1.

    What hardly varies, against its own size, is only centred: its spread is rounding.
    """
    over = tuple(place for place in range(values.ndim) if place != axis)
    numbers = np.where(np.isfinite(values), values, np.nan) if values.dtype.kind == "f" else values
    kept = np.nan_to_num(np.nanmean(numbers, axis=over, dtype=np.float64))
    spread = np.nan_to_num(np.sqrt(np.nanmean((numbers - _along(kept, axis, values.ndim, 0)) ** 2, axis=over)))
    spread = np.where(spread > 1e-6 * np.abs(kept), spread, 1.0)
    mean, width = (torch.from_numpy(_along(part, axis, values.ndim, 1)).float() for part in (kept, spread))
    return Moments(mean, width)


def _along(part: Any, axis: int, dimensions: int, first: int) -> np.ndarray:
    """Numbers along an axis in the shape of a row (first 1), or of rows (first 0)."""
    shape = [1] * dimensions
    if axis > 0:
        shape[axis] = -1
    return np.asarray(part).reshape(shape[first:])


def scale_targets(program: Program, facts: Facts) -> Treated | None:
    """The model's outputs in the targets' unit, and a loss in units of their spread.

    Nothing where the targets are no numbers, or are scaled.
    """
    y = facts.train.y
    look = draft(program, facts)
    if facts.kind not in ("numbers", "other") or y.dtype.kind != "f" or isinstance(program.loss, Scaled):
        return None
    output = look.output
    if output.numel() != look.y.numel():
        return None
    found = moments(y, 1 if y.ndim == 2 and y.shape[1] > 1 else -1)
    found = Moments(*(part.reshape(-1) if part.numel() > 1 else part.reshape(()) for part in found))
    if found.is_standard:
        return None
    treated = replace(
        with_model(program, partial(ScaledOutputs, moments=found)), loss=Scaled(program.loss, *found)
    )
    lines = (
        "- model(x)",
        "+ model(x) * spread + mean  # of the training targets",
        "- loss(outputs, y)",
        "+ loss((outputs - mean) / spread, (y - mean) / spread)",
    )
    return Treated(keep_score(treated, program, look.y, output), lines)


def drop_invalid_rows(program: Program, facts: Facts) -> Treated | None:
    """Only rows are kept whose inputs and targets are numbers; nothing where all are, or few would be left."""
    if all(_finite(split).all() for split in (facts.train, facts.validation, facts.test) if split is not None):
        return None
    given = {"train": facts.train, "validation": facts.validation, "test": facts.test}
    new: dict[str, Any] = {}
    lines: list[str] = []
    for name, known in given.items():
        rows = getattr(program, name)
        split = Split(*arrays(rows)) if isinstance(rows, Resident | Fetched) else known  # may be some of the rows
        if rows is None or split is None:
            continue
        kept = _finite(split)
        if kept.all():
            continue
        if kept.sum() < max(2, len(kept) / 2):
            return None
        new[name] = _taken(getattr(program, name), np.flatnonzero(kept))
        lines += [f"- {name}: {len(kept)} rows", f"+ {name}: {int(kept.sum())} rows, all of finite numbers"]
        if name == "train" and batch_size(program, facts) > kept.sum():
            new["batch_size"] = int(kept.sum())
    return Treated(replace(program, **new), tuple(lines)) if new else None


def _finite(split: Split) -> np.ndarray:
    """(N,) whether all numbers of a row are."""
    parts = [part.reshape(len(part), -1) for part in split if part is not None]
    return np.all([np.isfinite(part).all(axis=1) for part in parts], axis=0)


def _taken(given: Any, rows: np.ndarray) -> Any:
    """Some rows, in the form in which they were given."""
    if isinstance(given, Resident | Fetched):
        return given.take(rows)
    if isinstance(given, DataLoader):
        data = Subset(given.dataset, rows.tolist())
        return DataLoader(data, batch_size=given.batch_size, shuffle=True, collate_fn=given.collate_fn)
    if isinstance(given, tuple | list):
        x, y = given
        return x[rows], y[rows]
    return Subset(given, rows.tolist())


def no_augmentation(program: Program, facts: Facts) -> Treated | None:
    """Training rows without random changes: as the data set stores them, or transformed as held-out rows are.

    Nothing where rows are not changed, or neither can be had.
    """
    source = _source(program.train)
    own, held = getattr(source, "transform", None), [_source(part) for part in (program.validation, program.test)]
    if own is not None and any(hasattr(one, "transform") for one in held):
        calm = next(one.transform for one in held if hasattr(one, "transform"))
        if own is calm:
            return None
        plain = copy.copy(source)
        plain.transform = calm
        after = calm if calm is None else type(calm).__name__
        lines = (f"- transform = {type(own).__name__}(…)", f"+ transform = {after}")
        return Treated(replace(program, train=_instead(program.train, plain)), lines)
    stored = _stored(source)
    if stored is None:
        return None
    lines = (f"- train = {type(source).__name__}(…)", "+ train = TensorDataset(x, y)  # the rows that it stores")
    return Treated(replace(program, train=_instead(program.train, stored)), lines)


def _instead(train: Any, source: Dataset[Any]) -> Any:
    """The same loader or subset over other rows."""
    given = train.dataset if isinstance(train, DataLoader | Fetched) else train
    data: Any = Subset(source, given.indices) if isinstance(given, Subset) else source
    if isinstance(train, DataLoader):
        return DataLoader(data, batch_size=train.batch_size, shuffle=True, collate_fn=train.collate_fn)
    return Fetched(data, train.collate, train.device) if isinstance(train, Fetched) else data


def _stored(source: Any) -> TensorDataset | None:
    """The rows that a data set keeps where it gives others each time: attributes of its length and their shape."""
    if not (isinstance(source, Dataset) and isinstance(source, Sized) and len(source)):
        return None
    rows: Any = source
    with torch_random.lent(torch.device("cpu")):
        looks = [[rows[row] for row in range(min(_ASKED, len(source)))] for _ in range(2)]
    if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in looks[0]):
        return None
    x, y = (torch.as_tensor(part) for part in looks[0][0])
    if all(torch.equal(*(torch.as_tensor(pair[0]) for pair in pairs)) for pairs in zip(*looks, strict=True)):
        return None
    kept = [torch.as_tensor(part) for part in vars(source).values() if isinstance(part, Tensor | np.ndarray)]
    kept = [part for part in kept if part.ndim and len(part) == len(source)]
    inputs = next((part for part in kept if part.shape[1:] == x.shape and part.dtype == x.dtype), None)
    targets = next((part for part in kept if part.shape[1:] == y.shape and torch.equal(part[0], y)), None)
    return None if inputs is None or targets is None else TensorDataset(inputs, targets)


def _source(split: Any) -> Any:
    """The data set that loaders and subsets take rows from."""
    while isinstance(split, DataLoader | Subset | Fetched):
        split = split.dataset
    return split
