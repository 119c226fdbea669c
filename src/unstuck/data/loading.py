"""From the recipe's `data` to a data set in memory: find, check, split, scale, fingerprint."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from unstuck.data import catalog, readers, scaling, splits
from unstuck.data.dataset import Dataset, Scaling, Split
from unstuck.data.sequences import steps_of
from unstuck.data.source import Pairs, Source, check
from unstuck.errors import RecipeError
from unstuck.recipe.data import Data
from unstuck.recipe.spec import Recipe


def load(spec: Data, inputs: Scaling | None = None) -> Dataset:
    """The data set that a recipe names, by catalogue or by path, split and scaled as it says.

    The same `spec` gives the same arrays, bit by bit. Nothing is fitted on validation or test rows. `inputs`
    is the scaling of whoever learned before, where `spec.scaling` is `source`.
    """
    return arrange(open_source(spec), spec, inputs)


def open_source(spec: Data) -> Source:
    """What a recipe names, by catalogue or by path, as it was found: open once, to `arrange` fold after fold."""
    return catalog.open_set(spec) if spec.path is None else readers.read(spec)


def load_for(recipe: Recipe, inputs: Scaling | None = None) -> Dataset:
    """The data as the recipe's network learns them: an autoencoder's targets are its inputs."""
    return as_learned(load(recipe.data, inputs), recipe)


def as_learned(dataset: Dataset, recipe: Recipe) -> Dataset:
    """The recipe's data, which are loaded already, as its network learns them."""
    if recipe.model.name != "autoencoder":
        return dataset
    if dataset.is_padded:
        raise RecipeError("model.name", "be rnn, lstm or gru for sequences that end early", recipe.model.name)
    return dataset.reconstruction()


def arrange(source: Source, spec: Data, inputs: Scaling | None = None) -> Dataset:
    """A source as a data set: checked, split and scaled as `spec` says, inputs of scaling `source` by `inputs`.

    With a fold, validation and test rows that the source brings of its own are left out.
    """
    check(source)
    rows = splits.choose(source, spec)  # before the next line: a source finds its copies once
    if spec.fold:
        source = replace(source, validation=None, test=None)
    train = _take(source.train, rows.train)
    validation = None if rows.validation is None else _take(source.validation or source.train, rows.validation)
    test = None if rows.test is None else _take(source.test or source.train, rows.test)
    fitted_on = steps_of(train.x) if source.sequence else train.x
    inputs = scaling.fit_inputs(spec.scaling, fitted_on, inputs)
    targets = None if source.classes else scaling.fit_targets(spec.target_scaling, train.y)
    raw = {"train": train, "validation": validation, "test": test}
    keep = scaling.keeps_bytes(inputs, train.x)
    ready = {name: _scaled(split, None if keep else inputs, targets) for name, split in raw.items() if split}
    return Dataset(
        name=source.name,
        train=ready["train"],
        validation=ready.get("validation"),
        test=ready.get("test"),
        classes=source.classes,
        features=source.features,
        inputs=inputs,
        targets=targets,
        fingerprint=fingerprint(ready, inputs, targets),
        sequence=source.sequence,
    )


def _take(pairs: Pairs, rows: np.ndarray) -> Split:
    """A copy, so that every split is contiguous and writable, also where it is all of a file's buffer."""
    return Split(x=pairs.x[rows], y=pairs.y[rows], rows=rows)


def _scaled(split: Split, inputs: Scaling | None, targets: Scaling | None) -> Split:
    x = inputs.apply(split.x) if inputs else split.x
    y = targets.apply(split.y) if targets else split.y
    return Split(x=x, y=y, rows=split.rows)


def fingerprint(splits: Mapping[str, Split], inputs: Scaling, targets: Scaling | None) -> str:
    """SHA-256 over every split's arrays and the scaling: names, types, shapes and bytes."""
    arrays = {
        f"{name}.{part}": getattr(split, part) for name, split in splits.items() for part in ("x", "y", "rows")
    }
    for name, fitted in (("inputs", inputs), ("targets", targets)):
        if fitted:
            arrays |= {f"{name}.shift": fitted.shift, f"{name}.factor": fitted.factor}
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
