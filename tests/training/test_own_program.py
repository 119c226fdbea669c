"""A program of one's own, by the name of its file or module; and what is said where nothing comes back."""

import sys

import pytest

from unstuck.errors import ProgramError
from unstuck.training.own import program

BODY = """
import torch
import unstuck
import {neighbour}

def make():
    return unstuck.Program(
        model=torch.nn.Linear(2, 1),
        train=(torch.zeros(8, 2), torch.zeros(8, 1)),
        loss=torch.nn.MSELoss(),
        optimizer={neighbour}.optimizer,
    )

number = 3

def wrong():
    return number

def raises():
    return torch.zeros(2) @ torch.zeros(3)

def asks(size):
    return make()
"""


RAISES = BODY.splitlines().index("    return torch.zeros(2) @ torch.zeros(3)") + 1


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a program and a module beside it, which no other test has."""
    neighbour = f"beside_{tmp_path.name.replace('-', '_')}"
    (tmp_path / "program.py").write_text(BODY.format(neighbour=neighbour))
    (tmp_path / f"{neighbour}.py").write_text("def optimizer(parameters): ...\n")
    (tmp_path / "broken.py").write_text("def make(:\n")
    (tmp_path / "missing.py").write_text("import nowhere_at_all\n")
    (tmp_path / "random.py").write_text(BODY.format(neighbour=neighbour))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("program", "broken", "missing", neighbour):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    "name", ["program.py:make", "program:make", "./program.py:make", "{folder}/program.py:make"]
)
def test_a_program_is_made_by_file_or_by_module(folder, name):
    before = list(sys.path)
    assert program(name.format(folder=folder)).epochs == 20
    assert sys.path == before


def test_a_file_is_itself_though_python_has_a_module_of_that_name(folder):
    known = sys.modules.get("random")
    assert program("random.py:make").epochs == 20
    assert sys.modules.get("random") is known


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.py:make", "nowhere.py:make must name a file that exists"),
        ("program.py:mak", "program.py:mak must name a function of program.py, got nothing"),
        ("program.py:number", "must name a function of program.py, got int"),
        ("program.py:wrong", "program.py:wrong must return an unstuck.Program, got int"),
        ("program.py:raises", f"program.py line {RAISES}: RuntimeError: "),
        ("program.py:asks", "TypeError: asks() missing 1 required positional argument: 'size'"),
        ("broken.py:make", "broken.py line 1: SyntaxError"),
        ("missing.py:make", "missing.py line 1: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("nowhere_at_all:make", "must name a module that can be imported"),
    ],
)
def test_what_makes_no_program_is_one_line_with_its_place(folder, name, words):
    with pytest.raises(ProgramError) as said:
        program(name)
    assert words in str(said.value)
    assert "\n" not in str(said.value)
