"""A run that is damaged, or whose disk fails: one line that says what to do, and then the same bits again."""

import errno
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from test_checkpoint import FILES, emptied, flipped, one_line

from cases import recipe
from unstuck import api
from unstuck.cli.main import run as command
from unstuck.recipe import file
from unstuck.recipe.spec import Recipe
from unstuck.training.folder import Folder
from unstuck.training.run import load
from unstuck.training.training import Training


@pytest.fixture(scope="module")
def cut_run(tmp_path_factory):
    """A run of which two epochs of three were trained, and its whole twin."""
    parent = tmp_path_factory.mktemp("runs")
    case = recipe(data={"name": "digits", "rows": 300, "validation": 0.2}, epochs=3, keep="auto")
    training = api.begin(case, out=parent / "cut", stem="")
    for _ in training:
        if training.done == 2 * training.task.plan.steps:
            break
    return training.folder.path, api.train(case, out=parent / "whole")


@pytest.fixture
def cut_copy(cut_run, tmp_path):
    return Path(shutil.copytree(cut_run[0], tmp_path / "run"))


def finished_as(path, whole):
    """The run's weights, scores and record are those of a run that was never stopped, bit for bit."""
    ours = load(path)
    assert (ours.scores, ours.stop, ours.kept) == (whole.scores, whole.stop, whole.kept)
    for mine, other in ((ours.weights, whole.weights), (ours.record, whole.record)):
        assert mine.keys() == other.keys()
        for name, value in other.items():
            if name != "seconds":
                np.testing.assert_array_equal(mine[name], value, err_msg=name)


@pytest.mark.parametrize("name", FILES)
def test_resume_goes_on_aloud_from_the_checkpoint_before_a_damaged_one(cut_copy, cut_run, name, capsys):
    newest = max(cut_copy.glob("checkpoints/step-*"))
    flipped(newest / name)
    assert command(["resume", str(cut_copy)]) == 0
    assert capsys.readouterr().err.startswith(f"unstuck: {newest / name} is damaged")
    finished_as(cut_copy, cut_run[1])


def test_the_best_weights_of_a_run_that_cannot_go_on_are_named_and_whole(cut_copy, cut_run, capsys):
    for path in cut_copy.glob("checkpoints/*/memory.safetensors"):
        flipped(path)
    assert command(["resume", str(cut_copy)]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    best = Path(said.rstrip().partition("Its best weights so far are in ")[2])
    np.testing.assert_array_equal(load_file(best)["0.weight"].shape, cut_run[1].weights["0.weight"].shape)
    assert str(best) in one_line(lambda: load(cut_copy))


def halved(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [flipped, halved, emptied, Path.unlink])
@pytest.mark.parametrize("name", ["recipe.toml", "run.json"])
def test_without_what_was_trained_a_run_does_not_go_on(cut_copy, name, damage, capsys):
    damage(cut_copy / name)
    assert command(["resume", str(cut_copy)]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert str(cut_copy) in said


def test_a_checkpoint_of_another_network_is_one_line(cut_copy, cut_run):
    other = recipe(model={"hidden": [16, 13]}, data={"name": "digits", "rows": 300, "validation": 0.2})
    task = api.task_of_recipe(other)
    said = one_line(lambda: Training.resumed(task, Folder(cut_copy)))
    assert said.endswith("cannot go on: the checkpoint's 2.bias is not the recipe's.")


# disks that fail in training


@pytest.fixture
def read_only():
    """A folder for a run, and a function that makes it read-only for whoever runs this: for root, whom no
    folder is closed to, by making him nobody."""
    if os.name != "posix":
        pytest.skip("needs users as posix has them")
    parent, is_root = Path(tempfile.mkdtemp()), os.geteuid() == 0
    parent.chmod(0o755)

    def lock(path):
        for inside in (path, *path.rglob("*")):
            os.chown(inside, 65_534 if is_root else -1, -1)
            inside.chmod(0o500 if inside.is_dir() else 0o400)
        if is_root:
            os.seteuid(65_534)

    yield parent / "run", lock
    shutil.rmtree(parent)


def test_a_folder_that_turns_read_only_is_one_line_and_the_run_resumes_to_the_same_bits(read_only, cut_run):
    path, lock = read_only
    case = file.read(Recipe, cut_run[0] / "recipe.toml")
    training, again = api.begin(case, out=path, stem=""), api.task_of_recipe(case)

    def train():
        for _ in training:
            if training.done == training.task.plan.steps:
                lock(path)

    with unlocked(path):
        said = one_line(train)
        assert "cannot be written: Permission denied. What was saved before is whole" in said
        assert ".lock cannot be written: Permission denied." in one_line(
            lambda: Training.resumed(again, Folder(path))
        )
    assert command(["resume", str(path)]) == 0
    finished_as(path, cut_run[1])


@contextmanager
def unlocked(path):
    """After what is inside, the folder may be written by whoever began this."""
    user = os.geteuid()
    try:
        yield
    finally:
        os.seteuid(user)
        for inside in (path, *path.rglob("*")):
            inside.chmod(0o700)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("room", [15, 22, 30, 36, 50])
def test_a_disk_that_fails_in_training_is_one_line_and_the_run_resumes_to_the_same_bits(
    tmp_path, monkeypatch, capsys, cut_run, code, room
):
    path, flush, left = tmp_path / "run", os.fsync, iter(range(room))

    def fsync(descriptor):
        if next(left, None) is None:
            raise OSError(code, os.strerror(code))
        flush(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        assert command(["train", str(cut_run[0] / "recipe.toml"), "--out", str(path)]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert f" cannot be written: {os.strerror(code)}." in said
    if "checkpoints" in said:
        assert said.endswith(f"What was saved before is whole: mend that, then type: unstuck resume {path}\n")
    assert command(["resume", str(path)]) == 0
    finished_as(path, cut_run[1])
