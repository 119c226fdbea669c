"""A data set at a glance."""

import dataclasses

import numpy as np
import pytest

from unstuck.data import look
from unstuck.data.loading import arrange
from unstuck.data.source import Pairs, Source
from unstuck.recipe.data import Data

KEPT = {"validation": 0.0, "test": 0.0}


def pictures(rows=60):
    x = np.random.default_rng(0).integers(10, 200, (rows, 4, 4), dtype=np.uint8)
    x[:, 0, 0] = 10
    x[0, 1, 1], x[1, 1, 1] = 0, 255
    return Source(name="s", train=Pairs(x, np.arange(rows) % 3), classes=("a", "b", "c"))


def table(rows=60):
    x = np.random.default_rng(0).normal([5, -3], [2, 100], (rows, 2))
    return Source(name="s", train=Pairs(x, x.sum(axis=1, keepdims=True)), features=("p", "q"))


def test_rows_and_classes_are_counted_by_split():
    data = arrange(pictures(), Data(name="s"))
    seen = look(data)
    for name, split in data.splits.items():
        assert seen.splits[name].rows == len(split)
        assert seen.splits[name].balance == tuple(np.bincount(split.y))


def test_bytes_are_ranged_as_stored_and_as_seen():
    inputs = look(arrange(pictures(), Data(name="s", **KEPT))).splits["train"].inputs
    assert inputs.raw == (0, 255)
    assert inputs.seen == (0, 1)


def test_numbers_are_ranged_in_their_unit_and_as_seen():
    source = table()
    data = arrange(source, Data(name="s", **KEPT))
    seen = look(data).splits["train"]
    x, y = source.train
    assert seen.inputs.raw == pytest.approx((x.min(), x.max()), abs=1e-5 * np.ptp(x))
    assert seen.inputs.seen == (data.train.x.min(), data.train.x.max())
    assert seen.targets.raw == pytest.approx((y.min(), y.max()), abs=1e-5 * np.ptp(y))
    assert seen.balance is None


def test_constant_features_are_counted():
    assert look(arrange(pictures(), Data(name="s"))).constant == 1
    assert look(arrange(table(), Data(name="s"))).constant == 0


@pytest.mark.parametrize("source", [pictures, table])
def test_rows_that_stand_in_two_splits_are_counted(source):
    train = source().train
    twice = np.concatenate([train.x, train.x[:5]]), np.concatenate([train.y, train.y[:5]])
    test = Pairs(np.concatenate([train.x[:7], train.x[:1] // 2]), train.y[:8])
    data = arrange(dataclasses.replace(source(), train=Pairs(*twice), test=test), Data(name="s", validation=0.0))
    seen = look(data).splits
    assert seen["train"].repeated == 5
    assert seen["test"].repeated == 7
