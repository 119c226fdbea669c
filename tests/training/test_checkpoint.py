"""Checkpoints: whole or not there, damage said in a line, the best weights never lost, and no code run."""

import errno
import json
import os
import pickle
import struct
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch

from unstuck.errors import RunError
from unstuck.training.checkpoint import Best, Checkpoint, Checkpoints, Progress, _Facts

FILES = ("checkpoint.json", "weights.safetensors", "memory.safetensors", "record.safetensors", "best.safetensors")


def checkpoint(done=7, best=None):
    """Every kind of array that an engine or a record may keep."""
    weights = {"0.weight": np.arange(6, dtype=np.float32).reshape(2, 3).T, "count": np.array(3)}
    memory = {"random.cpu": np.arange(5, dtype=np.uint8), "first": np.array([np.nan, -0.0, 1e-45], np.float32)}
    return Checkpoint(
        progress=Progress(done=done, epoch_seconds=0.25, best=best and Best(epoch=best, validation_loss=1 / best)),
        weights=weights,
        memory=memory,
        record={"step_loss": np.arange(done % 100, dtype=np.float64), "none": np.zeros(0)},
        best=best and {"0.weight": np.full((3, 2), best, np.float32)},
    )


def names(path):
    return sorted(inside.name for inside in path.iterdir())


def same(ours, theirs):
    assert ours.progress == theirs.progress
    for part in ("weights", "memory", "record", "best"):
        mine, other = getattr(ours, part) or {}, getattr(theirs, part) or {}
        assert mine.keys() == other.keys()
        for name, value in other.items():
            np.testing.assert_array_equal(mine[name], value, err_msg=name, strict=True)


@pytest.mark.parametrize("best", [None, 2])
def test_a_checkpoint_is_read_back_bit_by_bit(tmp_path, best):
    Checkpoints(tmp_path).write(checkpoint(best=best))
    again, notice = Checkpoints(tmp_path).newest()
    same(again, checkpoint(best=best))
    assert notice is None


def test_a_loss_without_bound_is_read_back(tmp_path):
    progress = Progress(done=1, best=Best(epoch=1, validation_loss=-np.inf))
    Checkpoints(tmp_path).write(Checkpoint(progress=progress, weights={}, memory={}, record={}, best={}))
    assert Checkpoints(tmp_path).newest()[0].progress == progress


def test_every_file_but_the_facts_is_hashed_in_them(tmp_path):
    Checkpoints(tmp_path).write(checkpoint(best=1))
    folder = tmp_path / "step-0000000007"
    said = json.loads((folder / "checkpoint.json").read_text())["sha256"]
    assert {name: sha256((folder / name).read_bytes()).hexdigest() for name in FILES[1:]} == said
    assert names(folder) == sorted(FILES)


def test_the_newest_two_stay_and_the_rest_goes(tmp_path):
    kept = Checkpoints(tmp_path)
    for done in (0, 5, 900, 12_345_678_901):
        kept.write(checkpoint(done))
    assert names(tmp_path) == ["step-0000000900", "step-12345678901"]
    assert kept.newest()[0].progress.done == 12_345_678_901
    kept.seal()
    assert names(tmp_path) == ["step-12345678901"]


def test_best_weights_that_stay_the_best_are_written_twice_and_then_linked(tmp_path):
    kept, inodes = Checkpoints(tmp_path), []
    for done in range(4):
        kept.write(checkpoint(done, best=1))
        inodes.append((tmp_path / f"step-{done:010d}" / "best.safetensors").stat().st_ino)
    assert inodes[0] == inodes[2] != inodes[1] == inodes[3]
    kept.write(checkpoint(4, best=2))
    np.testing.assert_array_equal(kept.newest()[0].best["0.weight"], 2)


def test_where_there_are_no_links_the_best_weights_are_copied(tmp_path, monkeypatch):
    def link(source, path):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", link)
    kept = Checkpoints(tmp_path)
    for done in range(4):
        kept.write(checkpoint(done, best=1))
    same(kept.newest()[0], checkpoint(3, best=1))


def test_what_killed_writers_left_goes_at_the_next_write(tmp_path):
    for left in (".step-0000000003.123", ".step-0000000001.old"):
        (tmp_path / left).mkdir()
        (tmp_path / left / "weights.safetensors").write_text("half of")
    (tmp_path / "mine").write_text("not a checkpoint")
    Checkpoints(tmp_path).write(checkpoint())
    assert names(tmp_path) == ["mine", "step-0000000007"]


def test_a_damaged_checkpoint_is_replaced_when_training_comes_by_again(tmp_path):
    first = Checkpoints(tmp_path)
    first.write(checkpoint(1))
    first.write(checkpoint(2))
    (tmp_path / "step-0000000002" / "weights.safetensors").unlink()
    second = Checkpoints(tmp_path)
    assert second.newest()[0].progress.done == 1
    second.write(checkpoint(2))
    same(Checkpoints(tmp_path).newest()[0], checkpoint(2))
    assert names(tmp_path) == ["step-0000000001", "step-0000000002"]


# damage


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def emptied(path):
    path.write_bytes(b"")


def grown(path):
    path.write_bytes(path.read_bytes() + b" " * (1 << 20))


def flipped(path):
    """One bit, in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def a_folder(path):
    path.unlink()
    path.mkdir()


DAMAGES = (cut, emptied, grown, flipped, Path.unlink, a_folder)


def two(path):
    """Two checkpoints, of which both have best weights."""
    kept = Checkpoints(path)
    for done in range(5):
        kept.write(checkpoint(done, best=1))
    return path / "step-0000000003", path / "step-0000000004"


def one_line(action):
    with pytest.raises(RunError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_any_damage_of_the_newest_is_said_and_the_one_before_is_taken(tmp_path, name, damage):
    before, newest = two(tmp_path)
    damage(newest / name)
    taken, notice = Checkpoints(tmp_path).newest()
    same(taken, checkpoint(3, best=1))
    assert notice.startswith(f"{newest / name} is ")
    assert notice.endswith("Going on from the checkpoint before it, step-0000000003, to the same bits.")
    assert "\n" not in notice
    assert Checkpoints(tmp_path).best() is not None


@pytest.mark.parametrize("name", [name for name in FILES if name != "checkpoint.json"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_of_both_is_one_line_that_says_where_the_best_weights_are(tmp_path, name, damage):
    before, newest = two(tmp_path)
    damage(before / name)
    damage(newest / name)
    said = one_line(Checkpoints(tmp_path).newest)
    assert said.startswith(f"{newest / name} is ")
    if name != "best.safetensors":
        assert said.endswith(f"Its best weights so far are in {newest / 'best.safetensors'}")


def test_a_flip_of_any_bit_of_the_facts_is_found(tmp_path):
    _, newest = two(tmp_path)
    path = newest / "checkpoint.json"
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :])
        taken, notice = Checkpoints(tmp_path).newest()
        assert str(newest) in notice
        same(taken, checkpoint(3, best=1))


FACTS = {
    "nothing": b"",
    "no text": b"\xff\xfe\x00",
    "a list": b"[]",
    "deep": b"[" * 100_000,
    "a long number": b'{"format": ' + b"9" * 10_000 + b"}",
    "another format": b'{"format": 2, "progress": {"done": 1}, "sha256": {}}',
    "steps below zero": b'{"format": 1, "progress": {"done": -1}, "sha256": {}}',
    "steps in words": b'{"format": 1, "progress": {"done": "1"}, "sha256": {}}',
    "a name more": b'{"format": 1, "progress": {"done": 1, "class": "os.system"}, "sha256": {}}',
    "no hashes": b'{"format": 1, "progress": {"done": 1}, "sha256": {}}',
}


@pytest.mark.parametrize("content", FACTS.values(), ids=FACTS.keys())
def test_facts_that_are_none_are_one_line(tmp_path, content):
    Checkpoints(tmp_path).write(checkpoint())
    path = tmp_path / "step-0000000007"
    (path / "checkpoint.json").write_bytes(content)
    assert str(path) in one_line(Checkpoints(tmp_path).newest)


def test_a_checkpoint_of_another_format_is_one_line(tmp_path):
    Checkpoints(tmp_path).write(checkpoint())
    (tmp_path / "step-0000000007" / "checkpoint.json").write_bytes(FACTS["another format"])
    assert "must be of format 1, got another" in one_line(Checkpoints(tmp_path).newest)


def test_a_run_without_checkpoints_is_one_line(tmp_path):
    assert one_line(Checkpoints(tmp_path / "no").newest).endswith("has no checkpoint: the run cannot go on.")


# what is no checkpoint, in the place of one: its code must not run


class Trap:
    """Loading its pickle makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def pickled(path, trap):
    path.write_bytes(pickle.dumps(Trap(trap)))


def torch_zip(path, trap):
    torch.save({"0.weight": Trap(trap)}, path)


def numpy_objects(path, trap):
    with path.open("wb") as file:
        np.save(file, np.array([Trap(trap)], dtype=object), allow_pickle=True)


def zipped(path, trap):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(Trap(trap)))


def header_of(size, header=b"{}", rest=b""):
    def write(path, trap):
        path.write_bytes(struct.pack("<Q", size) + header + rest)

    return write


def described(said, data=b""):
    header = json.dumps(said).encode()
    return header_of(len(header), header, data)


TENSOR = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
TRAPS = {
    "a pickle": pickled,
    "torch's zip": torch_zip,
    "numpy's objects": numpy_objects,
    "a zip": zipped,
    "a header beyond the file": header_of(1 << 30),
    "a header of 2^63": header_of(1 << 63),
    "a header of all bits": header_of((1 << 64) - 1),
    "a header that is a pickle": header_of(20, pickle.dumps({"a": 1})[:20].ljust(20)),
    "a deep header": header_of(200_000, b"[" * 200_000),
    "a tensor beyond the file": described({"a": TENSOR | {"data_offsets": [0, 1 << 40], "shape": [1 << 38]}}),
    "a tensor of negative shape": described({"a": TENSOR | {"shape": [-2]}}, bytes(8)),
    "a tensor of too many numbers": described({"a": TENSOR | {"shape": [1 << 62, 1 << 62]}}, bytes(8)),
    "tensors on top of each other": described({"a": TENSOR, "b": TENSOR}, bytes(8)),
    "a kind that numpy lacks": described({"a": TENSOR | {"dtype": "BF16", "shape": [4]}}, bytes(8)),
    "a kind that is none": described({"a": TENSOR | {"dtype": "os.system"}}, bytes(8)),
}


@pytest.mark.parametrize("is_forged", [False, True], ids=["by chance", "with the right hash"])
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("write", TRAPS.values(), ids=TRAPS.keys())
def test_nothing_in_the_place_of_a_checkpoint_is_ever_run(tmp_path, write, name, is_forged):
    kept, trap = Checkpoints(tmp_path / "c"), tmp_path / "trap"
    kept.path.mkdir()
    kept.write(checkpoint(best=1))
    folder = kept.path / "step-0000000007"
    write(folder / name, trap)
    if is_forged and name != "checkpoint.json":
        facts = json.loads((folder / "checkpoint.json").read_text())
        facts["sha256"][name] = sha256((folder / name).read_bytes()).hexdigest()
        facts = _Facts.model_validate_json(json.dumps(facts))
        (folder / "checkpoint.json").write_bytes(facts.model_copy(update={"own_sha256": "0" * 64}).content())
    assert str(folder / name) in one_line(Checkpoints(kept.path).newest)
    assert not trap.exists()


def test_the_trap_is_one(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "trap")))
    assert (tmp_path / "trap").exists()


# disks that cannot be written


def test_a_file_that_the_system_cuts_short_leaves_the_checkpoint_before(tmp_path):
    """A limit that the kernel keeps, whoever runs this: a part is written, and then no more."""
    resource = pytest.importorskip("resource")
    kept = Checkpoints(tmp_path)
    kept.write(checkpoint(1, best=1))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))
    try:
        said = one_line(lambda: kept.write(checkpoint(2, best=2)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert said.endswith("cannot be written: File too large.")
    assert names(tmp_path) == ["step-0000000001"]
    same(Checkpoints(tmp_path).newest()[0], checkpoint(1, best=1))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("call", ["fsync", "mkdir", "rename", "open"])
def test_a_disk_that_fails_leaves_the_checkpoint_before(tmp_path, monkeypatch, code, call):
    kept = Checkpoints(tmp_path)
    kept.write(checkpoint(1, best=1))

    def fails(*arguments, **more):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os if call == "fsync" else Path, call, fails)
        said = one_line(lambda: kept.write(checkpoint(2, best=1)))
    assert said.endswith(f"cannot be written: {os.strerror(code)}.")
    assert names(tmp_path) == ["step-0000000001"]
    same(Checkpoints(tmp_path).newest()[0], checkpoint(1, best=1))
    kept.write(checkpoint(2, best=2))
    same(kept.newest()[0], checkpoint(2, best=2))
