"""Two processes under torchrun against one, at the same batches."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE

import pytest

import unstuck
from unstuck import api
from unstuck.engine import StopReason

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}
DIGITS = "train digits --epochs 2 --data.rows 600"
# Rows, batches of them, and what is done with them, so that last batches are odd, or of one row, which is the
# first process's, and all that draws numbers or counts rows in its own way does so.
CASES = {
    "odd": "--batch-size 31 --model.dropout 0.3 --model.input_dropout 0.1 --optimizer.clip_norm 0.5",
    "weighed": "--batch-size 43 --loss.class_weights balanced --loss.label_smoothing 0.1 --augment.mixup 0.4",
    "moved": "--batch-size 54 --model resnet --model.depth 8 --model.width 4 --model.normalization group "
    "--optimizer sgd --augment.shift 0.1 --augment.erasing 0.5 --augment.noise 0.1 --loss bce "
    "--loss.class_weights balanced",
    "waiting": "--batch-size 599 --epochs 9 --optimizer nesterov --lr 0.05 --optimizer.weight_decay 0.01 "
    "--engine torch --model.normalization layer --stopping.patience 4 --stopping.min_improvement 9 "
    "--schedule plateau --schedule.min_improvement 9 --schedule.patience 1",
}
STOPPED = "train digits --engine torch --epochs 30 --batch-size 31 --out r"
FAILED = "--optimizer sgd --lr 1e30 --engine torch"
REFUSED = {
    "engine": "--engine dense",
    "device": "--device cuda",
    "model": "--model package.module:function",
    "model.normalization": "--model.normalization batch",
    "model.dropout": "--model lstm --model.layers 2 --model.dropout 0.2",
}
RESUMED = unstuck.Recipe.model_validate(
    {
        "data": {"name": "digits", "rows": 600},
        "model": {"name": "mlp", "dropout": 0.2},
        "engine": "torch",
        "epochs": 3,
    }
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("parallel")


def ports(count: int) -> list[int]:
    """As many that are free."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    numbers = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return numbers


def _interrupted(path: Path) -> None:
    """A run of one process, left in its second epoch."""
    training = api.begin(RESUMED, out=path, stem="")
    for _ in training:
        if training.done > training.task.plan.steps:
            training.interrupt()
            training.save()
    api.finish(training)


@pytest.fixture(scope="module")
def together(folder) -> subprocess.CompletedProcess[str]:
    """All commands in two processes, in one start: torchrun imports torch three times."""
    _interrupted(folder / "resumed")
    commands = [f"{DIGITS} {flags} --out two-{name}" for name, flags in CASES.items()]
    commands += [f"{DIGITS} {flags} --out none" for flags in REFUSED.values()]
    commands += [f"{DIGITS} {FAILED} --out two-failed", "resume resumed", "list losses"]
    script = Path(__file__).with_name("commands.py")
    said = [
        json.dumps([port, *command.split()]) for port, command in zip(ports(len(commands)), commands, strict=True)
    ]
    with subprocess.Popen(
        [*TORCHRUN, script, *said], cwd=folder, env=ENVIRONMENT, stdout=PIPE, stderr=PIPE, text=True
    ) as process:
        try:
            out, err = process.communicate(timeout=240)
        finally:
            process.terminate()  # torchrun ends its processes with itself, but not when it is killed
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.mark.parametrize("name", CASES)
def test_two_processes_train_what_one_does(name, folder, together):
    two = unstuck.load(folder / f"two-{name}")
    one = unstuck.train(two.recipe)
    assert one.stop == two.stop
    assert one.record["step_loss"] == pytest.approx(two.record["step_loss"], abs=1e-5)
    assert one.record["validation_loss"] == pytest.approx(two.record["validation_loss"], abs=1e-5)
    assert one.scores["test"]["accuracy"] == two.scores["test"]["accuracy"]


def test_what_would_not_be_the_same_is_refused_in_one_line(folder, together):
    lines = [line for line in together.stderr.splitlines() if line.startswith("unstuck: ")]
    assert [line.split()[1] for line in lines] == list(REFUSED)
    assert all("where several processes train one model, got" in line for line in lines)
    assert f"codes {[0] * len(CASES) + [2] * len(REFUSED) + [0] * 3}" in together.stdout
    assert not (folder / "none").exists()


def test_a_loss_that_is_no_number_ends_it_in_all_processes(folder, together):
    two = unstuck.load(folder / "two-failed")
    one = unstuck.train(two.recipe)
    assert two.stop == one.stop
    assert len(two.record["step_loss"]) == len(one.record["step_loss"])


def test_the_first_process_decides_when_nothing_improves(folder, together):
    two = unstuck.load(folder / "two-waiting")
    assert (two.stop.reason, two.stop.epoch) == (StopReason.STOPPED_EARLY, 5)


def test_what_is_no_training_is_done_once(together):
    assert together.stdout.count("huber") == 1


def test_a_run_of_one_process_goes_on_in_two(folder, together):
    two, one = unstuck.load(folder / "resumed"), unstuck.train(RESUMED)
    assert one.record["step_loss"] == pytest.approx(two.record["step_loss"], abs=1e-5)
    assert one.scores["test"]["accuracy"] == two.scores["test"]["accuracy"]


def test_a_run_of_two_processes_is_stopped_and_goes_on_in_one(tmp_path):
    words = [
        *TORCHRUN,
        "-m",
        "unstuck",
        *STOPPED.split(),
    ]
    with subprocess.Popen(words, cwd=tmp_path, env=ENVIRONMENT, stdout=PIPE, stderr=PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 60
            while not (tmp_path / "r" / "metrics.jsonl").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
        finally:
            process.terminate()
    assert json.loads((tmp_path / "r" / "run.json").read_text())["state"] == "interrupted", err
    assert "unstuck resume r" in out
    training = api.resume(tmp_path / "r")
    assert 0 < training.done < 30 * training.task.plan.steps
    for _ in training:
        pass
    two = api.finish(training)
    one = unstuck.train(two.recipe)
    assert one.record["step_loss"] == pytest.approx(two.record["step_loss"], abs=1e-3)
    assert one.scores["test"]["accuracy"] == pytest.approx(two.scores["test"]["accuracy"], abs=0.01)
