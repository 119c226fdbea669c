"""A model of the user's own: found by the name that is typed, never by one that a folder holds."""

import sys
from types import ModuleType

import numpy as np
import pytest

import unstuck
from unstuck import api
from unstuck.cli.source import recipe_of
from unstuck.errors import ProgramError, RecipeError, RunError
from unstuck.training.own import called, files_of, maker

SOURCE = """
import math, pathlib
from torch import nn
pathlib.Path("was-imported").touch()
def make(shape, outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), 12), nn.ReLU(), nn.Linear(12, outputs))
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


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return 3", r"ownmodel:make must return an nn\.Module, got int"),
        ("return nn.Sequential(nn.Flatten(), nn.Linear(65, 10))", "model and loss must take inputs of shape"),
        ("return nn.Sequential(nn.Flatten(), nn.Linear(64, 5))", "model and loss must take inputs of shape"),
        ("return nn.Sequential(nn.Flatten(), nn.Linear(64, 10).requires_grad_(False))", "something to train"),
        ("return nn.Flatten()", "something to train"),
        ("return nn.Sequential(nn.Flatten(), nn.LazyLinear(10))", "must know its sizes"),
        ("return nn.LSTM(8, 10)", "model"),
        ("return missing(1)(2)", "make must take shape, outputs or nothing"),
    ],
)
def test_what_cannot_be_trained_is_one_line_and_leaves_no_folder(folder, body, words):
    (folder / "ownmodel.py").write_text(f"from torch import nn\nmissing = int\ndef make():\n    {body}\n")
    with pytest.raises(ProgramError, match=words):
        api.begin(recipe(), out=folder / "run", stem="")
    assert not (folder / "run").exists()


def test_sequences_come_as_they_are(folder):
    (folder / "ownmodel.py").write_text(
        "from torch import nn\n"
        "class make(nn.Module):\n"
        "    def __init__(self, shape, outputs):\n"
        "        super().__init__()\n"
        "        self.cells, self.head = nn.GRU(shape[1], 6, batch_first=True), nn.Linear(6, outputs)\n"
        "    def forward(self, x):\n"
        "        return self.head(self.cells(x.nan_to_num())[0][:, -1])\n"
    )
    run = unstuck.train(unstuck.Recipe(data="pulses", model="ownmodel:make", epochs=1))
    assert run.scores["test"]["accuracy"] >= 0


def test_a_file_that_names_code_starts_it_only_with_its_name_typed_beside_it(folder):
    (folder / "recipe.toml").write_text('data = "digits"\nmodel = "ownmodel:make"\nepochs = 1\n')
    with pytest.raises(RecipeError, match="add --model ownmodel:make"):
        recipe_of("recipe.toml", [])
    assert recipe_of("recipe.toml", ["model=ownmodel:make"]).model.function == "ownmodel:make"


def test_the_code_of_a_model_is_all_that_it_imports_beside_it_and_nothing_else(tmp_path, monkeypatch):
    sources = {
        "mypackage/__init__.py": "",
        "mypackage/nets/__init__.py": "from .deep import make",
        "mypackage/nets/deep.py": "import math, torch\nfrom ..parts import act\nfrom . import sizes",
        "mypackage/nets/sizes.py": "def of():\n    import beside",
        "mypackage/nets/unused.py": "",
        "mypackage/parts.py": "from mypackage.nets import deep",
        "beside.py": "import nothing_at_all",
        "unused.py": "",
    }
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for name in ("mypackage", "mypackage.nets", "mypackage.nets.deep"):
        module = ModuleType(name)
        module.__file__ = str(tmp_path / name.replace(".", "/")) + (
            "/__init__.py" if "deep" not in name else ".py"
        )
        monkeypatch.setitem(sys.modules, name, module)
    wanted = {tmp_path / name for name in sources if "unused" not in name}
    assert {*files_of("mypackage.nets.deep")} == {*files_of("mypackage.nets")} == {*files_of("mypackage")} | wanted
    assert files_of("not_imported") == []


def test_of_an_installed_package_the_strangers_beside_it_are_not_its_code(tmp_path, monkeypatch):
    installed = tmp_path / "site-packages"
    (installed / "ours").mkdir(parents=True)
    (installed / "ours" / "__init__.py").write_text("import theirs\nfrom ours import part")
    for name in ("ours/part.py", "theirs.py"):
        (installed / name).write_text("")
    module = ModuleType("ours")
    module.__file__ = str(installed / "ours" / "__init__.py")
    monkeypatch.setitem(sys.modules, "ours", module)
    assert [path.name for path in files_of("ours")] == ["__init__.py", "part.py"]
