"""A model of the user's own: found by the name that is typed, never by one that a folder holds."""

import sys

import numpy as np
import pytest

import unstuck
from unstuck import api
from unstuck.errors import ProgramError, RunError
from unstuck.training.own import called, maker

SOURCE = """
import pathlib
from torch import nn
pathlib.Path("was-imported").touch()
def make(shape, outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1], 12), nn.ReLU(), nn.Linear(12, outputs))
nothing = None
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder with a module, which is forgotten before and after."""
    (tmp_path / "ownmodel.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "ownmodel", raising=False)
    yield tmp_path
    sys.modules.pop("ownmodel", None)


def recipe(**fields):
    return unstuck.Recipe(data="digits", model="ownmodel:make", epochs=2, batch_size=256, **fields)


def test_a_run_of_ones_own_model_answers_only_after_its_name_is_typed(folder):
    trained = unstuck.train(recipe(), out="run")
    x = np.random.default_rng(0).integers(0, 17, (5, 8, 8)).astype(np.float64)
    sys.modules.pop("ownmodel")
    (folder / "was-imported").unlink()
    loaded = unstuck.load("run")
    assert loaded.scores == trained.scores
    with pytest.raises(RunError, match="add --model ownmodel:make"):
        loaded.probabilities(x)
    with pytest.raises(RunError, match="add --model ownmodel:make"):
        api.evaluate(loaded)
    assert not (folder / "was-imported").exists()
    typed = unstuck.load("run", model="ownmodel:make")
    np.testing.assert_allclose(typed.probabilities(x), trained.probabilities(x), rtol=1e-6)
    assert (folder / "was-imported").exists()


def test_an_interrupted_one_goes_on_to_the_same_bits_only_after_its_name_is_typed(folder):
    whole = unstuck.train(recipe())
    stretches = iter(api.begin(recipe(), out=folder / "cut", stem=""))
    for _ in range(3):
        next(stretches)
    stretches.close()
    sys.modules.pop("ownmodel")
    (folder / "was-imported").unlink()
    with pytest.raises(RunError, match="add --model ownmodel:make"):
        api.resume("cut")
    assert not (folder / "was-imported").exists()
    training = api.resume("cut", model="ownmodel:make")
    for _ in training:
        pass
    for name, value in training.task.engine.weights().items():
        np.testing.assert_array_equal(value, whole.weights[name])


def test_pictures_come_with_a_channel_and_what_is_not_asked_for_is_not_told(folder):
    assert called(lambda: "made", (8, 8), 10) == "made"
    assert called(lambda outputs: outputs, (8, 8), 10) == 10
    seen = []
    run = unstuck.train(recipe())
    run.predictor.module.own.register_forward_hook(lambda module, given, output: seen.append(given[0].shape))
    run.predict(np.zeros((3, 8, 8)))
    assert seen == [(3, 1, 8, 8)]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nosuchmodule:make", "must name a module that can be imported"),
        ("ownmodel:mk", "must name a function or a class of ownmodel, got nothing"),
        ("ownmodel:nothing", "got nothing"),
        ("ownmodel:nn.functional", "got module"),
    ],
)
def test_a_name_that_names_nothing_is_one_line(folder, name, words):
    with pytest.raises(ProgramError, match=words):
        maker(name)


def test_what_is_no_module_is_one_line(folder):
    (folder / "ownmodel.py").write_text("def make(): return 3\n")
    with pytest.raises(ProgramError, match=r"ownmodel:make must return an nn\.Module, got int"):
        unstuck.train(recipe())
