"""scikit-learn's own checks of the two estimators, and what its users do with them."""

import pickle
import warnings

import numpy as np
import polars
import pytest
import torch
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

import unstuck
from unstuck.errors import RecipeError
from unstuck.training.training import Training

IRIS = load_iris(return_X_y=True)


@parametrize_with_checks([unstuck.UnstuckClassifier(), unstuck.UnstuckRegressor()])
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)


def small(**params):
    return unstuck.UnstuckClassifier(epochs=30, random_state=0, **params)


class Shallow(nn.Module):
    """A user's own module, which asks for shape and outputs."""

    def __init__(self, shape, outputs):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), outputs))

    def forward(self, x):
        return self.layers(x)


def test_a_search_reaches_any_key_of_the_recipe_through_a_pipeline():
    grid = {
        "unstuckclassifier__model__hidden": [(), (16, 8)],
        "unstuckclassifier__optimizer": ["sgd", "adam"],
        "unstuckclassifier__optimizer__lr": np.array([0.001, 0.01]),
    }
    search = GridSearchCV(make_pipeline(StandardScaler(), small()), grid, cv=3).fit(*IRIS)
    assert search.best_score_ > 0.9
    recipe = search.best_estimator_[-1].run_.recipe
    assert recipe.optimizer.name == search.best_params_["unstuckclassifier__optimizer"]
    assert recipe.optimizer.lr == search.best_params_["unstuckclassifier__optimizer__lr"]
    assert recipe.model.hidden == search.best_params_["unstuckclassifier__model__hidden"]


def test_a_key_of_the_recipe_is_a_parameter_with_its_dots_as_underscores():
    one = small(recipe={"model.hidden": [64], "optimizer.lr": 0.01})
    other = small().set_params(model__hidden=[64], optimizer__lr=0.01)
    assert one.get_params()["model__hidden"] == [64]
    assert clone(other).get_params() == one.get_params()
    with pytest.raises(RecipeError, match="modle__hidden must begin with a recipe's part, got 'modle'"):
        small().set_params(modle__hidden=1)


def test_what_a_clone_is_set_to_does_not_reach_the_one_it_is_of():
    one = small(recipe={"model.hidden": [64]})
    clone(one).set_params(model__hidden=[3])
    assert one.recipe == {"model.hidden": [64]}


def test_a_recipe_that_cannot_be_is_one_line_at_fit_and_not_before():
    with pytest.raises(RecipeError, match="model.hiden must name a field"):
        small(recipe={"model.hiden": 3}).fit(*IRIS)
    with pytest.raises(RecipeError, match="targets are its inputs"):
        small(model="autoencoder").fit(*IRIS)


@pytest.mark.parametrize("loss", ["auto", "bce"])
def test_probabilities_are_such_and_lead_to_the_class(loss):
    fitted = small(loss=loss).fit(IRIS[0], load_iris().target_names[IRIS[1]])
    said = fitted.predict_proba(IRIS[0])
    np.testing.assert_allclose(said.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(fitted.classes_[said.argmax(axis=1)], fitted.predict(IRIS[0]))


def test_outputs_that_are_no_probabilities_are_not_called_so():
    assert not hasattr(small(loss="mse"), "predict_proba")
    assert hasattr(small(loss="mse", recipe={"model.output": "sigmoid"}), "predict_proba")
    assert small(loss="mse").fit(*IRIS).score(*IRIS) > 0.8


@pytest.mark.parametrize("module", [Shallow, nn.Sequential(nn.Flatten(), nn.Linear(4, 3))])
def test_a_module_of_ones_own_is_trained_as_a_copy_and_pickled_with_it(module):
    before = None if isinstance(module, type) else module[1].weight.clone()
    fitted = small(module=module, optimizer={"name": "adam", "lr": 0.05}).fit(*IRIS)
    assert fitted.score(*IRIS) > 0.9
    assert fitted.run_.recipe.engine == "torch"
    if before is not None:
        torch.testing.assert_close(module[1].weight, before)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(IRIS[0]), fitted.predict_proba(IRIS[0]))
    torch.manual_seed(5)
    np.testing.assert_array_equal(clone(fitted).fit(*IRIS).predict_proba(IRIS[0]), fitted.predict_proba(IRIS[0]))


def test_columns_are_pictures_where_the_shape_says_so():
    x, y = load_digits(return_X_y=True)
    flat = unstuck.UnstuckClassifier(
        model="resnet", shape=(8, 8), epochs=2, random_state=0, recipe={"model.depth": 8, "model.width": 4}
    )
    fitted = flat.fit(x[:300], y[:300])
    square = clone(flat).set_params(shape=None).fit(x[:300].reshape(-1, 8, 8), y[:300])
    np.testing.assert_array_equal(square.predict(x[300:].reshape(-1, 8, 8)), fitted.predict(x[300:]))
    assert fitted.run_.recipe.model.depth == 8


def test_bytes_are_scaled_as_bytes():
    x, y = load_digits(return_X_y=True)
    fitted = small().fit((x * 15).astype(np.uint8), y)
    assert fitted.run_.recipe.data.scaling == "unit"
    assert fitted.score((x * 15).astype(np.uint8), y) > 0.95


def test_all_rows_are_trained_on_unless_some_are_asked_for():
    assert small().fit(*IRIS).run_.facts.rows == {"train": 150}
    held = unstuck.UnstuckClassifier(validation=0.2, patience=2, epochs=500, random_state=0).fit(*IRIS)
    assert held.run_.facts.rows == {"train": 120, "validation": 30}
    assert held.run_.kept == "best"


def test_several_columns_of_numbers_come_back_in_their_unit():
    x, y = load_diabetes(return_X_y=True)
    both = np.column_stack([y, 1000 - 3 * y])
    fitted = unstuck.UnstuckRegressor(epochs=20, random_state=0).fit(x, both)
    said = fitted.predict(x)
    assert said.shape == both.shape
    assert fitted.score(x, both) > 0.45
    assert cross_val_score(unstuck.UnstuckRegressor(epochs=20, random_state=0), x, y, cv=3).mean() > 0.4


def test_columns_of_a_table_are_known_by_name():
    table = polars.DataFrame(IRIS[0], schema=["a", "b", "c", "d"])
    fitted = small().fit(table, IRIS[1])
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="same order"):
        fitted.predict(table.select("b", "a", "c", "d"))


def test_the_disk_is_not_touched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small().fit(*IRIS).predict(IRIS[0])
    assert not list(tmp_path.iterdir())


def test_a_divergence_is_a_warning_as_scikit_learn_has_it():
    with pytest.warns(ConvergenceWarning, match=r"not finite in epoch 1.*lower learning rate"):
        small(optimizer="sgd", recipe={"optimizer.lr": 1e30}).fit(*IRIS)


def test_ctrl_c_ends_a_search_not_only_one_of_its_fits(monkeypatch):
    iterate = Training.__iter__

    def cut(training):
        for stretch in iterate(training):
            import signal

            signal.raise_signal(signal.SIGINT)
            yield stretch

    monkeypatch.setattr(Training, "__iter__", cut)
    with pytest.raises(KeyboardInterrupt):
        small().fit(*IRIS)


# scikit-learn's own cross-validation and ensembles


def test_scikit_learn_cross_validates_them_by_groups_too():
    x, y = IRIS
    groups = np.arange(150) // 5
    scores = cross_val_score(small(), x, y, groups=groups, cv=GroupKFold(5, shuffle=True, random_state=0))
    assert scores.mean() > 0.9
    said = cross_val_predict(small(), x, y, cv=5, method="predict_proba")
    assert said.shape == (150, 3)
    assert (said.argmax(axis=1) == y).mean() > 0.9
    numbers = cross_val_predict(
        unstuck.UnstuckRegressor(epochs=20, random_state=0), *load_diabetes(return_X_y=True), cv=3
    )
    assert numbers.shape == (442,)


def test_scikit_learn_bags_them_out_of_bag_score_included():
    bag = BaggingClassifier(small(), n_estimators=5, oob_score=True, random_state=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Some inputs do not have OOB scores")  # five members leave some out
        warnings.filterwarnings("ignore", "invalid value encountered in divide")
        bag.fit(*IRIS)
    assert bag.oob_score_ > 0.85
    assert len({member.run_.recipe.seed for member in bag.estimators_}) == 5


def test_scikit_learn_lets_them_vote_beside_others():
    for voting in ("soft", "hard"):
        members = [("net", small()), ("line", LogisticRegression(max_iter=500))]
        assert VotingClassifier(members, voting=voting).fit(*IRIS).score(*IRIS) > 0.9


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_scikit_learn_calibrates_them(method):
    calibrated = CalibratedClassifierCV(small(), method=method, cv=3).fit(*IRIS)
    said = calibrated.predict_proba(IRIS[0])
    np.testing.assert_allclose(said.sum(axis=1), 1, atol=1e-6)
    assert calibrated.score(*IRIS) > 0.9
