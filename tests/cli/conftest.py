import json

import pytest

from unstuck.cli.main import run


@pytest.fixture
def unstuck(capsys, tmp_path, monkeypatch):
    """Runs one command in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        code = run(list(map(str, arguments)))
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


@pytest.fixture
def as_json(unstuck):
    """Runs one command with --json and reads what it printed."""

    def command(*arguments):
        code, out, err = unstuck(*arguments, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    return command
