"""Scores of arms are compared only where they are of the same rows, and measured alike."""

import numpy as np
import pytest

from unstuck.errors import RecipeError
from unstuck.recipe.spec import Recipe
from unstuck.study.member import Member
from unstuck.study.runner import Runner

WINE = Recipe(data="wine", epochs=1)
DIABETES = Recipe(data="diabetes", epochs=1)
CODE = Recipe(data="iris", model="autoencoder", epochs=1)


def checked(base, *edits):
    """What is said of an arm with these edits before anything is trained; nothing if it may be compared."""
    arm = base
    for edit in edits:
        arm = arm.edit(*edit)
    runner = Runner([Member(arm=name, number=0, recipe=one) for name, one in (("base", base), ("arm", arm))])
    try:
        runner.check()
    except RecipeError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("base", "edit"),
    [
        (WINE, ("data.seed", 5)),
        (WINE, ("data.test", 0.4)),
        (WINE, ("data.test", 0.0)),
        (WINE, ("data.name", "iris")),
        (WINE, ("data.name", "diabetes")),
        (WINE, ("model.name", "autoencoder")),
        (WINE, ("data.fold", {"folds": 4, "number": 0})),
        (WINE.edit("data.test", 0.0), ("data.validation", 0.3)),
        (WINE.edit("data.fold", {"folds": 4, "number": 0}), ("data.rows", 0.5)),
        (DIABETES, ("model.name", "autoencoder")),
        (CODE, ("data.scaling", "none")),
        (WINE.edit("model", {"name": "own", "function": "mine:net"}), ("data.seed", 5)),
    ],
)
def test_an_arm_that_is_scored_on_other_rows_or_otherwise_is_refused(base, edit):
    said = checked(base, edit)
    assert said.startswith("arm 'arm': the ")
    assert said.endswith("Such scores are no pairs: make it a study of its own.")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("base", "edit"),
    [
        (WINE, ("data.rows", 0.5)),
        (WINE, ("data.validation", 0.3)),
        (WINE, ("data.scaling", "none")),
        (WINE, ("data.bootstrap", 1)),
        (WINE, ("loss.name", "bce")),
        (DIABETES, ("data.rows", 0.5)),
        (DIABETES, ("data.target_scaling", "none")),
        (CODE, ("data.scaling", "standard")),
        (CODE, ("data.rows", 0.5)),
    ],
)
def test_an_arm_that_learns_otherwise_is_scored_on_the_same_rows(base, edit):
    assert checked(base, edit) == ""


def test_other_columns_of_the_same_rows_are_compared(tmp_path):
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=60)
    for name, x in (("a", rng.normal(size=(60, 4))), ("b", rng.normal(size=(60, 7)))):
        np.savez(tmp_path / f"{name}.npz", x=x, y=y)
    np.savez(tmp_path / "c.npz", x=x, y=(y + 1) % 3)
    base = Recipe(data={"path": str(tmp_path / "a.npz")}, epochs=1)
    assert checked(base, ("data.path", str(tmp_path / "b.npz"))) == ""
    assert "got 'other" in checked(base, ("data.path", str(tmp_path / "c.npz")))


def test_without_rows_held_out_there_is_nothing_to_judge_a_model_of_ones_own_by():
    own = WINE.edit("model", {"name": "own", "function": "mine:net"})
    assert "must have rows held out to judge by" in checked(
        own.edit("data.test", 0.0).edit("data.validation", 0.0)
    )
