"""The record: columns with names and units."""

import numpy as np
import pytest

from unstuck.training.record import Record


def test_columns_grow_by_values_and_by_arrays():
    record = Record()
    record.add(epoch=1, train_loss=0.5)
    record.add(epoch=2, train_loss=0.25)
    record.extend(step_loss=np.array([3.0, 2.0]))
    record.extend(step_loss=np.array([1.0]))
    assert list(record) == ["epoch", "train_loss", "step_loss"]
    assert len(record) == 3
    np.testing.assert_array_equal(record["train_loss"], [0.5, 0.25])
    np.testing.assert_array_equal(record["step_loss"], [3, 2, 1])


def test_epochs_are_rows_without_the_columns_of_steps():
    record = Record()
    record.extend(step_loss=np.arange(10.0))
    record.add(epoch=1, train_loss=0.5)
    record.add(epoch=2, train_loss=0.25)
    assert list(record.epochs()) == [{"epoch": 1, "train_loss": 0.5}, {"epoch": 2, "train_loss": 0.25}]


def test_a_column_that_was_not_measured_is_not_there():
    assert "gradient_norm" not in Record()
    with pytest.raises(KeyError):
        Record()["gradient_norm"]


def test_what_is_read_is_a_copy():
    record = Record()
    record.add(epoch=1)
    record["epoch"][0] = 7
    np.testing.assert_array_equal(record["epoch"], [1])


def test_a_record_that_is_put_back_grows_on():
    record, again = Record(), Record()
    record.add(epoch=1)
    record.extend(step_loss=np.array([3, np.nan], np.float32))
    again.restore({name: record[name] for name in record})
    for one in (record, again):
        one.extend(step_loss=np.array([1.0]))
    for name in record:
        np.testing.assert_array_equal(again[name], record[name], strict=True)
