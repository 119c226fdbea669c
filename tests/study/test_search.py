"""Searches: that they find, repeat, go on, stop what is hopeless, and look at no test row."""

import importlib.util
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from searching import RECIPE, search

from unstuck.data import load_for
from unstuck.errors import DataError, ExtraError, RecipeError, RunError
from unstuck.study import proposals
from unstuck.study import search as module
from unstuck.study.search import Search
from unstuck.study.space import flag
from unstuck.study.trial import Outcome, Trial
from unstuck.training.task import task_of_recipe
from unstuck.training.training import Training


def alike(trials: list[Trial]) -> list[Trial]:
    """All but how long each took."""
    return [replace(trial, seconds=0.0) for trial in trials]


@pytest.fixture(scope="module")
def undisturbed() -> Search:
    whole = search()
    list(whole)
    return whole


def test_a_search_finds_a_better_rate_than_a_hopeless_one(undisturbed):
    base = Training(task_of_recipe(RECIPE))
    for _ in base:
        pass
    best = undisturbed.best
    assert best.score > base.record["validation_accuracy"].max()
    assert best.values["optimizer.lr"] > 100 * RECIPE.optimizer.lr
    assert best.score == max(trial.score for trial in undisturbed.finished)


def test_each_trial_comes_once_when_it_is_over():
    going = search(trials=6)
    said = list(going)
    assert [trial.number for trial in said] == [1, 2, 3, 4, 5, 6]
    assert all(trial.outcome for trial in said)
    assert list(going) == []
    assert going.is_over


def test_epochs_are_followed_one_by_one():
    going = search(trials=1)
    assert [(len(trial.scores), trial.outcome) for trial in going.epochs()] == [
        *((epoch, None) for epoch in range(6)),
        (5, Outcome.FINISHED),
    ]


def test_the_same_seed_makes_the_same_search_and_another_seed_another(undisturbed):
    again, other = search(), search(seed=1)
    list(again), list(other)
    assert alike(again.trials) == alike(undisturbed.trials)
    assert other.trials[0].values != again.trials[0].values


def test_the_best_recipe_trained_again_has_the_score_that_it_was_chosen_for(undisturbed):
    run = undisturbed.scored()
    assert run.scores["validation"]["accuracy"] == undisturbed.best.score
    assert "test" in run.scores


def test_trials_that_fall_behind_are_stopped_before_their_end(undisturbed):
    pruned = [trial for trial in undisturbed.trials if trial.outcome is Outcome.PRUNED]
    assert pruned
    assert all(2 <= trial.epochs < RECIPE.epochs for trial in pruned)
    assert all(trial.epochs == RECIPE.epochs for trial in undisturbed.finished)
    whole = search(prune=False)
    assert all(trial.epochs == RECIPE.epochs for trial in whole if trial.outcome is Outcome.FINISHED)
    assert whole.spent > undisturbed.spent


def test_a_pruned_trial_was_worse_than_the_median_of_those_before_it(undisturbed):
    for trial in undisturbed.trials:
        if trial.outcome is Outcome.PRUNED:
            before = [one for one in undisturbed.trials[: trial.number - 1] if one.outcome is Outcome.FINISHED]
            assert max(trial.scores) < np.median([one.scores[trial.epochs - 1] for one in before])


@pytest.mark.parametrize("prune", [True, False])
def test_a_random_search_beside_it_spends_as_many_epochs(prune):
    first = search(prune=prune)
    list(first)
    second = first.beside()
    list(second)
    assert second.spent == first.spent
    assert {trial.outcome for trial in second.trials} <= {Outcome.FINISHED, Outcome.CUT, Outcome.DIVERGED}
    assert all(trial.outcome is not Outcome.CUT for trial in second.trials[:-1])


def test_both_begin_with_the_same_values_and_train_them_once(undisturbed, monkeypatch):
    begun = []
    monkeypatch.setattr(module, "Training", lambda task: begun.append(task) or Training(task))
    beside = undisturbed.beside()
    list(beside)
    assert [t.values for t in beside.trials[:5]] == [t.values for t in undisturbed.trials[:5]]
    assert len(begun) == len(beside.trials) - 5
    alone = search(sampler="random", prune=False, budget=undisturbed.spent)
    list(alone)
    assert alike(alone.trials) == alike(beside.trials)


def test_no_combination_is_tried_twice_and_the_search_ends_with_the_last():
    few = search(space=dict([flag("batch_size=8..10"), flag("model.hidden=[4],[8]")]), trials=50)
    list(few)
    tried = [tuple(map(str, trial.values.values())) for trial in few.trials]
    assert few.tried_all
    assert len(set(tried)) == len(tried) == 6


def test_values_that_are_drawn_again_all_the_same_cost_nothing(monkeypatch):
    monkeypatch.setattr(proposals, "_RANDOM_DRAWS", 1)
    few = search(space=dict([flag("batch_size=8,16,24")]), trials=8)
    list(few)
    assert few.spent <= 3 * RECIPE.epochs
    for size in (8, 16, 24):
        alike = [trial for trial in few.trials if trial.values == {"batch_size": size}]
        assert len({trial.score for trial in alike}) <= 1
        assert all(trial.epochs == 0 for trial in alike[1:])


# what trials see


class Poison:
    """Rows that must not be touched."""

    def __getattribute__(self, name):
        raise AssertionError(f"somebody looked at the test rows' {name}")


def test_no_trial_looks_at_test_rows(monkeypatch):
    monkeypatch.setattr(module, "load_for", lambda recipe: replace(load_for(recipe), test=Poison()))
    list(search(trials=7))


def test_data_that_several_trials_share_are_loaded_once(monkeypatch):
    loaded = []
    monkeypatch.setattr(module, "load_for", lambda recipe: loaded.append(recipe.data) or load_for(recipe))
    list(search(trials=6, space=dict([flag("data.rows=50,80"), flag("optimizer.lr=0.01..1")])))
    assert sorted(data.rows or 0 for data in loaded) == [0, 50, 80]


# going on


def test_a_search_that_goes_on_does_what_it_would_have_done(undisturbed, tmp_path):
    for trial in search(tmp_path):
        if trial.number == 3:
            break
    assert len(search(tmp_path).trials) == 3
    again = search(tmp_path)
    assert [trial.number for trial in again] == list(range(4, 13))
    assert alike(again.trials) == alike(undisturbed.trials) == alike(search(tmp_path).trials)


def test_a_trial_left_in_the_middle_is_proposed_again(undisturbed, tmp_path):
    for trial in search(tmp_path).epochs():
        if trial.number == 8 and len(trial.scores) == 1:
            break
    again = search(tmp_path)
    assert len(again.trials) == 7
    list(again)
    assert alike(again.trials) == alike(undisturbed.trials)


def test_in_memory_too_a_search_goes_on_after_a_break(undisturbed):
    going = search()
    for trial in going.epochs():
        if trial.number == 7 and len(trial.scores) == 1:
            break
    list(going)
    assert alike(going.trials) == alike(undisturbed.trials)


def test_a_killed_search_goes_on_with_the_trials_that_are_missing(undisturbed, tmp_path):
    program = str(Path(__file__).with_name("searching.py"))
    with subprocess.Popen([sys.executable, program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        while child.stdout.readline() != "3\n":
            pass
        os.kill(child.pid, signal.SIGKILL)
    again = search(tmp_path)
    assert 3 <= len(again.trials) < 12
    list(again)
    assert alike(again.trials) == alike(undisturbed.trials)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.5, 0.77, 0.999])
def test_a_journal_that_was_cut_short_anywhere_loses_its_last_line_alone(undisturbed, tmp_path, share):
    list(search(tmp_path))
    journal = tmp_path / "journal.log"
    content = journal.read_bytes()
    journal.write_bytes(content[: int(share * len(content))])
    again = search(tmp_path)
    assert len(again.trials) == max(content[: int(share * len(content))].count(b"\n") - 1, 0)
    list(again)
    assert alike(again.trials) == alike(undisturbed.trials)


def test_more_trials_may_be_asked_for_later(undisturbed, tmp_path):
    list(search(tmp_path, trials=5))
    list(search(tmp_path))
    assert alike(search(tmp_path).trials) == alike(undisturbed.trials)


def test_both_searches_go_on_from_one_folder(tmp_path):
    first = search(tmp_path)
    list(first)
    for trial in first.beside():
        if trial.number == 7:
            break
    again = search(tmp_path)
    beside = again.beside()
    assert (len(again.trials), len(beside.trials)) == (12, 7)
    list(beside)
    assert beside.spent == first.spent


def test_ctrl_c_ends_it_and_the_trial_is_repeated(undisturbed, tmp_path):
    going = search(tmp_path)
    for trial in going.epochs():
        if trial.number == 4 and len(trial.scores) == 2:
            os.kill(os.getpid(), signal.SIGINT)
    assert going.is_interrupted
    assert len(going.trials) == 3
    again = search(tmp_path)
    list(again)
    assert alike(again.trials) == alike(undisturbed.trials)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recipe": RECIPE.edit("epochs", 6)}, "is a search with another recipe"),
        ({"space": dict([flag("epochs=2..8")])}, "is a search with another space"),
        ({"seed": 5}, "is a search with another seed"),
    ],
)
def test_another_search_in_the_same_folder_is_refused(tmp_path, changes, said):
    list(search(tmp_path, trials=1))
    with pytest.raises(RunError, match=said):
        search(tmp_path, **changes)


def test_other_data_under_the_same_name_are_refused(tmp_path, monkeypatch):
    search(tmp_path)
    monkeypatch.setattr(module, "load_for", lambda recipe: replace(load_for(recipe), fingerprint="other"))
    with pytest.raises(RunError, match="is a search with another data"):
        search(tmp_path)


def test_a_folder_of_something_else_is_in_the_way(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match="is no search"):
        search(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_one_process_searches_in_a_folder_at_a_time(tmp_path):
    going = search(tmp_path).epochs()
    next(going)
    with pytest.raises(RunError, match="by another process"):
        search(tmp_path)
    going.close()


@pytest.mark.parametrize("name", ["search.json", "journal.log"])
def test_a_damaged_file_is_named(tmp_path, name):
    list(search(tmp_path, trials=2))
    (tmp_path / name).write_text("{\n[\n")
    with pytest.raises(RunError, match=f"{name} is damaged"):
        search(tmp_path)


# what goes wrong in a trial


def test_a_trial_that_diverges_counts_as_the_worst():
    wild = search(space=dict([flag("optimizer.lr=0.1,1e30")]), trials=6)
    outcomes = {trial.values["optimizer.lr"]: trial for trial in wild}
    assert outcomes[1e30].outcome is Outcome.DIVERGED
    assert outcomes[1e30].score is None
    assert wild.best.values == {"optimizer.lr": 0.1}


def test_where_every_trial_diverges_there_is_no_best():
    wild = search(space=dict([flag("optimizer.lr=1e30..1e31")]), trials=2)
    list(wild)
    assert wild.best is None
    with pytest.raises(RunError, match="no trial was trained to its end"):
        wild.best_recipe()


def test_a_combination_that_is_not_possible_is_a_trial_with_its_reason():
    recipe = RECIPE.edit("model.normalization", "batch")
    mixed = search(recipe=recipe, space=dict([flag("batch_size=1,16")]), trials=6)
    list(mixed)
    refused = [trial for trial in mixed.trials if trial.outcome is Outcome.NOT_POSSIBLE]
    assert {trial.values["batch_size"] for trial in refused} == {1}
    assert all("batch_size must be another where a batch is normalized" in trial.reason for trial in refused)
    assert mixed.best.values == {"batch_size": 16}


def test_a_network_that_memory_is_too_small_for_is_not_possible():
    mixed = search(space=dict([flag("model.hidden=[4],[4000000000]")]))
    reasons = {trial.values["model.hidden"][0]: trial.reason for trial in mixed}
    assert reasons[4] == ""
    assert "Unable to allocate" in reasons[4000000000]


@pytest.mark.parametrize("budget", [None, 5])
def test_where_no_combination_is_possible_the_search_says_so(budget):
    recipe = RECIPE.edit("model.normalization", "batch")
    with pytest.raises(RecipeError, match="must have a combination that can be trained.*has no variance"):
        list(search(recipe=recipe, space=dict([flag("batch_size=1,107")]), trials=3, budget=budget))


def test_numbers_are_predicted_too_and_what_is_far_below_the_mean_counts_alike():
    recipe = RECIPE.edit("data.name", "diabetes")
    numbers = search(recipe=recipe, space=dict([flag("optimizer.lr=1e-4..100:log")]), trials=8)
    list(numbers)
    assert numbers.score.name == "r2"
    assert numbers.best.score > 0.2


# misuse


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trials": 0}, "trials must be 1 or more, got 0"),
        ({"seed": -1}, "seed must be 0 or more, got -1"),
        ({"sampler": "grid"}, "sampler must be a known word, got 'grid'"),
        ({"space": {}}, "the space must have a key that varies"),
        ({"space": dict([flag("optimizer.rate=1..2")])}, "optimizer.rate must name a field"),
        ({"space": dict([flag("seed=1..5")])}, "seed must stay as it is"),
        ({"space": dict([flag("data.seed=1..5")])}, "Scores on other rows cannot be compared."),
        ({"space": dict([flag("data.fold.number=0..4")])}, "Scores on other rows cannot be compared."),
        ({"space": dict([flag("data=iris,wine")])}, "Scores on other rows cannot be compared."),
        ({"recipe": RECIPE.edit("data.validation", 0.0)}, "data.validation must be above 0, got 0.0"),
    ],
)
def test_misuse_is_said_before_anything_is_trained(changes, said):
    with pytest.raises(RecipeError) as caught:
        search(**changes)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_networks_that_are_scored_differently_are_not_compared():
    mixed = search(space=dict([flag("model.name=mlp,autoencoder")]), trials=6)
    list(mixed)
    assert "must be one that is scored by accuracy" in next(t.reason for t in mixed.trials if t.reason)


def test_data_that_cannot_be_loaded_are_an_error_of_the_search_itself():
    with pytest.raises((RecipeError, DataError)):
        search(recipe=RECIPE.edit("data.path", "nowhere.csv"))


def test_without_optuna_the_extra_is_named(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "optuna" else find(name))
    with pytest.raises(ExtraError, match=r"Type: pip install 'unstuck\[search\]'"):
        search()


def test_without_a_space_rate_and_batch_size_are_varied():
    usual = Search(RECIPE, trials=1)
    assert set(usual.space) == {"optimizer.lr", "batch_size"}
    assert (usual.space["optimizer.lr"].low, usual.space["optimizer.lr"].high) == pytest.approx((1e-7, 1e-4))
    assert usual.space["batch_size"] == (8, 16, 32, 64)
    large = Search(RECIPE.edit("batch_size", 100), trials=1)
    assert large.space["batch_size"] == (50, 100, len(load_for(RECIPE).train))
    list(usual)
    assert usual.best is not None
