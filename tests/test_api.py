"""The functions that a user calls in Python, and the verbs' own."""

import numpy as np
import pytest

import unstuck
from unstuck import api
from unstuck.engine import StopReason
from unstuck.errors import DataError, ProgramError, RecipeError
from unstuck.recipe.data import Fold
from unstuck.recipe.edit import Edit

IRIS = {"data": "iris", "epochs": 5, "batch_size": 16}


@pytest.fixture(scope="module")
def run():
    return unstuck.train(unstuck.Recipe(**IRIS))


def table(path, rows, columns="a,b,price"):
    path.write_text(columns + "\n" + "\n".join(",".join(map(str, row)) for row in rows))
    return str(path)


@pytest.fixture
def linear(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 2))
    return table(tmp_path / "t.csv", [(a, b, 3 * a - b) for a, b in x])


def test_the_public_names_are_those_that_are_promised():
    for name in unstuck.__all__:
        assert getattr(unstuck, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = unstuck.trian


def test_scores_are_the_same_when_measured_again(run):
    again = api.evaluate(run)
    for split, scores in run.scores.items():
        assert again[split] == pytest.approx(scores, rel=1e-5)


def test_other_data_are_not_split_and_are_scaled_as_the_training_data(linear, tmp_path):
    recipe = unstuck.Recipe(data={"path": linear, "target": "price"}, epochs=60)
    run = unstuck.train(recipe)
    same = table(tmp_path / "same.csv", [(a, b, 3 * a - b) for a, b in [(0.1, 0.2), (1.0, -1.0), (-1.0, 0.3)]])
    scores = api.evaluate(run, [Edit("data.path", same)])
    assert list(scores) == ["all"]
    assert scores["all"]["r2"] > 0.9


@pytest.fixture
def patients(tmp_path):
    """50 patients of 2 rows each, who tell nothing but which rows belong together."""
    x = np.random.default_rng(0).normal(size=(100, 2))
    return table(tmp_path / "p.csv", [(a, b, i // 2, 3 * a - b) for i, (a, b) in enumerate(x)], "a,b,who,price")


FOLDED = {"group": "who", "fold": {"folds": 5, "number": 2}, "bootstrap": 1}


def test_a_run_of_a_fold_is_scored_again_on_its_fold_and_on_other_data_whole(patients, tmp_path):
    data = {"path": patients, "target": "price", **FOLDED}
    run = unstuck.train(unstuck.Recipe(data=data, epochs=20), out=tmp_path / "run")
    again = unstuck.load(tmp_path / "run")
    assert again.recipe.data.fold == Fold(folds=5, number=2)
    for split, scores in api.evaluate(again).items():
        assert scores == pytest.approx(run.scores[split], rel=1e-5)
    (whole,) = api.evaluate(again, [Edit("data.path", patients)]).values()
    rows = np.loadtxt(patients, delimiter=",", skiprows=1)
    x, y = rows[:, :2], rows[:, 3]
    error = np.square(again.predict(x).ravel() - y).sum()
    assert whole["r2"] == pytest.approx(1 - error / np.square(y - y.mean()).sum(), abs=1e-5)


def test_a_run_of_a_fold_resumes_to_the_same_bits(patients, tmp_path):
    recipe = unstuck.Recipe(data={"path": patients, "target": "price", **FOLDED}, epochs=4)
    whole = unstuck.train(recipe, out=tmp_path / "whole")
    next(iter(api.begin(recipe, out=tmp_path / "cut", stem="")))
    training = api.resume(tmp_path / "cut")
    for _ in training:
        pass
    cut = api.finish(training)
    assert cut.facts.fingerprint == whole.facts.fingerprint
    for name, value in whole.weights.items():
        np.testing.assert_array_equal(cut.weights[name], value)


@pytest.mark.parametrize("columns", ["b,a,price", "a,c,price"])
def test_other_columns_are_refused_not_matched_by_place(linear, tmp_path, columns):
    run = unstuck.train(unstuck.Recipe(data={"path": linear, "target": "price"}, epochs=2))
    other = table(tmp_path / "o.csv", [(1.0, 2.0, 3.0)] * 5 + [(2.0, 1.0, 5.0)] * 5, columns)
    with pytest.raises(DataError, match="must have the run's inputs"):
        api.evaluate(run, [Edit("data.path", other)])


def test_data_that_changed_are_not_passed_off_as_the_runs(linear):
    run = unstuck.train(unstuck.Recipe(data={"path": linear, "target": "price"}, epochs=2))
    with open(linear, "a") as file:
        file.write("\n9.0,9.0,9.0")
    with pytest.raises(DataError, match="has changed since the run"):
        api.evaluate(run)


@pytest.mark.parametrize("edit", [Edit("optimizer.lr", 3.0), Edit("data.seed", 5), Edit("data.test", 0.5)])
def test_evaluation_takes_no_other_settings_than_where_data_are(run, edit):
    with pytest.raises(RecipeError, match="must say where other data are"):
        api.evaluate(run, [edit])


def test_a_divergence_in_the_very_last_step_is_seen():
    sgd = {"name": "sgd", "lr": 1e38}
    run = unstuck.train(unstuck.Recipe(data="iris", epochs=1, batch_size=108, optimizer=sgd, schedule="constant"))
    assert run.stop.reason is StopReason.NOT_FINITE
    assert (run.stop.epoch, run.stop.step) == (0, 0)


def test_more_epochs_than_memory_could_hold_cost_nothing_before_they_are_run():
    training = api.Training(api.task_of_recipe(unstuck.Recipe(data="iris", epochs=10**8)))
    next(iter(training))


def test_few_rows_make_a_small_batch_where_none_was_asked_for(tmp_path):
    path = table(tmp_path / "t.csv", [(float(i), float(-i), 2.0 * i + 0.5) for i in range(10)])
    run = unstuck.train(unstuck.Recipe(data={"path": path, "target": "price"}, epochs=2))
    assert run.recipe.batch_size == run.facts.rows["train"] < 32


def test_a_recipe_that_cannot_be_is_one_line_in_python_too():
    with pytest.raises(RecipeError, match=r"epoch must name a field, got 'epoch'. Did you mean epochs\?"):
        unstuck.Recipe(data="iris", epoch=3)
    with pytest.raises(RecipeError, match="data must be given"):
        unstuck.Recipe()


def test_what_is_trained_must_be_a_recipe_or_a_program():
    with pytest.raises(ProgramError, match="must be a Recipe or a Program, got str"):
        unstuck.train("mnist")


def test_device_and_threads_count_for_recipes_too():
    run = unstuck.train(unstuck.Recipe(**IRIS, engine="torch"), device="cpu", threads=2)
    assert (run.recipe.device, run.recipe.threads) == ("cpu", 2)
    with pytest.raises(RecipeError, match="torch or auto where the device is cuda"):
        unstuck.train(unstuck.Recipe(**IRIS, engine="dense"), device="cuda")


def test_inputs_that_are_no_numbers_get_no_answer(run):
    for x in (np.full((2, 4), np.nan), np.full((2, 4), "a"), np.zeros((2, 3))):
        with pytest.raises(DataError):
            run.predict(x)
    assert run.predict(np.zeros((0, 4))).shape == (0,)


def test_an_autoencoder_is_scored_by_the_variance_that_comes_back_and_draws_its_copies(tmp_path):
    recipe = unstuck.Recipe(data="digits", model={"name": "autoencoder", "hidden": [32, 8]}, epochs=20)
    run = unstuck.train(recipe, out=tmp_path / "run")
    again = unstuck.load(tmp_path / "run")
    said, truth = again.test.outputs, again.test.targets
    left, total = ((truth - said) ** 2).sum(), ((truth - truth.mean(axis=0)) ** 2).sum()
    assert run.scores["test"]["r2"] == pytest.approx(1 - left / total, abs=1e-6)
    assert run.scores["test"]["r2"] > 0.5
    assert api.evaluate(again)["test"]["r2"] == pytest.approx(run.scores["test"]["r2"], abs=1e-6)
    assert again.predict(np.zeros((3, 8, 8))).shape == (3, 64)


@pytest.mark.parametrize("rule", [{"stopping": {"patience": 3}}, {"schedule": "plateau"}])
def test_a_run_that_looked_at_validation_rows_is_scored_on_other_data(rule):
    run = unstuck.train(unstuck.Recipe(data="digits", epochs=1, **rule))
    assert api.evaluate(run, [Edit("data", "digits")])["all"]["accuracy"] > 0
