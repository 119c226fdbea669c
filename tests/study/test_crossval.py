"""Cross-validation: what it says follows from its definition, and no fold is seen by the network it scores."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import r2_score
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import unstuck
from unstuck.data import load, open_source
from unstuck.errors import ProgramError, RecipeError
from unstuck.recipe.edit import Edit, edited
from unstuck.recipe.spec import Recipe
from unstuck.study import crossval as crossvals
from unstuck.study.runner import Runner
from unstuck.study.shelf import Shelf
from unstuck.training.run import conclude
from unstuck.training.task import task_of_recipe
from unstuck.training.training import Training

SMALL = {"epochs": 2, "model": {"hidden": [8]}, "optimizer": {"name": "adam", "lr": 0.02}}


def recipe(name: str = "iris", **fields: object) -> Recipe:
    return Recipe.model_validate({"data": {"name": name}, **SMALL, **fields})


def saved(path, x, y, **fields):
    """A recipe of arrays in a file."""
    data = fields.pop("data", {})
    np.savez(path, x=x, y=y)
    return Recipe.model_validate({"data": {"path": str(path), **data}, **SMALL, **fields})


def chance(rows: int) -> float:
    """How far from one half the accuracy of guesses may lie, by four deviations."""
    return 4 * 0.5 / math.sqrt(rows)


# what it says


def test_every_row_is_answered_for_by_the_network_that_had_it_held_out():
    found = unstuck.crossval(recipe(), folds=5)
    source = open_source(recipe().data)
    assert found.rows.tolist() == list(range(150))
    np.testing.assert_array_equal(found.targets, source.train.y)
    for number, run in enumerate(found.runs):
        held = found.fold_of == number
        np.testing.assert_allclose(found.predictions[held], run.probabilities(source.train.x[held]), atol=1e-6)
        right = found.predictions[held].argmax(axis=1) == found.targets[held]
        assert found.scores[number] == pytest.approx(right.mean())
        assert run.facts.rows["test"] == held.sum() == 30
    assert found.pooled == pytest.approx((found.predictions.argmax(axis=1) == found.targets).mean())


def test_the_interval_is_the_corrected_one_and_says_so():
    found = unstuck.crossval(recipe(), folds=5, repeats=2)
    scores = found.scores
    assert len(scores) == 10
    scale = math.sqrt(scores.var(ddof=1) * (1 / 10 + 1 / 4))  # n_test / n_train = 1 / (k - 1)
    low, high = stats.t.interval(0.95, 9, loc=scores.mean(), scale=scale)
    assert found.interval == pytest.approx((low, scores.mean(), high), rel=0.02)  # a few twins are left out
    assert "corrected t" in found.sentence


def test_numbers_come_back_in_their_unit_by_the_scaling_of_their_own_fold():
    found = unstuck.crossval(recipe("diabetes"), folds=3)
    source = open_source(recipe("diabetes").data)
    np.testing.assert_array_equal(found.targets, source.train.y)
    for number, run in enumerate(found.runs):
        held = found.fold_of == number
        np.testing.assert_allclose(found.predictions[held], run.predict(source.train.x[held]), rtol=1e-4)
        assert found.scores[number] == pytest.approx(
            r2_score(found.targets[held], found.predictions[held]), abs=1e-4
        )
    assert found.pooled == pytest.approx(r2_score(found.targets, found.predictions))
    shifts = {float(run.predictor.targets.shift[0]) for run in found.runs}
    assert len(shifts) == 3


def test_rows_held_out_one_by_one_add_up_to_the_r2_of_all():
    found = unstuck.crossval(recipe("diabetes", data={"name": "diabetes", "rows": 20}), leave_one_out=True)
    assert found.scores.shape == (20,)
    assert found.scores.mean() == pytest.approx(found.pooled)
    assert found.pooled == pytest.approx(r2_score(found.targets, found.predictions))


def test_what_rows_add_to_r2_has_its_mean_where_an_output_does_not_vary():
    generator = np.random.default_rng(0)
    targets = np.stack([generator.normal(size=9), np.full(9, 3.0), np.full(9, 2.0)], axis=1)
    predictions = targets + np.array([0.5, 0.0, 0.1]) * generator.normal(size=(9, 3))
    rows = crossvals._explained(predictions, targets, together=False)
    assert rows.mean() == pytest.approx(r2_score(targets, predictions))


def test_repeats_deal_anew_and_each_row_gets_the_mean_of_its_answers():
    found = unstuck.crossval(recipe(), folds=3, repeats=2)
    once = unstuck.crossval(recipe(), folds=3)
    np.testing.assert_array_equal(found.scores[:3], once.scores)
    assert not np.array_equal(found.scores[3:], once.scores)
    again = 2 * found.predictions - once.predictions
    np.testing.assert_allclose(again.sum(axis=1), 1, atol=1e-5)
    pooled = [(part.argmax(axis=1) == found.targets).mean() for part in (once.predictions, again)]
    assert found.pooled == pytest.approx(np.mean(pooled))


def test_groups_are_held_out_whole(tmp_path):
    generator = np.random.default_rng(0)
    x, groups = generator.normal(size=(60, 3)), np.repeat(np.arange(12), 5)
    np.savez(tmp_path / "x.npz", x=x, y=generator.integers(0, 2, 60), who=groups)
    case = Recipe.model_validate({"data": {"path": str(tmp_path / "x.npz"), "group": "who"}, **SMALL})
    found = unstuck.crossval(case, leave_one_out=True)
    assert found.folds == 12
    assert all(len(set(found.fold_of[groups == group])) == 1 for group in range(12))


def test_an_autoencoder_is_scored_by_what_comes_back():
    case = recipe("digits", data={"name": "digits", "rows": 200}, model={"name": "autoencoder", "hidden": [16]})
    found = unstuck.crossval(case, folds=4)
    assert found.predictions.shape == found.targets.shape == (200, 64)
    np.testing.assert_array_equal(found.targets, open_source(case.data).train.x[found.rows].reshape(200, 64))
    left, total = (
        ((found.targets - found.predictions) ** 2).sum(),
        ((found.targets - found.targets.mean(0)) ** 2).sum(),
    )
    assert found.pooled == pytest.approx(1 - left / total)


def test_folds_that_are_there_are_not_trained_again(tmp_path):
    members = crossvals.members(recipe(), 6, 1, Shelf())
    runner = Runner(members, out=tmp_path / "folds", weights=True, workers=1)
    for update in runner:
        if update.key and len(runner.runs) == 2:
            break
    found = unstuck.crossval(recipe(), folds=6, out=tmp_path / "folds", workers=1)
    assert 3 <= found.trained <= 4  # one may have been under way when the others were stopped
    assert unstuck.crossval(recipe(), folds=6, out=tmp_path / "folds").trained == 0
    undisturbed = unstuck.crossval(recipe(), folds=6)
    np.testing.assert_array_equal(found.predictions, undisturbed.predictions)
    assert {"folds.csv", "predictions.csv", "predictions.npz", "scores.json", "folds.png", "confusion.png"} <= {
        path.name for path in (tmp_path / "folds").iterdir()
    }
    with np.load(tmp_path / "folds" / "predictions.npz") as arrays:
        np.testing.assert_array_equal(arrays["predictions"], found.predictions)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"folds": 1}, "folds must be 2 or more, got 1"),
        ({"folds": 51}, "data.fold.folds must be at most 50, the rows of the smallest class, got 51"),
        ({"folds": 10, "leave_one_out": True}, "folds must be left out"),
        ({"repeats": 2, "leave_one_out": True}, "repeats must be 1"),
        ({"repeats": 0}, "repeats must be 1 or more"),
        ({"workers": 0}, "workers must be 1 or more"),
    ],
)
def test_a_cross_validation_that_cannot_be_is_refused_in_one_line(options, said):
    with pytest.raises(RecipeError, match=said):
        unstuck.crossval(recipe(), **options)


# no leak


def test_scaling_is_fitted_without_the_fold(tmp_path):
    """An outlier in one fold: that fold's result is that of arrays scaled by hand on the training rows alone."""
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(60, 3)), generator.integers(0, 2, 60)
    x[7] = 1e4
    case = saved(tmp_path / "x.npz", x, y, data={"validation": 0.0})
    found = unstuck.crossval(case, folds=4)
    number = int(found.fold_of[7])

    def by_hand(fitted_on):
        test, mean, deviation = found.fold_of == number, fitted_on.mean(axis=0), fitted_on.std(axis=0)
        scaled = (x - mean) / deviation
        path = tmp_path / "by-hand.npz"
        np.savez(path, x_train=scaled[~test], y_train=y[~test], x_test=scaled[test], y_test=y[test])
        data = {"path": str(path), "validation": 0.0, "scaling": "none"}
        return unstuck.train(Recipe.model_validate({"data": data, **SMALL})).test.outputs

    ours = found.runs[number].test.outputs
    np.testing.assert_allclose(by_hand(x[found.fold_of != number]), ours, atol=1e-4)
    assert np.abs(by_hand(x) - ours).max() > 0.05  # a leak would show


def random_labels(tmp_path, rows=120, **fields):
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(rows, 6)), generator.permutation(np.arange(rows) % 2)
    return saved(tmp_path / "random.npz", x, y, **fields)


def test_early_stopping_never_sees_the_fold(tmp_path):
    """Random labels are at chance with patience; where the fold itself is stopped by, they are far above."""
    case = random_labels(
        tmp_path,
        rows=120,
        epochs=20,
        model={"hidden": [32]},
        optimizer={"name": "adam", "lr": 0.1},
        keep="best",
        stopping={"patience": 8},
    )
    found = unstuck.crossval(case, folds=30)
    assert all("validation" in run.facts.rows and run.kept == "best" for run in found.runs)
    assert abs(found.pooled - 0.5) < chance(120)
    right = []
    for member in crossvals.members(case, 30, 1, Shelf()):
        dataset = load(member.recipe.data)
        assert not set(dataset.validation.rows) & set(dataset.test.rows)
        assert not set(dataset.train.rows) & set(dataset.test.rows)
        leaking = Training(task_of_recipe(member.recipe, replace(dataset, validation=dataset.test)))
        for _ in leaking:
            pass
        right.append(conclude(leaking).scores["test"]["accuracy"])
    assert np.mean(right) > 0.5 + chance(120)  # so the test above could have failed


def test_augmented_copies_of_held_out_rows_are_not_trained_on(tmp_path):
    """A network that learns random labels by heart is at chance; with noisy copies made before, it is not."""
    big = {"epochs": 60, "model": {"hidden": [64]}, "optimizer": {"name": "adam", "lr": 0.01}, "batch_size": 12}
    case = random_labels(tmp_path, rows=60, data={"validation": 0.0}, **big)
    noisy = case.edit("augment.noise", 0.05)
    found = unstuck.crossval(noisy, folds=3, workers=1)
    assert min(run.scores["train"]["accuracy"] for run in found.runs) > 0.9
    assert abs(found.pooled - 0.5) < chance(60)
    with np.load(tmp_path / "random.npz") as arrays:
        x, y = arrays["x"], arrays["y"]
    copies = x + 0.05 * np.random.default_rng(2).normal(size=x.shape)
    before = saved(
        tmp_path / "copies.npz", np.concatenate([x, copies]), np.tile(y, 2), data={"validation": 0.0}, **big
    )
    assert unstuck.crossval(before, folds=3).pooled > 0.75


@pytest.mark.parametrize(("twins", "leaks"), [("drop", False), ("keep", True)])
def test_copies_of_held_out_rows_are_not_trained_on_unless_asked_for(tmp_path, twins, leaks):
    generator = np.random.default_rng(3)
    x, y = generator.normal(size=(60, 6)), generator.permutation(np.arange(60) % 2)
    case = saved(
        tmp_path / "twice.npz",
        np.tile(x, (2, 1)),
        np.tile(y, 2),
        data={"validation": 0.0},
        epochs=60,
        model={"hidden": [64]},
        batch_size=12,
    )
    case = edited(case, [Edit("data.fold.number", 0), Edit("data.fold.twins", twins)])
    pooled = unstuck.crossval(case, folds=10).pooled
    assert pooled > 0.85 if leaks else abs(pooled - 0.5) < chance(60)  # 60 rows that are independent


# programs


def program(**fields: object) -> unstuck.Program:
    source = open_source(recipe().data)
    x = ((source.train.x - source.train.x.mean(axis=0)) / source.train.x.std(axis=0)).astype(np.float32)
    given = {
        "model": lambda: nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3)),
        "train": (x, source.train.y),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": lambda parameters: torch.optim.Adam(parameters, lr=0.02),
        "epochs": 3,
    }
    return unstuck.Program(**(given | fields))


def test_a_program_is_dealt_the_folds_of_a_recipe():
    ours, theirs = unstuck.crossval(program(), folds=5), unstuck.crossval(recipe(), folds=5)
    np.testing.assert_array_equal(ours.fold_of, theirs.fold_of)
    np.testing.assert_array_equal(ours.targets, theirs.targets)
    assert ours.pooled > 0.7
    assert ours.score == "accuracy"


def test_a_program_in_a_data_loader_is_the_same_program():
    x, y = program().train
    rows = TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    ours = unstuck.crossval(program(train=DataLoader(rows, batch_size=32)), folds=3)
    np.testing.assert_array_equal(ours.predictions, unstuck.crossval(program(), folds=3).predictions)


def test_rows_asked_for_one_by_one_are_dealt_as_well():
    x, y = program().train

    class Moved(TensorDataset):
        def __getitem__(self, index):
            a, b = super().__getitem__(index)
            return a + 1e-6 * torch.randn(4), b

    ours = unstuck.crossval(program(train=Moved(torch.from_numpy(x), torch.from_numpy(y))), folds=3)
    np.testing.assert_array_equal(ours.fold_of, unstuck.crossval(program(), folds=3).fold_of)


def test_each_fold_of_a_program_starts_anew():
    module = program().model()
    before = [parameter.clone() for parameter in module.parameters()]
    found = unstuck.crossval(program(model=module), folds=3)
    torch.testing.assert_close(before, [*module.parameters()])
    alone = unstuck.crossval(program(model=module), folds=3)
    np.testing.assert_array_equal(found.predictions, alone.predictions)
    with pytest.raises(ProgramError, match="new module at every call"):
        unstuck.crossval(program(model=lambda: module), folds=3)


def test_a_patient_program_stops_by_rows_of_its_own_training_part():
    found = unstuck.crossval(program(patience=2, validation=program().train), folds=3)
    assert [run.kept for run in found.runs] == ["best"] * 3
    assert all("validation_loss" in run.record for run in found.runs)


def test_a_program_of_numbers_has_the_r2_of_its_rows():
    source = open_source(recipe("diabetes").data)
    x, y = (source.train.x * 20).astype(np.float32), (source.train.y / 100).astype(np.float32)
    found = unstuck.crossval(program(model=lambda: nn.Linear(10, 1), train=(x, y), loss=nn.MSELoss()), folds=4)
    assert found.pooled == pytest.approx(r2_score(y, found.predictions), abs=1e-6)
    assert found.score == "r2"


@pytest.mark.parametrize("options", [{"out": "folder"}, {"workers": 2}, {"where": "ray"}])
def test_a_program_stays_in_this_process(options):
    with pytest.raises(ProgramError, match=f"{next(iter(options))} must be left out for a program"):
        unstuck.crossval(program(), **options)
