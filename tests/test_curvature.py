"""`unstuck.curvature` and its verb: recipes, runs and programs."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import unstuck
from unstuck.cli.main import run as command
from unstuck.errors import DataError, ProgramError, RecipeError, RunError

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


@pytest.mark.parametrize("look", [unstuck.curvature, unstuck.plane, unstuck.escape])
def test_what_is_examined_is_a_recipe_a_program_or_a_run(look):
    with pytest.raises(ProgramError, match="must be a Recipe, a Program or a Run, got str"):
        look("wine")


def test_what_has_diverged_is_undecided_and_its_surroundings_are_not_finite(tmp_path):
    run = unstuck.train(
        WINE.edit("optimizer", "sgd").edit("optimizer.lr", 1e38).edit("keep", "last"), out=tmp_path / "a"
    )
    assert unstuck.curvature(run).kind == "undecided"
    assert not np.isfinite(unstuck.plane(run, points=3).losses).all()
    assert command(["curvature", str(tmp_path / "a"), "--surface", "--spectrum"]) == 0


def test_a_picture_that_is_no_png_is_refused_before_any_work(capsys):
    assert command(["curvature", "wine", "--out", "p.xyz"]) == 2
    assert "--out must end in .png, got 'p.xyz'" in capsys.readouterr().err


def test_a_folder_in_the_way_of_an_escape_is_said_before_any_work(tmp_path, capsys):
    (tmp_path / "there").touch()
    assert command(["curvature", "no such source", "--escape", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_the_verb_takes_runs_and_recipes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    unstuck.train(WINE, out="a")
    assert command(["curvature", "a", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["kind"] == unstuck.curvature(unstuck.load("a")).kind
    assert command(["curvature", "wine", "--optimizer", "sgd"]) == 0
    assert "sgd at its peak rate 0.01 is stable here" in capsys.readouterr().out
    assert command(["curvature", "nowhere"]) == 2


def test_a_run_on_data_that_have_changed_is_not_examined(tmp_path):
    path = tmp_path / "line.csv"
    path.write_text("a,b,y\n" + "".join(f"{n},{n * n},{n}\n" for n in range(40)))
    run = unstuck.train(unstuck.Recipe(data={"path": str(path), "target": "y"}, epochs=1, engine="dense"))
    path.write_text(path.read_text().replace("0,0,0", "0,0,1"))
    with pytest.raises(DataError, match="has changed since the run"):
        unstuck.curvature(run)


def test_code_of_a_users_own_is_examined_only_where_its_name_is_typed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_to_bend.py").write_text(
        "from torch import nn\ndef net(shape, outputs):\n    return nn.Linear(shape[0], outputs)\n"
    )
    unstuck.train(unstuck.Recipe(data="wine", epochs=1, model="mine_to_bend:net"), out="a")
    assert command(["curvature", "a"]) == 2
    assert "add --model mine_to_bend:net" in capsys.readouterr().err
    assert command(["curvature", "a", "--model", "mine_to_bend:net"]) == 0


# the rate, and the whole spectrum


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ["--optimizer", "sgd", "--lr", "0.001"],
            "below 2 / lr = 2e+03: sgd at its peak rate 0.001 is stable",
        ),
        (
            ["--optimizer", "momentum", "--lr", "100"],
            "above 2 (1 + momentum) / lr = 0.038: momentum at its peak",
        ),
        (["--optimizer", "adam"], "adam scales each weight's step, and its limit is another"),
    ],
)
def test_the_verb_says_whether_the_recipes_rate_is_stable(flags, said, capsys):
    assert command(["curvature", "wine", *flags]) == 0
    assert said in capsys.readouterr().out


def test_the_whole_spectrum_is_told_where_it_is_asked_for(capsys):
    start = unstuck.curvature(WINE, spectrum=True)
    found = start.spectrum
    assert unstuck.curvature(WINE).spectrum is None
    assert found.trace.low < found.trace.mean < found.trace.high
    assert found.density.shares.sum() == pytest.approx(1)
    low, high = found.density.places[[0, -1]]
    assert start.smallest.low - 1e-6 <= low < high <= start.largest.high + 1e-6
    assert found.gauss_newton.mean > 0
    assert command(["curvature", "wine", "--engine", "dense", "--epochs", "3", "--spectrum"]) == 0
    said = capsys.readouterr().out
    assert f"trace {found.trace.mean:.4g} ± " in said
    shares = [float(line.split("%")[0].split()[-1]) for line in said.splitlines() if "…" in line and "%" in line]
    assert sum(shares) == pytest.approx(100, abs=0.01)
    assert command(["curvature", "wine", "--spectrum", "--json"]) == 0
    assert {"trace", "gauss_newton", "density"} == json.loads(capsys.readouterr().out)["spectrum"].keys()


# on from a saddle


@pytest.fixture
def stuck(tmp_path, monkeypatch):
    """Two linear layers that begin at 0 and stay near: a run's folder, and the recipe."""
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).normal(size=(200, 2))
    np.savez("sum.npz", x=x, y=x.sum(axis=1, keepdims=True))
    model = {"name": "mlp", "hidden": (3,), "activation": "identity", "initializer": "constant"}
    recipe = unstuck.Recipe(
        data={"path": "sum.npz"}, model=model, optimizer={"name": "sgd", "lr": 0.1}, epochs=5, engine="dense"
    )
    return recipe, unstuck.train(recipe, out="stuck")


def test_what_is_stuck_at_a_saddle_goes_on_from_there_and_learns(stuck):
    recipe, before = stuck
    point = unstuck.curvature(before)
    assert point.kind == "saddle"
    assert before.scores["test"]["r2"] < 0.1
    after = unstuck.escape(before, out="free")
    assert after.record["step_loss"][0] < 0.9 * point.loss
    assert after.scores["test"]["r2"] > 0.99
    assert after.recipe == before.recipe
    said = json.loads((after.folder / "run.json").read_text())["escaped"]
    assert said["run"] == str(before.folder.resolve())
    assert said["before"] == point.loss > said["after"] == point.escape.after
    assert unstuck.load("free").scores == after.scores
    assert unstuck.escape(recipe).scores["test"]["r2"] > 0.99  # the start is the same saddle


def test_the_verb_goes_on_into_a_new_folder_once_and_refuses_where_there_is_no_saddle(stuck, capsys):
    assert command(["curvature", "stuck", "--escape", "free"]) == 0
    said = capsys.readouterr().out
    assert "down the saddle takes the loss from" in said
    assert "test        r2 " in said
    assert command(["curvature", "stuck", "--escape", "free"]) == 2
    assert "free exists already" in capsys.readouterr().err
    assert command(["curvature", "free", "--escape", "further"]) == 2
    error = capsys.readouterr().err
    assert "there must be a saddle to go on from, got undecided: no critical point" in error
    assert error.count("\n") == 1
    assert not (stuck[1].folder.parent / "further").exists()


def test_a_program_goes_on_from_the_saddle_that_its_model_stands_at():
    x = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    model = nn.Sequential(nn.Linear(2, 3, bias=False), nn.Linear(3, 1, bias=False))
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    program = unstuck.Program(
        model=model,
        train=(x, x.sum(axis=1, keepdims=True)),
        loss=nn.MSELoss(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1),
        epochs=20,
    )
    run = unstuck.train(program)
    with pytest.raises(RunError, match="hand over the Program"):
        unstuck.escape(run)
    after = unstuck.escape(replace(program, model=run.predictor.model))
    assert after.scores["train"]["loss"] < 1e-3 * run.scores["train"]["loss"]
    assert not any(parameter.any() for parameter in model.parameters())
