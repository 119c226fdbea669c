import subprocess
import sys

import numpy as np
import pytest

RECIPES = {
    "unknown-key.toml": ('data = "mnist"\nmodel = { hiden = [3] }', "unknown-key.toml: model.hiden", "hidden"),
    "wrong-type.toml": ('data = "mnist"\nepochs = "three"', "wrong-type.toml: epochs must", "three"),
    "no-toml.toml": ("data = [", "no-toml.toml: the text must be TOML", ""),
    "fraction.toml": ('data = { name = "mnist", validation = 1.5 }', "data.validation must be less than 1", "1.5"),
    "pair.toml": (
        'data = "mnist"\nloss = "cross-entropy"\nmodel = { output = "sigmoid" }',
        "model.output must be softmax",
        "sigmoid",
    ),
    "keep.toml": (
        'keep = "best"\ndata = { name = "mnist", validation = 0.0 }',
        "keep must be auto or last",
        "best",
    ),
    "large.toml": ('batch_size = 5000\ndata = "iris"', "batch_size must be at most 108", "5000"),
    "nan.toml": ('data = "mnist"\noptimizer = { lr = nan }', "optimizer.lr must be a finite number", "nan"),
    "word.toml": ('data = "mnist"\noptimizer = "addam"', "optimizer.name must be a known word", "adam"),
    "regression.toml": ('data = "diabetes"\nloss = "cross-entropy"', "loss.name must be mse or bce", ""),
}


def one_line(err):
    lines = err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("unstuck: ")
    return lines[0]


@pytest.mark.parametrize("name", RECIPES)
def test_a_bad_recipe_is_one_line_that_names_file_key_and_value(unstuck, tmp_path, name):
    text, where, value = RECIPES[name]
    (tmp_path / name).write_text(text)
    code, out, err = unstuck("check", name)
    said = one_line(err)
    assert (code, out) == (2, "")
    assert where in said
    assert value in said


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["train", "mnits"], "Did you mean mnist?"),
        (["train", "nowhere.toml"], "nowhere.toml"),
        (["train"], "Type: unstuck train --help"),
        (["trian", "mnist"], 'Did you mean "train"?'),
        (["train", "mnist", "--optimiser", "adam"], "Did you mean optimizer?"),
        (["train", "mnist", "--epoch=3"], "Did you mean epochs?"),
        (["train", "mnist", "--optimizer.learning_rate", "1"], "Known: beta1, beta2, clip_norm, eps, lr"),
        (["train", "mnist", "--epochs"], "--epochs"),
        (["train", "mnist", "--epochs", "0"], "epochs must be greater than 0, got 0"),
        (["train", "mnist", "--engine", "dense", "--model", "lenet"], "The dense engine has no convolution."),
        (["evaluate", "nowhere"], "There is no such folder"),
        (["resume", "nowhere"], "There is no such folder"),
        (["predict", "nowhere", "x.png"], "There is no such folder"),
        (["list", "optimisers"], "Did you mean optimizers?"),
        (["train", "iris", "--data.fold.folds", "5"], "data.fold.number must be given"),
        (
            ["train", "iris", "--data.fold.folds", "51", "--data.fold.number", "0"],
            "be at most 50, the rows of the",
        ),
        (["train", "iris", "--data.group", "petal"], "data.group must be left out for the set iris"),
        (["data", "mnist", "--data.scaling", "log"], "data.scaling must be a known word"),
    ],
)
def test_misuse_is_one_line_and_exit_code_2(unstuck, tmp_path, arguments, hint):
    code, out, err = unstuck(*arguments)
    assert (code, out) == (2, "")
    assert hint in one_line(err)
    assert not list(tmp_path.iterdir())  # nothing is left behind


def test_a_folder_in_the_way_is_not_touched(unstuck, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine.txt").write_text("mine")
    code, _, err = unstuck("train", "iris", "--out", "a")
    assert (code, one_line(err)) == (2, "unstuck: a exists already. Choose another --out, or remove it.")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["mine.txt"]


def test_nan_in_the_data_is_one_line_that_names_the_column(unstuck, tmp_path):
    np.savez(tmp_path / "x.npz", x=np.array([[1.0, np.nan]] * 10), y=np.arange(10) % 2)
    code, _, err = unstuck("train", "x.npz")
    assert code == 2
    assert "10 of 10 values NaN or infinite in input 1" in one_line(err)


def test_help_imports_neither_torch_nor_numba():
    program = (
        "import sys; from unstuck.cli.main import run; sys.argv = ['unstuck']\n"
        "for words in ([], ['train']): run([*words, '--help'])\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'numba', 'numpy', 'pydantic')))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == 0


def test_training_on_the_dense_engine_imports_no_torch(tmp_path):
    program = (
        "import sys; from unstuck.cli.main import run\n"
        "code = run(['train', 'digits', '--epochs', '1', '--out', sys.argv[1]])\n"
        "sys.exit(code or 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "run"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", ["train", "explain", "curvature"])
def test_a_folder_of_runs_is_no_folder_of_pictures(unstuck, tmp_path, verb):
    (tmp_path / "runs" / "a" / "figures").mkdir(parents=True)
    (tmp_path / "runs" / "a" / "run.json").write_text("{}")
    for source, hint in (("runs", "Name one of its runs: runs/a."), ("runs/b", "Did you mean runs/a?")):
        code, out, err = unstuck(verb, source)
        assert (code, out) == (2, "")
        assert hint in one_line(err)


def test_code_is_no_source(unstuck, tmp_path):
    (tmp_path / "mine.py").touch()
    code, out, err = unstuck("explain", "mine.py")
    assert (code, out) == (2, "")
    assert "python mine.py; or name its function: --model mine:NAME." in one_line(err)
