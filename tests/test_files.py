"""Files that are whole or not there."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from unstuck import files
from unstuck.errors import RunError


def test_what_is_written_is_there(tmp_path):
    files.write(tmp_path / "text", "grüße\n")
    files.write(tmp_path / "bytes", b"\x00\xff")
    assert (tmp_path / "text").read_text(encoding="utf-8") == "grüße\n"
    assert (tmp_path / "bytes").read_bytes() == b"\x00\xff"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bytes", "text"]


def test_json_is_readable_by_people_and_machines(tmp_path):
    files.write_json(tmp_path / "a.json", {"größe": [1, None]})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "größe" in text
    assert json.loads(text) == {"größe": [1, None]}


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_one_line_and_leaves_the_old_file(tmp_path, monkeypatch, call):
    path = tmp_path / "a"
    files.write(path, "old")

    def full(*arguments, **more):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os if call == "fsync" else type(path), call, full)
    with pytest.raises(RunError) as caught:
        files.write(path, "new")
    assert str(caught.value) == f"{path} cannot be written: No space left on device."
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="cannot be written: Permission denied"):
        files.write(tmp_path / "a", "new")


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(RunError, match="cannot be written: No such file or directory"):
        files.write(tmp_path / "b" / "a", "new")


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a posix signal")
def test_a_writer_killed_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path):
    path, size = tmp_path / "a", 200_000
    program = (
        "import sys, pathlib; from unstuck import files\n"
        "path, size = pathlib.Path(sys.argv[1]), int(sys.argv[2])\n"
        "for number in range(10**6): files.write(path, bytes([number % 251]) * size)"
    )
    for delay in (0.0, 0.003, 0.007, 0.02):
        writer = subprocess.Popen([sys.executable, "-c", program, str(path), str(size)])
        while not path.exists():
            time.sleep(0.001)
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        content = path.read_bytes()
        assert content == content[:1] * size


def test_threads_that_write_one_file_do_not_meet(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        contents = [bytes([number]) * 10_000 for number in range(40)]
        list(
            pool.map(lambda content: files.write(tmp_path / "one", content), contents)
        )  # which raises what they do
    assert (tmp_path / "one").read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
