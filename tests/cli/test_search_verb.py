"""unstuck search, as it is typed."""

import json
import os
import signal

import pytest

from unstuck.recipe.spec import Recipe
from unstuck.study import search as module
from unstuck.training.training import Training

BASE = ("search", "iris", "--epochs", "4", "--model.hidden", "8", "--vary", "lr=1e-4..1:log", "--trials", "6")


def test_a_search_shows_its_trials_and_leaves_the_best_recipe_and_a_picture(unstuck, tmp_path):
    code, out, err = unstuck(*BASE, "--vary", "batch-size=8,16")
    assert (code, err) == (0, "")
    assert [line.split()[1] for line in out.splitlines() if line.startswith("trial ")] == list("123456")
    assert "is optimistic" in out
    assert "unstuck train runs/search-iris/best.toml" in out
    folder = tmp_path / "runs" / "search-iris"
    assert {"best.toml", "search.png", "search.json", "journal.log"} <= {path.name for path in folder.iterdir()}
    assert Recipe.read(folder / "best.toml").epochs == 4


def test_the_best_recipe_trains_to_the_score_that_it_was_chosen_for(unstuck, as_json):
    said = as_json(*BASE)
    best = max(trial["score"] for trial in said["searches"][0]["trials"] if trial["outcome"] == "finished")
    assert said["best"]["score"] == said["scores"]["validation"]["accuracy"] == best
    again = as_json("train", "runs/search-iris/best.toml")
    assert again["scores"] == said["scores"]


def test_the_same_command_goes_on(unstuck, as_json, monkeypatch):
    whole = as_json(*BASE, "--out", "whole")
    as_json(*BASE[:-1], "3", "--out", "parts")
    _, out, _ = unstuck(*BASE, "--out", "parts")
    assert "3 trials are there already, in parts" in out
    assert as_json(*BASE, "--out", "parts")["best"]["values"] == whole["best"]["values"]


def test_a_random_search_beside_it_spends_as_many_epochs(as_json):
    first, second = as_json(*BASE, "--beside", "random")["searches"]
    assert (first["sampler"], second["sampler"]) == ("tpe", "random")
    assert first["epochs"] == second["epochs"]


def test_ctrl_c_keeps_the_trials_and_says_how_to_go_on(unstuck, monkeypatch):
    begun = []

    def training(task):
        begun.append(task)
        if len(begun) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return Training(task)

    monkeypatch.setattr(module, "Training", training)
    code, _, err = unstuck(*BASE)
    assert code == 130
    assert err == ("unstuck: interrupted; 2 trials are kept in runs/search-iris. The same command goes on\n")
    code, out, _ = unstuck(*BASE)
    assert code == 0
    assert "2 trials are there already" in out


def test_where_every_trial_diverges_the_exit_code_is_1(unstuck):
    code, out, _ = unstuck("search", "iris", "--vary", "lr=1e30..1e31:log", "--trials", "2")
    assert code == 1
    assert "every trial diverged" in out
    code, out, _ = unstuck("search", "iris", "--vary", "lr=1e30..1e31:log", "--trials", "2", "--json")
    assert (code, json.loads(out)["best"]) == (1, None)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--vary", "lr"], "Try --vary optimizer.lr=1e-4..1e-1:log"),
        (["--vary", "learning_rate=1..2"], "learning_rate must name a field"),
        (["--vary", "lr=2..1"], "--vary optimizer.lr=2..1: optimizer.lr.high must be above low"),
        (["--vary", "optimizer=adam,adm"], "Did you mean adam?"),
        (["--vary", "seed=1..9"], "The luckiest seed is not the best recipe."),
        (["--data.validation", "0"], "data.validation must be above 0"),
        (["--trials", "0"], "trials must be 1 or more"),
        (["--sampler", "grid"], "tpe"),
        (["--beside", "grid"], "random"),
    ],
)
def test_misuse_is_one_line_and_exit_code_2(unstuck, tmp_path, arguments, hint):
    code, out, err = unstuck("search", "iris", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("unstuck: ")
    assert len(err.splitlines()) == 1
    assert hint in err
    assert not list(tmp_path.iterdir())


def test_another_search_in_the_folder_is_refused(unstuck):
    unstuck(*BASE)
    code, _, err = unstuck("search", "iris", "--vary", "lr=1e-3..1")
    assert code == 2
    assert "runs/search-iris is a search with another recipe and space. Choose another --out" in err
