"""From what was trained to what may be said."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from unstuck.engine import StopReason
from unstuck.errors import RecipeError
from unstuck.recipe.spec import Recipe
from unstuck.study.compare import concluded, score_of
from unstuck.study.design import Study
from unstuck.study.judgement import Judgement
from unstuck.study.runner import Runner
from unstuck.study.statistics import corrected_interval, t_interval

WINE = Recipe(data="wine", epochs=5)
BAD = {"bad": {"optimizer.lr": 1e-7}, "same": {"batch_size": 32}}


@cache
def done(**fields):
    study = Study(recipe=WINE, **{"arms": BAD, "seeds": 5, **fields})
    recipes = study.recipes()
    runner = Runner(study.members(recipes), workers=2)
    for _ in runner:
        pass
    return concluded(study, recipes, runner), runner


def test_scores_are_those_of_the_runs_seed_by_seed():
    found, runner = done()
    for arm in found.everyone:
        runs = [runner.runs[member] for member in runner.members if member.arm == arm.name]
        assert [run.recipe.seed for run in runs] == [0, 1, 2, 3, 4]
        np.testing.assert_array_equal(arm.scores, [run.scores["test"]["accuracy"] for run in runs])


def test_a_difference_is_paired_by_seed():
    found, _ = done()
    bad = found.arms["bad"]
    assert bad.difference == t_interval(bad.scores - found.base.scores)
    assert bad.difference.high < 0
    assert bad.judged.judgement is Judgement.WORSE


def test_an_arm_that_changes_nothing_makes_no_difference():
    same = done()[0].arms["same"]
    assert same.judged.is_none
    assert same.judged.judgement is Judgement.UNDECIDED
    assert done()[0].trained == 10  # and takes no training of its own


def test_the_base_differs_from_itself_by_nothing():
    base = done()[0].base
    assert tuple(base.difference) == (0, 0, 0)
    assert base.judged is None


def test_seeds_begin_at_the_recipes():
    study = Study(recipe=WINE.edit("seed", 7), arms=BAD, seeds=3)
    assert sorted({member.recipe.seed for member in study.members(study.recipes())}) == [7, 8, 9]


def test_a_seed_draws_the_rows_where_that_is_asked_for():
    study = Study(recipe=WINE, arms=BAD, seeds=3, redraw=True)
    assert [member.recipe.data.seed for member in study.members({"base": WINE})] == [0, 1, 2]


def test_pairs_share_initial_weights_and_order():
    study = Study(recipe=WINE, arms={"rate": {"optimizer.lr": 0.5}}, seeds=2)
    runner = Runner(study.members(study.recipes()))
    for _ in runner:
        pass
    first = {member: run.record["step_loss"][0] for member, run in runner.runs.items()}
    for number in range(2):  # before the first step moves them apart
        assert len({first[member] for member in runner.members if member.number == number}) == 1
    assert len(set(first.values())) == 2


def test_folds_are_judged_by_the_corrected_test():
    found, _ = done(folds=4, seeds=10)
    bad = found.arms["bad"]
    assert len(bad.scores) == 4
    assert bad.judged.test == "corrected t"
    wider = corrected_interval(bad.scores - found.base.scores, test_share=1 / 3)
    np.testing.assert_allclose(bad.difference, wider, rtol=0.01)  # 178 rows are not quite four equal folds


def test_a_study_says_how_it_is_judged():
    assert {done(method=method)[0].arms["bad"].judged.test for method in ("t", "bootstrap")} == {"t", "sign flips"}


def test_one_seed_decides_nothing():
    for arm in done(seeds=1)[0].arms.values():
        assert arm.judged.judgement is Judgement.UNDECIDED


def test_without_test_rows_validation_rows_are_compared():
    recipe = WINE.edit("data.test", 0.0)
    study = Study(recipe=recipe, arms=BAD, seeds=2)
    runner = Runner(study.members(study.recipes()))
    for _ in runner:
        pass
    assert concluded(study, study.recipes(), runner).split == "validation"


def test_without_rows_held_out_there_is_nothing_to_compare_by():
    recipe = Recipe(data={"name": "wine", "test": 0.0, "validation": 0.0}, epochs=1)
    study = Study(recipe=recipe, arms=BAD, seeds=1)
    with pytest.raises(RecipeError, match="arm 'base': the data must have rows held out to judge by, got 'none'"):
        Runner(study.members(study.recipes())).check()


def test_runs_that_diverged_below_a_constant_have_no_score_and_are_lost():
    base = Recipe(data="diabetes", epochs=2)
    study = Study(recipe=base, arms={"far": {"optimizer": {"name": "sgd", "lr": 1e9}}}, seeds=6)
    runner = Runner(study.members(study.recipes()), workers=2)
    for _ in runner:
        pass
    far = concluded(study, study.recipes(), runner).arms["far"]
    assert far.diverged == 6
    assert {float(score) for score in far.scores} == {-np.inf}
    assert far.judged.test == "sign test"
    assert far.judged.judgement is Judgement.WORSE


def test_a_run_that_diverged_after_its_best_epoch_keeps_the_score_of_that():
    found, _ = done()
    run = found.base.runs[0]
    late = replace(run, stop=run.stop._replace(reason=StopReason.NOT_FINITE))
    assert score_of(late, "test", "accuracy") == run.scores["test"]["accuracy"]
