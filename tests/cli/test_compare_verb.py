import csv
import json
import os
import re
import signal
import subprocess
import sys

import pytest

from unstuck.study.design import Study

ARMS = ("--arm", "sgd:optimizer=sgd", "--arm", "sgd:optimizer.lr=0.5", "--arm", "wide:model.hidden=64,64")
SHORT = ("--epochs", 3, "--seeds", 3)
STUDY = """\
title = "Two arms"
seeds = 2
[recipe]
data = "wine"
epochs = 2
[arms.sgd]
optimizer = "sgd"
[arms."lower rate"]
optimizer.lr = 0.0001
"""


def test_arms_are_compared_and_the_folder_tells_of_them(unstuck, tmp_path):
    code, out, err = unstuck("compare", "wine", *ARMS, *SHORT)
    assert code == 0
    assert "wide" in out
    assert "runs/compare-wine" in out
    assert "9/9" in err
    folder = tmp_path / "runs" / "compare-wine"
    assert len(list((folder / "members").iterdir())) == 9
    assert {"forest.png", "curves.png"} <= {path.name for path in (folder / "figures").iterdir()}
    with (folder / "table.csv").open() as file:
        assert [row["arm"] for row in csv.DictReader(file)] == ["base", "sgd", "wide"]
    assert Study.read(folder / "study.toml").arms["sgd"] == {"optimizer": "sgd", "optimizer.lr": 0.5}


def test_what_was_trained_is_not_trained_again(unstuck):
    unstuck("compare", "wine", *ARMS, *SHORT)
    code, _, err = unstuck("compare", "wine", *ARMS, "--epochs", 3, "--seeds", 4)
    assert code == 0
    assert err.count("as it was found") == 9
    assert len(re.findall(r"^\d+/12", err, re.MULTILINE)) == 12


def test_a_study_is_read_from_its_file_and_flags_change_its_base(unstuck, as_json, tmp_path):
    (tmp_path / "two.toml").write_text(STUDY)
    said = as_json("compare", "two.toml", "--epochs", 1, "--out", "a")
    assert [arm["arm"] for arm in said["arms"]] == ["base", "sgd", "lower rate"]
    assert Study.read(tmp_path / "a" / "study.toml").recipe.epochs == 1
    code, out, _ = unstuck("compare", "two.toml", "--only", "sgd", "--out", "b")
    assert (code, "lower rate" in out) == (0, False)


def test_a_ready_made_study_is_found_by_its_name(as_json):
    part = ("--data.rows", 200, "--epochs", 1, "--seeds", 2, "--only", "Adam")
    said = as_json("compare", "improvements", *part)
    assert [arm["arm"] for arm in said["arms"]] == ["base", "Adam"]


def test_a_sweep_and_a_learning_curve_are_flags(as_json):
    said = as_json("compare", "wine", "--vary", "optimizer.lr=0.01,0.1", "--vary", "batch_size=16,32", *SHORT)
    assert [arm["arm"] for arm in said["arms"]] == [
        "base",
        "lr 0.01, batch_size 16",
        "lr 0.01, batch_size 32",
        "lr 0.1, batch_size 16",
        "lr 0.1, batch_size 32",
    ]
    said = as_json("compare", "wine", "--fractions", "0.3,0.6", *SHORT)
    assert [arm["arm"] for arm in said["arms"]] == ["base", "30 % of the rows", "60 % of the rows"]


def test_arms_are_compared_by_folds(unstuck):
    code, out, _ = unstuck("compare", "wine", *ARMS, "--epochs", 3, "--folds", 4)
    assert code == 0
    assert "4 folds" in out


def test_one_seed_says_that_it_cannot_tell(unstuck):
    code, out, _ = unstuck("compare", "wine", *ARMS, "--epochs", 1, "--seeds", 1)
    assert code == 0
    assert "one seed cannot tell: repeat with --seeds 5 or more" in " ".join(out.split())


def test_ready_made_studies_are_listed(unstuck):
    code, out, _ = unstuck("list", "studies")
    assert code == 0
    assert "improvements" in out


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["wine"], "the study must have an arm beside its base"),
        (["improvement"], "Did you mean improvements?"),
        (["wine", "--arm", "sgd"], "--arm must be NAME:KEY=VALUE, got 'sgd'"),
        (["wine", "--arm", "a:optimizer.rate=1"], "arm 'a': optimizer.rate must name a field"),
        (["wine", "--arm", "a:batch_size=5000"], "arm 'a': batch_size must be at most"),
        (["wine", "--vary", "optimizer.lr"], "--vary must be KEY=LOW..HIGH or KEY=ONE,OTHER"),
        (["wine", "--vary", "optimizer.lr=0.1..1"], "say how many points a grid takes"),
        (["wine", "--vary", "epochs=1,2", "--vary", "epochs=3,4"], "--vary must name a key once"),
        (["wine", *ARMS, "--seeds", "0"], "seeds must be greater than 0"),
        (["wine", *ARMS, "--only", "sdg"], "--only must name an arm, got 'sdg'"),
        (["wine", *ARMS, "--workers", "0"], "workers must be 1 or more"),
        (["wine", *ARMS, "--folds", "60"], "data.fold.folds must be at most 48"),
        (["wine", *ARMS, "--folds", "3", "--seeds", "3"], "seeds must be left out where there are folds"),
        (["nowhere.toml"], "the study or recipe must be a file that exists"),
        (["wine", "--fractions", "half"], "got 'half'."),
        (["wine", *ARMS, "--draws", "3"], "--draws must go with --vary"),
        (["wine", "--fractions", "0.5,2"], "fractions.1 must be less than 1"),
        (["wine", *ARMS, "--data.test", "0", "--data.validation", "0"], "the data must have rows held out"),
    ],
)
def test_a_bad_design_is_one_line_and_leaves_nothing_behind(unstuck, tmp_path, arguments, hint):
    code, out, err = unstuck("compare", *arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert hint in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", ["train", "crossval", "ensemble"])
def test_a_study_that_is_given_to_another_verb_is_said_to_be_one(unstuck, tmp_path, verb):
    (tmp_path / "two.toml").write_text(STUDY)
    for source in ("two.toml", "improvements"):
        code, _, err = unstuck(verb, source)
        assert (code, f"unstuck compare {source}" in err) == (2, True)


def test_a_folder_that_is_a_file_is_one_line(unstuck, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = unstuck("compare", "wine", *ARMS, "--out", "file")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "a file is where its folder would be" in err


def test_code_of_ones_own_runs_only_where_its_name_is_typed(unstuck, tmp_path):
    (tmp_path / "two.toml").write_text(STUDY.replace('data = "wine"', 'data = "wine"\nmodel = "mine:net"'))
    code, _, err = unstuck("compare", "two.toml")
    assert (code, "Code runs where its name is typed" in err) == (2, True)


def test_ctrl_c_keeps_what_is_trained_and_the_same_command_goes_on(unstuck, tmp_path):
    command = [sys.executable, "-m", "unstuck", "compare", "wine", *ARMS, "--epochs", "300", "--workers", "1"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=os.environ) as study:
        said = study.stderr.readline()
        while said and not re.match(r"\d+/", said):
            said = study.stderr.readline()
        study.send_signal(signal.SIGINT)
        rest = study.stderr.read()
    assert study.returncode == 130
    kept = int(re.search(r"(\d+) of 30 trainings are kept in runs/compare-wine; the same", rest)[1])
    assert kept >= 1
    code, _, err = unstuck("compare", "wine", *ARMS, "--epochs", "300")
    assert code == 0
    assert err.count("as it was found") >= kept
    assert json.loads((tmp_path / "runs" / "compare-wine" / "table.json").read_text())


def test_keys_of_arms_are_short_where_flags_are(as_json):
    short = ("--arm", "a:lr=0.5", "--arm", "a:batch-size=8", "--vary", "lr=0.1,0.2")
    arms = as_json("compare", "wine", *short, "--seeds", 1, "--epochs", 1)["arms"]
    assert arms[1]["edits"] == {"optimizer.lr": 0.5, "batch_size": 8}
    assert [arm["edits"] for arm in arms[2:]] == [{"optimizer.lr": 0.1}, {"optimizer.lr": 0.2}]


def test_seeds_and_folds_are_not_asked_for_together(unstuck, tmp_path):
    (tmp_path / "folds.toml").write_text(STUDY.replace("seeds = 2", "folds = 3"))
    for typed in (("wine", *ARMS, "--folds", 3, "--seeds", 4), ("folds.toml", "--seeds", 4)):
        code, _, err = unstuck("compare", *typed)
        assert (code, err.count("\n")) == (2, 1)
        assert "seeds must be left out where there are folds, got 4" in err


def test_a_model_of_ones_own_may_be_an_arm_if_its_name_is_typed_there(unstuck, tmp_path):
    (tmp_path / "nets.py").write_text(
        "from torch import nn\n\ndef wide(shape, outputs):\n    return nn.Linear(shape[0], outputs)\n"
    )
    (tmp_path / "own.toml").write_text(STUDY + '[arms.own]\nmodel = "nets:wide"\n')
    code, _, err = unstuck("compare", "own.toml", "--seeds", 1)
    assert (code, "Code runs where its name is typed" in err) == (2, True)
    code, out, _ = unstuck("compare", "wine", "--arm", "own:model=nets:wide", "--seeds", 1, "--epochs", 1)
    assert (code, "own" in out) == (0, True)
