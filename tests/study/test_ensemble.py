"""Ensembles against naive loops over their members."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, r2_score
from torch import nn

import unstuck
from unstuck.data import load, open_source
from unstuck.data.splits import choose
from unstuck.errors import ProgramError, RecipeError
from unstuck.recipe.spec import Recipe
from unstuck.study.voting import ballots, elected, entropy, mutual_information

SMALL = {"epochs": 2, "model": {"hidden": [8]}, "optimizer": {"name": "adam", "lr": 0.02}}


def recipe(name: str = "digits", **fields: object) -> Recipe:
    return Recipe.model_validate({"data": {"name": name, "rows": 200}, **SMALL, **fields})


def test_rows(case: Recipe) -> tuple[np.ndarray, np.ndarray]:
    source, chosen = open_source(case.data), choose(open_source(case.data), case.data)
    return source.train.x[chosen.test], source.train.y[chosen.test]


test_rows.__test__ = False


@pytest.fixture(scope="module")
def bag():
    return unstuck.ensemble(recipe(seed=3), members=5)


@pytest.fixture(scope="module")
def numbers():
    return unstuck.ensemble(recipe("diabetes"), members=4)


# answers


def test_members_have_seeds_of_their_own_and_bagging_samples_too(bag):
    assert [run.recipe.seed for run in bag.members] == [3, 4, 5, 6, 7]
    assert [run.recipe.data.bootstrap for run in bag.members] == [0, 1, 2, 3, 4]
    seeds = unstuck.ensemble(recipe(), members=2, kind="seeds")
    assert [run.recipe.data.bootstrap for run in seeds.members] == [None, None]
    assert seeds.out_of_bag is None
    np.testing.assert_array_equal(seeds.members[0].test.outputs, unstuck.train(recipe()).test.outputs)


def test_by_probability_the_largest_mean_is_the_answer(bag):
    x, y = test_rows(recipe())
    mean = sum(run.probabilities(x) for run in bag.members) / 5
    np.testing.assert_allclose(bag.probabilities(x), mean, atol=1e-6)
    np.testing.assert_array_equal(bag.predict(x), mean.argmax(axis=1))
    scores = bag.scores["test"]
    assert scores["accuracy"] == pytest.approx((mean.argmax(axis=1) == y).mean())
    assert scores["log_loss"] == pytest.approx(log_loss(y, mean / mean.sum(axis=1, keepdims=True)), rel=1e-4)
    assert list(bag.single) == pytest.approx([run.scores["test"]["accuracy"] for run in bag.members])


def test_by_majority_most_votes_are_the_answer():
    bag = unstuck.ensemble(recipe(), members=5, vote="majority")
    x, y = test_rows(recipe())
    ballots = np.stack([run.predict(x) for run in bag.members])
    means = sum(run.probabilities(x) for run in bag.members)
    for row, answer in enumerate(bag.predict(x)):
        votes = np.bincount(ballots[:, row], minlength=10)
        ahead = np.flatnonzero(votes == votes.max())
        assert answer == max(ahead, key=lambda number: means[row, number])
        np.testing.assert_allclose(bag.probabilities(x)[row], votes / 5)
    assert bag.scores["test"]["accuracy"] == pytest.approx((bag.predict(x) == y).mean())


def test_a_tie_goes_to_the_larger_mean():
    outputs = np.array([[[0.9, 0.1, 0.0]], [[0.3, 0.7, 0.0]]])
    votes = ballots(outputs).mean(axis=0)
    assert votes.tolist() == [[0.5, 0.5, 0.0]]
    assert elected(outputs.mean(axis=0), votes).tolist() == [0]
    three = np.array([[[0.0, 0.51, 0.49]], [[0.0, 0.51, 0.49]], [[0.0, 0.0, 1.0]]])
    assert elected(three.mean(axis=0), ballots(three).mean(axis=0)).tolist() == [1]
    assert elected(three.mean(axis=0), None).tolist() == [2]


def test_numbers_are_the_mean_in_their_unit(numbers):
    x, y = test_rows(recipe("diabetes"))
    mean = sum(run.predict(x) for run in numbers.members) / 4
    np.testing.assert_allclose(numbers.predict(x), mean, rtol=1e-5)
    assert numbers.scores["test"]["r2"] == pytest.approx(r2_score(y, mean), abs=1e-5)
    assert numbers.scores["test"]["rmse"] == pytest.approx(math.sqrt(((y - mean) ** 2).mean()), rel=1e-4)
    assert numbers.calibration is None


def test_sigmoids_that_stand_alone_are_made_to_sum_to_one():
    bag = unstuck.ensemble(recipe(loss={"name": "bce"}), members=2)
    np.testing.assert_allclose(bag.probabilities(test_rows(recipe())[0]).sum(axis=1), 1, atol=1e-5)


def test_outputs_that_are_no_probabilities_are_voted_on_all_the_same():
    bag = unstuck.ensemble(recipe(loss={"name": "mse"}), members=3)
    assert bag.calibration is None
    assert set(bag.scores["test"]) == {"accuracy"}
    said = bag.disagreement(test_rows(recipe())[0])
    assert said.unit == "share of members"
    np.testing.assert_array_equal(said.amount, said.dissent)


# out of bag


def by_hand(bag, source):
    """Every training row by the members that drew neither it nor a row of equal inputs: answers, or None."""
    data = bag.recipe.data
    pool = choose(source, data.model_copy(update={"bootstrap": None})).train
    drawn = [{source.train.x[row].tobytes() for row in load(run.recipe.data).train.rows} for run in bag.members]
    answers = {}
    for row in pool:
        x = source.train.x[row : row + 1]
        said = [
            run.probabilities(x)[0]
            for run, rows in zip(bag.members, drawn, strict=True)
            if x[0].tobytes() not in rows
        ]
        answers[row] = np.mean(said, axis=0) if said else None
    return answers


def test_the_out_of_bag_score_is_that_of_members_that_did_not_draw_the_row(bag, numbers):
    for one in (bag, numbers):
        source = open_source(one.recipe.data)
        answers = by_hand(one, source)
        known = [row for row, answer in answers.items() if answer is not None]
        assert one.out_of_bag.rows == len(known)
        assert one.out_of_bag.left_out == len(answers) - len(known) > 0
        said, truth = np.stack([answers[row] for row in known]), source.train.y[known]
        expected = r2_score(truth, said) if one is numbers else (said.argmax(axis=1) == truth).mean()
        assert one.out_of_bag.score == pytest.approx(expected, abs=1e-5)


def test_a_copy_of_a_row_that_was_drawn_is_not_out_of_bag(tmp_path):
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(80, 6)), generator.permutation(np.arange(80) % 2)
    np.savez(tmp_path / "twice.npz", x=np.tile(x, (2, 1)), y=np.tile(y, 2))
    case = Recipe.model_validate(
        {
            "data": {"path": str(tmp_path / "twice.npz"), "validation": 0.0, "test": 0.0},
            "epochs": 60,
            "batch_size": 8,
            "model": {"hidden": [64]},
            "optimizer": {"name": "adam", "lr": 0.01},
        }
    )
    bag = unstuck.ensemble(case, members=8)
    assert min(run.scores["train"]["accuracy"] for run in bag.members) > 0.9  # learned by heart
    assert abs(bag.out_of_bag.score - 0.5) < 4 * 0.5 / math.sqrt(80)
    assert bag.scores == {}


# disagreement


def test_mutual_information_is_what_the_mean_is_less_sure_of_than_its_members():
    generator = np.random.default_rng(0)
    outputs = generator.dirichlet(np.ones(3), (4, 6))
    for row, found in enumerate(mutual_information(outputs)):
        mean = [sum(outputs[member, row, number] for member in range(4)) / 4 for number in range(3)]
        whole = -sum(p * math.log(p) for p in mean)
        each = [-sum(p * math.log(p) for p in outputs[member, row]) for member in range(4)]
        assert found == pytest.approx(whole - sum(each) / 4)


def test_members_that_agree_disagree_by_nothing_and_opposites_by_log_2():
    alike = np.tile([[[0.5, 0.5], [0.9, 0.1]]], (3, 1, 1))
    assert mutual_information(alike) == pytest.approx([0, 0], abs=1e-12)
    opposed = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    assert mutual_information(opposed) == pytest.approx([math.log(2)])
    assert entropy(np.array([1.0, 0.0])) == 0.0


def test_disagreement_is_in_nats_for_classes_and_in_the_unit_for_numbers(bag, numbers):
    x = test_rows(recipe())[0]
    said = bag.disagreement(x)
    assert said.unit == "nats"
    answers = np.stack([run.predict(x) for run in bag.members])
    np.testing.assert_allclose(said.dissent, (answers != bag.predict(x)).mean(axis=0))
    x = test_rows(recipe("diabetes"))[0]
    outputs = np.stack([run.predict(x) for run in numbers.members])
    np.testing.assert_allclose(numbers.disagreement(x).amount, outputs.std(axis=0, ddof=1), rtol=1e-4)


def test_members_disagree_more_about_what_they_have_not_seen():
    case = recipe(data={"name": "digits"}, epochs=10, model={"hidden": [32]})
    bag, x = unstuck.ensemble(case, members=4), test_rows(case)[0]
    noise = np.random.default_rng(0).permuted(x.reshape(len(x), -1), axis=1).reshape(x.shape)
    assert bag.disagreement(noise).amount.mean() > bag.disagreement(x).amount.mean()


# programs


def program(**fields: object) -> unstuck.Program:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 4)).astype(np.float32)
    y = (x[:, 0] + 0.5 * generator.normal(size=200) > 0).astype(np.int64)
    given = {
        "model": lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)),
        "train": (x[:150], y[:150]),
        "test": (x[150:], y[150:]),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": lambda parameters: torch.optim.Adam(parameters, lr=0.05),
        "epochs": 5,
    }
    return unstuck.Program(**(given | fields))


def test_a_program_is_bagged_like_a_recipe():
    bag = unstuck.ensemble(program(), members=3)
    x, y = program().test
    mean = sum(torch.softmax(torch.from_numpy(run.probabilities(x)), dim=1) for run in bag.members) / 3
    np.testing.assert_allclose(bag.probabilities(x), mean, atol=1e-6)
    assert bag.scores["test"]["accuracy"] == pytest.approx((bag.predict(x) == y).mean())
    assert bag.out_of_bag.rows + bag.out_of_bag.left_out == 150
    assert bag.out_of_bag.score > 0.7


def test_one_sigmoid_is_two_classes():
    one = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    as_numbers = {
        name: (x, y[:, None].astype(np.float32))
        for name, (x, y) in (("train", program().train), ("test", program().test))
    }
    bag = unstuck.ensemble(program(model=one, loss=nn.BCEWithLogitsLoss(), **as_numbers), members=3)
    x, y = program().test
    second = sum(torch.sigmoid(torch.from_numpy(run.probabilities(x))) for run in bag.members) / 3
    np.testing.assert_allclose(bag.probabilities(x)[:, 1:], second, atol=1e-6)
    np.testing.assert_array_equal(bag.predict(x), (second.numpy().ravel() > 0.5))
    assert bag.scores["test"]["accuracy"] == pytest.approx((bag.predict(x) == y).mean())


def test_a_programs_own_score_is_that_of_its_mean_outputs():
    bag = unstuck.ensemble(
        program(score=lambda outputs, targets: float((outputs.argmax(dim=1) == targets).float().mean())),
        members=2,
        kind="seeds",
    )
    x, y = program().test
    mean = sum(run.probabilities(x) for run in bag.members) / 2
    assert bag.scores["test"]["score"] == pytest.approx((mean.argmax(axis=1) == y).mean())


# misuse, and the folder


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"members": 1}, "members must be 2 or more, got 1"),
        ({"kind": "boosting"}, "kind must be bagging or seeds, got 'boosting'"),
        ({"vote": "loudest"}, "vote must be probability or majority, got 'loudest'"),
    ],
)
def test_an_ensemble_that_cannot_be_is_refused_in_one_line(options, said):
    with pytest.raises(RecipeError, match=said):
        unstuck.ensemble(recipe(), **options)


def test_numbers_are_not_voted_on():
    with pytest.raises(RecipeError, match="vote must be probability where numbers are predicted"):
        unstuck.ensemble(recipe("diabetes"), vote="majority")
    x, y = program().train
    case = program(train=(x, x[:, :1]), test=None, model=lambda: nn.Linear(4, 1), loss=nn.MSELoss())
    with pytest.raises(RecipeError, match="vote must be probability where numbers are predicted"):
        unstuck.ensemble(case, members=2, vote="majority")
    with pytest.raises(ProgramError, match="out must be left out for a program"):
        unstuck.ensemble(case, members=2, out="folder")


def test_members_that_are_there_are_not_trained_again(tmp_path):
    first = unstuck.ensemble(recipe(), members=2, out=tmp_path / "bag")
    more = unstuck.ensemble(recipe(), members=3, out=tmp_path / "bag")
    assert (first.trained, more.trained) == (2, 1)
    assert {"ensemble.json", "reliability.png", "members"} <= {path.name for path in (tmp_path / "bag").iterdir()}
