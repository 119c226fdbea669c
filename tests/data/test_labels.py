"""When targets are classes and when numbers."""

import numpy as np
import pytest

from unstuck.data.readers.labels import MOST_CLASSES, encode
from unstuck.errors import DataError, RecipeError

FEW, MANY = np.arange(60) % MOST_CLASSES, np.arange(60) % (MOST_CLASSES + 1)


@pytest.mark.parametrize(
    ("raw", "task", "pictures", "names"),
    [
        (np.array(["b", "a", "b"]), "auto", False, ("a", "b")),
        (np.array([True, False, True]), "auto", False, ("False", "True")),
        (np.array([10, 9, 10]), "auto", False, ("9", "10")),
        (np.array([1, -1, 1]), "auto", False, ("-1", "1")),
        (FEW, "auto", False, tuple(map(str, range(MOST_CLASSES)))),
        (MANY, "auto", True, tuple(map(str, range(MOST_CLASSES + 1)))),
        (MANY, "classification", False, tuple(map(str, range(MOST_CLASSES + 1)))),
        (np.array([2.0, 0.0, 2.0]), "classification", False, ("0", "2")),
        (np.array([[1], [0], [1]]), "auto", False, ("0", "1")),
    ],
)
def test_these_are_classes(raw, task, pictures, names):
    y, classes = encode({"train": raw}, task, "targets", pictures=pictures)
    assert classes == names
    assert y["train"].dtype == np.int64
    assert [classes[number] for number in y["train"]] == [
        f"{value:.0f}" if value.dtype.kind == "f" else str(value) for value in raw.ravel()
    ]


@pytest.mark.parametrize(
    ("raw", "task"),
    [
        (MANY, "auto"),
        (FEW, "regression"),
        (np.array([1.0, 2.0]), "auto"),
        (np.array([True, False]), "regression"),
        (np.array([[1.5, 2], [3, 4]]), "auto"),
        (np.eye(2), "regression"),
    ],
)
def test_these_are_numbers(raw, task):
    y, classes = encode({"train": raw}, task, "targets")
    assert classes is None
    assert y["train"].dtype == np.float64
    assert np.array_equal(y["train"], raw.reshape(len(raw), -1))


def test_classes_are_numbered_over_all_parts_together():
    y, classes = encode({"train": np.array(["b", "c"]), "test": np.array(["a", "c"])}, "auto", "targets")
    assert classes == ("a", "b", "c")
    assert y["train"].tolist() == [1, 2]
    assert y["test"].tolist() == [0, 2]


@pytest.mark.parametrize(
    ("raw", "task", "error"),
    [
        (np.array(["a", "b"]), "regression", RecipeError),
        (np.array([0.5, 1.5]), "classification", RecipeError),
        (np.array([[0.5, 1.5], [1, 2]]), "classification", DataError),
        (np.eye(3), "auto", DataError),
    ],
)
def test_a_task_that_the_targets_do_not_allow_is_refused(raw, task, error):
    with pytest.raises(error, match="targets"):
        encode({"train": raw}, task, "targets")
