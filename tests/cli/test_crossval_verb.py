"""Cross-validation and ensembles from the command line."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import unstuck as library
from unstuck.data import load
from unstuck.recipe.spec import Recipe

QUICK = ["--epochs", 2]


def test_a_cross_validation_says_its_mean_interval_and_folds_and_leaves_tables(unstuck, tmp_path):
    code, out, _ = unstuck("crossval", "iris", "--folds", 5, *QUICK)
    assert code == 0
    found = library.crossval(Recipe(data={"name": "iris"}, epochs=2), folds=5)
    low, mean, high = found.interval
    assert f"accuracy {mean:.4f}, 95 % [{low:.4f}, {high:.4f}] over 5 folds; corrected t" in out
    assert "  ".join(f"{score:.4f}" for score in found.scores) in out
    folder = tmp_path / "runs" / "crossval-iris"
    with (folder / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 150
    right = np.mean([row["class"] == row["answer"] for row in rows])
    assert f"together  {right:.4f}, of all 150 rows" in out
    with (folder / "folds.csv").open() as file:
        assert [float(row["accuracy"]) for row in csv.DictReader(file)] == found.scores.tolist()
    assert unstuck("crossval", "iris", "--folds", 5, *QUICK)[1].count("0 of 5 trained, 5 were there already") == 1


def test_folds_are_dealt_as_flags_say(as_json):
    said = as_json("crossval", "iris", "--folds", 4, "--repeats", 2, "--data.fold.stratified", "false", *QUICK)
    assert (said["folds"], said["repeats"], len(said["scores"])) == (4, 2, 8)
    stratified = as_json("crossval", "iris", "--folds", 4, "--repeats", 2, *QUICK)
    assert said["scores"] != stratified["scores"]
    assert stratified["trained"] == 8


def test_numbers_left_out_one_by_one_have_a_picture_of_all(as_json, tmp_path):
    words = ["crossval", "diabetes", "--data.rows", 12, *QUICK, "--out", "one"]
    assert as_json(*words, "--folds", 3)["folds"] == 3
    assert (tmp_path / "one" / "folds.png").exists()
    said = as_json(*words, "--leave-one-out")
    assert said["folds"] == 12
    assert said["mean"] == pytest.approx(said["pooled"])
    assert (tmp_path / "one" / "predictions.png").exists()


def test_an_ensemble_says_its_score_beside_each_alone(unstuck, as_json, tmp_path):
    words = ["ensemble", "digits", "--members", 3, *QUICK]
    code, out, _ = unstuck(*words)
    said = as_json(*words)
    assert code == 0
    assert said["trained"] == 0
    assert f"together    accuracy {said['scores']['test']['accuracy']:.4f}" in out
    assert f"{np.mean(said['members']):.4f} in the mean, {max(said['members']):.4f} the best" in out
    assert f"out of bag  accuracy {said['out_of_bag']['score']:.4f}" in out
    assert (tmp_path / "runs" / "ensemble-digits" / "reliability.png").exists()


def test_an_ensemble_answers_for_new_inputs(unstuck, as_json, tmp_path):
    case = Recipe(data={"name": "digits"}, epochs=2)
    bag = library.ensemble(case, members=3, vote="majority", out=tmp_path / "bag")
    x = load(case.data).test.x[:5]
    np.savez(tmp_path / "new.npz", x=x)
    said = as_json("predict", "bag", "new.npz")
    assert [answer["answer"] for answer in said] == [str(number) for number in bag.predict(x)]
    assert [answer["probability"] for answer in said] == pytest.approx(bag.probabilities(x).max(axis=1))
    next((tmp_path / "bag" / "members").glob("[!.]*")).unlink()
    code, _, err = unstuck("predict", "bag", "new.npz")
    assert (code, "lacks 1 of its 3 members" in err) == (2, True)


def test_what_has_no_test_rows_is_scored_out_of_bag(unstuck):
    code, out, _ = unstuck("ensemble", "iris", "--members", 4, "--data.test", 0, *QUICK)
    assert code == 0
    assert "no test rows to score by" in out
    assert "out of bag  accuracy" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["crossval", "iris", "--folds", 1], "folds must be 2 or more, got 1"),
        (
            ["crossval", "iris", "--folds", 51],
            "data.fold.folds must be at most 50, the rows of the smallest class",
        ),
        (["crossval", "iris", "--folds", 5, "--leave-one-out"], "folds must be left out"),
        (["crossval", "iris", "--workers", 0], "workers must be 1 or more"),
        (["ensemble", "iris", "--members", 1], "members must be 2 or more, got 1"),
        (["ensemble", "iris", "--vote", "loudest"], 'Choose from: "probability", "majority"'),
        (["ensemble", "diabetes", "--vote", "majority"], "vote must be probability where numbers are predicted"),
    ],
)
def test_a_bad_design_is_one_line_and_exit_code_2(unstuck, tmp_path, words, said):
    code, out, err = unstuck(*words)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert said in err
    assert not list(tmp_path.iterdir())


def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["crossval", "digits", "--folds", "10", "--epochs", "30", "--workers", "1", "--out", "study"]
    started = [sys.executable, "-m", "unstuck", *words]
    members = tmp_path / "study" / "members"
    with subprocess.Popen(started, stderr=subprocess.PIPE, text=True, env={**os.environ}) as process:
        while process.poll() is None and not (members.exists() and len([*members.glob("[!.]*")]) >= 2):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "the same command goes on" in said
    kept = len([*members.glob("[!.]*")])
    assert 2 <= kept < 10
    done = subprocess.run([*started, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["trained"] == 10 - kept
