"""unstuck finetune: from a run to a run on other data, and one line where it cannot be."""

import shutil

import numpy as np
import pytest
import torch

import unstuck as library
from unstuck import api
from unstuck.data import load
from unstuck.recipe.data import Data
from unstuck.recipe.edit import Edit
from unstuck.training.transfer import recipe_of

THAW = ["--epochs", "2", "--unfreeze-after", "1"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A small residual network that has seen the small digits."""
    folder = tmp_path_factory.mktemp("source") / "digits"
    recipe = library.Recipe(data="digits", model={"name": "resnet", "depth": 8, "width": 4}, epochs=1)
    library.train(recipe, out=folder)
    return folder


@pytest.fixture
def even(tmp_path):
    """The same digits, odd or even."""
    digits = load(Data(name="digits"))
    np.savez(tmp_path / "even.npz", x=digits.inputs.undo(digits.train.x)[:400], y=digits.train.y[:400] % 2)
    return "even.npz"


def test_a_runs_network_learns_other_classes_and_its_run_needs_the_source_no_more(
    unstuck, as_json, tmp_path, source, even
):
    shutil.copytree(source, tmp_path / "source")
    words = ["source", "--data", even, "--epochs", 8, "--unfreeze-after", 4, "--rate", 0.5, "--batch-size", 16]
    code, out, err = unstuck("finetune", *words)
    assert (code, err) == (0, "")
    assert "weights of source, but for the head; they are frozen, after 4 epochs all of their layers" in out
    shutil.rmtree(tmp_path / "source")
    run = library.load(tmp_path / "runs" / "even-1")
    assert run.scores["test"]["accuracy"] > 0.7
    assert (run.recipe.transfer.unfreeze_after, run.recipe.transfer.rate) == (4, 0.5)
    assert as_json("evaluate", "runs/even-1")["test"] == pytest.approx(run.scores["test"], rel=1e-5)
    assert unstuck("predict", "runs/even-1", even)[0] == 0


def test_an_interrupted_fine_tuning_resumes_without_its_source(unstuck, tmp_path, source, even):
    shutil.copytree(source, tmp_path / "source")
    words = ["source", "--data", even, "--epochs", 2, "--unfreeze-after", 1]
    assert unstuck("finetune", *words, "--out", "whole")[0] == 0
    recipe = recipe_of("source", even, [Edit("epochs", 2), Edit("transfer.unfreeze_after", 1)])
    next(iter(api.begin(recipe, out=tmp_path / "cut", stem="")))
    shutil.rmtree(tmp_path / "source")
    assert unstuck("resume", "cut")[0] == 0
    cut, whole = library.load(tmp_path / "cut"), library.load(tmp_path / "whole")
    for name, value in whole.weights.items():
        np.testing.assert_array_equal(cut.weights[name], value)


def test_the_flags_of_a_transfer_are_short_for_its_keys(unstuck, as_json, source, even):
    words = ["--data", even, "--freeze", "none", "--rate", "1", "--epochs", "1", "--out", "free"]
    assert as_json("finetune", source, *words)["stop"]["reason"] == "FINISHED"
    transfer = library.load("free").recipe.transfer
    assert (transfer.freeze, transfer.rate) == ("none", 1.0)


def test_a_recipe_file_with_a_transfer_trains_as_the_verb_does(unstuck, tmp_path, source, even):
    assert unstuck("finetune", source, "--data", even, "--epochs", 1, "--out", "a")[0] == 0
    assert unstuck("train", "a/recipe.toml", "--out", "b")[0] == 0
    for name, value in library.load(tmp_path / "a").weights.items():
        np.testing.assert_array_equal(library.load(tmp_path / "b").weights[name], value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "--data", "digits"], "There is no such folder"),
        (["SOURCE"], "data must be given, got None. Try --data NAME, or --data PATH."),
        (["SOURCE", "--data", "digit"], "Did you mean digits?"),
        (["SOURCE", "--data", "digits", "--freeze", "head"], "Known: backbone, none"),
        (["SOURCE", "--data", "digits", "--unfreeze", "2"], "transfer.unfreeze must go with unfreeze_after"),
        (["SOURCE", "--data", "digits", "--unfreeze-after", "1"], "unfreeze_after must be less than epochs (1)"),
        (["SOURCE", "--data", "digits", *THAW, "--unfreeze", "99"], "must be at most 7"),
        (["SOURCE", "--data", "mnist", "--data.rows", "99", "--model", "lenet"], "the source"),
        (["SOURCE", "--data", "digits", "--model.width", "5"], "Try --model"),
        (["SOURCE", "--data", "digits", "--engine", "dense"], "The dense engine has no"),
        (["w.pt", "--data", "digits"], "model must be given"),
        (["w.pt", "--data", "digits", "--model", "mlp"], "w.pt cannot be read: No such file"),
        (["empty.pt", "--data", "digits", "--model", "mlp"], "empty.pt is damaged"),
        (["code.pt", "--data", "digits", "--model", "mlp"], "no code of it is run"),
        (["one.pt", "--data", "digits", "--model", "mlp", "--model.hidden", "[]"], "two layers with weights"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(unstuck, tmp_path, source, arguments, said):
    (tmp_path / "empty.pt").write_bytes(b"")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "code.pt")
    torch.save({"0.weight": torch.ones(10, 64), "0.bias": torch.ones(10)}, tmp_path / "one.pt")
    code, out, err = unstuck("finetune", *(str(source) if word == "SOURCE" else word for word in arguments))
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert said in err
    assert {path.name for path in tmp_path.iterdir()} == {
        "empty.pt",
        "code.pt",
        "one.pt",
    }  # nothing is left behind


def test_a_run_that_is_damaged_is_one_line(unstuck, tmp_path, source):
    shutil.copytree(source, tmp_path / "source")
    (tmp_path / "source" / "weights.safetensors").write_bytes(b"damage")
    code, _, err = unstuck("finetune", "source", "--data", "digits")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "weights.safetensors is missing or was changed" in err
