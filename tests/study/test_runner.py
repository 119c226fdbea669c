"""Members are trained once, in threads or processes, and what is done stays done."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import unstuck
from unstuck.errors import RecipeError, RunError, UnstuckError
from unstuck.recipe.spec import Recipe
from unstuck.study.design import Study
from unstuck.study.member import Member, Store, key_of
from unstuck.study.process import Process
from unstuck.study.runner import Runner, Update
from unstuck.study.shelf import Shelf

KILLED = Path(__file__).parent / "killed_study.py"
BASE = Recipe(data="wine", epochs=3)


def members(*recipes):
    return [Member(arm=str(number), number=0, recipe=recipe) for number, recipe in enumerate(recipes)]


def through(runner):
    return [update for update in runner if update.key is not None]


def test_a_member_comes_to_what_train_comes_to():
    (member,) = members(BASE)
    runner = Runner([member])
    through(runner)
    alone, kept = unstuck.train(BASE), runner.runs[member]
    assert kept.scores == alone.scores
    assert kept.stop == alone.stop
    np.testing.assert_array_equal(kept.record["step_loss"], alone.record["step_loss"])
    np.testing.assert_array_equal(kept.test.outputs, alone.test.outputs)


def test_a_run_that_is_kept_with_its_weights_answers_as_before(tmp_path):
    recipe = Recipe(data="diabetes", epochs=2)
    (member,) = members(recipe)
    runner = Runner([member], out=tmp_path, weights=True)
    through(runner)
    rows = np.random.default_rng(0).normal(size=(5, 10))
    np.testing.assert_array_equal(runner.runs[member].predict(rows), unstuck.train(recipe).predict(rows))


def test_without_weights_it_says_that_it_cannot_answer():
    (member,) = members(BASE)
    runner = Runner([member])
    through(runner)
    with pytest.raises(RunError, match="kept without its weights"):
        runner.runs[member].predict(np.zeros((1, 13)))


def test_all_members_come_once_whatever_the_number_of_workers():
    asked = Study(seeds=3, recipe=BASE, arms={"sgd": {"optimizer": "sgd"}, "long": {"epochs": 4}})
    scores = []
    for workers in (1, 2, 5):
        runner = Runner(asked.members(asked.recipes()), workers=workers)
        done = [update.member for update in through(runner)]
        assert sorted(map(str, done)) == sorted(map(str, runner.members))
        scores.append({str(member): run.scores for member, run in runner.runs.items()})
    assert scores[0] == scores[1] == scores[2]


def test_threads_and_processes_train_the_same():
    dense, torch = members(BASE, BASE.edit("engine", "torch"))
    runner = Runner([dense, torch], workers=2)
    through(runner)
    ours, theirs = (runner.runs[member] for member in (dense, torch))
    assert (ours.recipe.engine, theirs.recipe.engine) == ("dense", "torch")
    np.testing.assert_allclose(ours.record["step_loss"], theirs.record["step_loss"], rtol=1e-4)


def test_equal_recipes_are_trained_once():
    runner = Runner(members(BASE, BASE, BASE.edit("epochs", 2)), workers=2)
    assert sum(update.is_new for update in through(runner)) == runner.trained == 2
    assert len(runner.runs) == 3


def test_recipes_that_come_to_the_same_once_resolved_are_trained_once_and_at_once():
    alike = members(BASE, BASE.edit("engine", "dense"), BASE.edit("loss", "cross-entropy"), BASE.edit("epochs", 2))
    for _ in range(5):
        runner = Runner(alike, workers=4)
        assert sum(update.is_new for update in through(runner)) == runner.trained == 2
        assert len(runner.runs) == 4


def test_what_is_kept_is_not_trained_again(tmp_path):
    first = Runner(members(BASE), out=tmp_path)
    through(first)
    second = Runner(members(BASE, BASE.edit("seed", 1)), out=tmp_path)
    through(second)
    assert (first.trained, second.trained) == (1, 1)
    assert second.runs[second.members[0]].scores == first.runs[first.members[0]].scores


def test_runs_that_are_wanted_with_weights_are_trained_again_where_those_are_missing(tmp_path):
    for weights, trained in ((False, 1), (True, 1), (True, 0), (False, 0)):
        runner = Runner(members(BASE), out=tmp_path, weights=weights)
        through(runner)
        assert runner.trained == trained


@pytest.mark.parametrize("edit", [("seed", 1), ("epochs", 4), ("data.seed", 1), ("optimizer.lr", 0.1)])
def test_what_changes_the_result_changes_the_key(edit):
    shelf = Shelf(places=2)
    changed = BASE.edit(*edit)
    assert key_of(BASE, shelf.dataset(BASE)) != key_of(changed, shelf.dataset(changed))


def test_where_it_is_trained_does_not_change_the_key():
    data = Shelf(places=1).dataset(BASE)
    assert key_of(BASE, data) == key_of(BASE.edit("threads", 2).edit("device", "cpu"), data)


def test_where_files_lie_does_not_change_the_key(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", x=rng.normal(size=(20, 3)), y=np.arange(20) % 2)
    monkeypatch.chdir(tmp_path)
    keys = set()
    for path in ("a.npz", str(tmp_path / "a.npz")):
        recipe = Recipe(data={"path": path})
        keys.add(key_of(recipe, Shelf().dataset(recipe)))
    assert len(keys) == 1


def test_data_changed_in_their_place_change_the_key(tmp_path):
    keys, recipe = set(), Recipe(data={"path": str(tmp_path / "a.csv"), "target": "y"})
    for values in ("1,a\n2,b\n", "1,a\n3,b\n", "1,a\n3,c\n"):
        (tmp_path / "a.csv").write_text("x,y\n" + 5 * values)
        keys.add(key_of(recipe, Shelf().dataset(recipe)))
    assert len(keys) == 3


def test_a_damaged_file_is_named(tmp_path):
    through(Runner(members(BASE), out=tmp_path))
    (path,) = (tmp_path / "members").iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RunError, match=f"{path} is damaged"):
        through(Runner(members(BASE), out=tmp_path))


def test_an_arm_that_cannot_be_trained_is_named_before_anything_is():
    impossible = Member(arm="huge", number=0, recipe=BASE.edit("batch_size", 10_000))
    runner = Runner([*members(BASE), impossible])
    with pytest.raises(RecipeError, match=r"^arm 'huge': batch_size must be at most"):
        runner.check()
    assert runner.trained == 0


def test_a_recipe_that_only_its_process_can_refuse_ends_the_study_in_one_line():
    own = BASE.edit("model", {"name": "own", "function": "nowhere:net"})
    with pytest.raises(UnstuckError, match=r"^arm '0': nowhere:net must name a module") as caught:
        through(Runner(members(own)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("workers", [0, -1])
def test_there_must_be_a_worker(workers):
    with pytest.raises(RecipeError, match="workers must be 1 or more"):
        Runner(members(BASE), workers=workers)


def test_stopping_to_watch_stops_the_training():
    before = threading.active_count()
    runner = Runner(members(*(BASE.edit("epochs", 100_000).edit("seed", seed) for seed in range(4))), workers=2)
    for update in runner:
        assert update.key is None
        break
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before
    assert runner.runs == {}


def test_progress_counts_up_to_all_steps():
    runner = Runner(members(BASE.edit("epochs", 50)))
    updates = list(runner)
    done = [update.done for update in updates]
    assert done == sorted(done)
    assert updates[-1] == Update(runner.members[0], updates[-1].steps, updates[-1].steps, updates[-1].key)
    assert done[-1] == 50 * 4  # 129 rows in batches of 32 (wine: 178, of which 36 test and 14 validation rows)


# what crashes


def own_model(tmp_path, monkeypatch, body):
    """A recipe with a model of the user's own, whose function does something first."""
    (tmp_path / "mine.py").write_text(
        "import os, signal\nfrom pathlib import Path\nfrom torch import nn\n\n\n"
        f"def net(shape, outputs):\n{body}\n    return nn.Linear(shape[0], outputs)\n"
    )
    monkeypatch.chdir(tmp_path)
    return BASE.edit("model", {"name": "own", "function": "mine:net"})


def test_a_training_whose_process_is_killed_is_begun_again(tmp_path, monkeypatch):
    once = (
        "    lives = Path('lives')\n"
        "    before = len(lives.read_text()) if lives.exists() else 0\n"
        "    lives.write_text('x' * (before + 1))\n"
        "    if before < 2:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)"
    )
    own = own_model(tmp_path, monkeypatch, once)
    runner = Runner(members(own, BASE), out=tmp_path / "out", workers=2)
    through(runner)
    assert len((tmp_path / "lives").read_text()) >= 3
    assert runner.runs[runner.members[0]].scores["test"]["accuracy"] > 0


def test_a_process_that_is_started_after_the_end_of_its_study_ends_at_once(tmp_path):
    process, told = Process(Store(tmp_path)), []

    def tell(done, steps):
        told.append((done, steps))
        raise KeyboardInterrupt

    process.kill()
    with pytest.raises(KeyboardInterrupt):
        process.settle(BASE.edit("engine", "torch"), tell)
    process.close()
    assert told == [(0, 0)]  # by its end, and not by its first steps
    assert not [*tmp_path.iterdir()]


def test_a_training_that_always_crashes_is_named_and_the_others_are_kept(tmp_path, monkeypatch):
    own = own_model(tmp_path, monkeypatch, "    print('out of luck', flush=True)\n    os._exit(3)")
    runner = Runner(members(BASE, own), out=tmp_path / "out", workers=1)
    with pytest.raises(RunError, match=r"^arm '1': its process ended 3 times: out of luck$"):
        through(runner)
    assert len(list((tmp_path / "out" / "members").iterdir())) == 1


def test_a_process_ends_when_its_study_is_killed(tmp_path):
    script = (
        "from unstuck.recipe.spec import Recipe\n"
        "from unstuck.study.member import Member\n"
        "from unstuck.study.runner import Runner\n"
        "recipe = Recipe(data='wine', epochs=10**6, engine='torch')\n"
        "for update in Runner([Member(arm='a', number=0, recipe=recipe)]):\n"
        "    print(update.done, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        parent.stdout.readline()
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        if not children.exists():
            parent.kill()
            pytest.skip("this system does not tell a process's children")
        threads = Path(f"/proc/{parent.pid}/task").iterdir()
        (child,) = {int(pid) for thread in threads for pid in (thread / "children").read_text().split()}
        parent.kill()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    gone = not Path(f"/proc/{child}").exists()
    if not gone:
        os.kill(child, signal.SIGKILL)
    assert gone


def test_a_study_killed_at_twenty_random_moments_ends_as_if_it_never_was(tmp_path):
    done = subprocess.run([sys.executable, KILLED, tmp_path, "20"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["killed"] > 0
    assert said["equal"]
    assert len(said["trained"]) == len(set(said["trained"]))  # none was trained twice
    assert said["kept"] == sorted(said["again"])
    assert len(said["kept"]) == 9  # three arms that differ, on three seeds
