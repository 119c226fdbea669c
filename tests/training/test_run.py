"""A run and its folder: whole, or saying in one line that it is not."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from runs import HELD_OUT, classes, numbers, through, written
from torch import nn

from cases import images, recipe
from unstuck import files
from unstuck.engine import StopReason
from unstuck.errors import DataError, RunError
from unstuck.recipe import file
from unstuck.training.archive import Archive
from unstuck.training.checkpoint import Checkpoints
from unstuck.training.folder import Folder
from unstuck.training.program import Program
from unstuck.training.run import conclude, load, seal
from unstuck.training.task import task_of_program, task_of_recipe
from unstuck.training.training import Training


def program():
    x, y = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 2
    return task_of_program(
        Program(
            model=lambda: nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)),
            train=(x, y),
            test=(x, y),
            loss=nn.CrossEntropyLoss(),
            optimizer=lambda parameters: torch.optim.Adam(parameters),
            epochs=2,
        )
    )


TASKS = pytest.mark.parametrize("make", [classes, numbers, program])


def not_sealed(path):
    """Whether a folder does not say that it is finished."""
    try:
        return Folder(path).read_state()["state"] != "finished"
    except RunError:
        return True


def refused(path):
    """The one line with which a folder is refused."""
    with pytest.raises(RunError) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@TASKS
def test_a_run_is_read_back_as_it_was(tmp_path, make):
    run = written(tmp_path / "run", make())
    again = load(tmp_path / "run")
    for name in ("scores", "stop", "kept", "recipe", "facts", "folder", "steps_per_epoch"):
        assert getattr(again, name) == getattr(run, name), name
    assert again.record.units == run.record.units
    assert again.test.loss == run.test.loss
    arrays = [(again.weights, run.weights), (again.record, run.record)]
    arrays += [({"outputs": again.test.outputs, "targets": again.test.targets}, run.test._asdict())]
    for ours, theirs in arrays:
        for name, value in ours.items():
            np.testing.assert_array_equal(value, theirs[name], err_msg=name, strict=True)


@pytest.mark.parametrize("make", [classes, numbers])
def test_a_run_read_back_predicts_the_same(tmp_path, make):
    task = make()
    run = written(tmp_path / "run", task)
    again = load(tmp_path / "run")
    raw = task.dataset.train.x if make is classes else task.dataset.inputs.undo(task.dataset.train.x)
    np.testing.assert_array_equal(again.probabilities(raw), run.probabilities(raw))
    np.testing.assert_array_equal(again.predict(raw), run.predict(raw))


def test_probabilities_are_those_of_the_scored_outputs_and_predictions_the_most_probable():
    task = classes()
    training = Training(task)
    for _ in training:
        pass
    run = conclude(training)
    answers = run.probabilities(task.dataset.test.x)
    np.testing.assert_allclose(answers, run.test.outputs, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(run.predict(task.dataset.test.x), answers.argmax(axis=1))
    accuracy = (run.predict(task.dataset.test.x) == task.dataset.test.y).mean()
    assert run.scores["test"]["accuracy"] == pytest.approx(accuracy)


def test_numbers_are_predicted_in_their_original_unit():
    task = numbers()
    training = Training(task)
    for _ in training:
        pass
    run, data = conclude(training), task.dataset
    raw = data.inputs.undo(data.test.x)
    np.testing.assert_allclose(run.predict(raw), data.targets.undo(run.test.outputs), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shape", [(5,), (5, 23), (5, 25), (2, 5, 24)])
def test_inputs_of_another_shape_are_one_line(shape):
    training = Training(classes())
    for _ in training:
        pass
    with pytest.raises(DataError, match=r"x must have shape \(rows, 24\), got"):
        conclude(training).predict(np.zeros(shape))


def test_a_programs_run_read_back_has_no_model_and_says_so(tmp_path):
    written(tmp_path / "run", program())
    with pytest.raises(RunError, match="build it, and load weights.safetensors into it"):
        load(tmp_path / "run").predict(np.zeros((1, 3)))


def test_a_programs_weights_load_into_its_model(tmp_path):
    task = program()
    written(tmp_path / "run", task)
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    weights = load(tmp_path / "run").weights
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    for name, value in task.engine.model.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name


def test_a_diverged_run_is_written_and_read_like_any_other(tmp_path):
    case = recipe(optimizer={"name": "sgd", "lr": 1e30}, schedule="constant")
    run = written(tmp_path / "run", task_of_recipe(case, images(**HELD_OUT)))
    again = load(tmp_path / "run")
    assert again.stop == run.stop
    assert again.stop.reason is StopReason.NOT_FINITE
    assert not np.isfinite(again.record["step_loss"][-1])


# folders that are no whole run


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    assert (
        refused(tmp_path / "no")
        == f"{tmp_path / 'no'} must be a run, and has no run.json. There is no such folder."
    )


def test_a_folder_that_is_no_run_is_one_line(tmp_path):
    words = f"{tmp_path} must be a run, and has no run.json. It is a folder that `unstuck train` made."
    assert refused(tmp_path).startswith(words.split(" It is")[0])


def test_a_file_is_no_run(tmp_path):
    (tmp_path / "a").write_text("a")
    assert "must be a run" in refused(tmp_path / "a")


def test_a_run_that_was_not_finished_says_how_to_go_on(tmp_path):
    folder = Folder.create(tmp_path / "run")
    expected = f"{folder.path} is not finished (running). Type: unstuck resume {folder.path}"
    assert refused(folder.path) == expected


def test_an_interrupted_run_says_how_to_go_on_and_is_whole_once_it_went_on(tmp_path, monkeypatch):
    folder = Folder.create(tmp_path / "run")
    task = classes()
    files.write(folder.recipe, file.dumps(task.recipe))
    training = Training(task, folder)
    for _ in training:
        os.kill(os.getpid(), signal.SIGINT)
    seal(conclude(training))
    assert "is not finished (interrupted). Type: unstuck resume" in refused(folder.path)
    through(Training.resumed(classes(), folder))
    whole = written(tmp_path / "whole", classes())
    for name, value in load(folder.path).weights.items():
        np.testing.assert_array_equal(value, whole.weights[name])


def contents(path):
    """What a run consists of: neither what says so nor the lock, which only processes read."""
    aside = {"run.json", ".lock"}
    return sorted(inside for inside in path.rglob("*") if inside.is_file() and inside.name not in aside)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run's folder, which is put back as it was after each change."""
    path = tmp_path_factory.mktemp("runs") / "run"
    written(path, classes())
    return path


@pytest.mark.parametrize("number", range(12))
def test_a_file_that_was_changed_or_removed_is_named(whole, number):
    assert len(contents(whole)) == 12
    path = contents(whole)[number]
    content, said = path.read_bytes(), f"{path} is missing or was changed since the run was finished."
    if path == whole / "weights.safetensors":
        best = next(whole.glob("checkpoints/*/best.safetensors"))
        said += f" Its best weights so far are in {best}"
    for damaged in (content[:-1], content + b" ", bytes([content[0] ^ 1]) + content[1:]):
        path.write_bytes(damaged)
        assert refused(whole) == said
    path.unlink()
    assert refused(whole) == said
    path.write_bytes(content)
    load(whole)


def without(said, *names):
    return {name: value for name, value in said.items() if name not in names}


STATES = {
    "nothing": lambda said: "",
    "half of it": lambda said: json.dumps(said)[:50],
    "bytes that are no text": lambda said: "\xff\xfe",
    "a list": lambda said: "[]",
    "a number": lambda said: "3",
    "no state": lambda said: json.dumps(without(said, "state")),
    "no files": lambda said: json.dumps(without(said, "files")),
    "files that are a list": lambda said: json.dumps(said | {"files": ["recipe.toml"]}),
    "no stop": lambda said: json.dumps(without(said, "stop")),
    "a stop for no known reason": lambda said: json.dumps(said | {"stop": said["stop"] | {"reason": "BORED"}}),
    "half a stop": lambda said: json.dumps(said | {"stop": {"reason": "FINISHED"}}),
    "a stop that is a word": lambda said: json.dumps(said | {"stop": "FINISHED"}),
}


@pytest.mark.parametrize("change", STATES.values(), ids=STATES.keys())
def test_a_damaged_run_json_is_named(whole, change):
    path = whole / "run.json"
    content = path.read_bytes()
    path.write_text(change(json.loads(content)), encoding="latin-1")
    try:
        assert refused(whole) == f"{path} is damaged: the run cannot be read."
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize("number", [0, 2, None])
def test_a_run_of_another_format_is_one_line(whole, number):
    path = whole / "run.json"
    content = path.read_bytes()
    path.write_text(json.dumps(json.loads(content) | {"format": number}))
    try:
        assert refused(whole) == f"{whole} must be a run of format 1, got {number!r}."
    finally:
        path.write_bytes(content)


# archives


def test_an_archive_is_read_back_bit_by_bit(tmp_path):
    arrays = {
        "scalar": np.array(3, np.int64),
        "row": np.array([np.nan, -0.0, 1e-45], np.float32),
        "turned": np.arange(6.0).reshape(2, 3).T,
        "none": np.zeros((0, 3)),
        "bytes": np.arange(4, dtype=np.uint8),
    }
    Archive({"a": arrays, "b": {"x:y": np.ones(1)}}, {"done": 3, "best": None}).save(tmp_path / "c")
    again = Archive.load(tmp_path / "c")
    assert again.facts == {"done": 3, "best": None}
    np.testing.assert_array_equal(again.groups["b"]["x:y"], np.ones(1))
    for name, value in arrays.items():
        np.testing.assert_array_equal(again.groups["a"][name], value, strict=True)


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_an_archive_that_is_cut_short_is_one_line(tmp_path, keep):
    path = tmp_path / "c"
    Archive({"a": {"x": np.ones(100)}}, {}).save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(RunError, match="is damaged") as caught:
        Archive.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_archive_that_is_missing_is_one_line(tmp_path):
    with pytest.raises(RunError, match="c is missing: the run cannot be read without it."):
        Archive.load(tmp_path / "c")


# new folders


def test_a_new_folder_is_made_with_its_parents_or_in_an_empty_one(tmp_path):
    assert Folder.create(tmp_path / "a" / "b").read_state()["state"] == "running"
    (tmp_path / "c").mkdir()
    Folder.create(tmp_path / "c")


@pytest.mark.parametrize("kind", ["run", "file"])
def test_whatever_is_there_already_is_in_the_way(tmp_path, kind):
    path = tmp_path / "a"
    Folder.create(path) if kind == "run" else path.write_text("")
    with pytest.raises(RunError, match="a exists already. Choose another --out, or remove it."):
        Folder.create(path)


def test_runs_are_numbered_after_the_largest(tmp_path):
    names = [Folder.next(tmp_path, "mnist").path.name for _ in range(2)]
    for other in ("mnist-10", "mnist-x", "mnist-2-b", "iris-30"):
        (tmp_path / other).mkdir()
    names.append(Folder.next(tmp_path, "mnist").path.name)
    assert names == ["mnist-1", "mnist-2", "mnist-11"]


# no space, and no warning


def test_a_disk_that_fills_up_at_any_write_is_one_line_and_the_folder_never_looks_whole(tmp_path, monkeypatch):
    flush, left = os.fsync, [0]

    def fsync(descriptor):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    for room in range(1000):
        left[0], path = room, tmp_path / str(room)
        try:
            written(path, classes())
        except RunError as error:
            said = str(error)
        else:
            break
        assert "cannot be written: No space left on device." in said
        assert "\n" not in said
        if not_sealed(path):
            refused(path)
    assert room > 20  # a run is some twenty files, each flushed with its folder
    load(path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_run_killed_at_any_write_never_looks_whole_and_goes_on_to_the_same_bits(tmp_path):
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("killed.py"), tmp_path],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    count = int(done)
    assert count > 20
    whole = load(tmp_path / str(count))
    went_on = 0
    for room in range(count):
        folder = Folder(tmp_path / str(room))
        if not not_sealed(folder.path):
            load(folder.path)  # killed after the last byte was there
            continue
        refused(folder.path)
        if list(folder.checkpoints.glob("step-*")):
            through(Training.resumed(classes(), folder))
            for name, value in load(folder.path).weights.items():
                np.testing.assert_array_equal(value, whole.weights[name])
            went_on += 1
    assert went_on > 10


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("engine", "kills"), [("dense", 20), ("torch", 20), ("program", 12)])
def test_runs_killed_at_random_moments_end_with_the_same_bits_as_one_never_stopped(tmp_path, engine, kills):
    words = [sys.executable, Path(__file__).with_name("killed_at_random.py"), tmp_path, engine, str(kills)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    killed, in_writing = map(int, done.stdout.split())
    assert killed >= kills
    assert in_writing > 0
    ended = [path for path in tmp_path.iterdir() if path.name != "whole"]
    whole, end = load(tmp_path / "whole"), Checkpoints(tmp_path / "whole" / "checkpoints").newest()[0]
    for path in ended:
        run, state = load(path), Checkpoints(path / "checkpoints").newest()[0]
        assert (run.scores, run.stop, run.kept) == (whole.scores, whole.stop, whole.kept)
        pairs = [(run.weights, whole.weights), (run.record, whole.record)]
        pairs += [(getattr(state, part), getattr(end, part)) for part in ("weights", "memory", "best", "record")]
        for ours, theirs in pairs:
            assert ours.keys() == theirs.keys()
            for name in theirs.keys() - {"seconds"}:
                np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name, strict=True)


def test_two_processes_never_train_into_one_folder(tmp_path):
    folder = Folder.create(tmp_path / "run")
    with folder.claimed(), pytest.raises(RunError, match="being trained already"), folder.claimed():
        pass
    with folder.claimed():
        pass
