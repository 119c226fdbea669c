"""`unstuck.curvature` and its verb: recipes, runs and programs."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import unstuck
from unstuck.cli.main import run as command
from unstuck.errors import RecipeError

WINE = unstuck.Recipe(data="wine", epochs=3, engine="dense")


def test_a_recipe_is_examined_at_its_start_and_a_run_at_its_end():
    run = unstuck.train(WINE)
    start, end = unstuck.curvature(WINE), unstuck.curvature(run)
    assert end.loss < start.loss
    assert end.loss == pytest.approx(run.scores["train"]["loss"], rel=1e-4)  # 128 rows: all of them
    assert start.kind == end.kind == "undecided"
    assert "no critical point" in start.reason
    assert start.smallest.low <= start.smallest.mean <= start.smallest.high


def test_a_program_is_examined_at_what_its_model_draws():
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    program = unstuck.Program(
        model=lambda: nn.Linear(3, 1),
        train=(x, x.sum(axis=1, keepdims=True)),
        loss=nn.MSELoss(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1),
        epochs=200,
    )
    end = unstuck.curvature(unstuck.train(program))
    columns = np.c_[x, np.ones(40)].astype(np.float64)
    values = np.linalg.eigvalsh(2 * columns.T @ columns / 40)
    assert end.largest.mean == pytest.approx(values[-1], rel=1e-4)
    assert end.smallest.mean == pytest.approx(values[0], rel=1e-3)
    assert end.highest_stable_rate == pytest.approx(2 / values[-1], rel=1e-4)


def test_the_same_point_is_judged_the_same_twice():
    first, second = (unstuck.curvature(WINE, rows=50) for _ in range(2))
    assert (first.kind, first.smallest, first.largest) == (second.kind, second.smallest, second.largest)


def test_there_must_be_rows():
    with pytest.raises(RecipeError, match="rows must be 1 or more, got 0"):
        unstuck.curvature(WINE, rows=0)


def test_the_verb_takes_runs_and_recipes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    unstuck.train(WINE, out="a")
    assert command(["curvature", "a", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["kind"] == unstuck.curvature(unstuck.load("a")).kind
    assert command(["curvature", "wine", "--optimizer", "sgd"]) == 0
    assert "the recipe's is 0.01" in capsys.readouterr().out
    assert command(["curvature", "nowhere"]) == 2
