"""unstuck diagnose: what it prints and writes, its exit codes, and misuse in one line."""

import json
from dataclasses import replace

import numpy as np
import pytest

import diagnoses
from unstuck import experiments
from unstuck.recipe.spec import Recipe

BODY = """
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset
import unstuck

x = np.random.default_rng(0).normal(size=(240, 4)).astype("float32")
y = (x[:, 0] > 0).astype("int64")
rows = TensorDataset(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))

class Endless(IterableDataset):
    def __iter__(self):
        while True:
            yield x[0], y[0]

class Single(nn.Linear):
    def __deepcopy__(self, memo):
        raise TypeError("there is only one of it")

def make(**changed):
    usual = {
        "model": lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)),
        "train": (x[:120], y[:120]),
        "test": (x[120:], y[120:]),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": lambda parameters: torch.optim.SGD(parameters, lr=1e-5),
        "epochs": 8,
    }
    return unstuck.Program(**(usual | changed))

def uphill(): return make(optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.5, maximize=True))
def uncopied(): return make(model=Single(4, 2))
def no_scalar(): return make(loss=nn.CrossEntropyLoss(reduction="none"))
def no_tensor(): return make(loss=lambda outputs, targets: 1.0)
def odd_step(): return make(step=lambda model, x, y, loss, optimizer: model[9])
def empty(): return make(train=DataLoader(rows, batch_size=8))
def no_parameters(): return make(model=nn.Identity, train=(x[:120, :2], y[:120]), test=None)
def infinite(): return make(train=DataLoader(Endless(), batch_size=8))
def misfit(): return make(train=(x[:120], y[:100]))
def classes(): return make(train=(x[:120], y[:120] + 5))
def shapes(): return make(model=lambda: nn.Linear(7, 2))
def uncalled(): return make(model=nn.Linear)
def bare(): return make(model=nn.Identity)
def single_rows(): return make(model=lambda: nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2)), batch_size=1)

class Lost(TensorDataset):
    def __getitem__(self, place):
        raise FileNotFoundError("picture.png")

class Ragged(TensorDataset):
    def __getitem__(self, place):
        return x[place][: 3 + place % 2], y[place]

def ragged(): return make(train=Ragged(torch.from_numpy(x), torch.from_numpy(y)))
def lost(): return make(train=Lost(torch.from_numpy(x), torch.from_numpy(y)))

def forgetful(model, x, y, loss, optimizer):
    loss(model(x), y).backward()

def forgets(): return make(step=forgetful)

def failing(model, x, y, loss, optimizer):
    raise KeyError("target")

def fails(): return make(step=failing)
def no_number(): return make(score=lambda outputs, targets: float("nan"))
def no_program(): return nn.Linear(4, 2)
def unscored(): return make(score=lambda outputs, targets: outputs.nothing)
"""


@pytest.fixture
def told(monkeypatch, tmp_path):
    """The command gives a diagnosis made by hand; what it was asked is kept."""
    asked = {}

    def answer(found):
        def diagnosed(what, **options):
            asked.update(options, what=what)
            options["tell"]("testing [red]this")
            return found

        monkeypatch.setattr(experiments, "diagnosed", diagnosed)
        return asked

    (tmp_path / "program.py").write_text(BODY)
    (tmp_path / "recipe.toml").write_text('seed = 7\nepochs = 2\ndata = "iris"\n')
    return answer


@pytest.mark.parametrize(
    ("case", "code"),
    [(diagnoses.confirmed, 1), (diagnoses.incurable, 1), (diagnoses.untested, 0), (diagnoses.healthy, 0)],
)
def test_the_exit_code_says_whether_a_cause_was_confirmed(unstuck, told, case, code):
    asked = told(case())
    got, out, err = unstuck("diagnose", "program.py:make")
    assert (got, err) == (code, "testing [red]this\n")
    assert asked["what"].epochs == 8
    assert asked["budget"].trainings == 40
    assert "Cost" in out


def test_json_is_all_that_is_printed(unstuck, told):
    told(diagnoses.confirmed())
    code, out, err = unstuck("diagnose", "program.py:make", "--json", "--out", "page.html", "--cure", "cure.txt")
    assert (code, err) == (1, "")
    assert json.loads(out)["cause"] == "learning-rate-too-high"


def test_a_recipe_is_given_with_its_flags_and_its_seed(unstuck, told):
    asked = told(diagnoses.healthy())
    unstuck("diagnose", "recipe.toml", "--optimizer.lr", 0.5, "--seeds", 3, "--trainings", 12, "--seconds", 9)
    assert (asked["what"].epochs, asked["what"].optimizer.lr) == (2, 0.5)
    assert (asked["seed"], asked["seeds"]) == (7, 3)
    assert (asked["budget"].trainings, asked["budget"].seconds) == (12, 9)
    unstuck("diagnose", "recipe.toml", "--seed", 3)
    assert asked["seed"] == 3
    unstuck("diagnose", "program.py:make", "--seed", 4)
    assert (asked["seed"], asked["budget"].seconds) == (4, np.inf)


def test_the_seed_stands_among_the_flags_in_the_help(unstuck):
    _, out, _ = unstuck("diagnose", "--help")
    assert "--seed INT" in out


def test_a_run_means_its_recipe(unstuck, told):
    asked = told(diagnoses.healthy())
    unstuck("train", "iris", "--epochs", 1, "--out", "run")
    assert unstuck("diagnose", "run")[0] == 0
    assert (asked["what"].data.name, asked["what"].epochs) == ("iris", 1)


def test_a_page_and_a_cure_are_written(unstuck, told, tmp_path):
    told(diagnoses.confirmed())
    _, out, _ = unstuck("diagnose", "program.py:make", "--out", "page.html", "--cure", "cure.txt")
    assert out.endswith("wrote page.html; wrote cure.txt\n")
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "cure.txt").read_text().splitlines() == list(diagnoses.confirmed().cure.lines)


def test_a_recipes_cure_is_a_recipe(unstuck, told, tmp_path):
    cured = Recipe.model_validate({"data": "iris", "epochs": 3})
    found = diagnoses.confirmed()
    told(replace(found, cure=replace(found.cure, program=cured)))
    unstuck("diagnose", "recipe.toml", "--cure", "cured.toml")
    assert Recipe.read(tmp_path / "cured.toml") == cured


def test_where_there_is_no_cure_none_is_written(unstuck, told, tmp_path):
    told(diagnoses.healthy())
    code, out, _ = unstuck("diagnose", "recipe.toml", "--cure", "cured.toml")
    assert (code, "no cure was proven: cured.toml is not written" in out) == (0, True)
    assert not (tmp_path / "cured.toml").exists()


def test_an_interruption_leaves_nothing(unstuck, told, tmp_path, monkeypatch):
    def interrupted(what, **options):
        raise KeyboardInterrupt

    told(None)
    monkeypatch.setattr(experiments, "diagnosed", interrupted)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(SystemExit) as ended:
        unstuck("diagnose", "recipe.toml", "--out", "page.html", "--cure", "cured.toml")
    assert ended.value.code == 130
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["recipe.toml", "--out", "page.pdf"], "--out must end in .html, got 'page.pdf'"),
        (["recipe.toml", "--cure", "cured.txt"], "--cure must end in .toml, where a recipe is cured"),
        (["recipe.toml", "--cure", "recipe.toml"], "--cure must be another file than what is diagnosed"),
        (["program.py:make", "--cure", "program.py"], "--cure must be another file than what is diagnosed"),
        (["program.py:make", "--optimizer.lr", "0.1"], "optimizer.lr must be left to the program, got 0.1"),
        (["program.py:make", "--seed", "x"], "seed must be a whole number, 0 or more, got 'x'"),
        (["program.py:make", "--seeds", "1"], "seeds must be a whole number, 2 or more, got 1"),
        (["program.py:make", "--trainings", "0.5"], "trainings must be 1 or more, got 0.5"),
        (["program.py:make", "--seconds", "0"], "seconds must be more than 0"),
        (["program.py:nothing"], "program.py:nothing must name a function of program.py, got nothing"),
        (["nowhere.py:make"], "nowhere.py:make must name a file that exists"),
        (["mnits"], "Did you mean mnist?"),
        (["program.py:uncopied"], "copied"),
        (["program.py:no_scalar"], "loss must"),
        (["program.py:no_tensor"], "loss must"),
        (["program.py:odd_step"], "step must train on (model, x, y, loss, optimizer); it said"),
        (["program.py:empty"], "train must"),
        (["program.py:no_parameters"], "ValueError: optimizer got an empty parameter list"),
        (["program.py:infinite"], "train must"),
        (["program.py:misfit"], "train must"),
        (["program.py:classes"], "they said"),
        (["program.py:shapes"], "they said"),
        (["program.py"], "the source must name a function of the file, got 'program.py'"),
        (["program.py:uncalled"], "model must be called without arguments; Python said: Linear"),
        (["program.py:bare"], "program.py:bare must train without an error; program.py line"),
        (["program.py:single_rows"], "model must train on batches of batch_size = 1; it said"),
        (["program.py:ragged"], "rows must make a batch of tensors; torch said: "),
        (["program.py:mkae"], "Did you mean make?"),
        (["notebook.ipynb:make"], "a program must be named as program.py:make, got 'notebook.ipynb:make'"),
        ([":make"], "a program must be named as program.py:make"),
        (["program.py:make", "--cure", "."], "--cure must be a file, which the folder is not, got '.'"),
        (["program.py:make", "--out", "nowhere/page.html"], "--out must lie in a folder that exists"),
        (["program.py:lost"], "FileNotFoundError: picture.png"),
        (["program.py:forgets"], "step must return the loss, a tensor of one number, got NoneType"),
        (["program.py:fails"], "KeyError: 'target'"),
        (["program.py:no_number"], "score must be finite where outputs are, got nan of an untrained model"),
        (["program.py:no_program"], "must return an unstuck.Program, got Linear. Its last line is: return"),
        (["nowhere.module:make"], "nowhere.module:make must name a module that can be imported"),
        (["program.py:unscored"], "AttributeError: 'Tensor' object has no attribute 'nothing'"),
    ],
)
def test_misuse_is_one_line(unstuck, tmp_path, arguments, words):
    """Of the command, and of what is diagnosed, by the doctor itself."""
    (tmp_path / "program.py").write_text(BODY)
    (tmp_path / "recipe.toml").write_text('epochs = 2\ndata = "iris"\n')
    code, out, err = unstuck("diagnose", *arguments)
    line = err.splitlines()[-1]
    assert (code, out) == (2, "")
    assert line.startswith("unstuck: ")
    assert words in line


def test_an_error_of_unstuck_itself_keeps_its_traceback(unstuck, told, monkeypatch):
    told(None)

    def broken(what, **options):
        raise KeyError("ours")

    broken.__code__ = broken.__code__.replace(co_filename=experiments.__file__)
    monkeypatch.setattr(experiments, "diagnosed", broken)
    with pytest.raises(KeyError, match="ours"):
        unstuck("diagnose", "program.py:make")


def test_a_program_is_diagnosed_from_end_to_end(unstuck, tmp_path):
    (tmp_path / "program.py").write_text(BODY)
    code, out, err = unstuck("diagnose", "program.py:uphill", "--out", "page.html", "--cure", "cure.txt")
    assert code == 1
    assert out.startswith("Gradient sign: ")
    assert "wrote page.html; wrote cure.txt" in out
    assert "training the program as given" in err
    assert (tmp_path / "page.html").stat().st_size < 1_000_000
    assert (tmp_path / "cure.txt").read_text()
