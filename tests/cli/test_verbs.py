"""The verbs on real data, small enough to be quick."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import unstuck as library
from unstuck.data import load
from unstuck.recipe.data import Data

FIGURES = {"loss.png", "outputs.png", "confusion.png", "mistakes.png"}


def test_the_main_job_learns_the_digits_and_leaves_a_whole_run(unstuck, as_json, tmp_path):
    code, out, _ = unstuck("train", "mnist", "--data.rows", 12000, "--epochs", 3)
    assert code == 0
    assert "runs/mnist-1" in out
    run = library.load(tmp_path / "runs" / "mnist-1")
    assert run.scores["test"]["accuracy"] > 0.93
    assert {path.name for path in (tmp_path / "runs/mnist-1/figures").iterdir()} == FIGURES
    assert as_json("evaluate", "runs/mnist-1")["test"] == pytest.approx(run.scores["test"], rel=1e-5)


def test_flags_count_for_more_than_the_file(unstuck, as_json, tmp_path):
    assert unstuck("init", "digits", "--out", "r.toml", "--epochs", 2)[0] == 0
    assert "# " in (tmp_path / "r.toml").read_text()
    resolved = as_json("check", "r.toml", "--optimizer", "sgd", "--optimizer.lr", 0.5, "--model.hidden", "20,10")
    assert resolved["epochs"] == 2
    assert resolved["optimizer"] == {"name": "sgd", "lr": 0.5, "weight_decay": 0.0, "clip_norm": None}
    assert resolved["model"]["hidden"] == [20, 10]
    assert resolved["engine"] == "dense"


def test_a_run_is_exported_to_a_file_of_its_name(unstuck, tmp_path):
    assert unstuck("train", "iris", "--epochs", 1)[0] == 0
    code, out, _ = unstuck("export", "runs/iris-1", "--format", "torch")
    assert code == 0
    assert out.startswith("iris-1.pt2: ")
    assert (tmp_path / "iris-1.pt2").stat().st_size > 0
    assert unstuck("export", "runs/iris-1", "--format", "torch")[0] == 2


def test_logs_stand_beside_the_runs(unstuck, tmp_path):
    assert unstuck("train", "iris", "--epochs", 1, "--log", "tensorboard")[0] == 0
    assert list((tmp_path / "runs" / "tensorboard" / "iris-1").glob("events.*"))
    code, _, err = unstuck("train", "iris", "--log", "tensorbord")
    assert (code, "Did you mean tensorboard?" in err) == (2, True)
    assert not (tmp_path / "runs" / "iris-2").exists()


def test_init_overwrites_nothing(unstuck):
    assert unstuck("init")[0] == 0
    assert unstuck("init")[0] == 2


def test_a_diverged_run_is_a_result_that_says_where(unstuck, as_json):
    said = as_json("train", "digits", "--optimizer", "sgd", "--optimizer.lr", 1e30, "--out", "bad")
    assert said["stop"]["reason"] == "NOT_FINITE"
    assert said["stop"]["layer"].startswith("layer ")
    code, out, _ = unstuck("train", "digits", "--optimizer", "sgd", "--lr", 1e30)
    assert code == 0
    assert "stopped: the loss was not a finite number at step" in out


def test_a_run_that_stops_early_says_so(unstuck, as_json):
    words = ["digits", "--epochs", 100, "--stopping.patience", 1, "--lr", 0.02]
    said = as_json("train", *words, "--out", "early")
    assert (said["stop"]["reason"], said["kept"]) == ("STOPPED_EARLY", "best")
    epochs = len(library.load("early").record["epoch"])
    assert f"stopped early, after epoch {epochs}: the validation loss" in unstuck("train", *words)[1]


def test_a_table_is_learned_and_its_numbers_come_back_in_their_unit(unstuck, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    rows = "\n".join(f"{a},{1000 + 200 * a},{'n' if a < 0 else 'p'}" for a in x)
    (tmp_path / "t.csv").write_text(f"x,price,sign\n{rows}\n")
    code, out, _ = unstuck("train", "t.csv", "--target", "price", "--epochs", 60, "--out", "r")
    assert code == 0, out
    run = library.load(tmp_path / "r")
    assert run.scores["test"]["r2"] > 0.95
    assert (tmp_path / "r" / "figures" / "predictions.png").exists()
    answers = run.predict(load(Data(path="t.csv", target="price")).test.x)
    assert answers.shape == (80, 1)


def test_a_picture_of_any_size_and_polarity_is_read(unstuck, as_json, tmp_path):
    unstuck("train", "mnist", "--data.rows", 12000, "--epochs", 3, "--out", "r")
    test = load(Data(name="mnist")).test
    files = []
    for place in range(10):
        paper = 255 - np.kron(test.x[place], np.ones((9, 9), np.uint8))
        files.append(tmp_path / f"{place}.png")
        Image.fromarray(np.pad(paper, 40, constant_values=255)).convert("RGB").save(files[-1])
    answers = as_json("predict", "r", *files)
    right = sum(answer["answer"] == str(label) for answer, label in zip(answers, test.y, strict=False))
    assert right >= 9


def test_every_list_has_rows(unstuck, as_json):
    for row in as_json("list"):
        assert as_json("list", row["kind"])
    assert "mnist" in unstuck("list", "data")[1]


def test_a_look_at_data_draws_a_picture(unstuck, as_json, tmp_path):
    code, out, _ = unstuck("data", "digits")
    assert code == 0
    assert (tmp_path / "digits-samples.png").read_bytes().startswith(b"\x89PNG")
    assert as_json("data", "digits")["splits"]["train"]["rows"] == 1294


FOLD = ("--data.fold.folds", 5, "--data.fold.number", 3, "--data.bootstrap", 0)


def test_a_fold_is_looked_at_and_checked_like_any_data(unstuck, as_json):
    splits = as_json("data", "iris", *FOLD)["splits"]
    assert {name: split["rows"] for name, split in splits.items()} == {"train": 108, "validation": 12, "test": 30}
    assert splits["test"]["balance"] == [10, 10, 10]
    code, out, _ = unstuck("check", "iris", *FOLD)
    assert code == 0
    assert "fold = { folds = 5, number = 3, " in out
    assert as_json("check", "iris", *FOLD)["data"]["fold"]["folds"] == 5


@pytest.mark.parametrize("words", [("--augment", "shift,rotation"), ("--augment.rotation", 20)])
def test_a_look_at_augmented_data_draws_what_becomes_of_them(unstuck, tmp_path, words):
    assert unstuck("data", "digits", *words)[::2] == (0, "")
    with Image.open(tmp_path / "digits-augmented.png") as picture:
        assert picture.width > 500
    assert not (tmp_path / "digits-samples.png").exists()


@pytest.mark.parametrize("verb", ["data", "train"])
def test_a_flip_of_digits_is_said_to_change_their_meaning_once_and_of_unknown_data_nothing(
    unstuck, tmp_path, verb
):
    small = ("--epochs", 1, "--data.rows", 100) if verb == "train" else ()
    code, _, err = unstuck(verb, "digits", "--augment", "flip", *small)
    assert (code, err.count("mirrored, a 2 is read as a 5")) == (0, 1)
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "own.npz", x=rng.integers(0, 256, (60, 8, 8), dtype=np.uint8), y=np.arange(60) % 2)
    assert unstuck(verb, "own.npz", "--augment", "flip", "--epochs", 1)[::2] == (0, "")


def test_augmentation_of_rows_that_are_no_pictures_is_refused_in_one_line(unstuck):
    for verb in ("data", "train", "check"):
        code, _, err = unstuck(verb, "iris", "--augment", "shift")
        assert (code, err.count("\n")) == (2, 1)
        assert "noise and mixup suit rows of any kind" in err


@pytest.mark.parametrize(("engine", "epochs"), [("dense", 120), ("torch", 25)])
def test_ctrl_c_saves_and_the_run_resumes_to_the_same_bits(unstuck, tmp_path, engine, epochs):
    words = ["digits", "--epochs", str(epochs), "--engine", engine]
    process = subprocess.Popen(
        [sys.executable, "-m", "unstuck", "train", *words, "--out", "cut"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    while not (tmp_path / "cut" / "metrics.jsonl").exists():  # it trains
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out = process.communicate()[0]
    if process.returncode == 0:
        pytest.skip("this machine trained the whole run before it could be interrupted")
    assert process.returncode == 130
    assert "unstuck resume cut" in out
    assert json.loads((tmp_path / "cut" / "run.json").read_text())["state"] == "interrupted"
    code, _, err = unstuck("evaluate", "cut")
    assert (code, "unstuck resume cut" in err) == (2, True)
    assert unstuck("resume", "cut")[0] == 0
    assert unstuck("train", *words, "--out", "whole")[0] == 0
    cut, whole = library.load(tmp_path / "cut"), library.load(tmp_path / "whole")
    for name, value in whole.weights.items():
        np.testing.assert_array_equal(cut.weights[name], value)
    np.testing.assert_array_equal(cut.record["step_loss"], whole.record["step_loss"])


def test_sequences_of_a_table_are_looked_at_learned_scored_and_predicted(unstuck, as_json, tmp_path):
    rng = np.random.default_rng(0)
    lines = ["who,level,goal"]
    for who in range(240):
        rises = who % 2
        steps = int(rng.integers(3, 9))
        levels = np.linspace(0, 1, steps)[:: 1 if rises else -1] + 0.1 * rng.normal(size=steps)
        lines += [f"p{who},{level:.4f},{'up' if rises else 'down'}" for level in levels]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    words = "t.csv", "--target", "goal", "--data.sequence", "who"
    assert as_json("data", *words)["splits"]["train"]["steps"][::2] == [3, 8]
    code, out, _ = unstuck("data", *words)
    assert (code, "shortest, median and longest" in out) == (0, True)
    model = "--model", "lstm", "--model.hidden", 16, "--epochs", 15, "--lr", 0.02
    assert unstuck("train", *words, *model, "--out", "r")[0] == 0
    assert as_json("evaluate", "r")["test"]["accuracy"] > 0.9
    assert (tmp_path / "r" / "figures" / "mistakes.png").exists()
    (tmp_path / "new.csv").write_text("level,who\n0.1,a\n0.9,b\n0.5,a\n0.5,b\n0.9,a\n0.0,b")
    answers = as_json("predict", "r", "new.csv")
    assert [answer["answer"] for answer in answers] == ["up", "down"]
    assert answers[1]["input"] == "new.csv sequence 2"
    other = as_json("evaluate", "r", "--data.path", "t.csv", "--target", "goal", "--data.sequence", "who")
    assert other["all"]["accuracy"] > 0.9
    code, _, err = unstuck("train", *words)
    assert (code, "be rnn, lstm or gru" in err) == (2, True)
