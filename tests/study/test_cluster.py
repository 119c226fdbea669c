"""A study on a cluster of two workers comes to what it comes to here."""

import pytest

from unstuck.errors import RunError, UnstuckError
from unstuck.recipe.spec import Recipe
from unstuck.study.member import Member
from unstuck.study.runner import Runner

ray = pytest.importorskip("ray", reason="needs the extra ray")

WINE = Recipe(data="wine", epochs=3)
MINE = """\
import os
import signal
from pathlib import Path

from torch import nn


def unlucky(shape, outputs):
    lives = Path({folder!r}) / "lives"
    lives.write_text(lives.read_text() + "x" if lives.exists() else "x")
    if len(lives.read_text()) < 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return nn.Linear(shape[0], outputs)


def doomed(shape, outputs):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the workers find a module of the user's own."""
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "mine_on_ray.py").write_text(MINE.format(folder=str(folder)))
    return folder


@pytest.fixture(scope="module", autouse=True)
def two_workers(folder):
    environment = {"env_vars": {"PYTHONPATH": str(folder)}}
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        _node_ip_address="127.0.0.1",
        runtime_env=environment,
    )
    yield
    ray.shutdown()


def trained(*recipes, **options):
    members = [Member(arm=str(number), number=0, recipe=recipe) for number, recipe in enumerate(recipes)]
    runner = Runner(members, **options)
    for _ in runner:
        pass
    return [runner.runs[member].scores for member in members], runner


def test_a_cluster_comes_to_the_same_scores(tmp_path):
    recipes = [WINE.edit("seed", seed) for seed in range(4)]
    there, runner = trained(*recipes, where="ray", out=tmp_path)
    assert there == trained(*recipes)[0]
    assert runner.trained == 4
    assert trained(*recipes, out=tmp_path)[1].trained == 0  # what it trained is kept here


def test_a_training_whose_worker_is_killed_is_repeated(folder):
    own = WINE.edit("model", {"name": "own", "function": "mine_on_ray:unlucky"})
    scores, _ = trained(own, WINE, where="ray")
    assert all(0 < of["test"]["accuracy"] <= 1 for of in scores)
    assert len((folder / "lives").read_text()) >= 2


def test_a_worker_that_always_dies_is_said_in_one_line():
    own = WINE.edit("model", {"name": "own", "function": "mine_on_ray:doomed"})
    with pytest.raises(RunError, match=r"^arm '0': its worker on the cluster ended 3 times: ") as caught:
        trained(own, where="ray")
    assert "\n" not in str(caught.value)


def test_what_is_wrong_with_a_recipe_is_said_as_it_is_here():
    own = WINE.edit("model", {"name": "own", "function": "mine_on_ray:absent"})
    with pytest.raises(UnstuckError, match=r"^arm '0': mine_on_ray:absent must name a function or a class"):
        trained(own, where="ray")
