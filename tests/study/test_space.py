"""Spaces: what may vary, read from TOML and flags, all of it or some of it drawn."""

import itertools
import tomllib

import numpy as np
import pytest

from unstuck.errors import RecipeError
from unstuck.recipe.part import Part
from unstuck.recipe.problem import checked
from unstuck.recipe.spec import Recipe
from unstuck.rng import stream
from unstuck.study.space import Range, Space, check, combinations, draw, flag, given, grid, space_of

RECIPE = Recipe(data="iris")


class Sweep(Part):
    space: Space


def test_toml_says_ranges_and_choices_by_dotted_keys_or_in_tables():
    dotted = """
        [space]
        "optimizer.lr" = { low = 1e-4, high = 1e-1, log = true }
        "optimizer.name" = ["sgd", "adam"]
        "model.hidden" = [[64], [64, 32]]
    """
    nested = """
        [space.optimizer]
        lr = { low = 1e-4, high = 1e-1, log = true }
        name = ["sgd", "adam"]
        [space.model]
        hidden = [[64], [64, 32]]
    """
    expected = {
        "optimizer.lr": Range(low=1e-4, high=1e-1, log=True),
        "optimizer.name": ("sgd", "adam"),
        "model.hidden": ([64], [64, 32]),
    }
    for text in (dotted, nested):
        assert checked(Sweep, tomllib.loads(text)).space == expected


def test_a_space_that_was_written_is_read_again():
    sweep = Sweep(space=dict(flag(text) for text in ("epochs=2..8", "optimizer.lr=0.1..1.5:log:3", "seed=1,2")))
    assert checked(Sweep, sweep.model_dump()) == sweep
    assert Sweep.model_validate_json(sweep.model_dump_json()) == sweep


@pytest.mark.parametrize(
    ("text", "key", "values"),
    [
        ("optimizer.lr=1e-4..1e-1:log", "optimizer.lr", Range(low=1e-4, high=1e-1, log=True)),
        ("epochs=2..8", "epochs", Range(low=2, high=8)),
        ("epochs=2..8:3", "epochs", Range(low=2, high=8, points=3)),
        ("batch_size = 8..64:4:log", "batch_size", Range(low=8, high=64, log=True, points=4)),
        ("optimizer.weight_decay=-1..0.5", "optimizer.weight_decay", Range(low=-1, high=0.5)),
        ("optimizer.name=sgd,adam", "optimizer.name", ("sgd", "adam")),
        ("model.hidden=[64],[128],[64, 32]", "model.hidden", ([64], [128], [64, 32])),
        ("model.hidden=[64],wide", "model.hidden", ([64], "wide")),
        ("data.path=../a.csv,../b.csv", "data.path", ("../a.csv", "../b.csv")),
        ("seed=3", "seed", (3,)),
    ],
)
def test_a_flag_names_a_key_and_its_values(text, key, values):
    assert flag(text) == (key, values)


@pytest.mark.parametrize("text", ["epochs=2..8", "batch_size=8..64:log", "optimizer.lr=0.0001..0.1:log:5"])
def test_a_range_is_shown_as_it_is_typed(text):
    key, values = flag(text)
    assert f"{key}={values}" == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("optimizer.lr", "--vary must be KEY=LOW..HIGH or KEY=ONE,OTHER, got 'optimizer.lr'. Try --vary"),
        ("optimizer.lr=", "Try --vary optimizer.lr=1e-4..1e-1:log"),
        ("=1..2", "Try --vary optimizer.lr=1e-4..1e-1:log"),
        ("epochs=2..", "--vary epochs=2..: epochs.high must be a finite number, got ''"),
        ("epochs=2..two", "epochs.high must be a finite number, got 'two'"),
        ("epochs=2..inf", "epochs.high must be a finite number, got inf"),
        ("epochs=8..2", "epochs.high must be above low (8), got 2"),
        ("epochs=2..2", "epochs.high must be above low (2), got 2"),
        ("epochs=2..8:logs", "epochs must be LOW..HIGH, LOW..HIGH:log or LOW..HIGH:POINTS, got '2..8:logs'"),
        ("epochs=2..8:1", "epochs.points must be greater than or equal to 2, got 1"),
        ("optimizer.lr=0..1:log", "optimizer.lr.low must be above 0 where log is true, got 0"),
        ("optimizer=sgd,sgd", "optimizer must have each choice once, got 'sgd'"),
    ],
)
def test_a_flag_that_cannot_be_read_is_said_in_one_line(text, said):
    with pytest.raises(RecipeError) as caught:
        flag(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"optimizer.lr": 0.1}, "optimizer.lr must be a list of choices, or a table with low and high, got 0.1"),
        ({"optimizer": {"lr": {"high": 1.0}}}, "optimizer.lr.low must be given, got None"),
        ({"optimizer.lr": {"low": 1, "high": 2, "step": 1}}, "optimizer.lr.step must name a field, got 'step'"),
        ({"optimizer.lr": {"low": True, "high": 2}}, "optimizer.lr.low must be a finite number, got True"),
        ({"optimizer.lr": []}, "optimizer.lr must be a list of choices"),
    ],
)
def test_a_table_that_is_no_space_is_said_with_its_key(table, said):
    with pytest.raises(RecipeError, match="must") as caught:
        checked(Sweep, {"space": table})
    assert said in str(caught.value)


def test_a_grid_has_every_combination_once_ends_included():
    space = space_of({"optimizer.lr": {"low": 0.01, "high": 1.0, "log": True, "points": 3}, "epochs": [2, 4]})
    expected = itertools.product(np.geomspace(0.01, 1.0, 3).tolist(), [2, 4])
    assert [tuple(row.values()) for row in grid(space)] == list(expected)
    assert grid(space_of({"epochs": {"low": 1, "high": 3, "points": 3}})) == [{"epochs": n} for n in (1, 2, 3)]
    assert len(grid(space_of({"epochs": {"low": 1, "high": 3, "points": 50}}))) == 3


def test_combinations_are_counted_where_they_can_be():
    space = space_of({"epochs": {"low": 2, "high": 4, "points": 3}, "optimizer.name": ["sgd", "adam"]})
    assert combinations(space) == len(grid(space)) == 6
    assert combinations({**space, "optimizer.lr": Range(low=0.1, high=1)}) == np.inf


def test_a_range_without_points_is_no_grid():
    with pytest.raises(RecipeError, match=r"epochs must say how many points .* type epochs=2..8:5"):
        grid({"epochs": Range(low=2, high=8)})


def test_draws_are_as_likely_as_they_should_be():
    space = dict(flag(text) for text in ("a=0.01..100.0:log", "b=-1.0..3.0", "c=1..4", "d=x,y", "e=1..4:log"))
    generator = stream(0, "probe")
    drawn = [draw(space, generator) for _ in range(4000)]
    column = {key: [row[key] for row in drawn] for key in space}
    assert abs(np.mean(np.log(column["a"]))) < 0.2  # its middle is 1
    assert abs(np.mean(column["b"]) - 1) < 0.1
    for key, expected in (("c", [0.25] * 4), ("e", np.diff(np.log([0.5, 1.5, 2.5, 3.5, 4.5])) / np.log(9))):
        shares = np.bincount(column[key], minlength=5)[1:] / len(drawn)
        assert np.abs(shares - expected).max() < 0.03
    assert abs(column["d"].count("x") / len(drawn) - 0.5) < 0.03
    assert all(0.01 <= row["a"] <= 100 and -1 <= row["b"] <= 3 for row in drawn)
    assert {type(row["c"]) for row in drawn} == {int}


def test_the_same_stream_draws_the_same():
    space = dict([flag("optimizer.lr=0.01..1:log"), flag("optimizer.name=sgd,adam")])
    assert draw(space, stream(3, "probe", 1)) == draw(space, stream(3, "probe", 1))
    assert draw(space, stream(3, "probe", 1)) != draw(space, stream(3, "probe", 2))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("optimizer.rate=0.1..1", "optimizer.rate must name a field, got 'rate'"),
        ("optimizer.name=sgd,adm", "Did you mean adam?"),
        ("optimizer.lr=0..1", "optimizer.lr must be greater than 0"),
        ("model.dropout=0.5..1", "model.dropout must be less than 1"),
        ("epochs=1..2.5", "epochs must be a valid integer, got 2.5"),
    ],
)
def test_what_a_recipe_can_never_have_is_refused_before_anything_is_trained(text, said):
    with pytest.raises(RecipeError) as caught:
        check(dict([flag(text)]), RECIPE)
    assert said in str(caught.value)


def test_an_empty_space_is_refused():
    with pytest.raises(RecipeError, match="must have a key that varies"):
        check({}, RECIPE)


def test_a_value_that_needs_another_kind_beside_it_is_not_refused():
    check(dict([flag("optimizer.momentum=0.0..0.9"), flag("optimizer.name=sgd,momentum")]), RECIPE)
    check(dict([flag("schedule.warmup=0..7"), flag("epochs=2,8")]), RECIPE)
    with pytest.raises(RecipeError, match=r"schedule\.warmup must be at most epochs"):
        check(dict([flag("schedule.warmup=0..9"), flag("epochs=2,8")]), RECIPE)


def test_kinds_are_chosen_before_what_belongs_to_them():
    recipe = given(RECIPE, {"optimizer.momentum": 0.5, "optimizer.name": "momentum"})
    assert (recipe.optimizer.name, recipe.optimizer.momentum) == ("momentum", 0.5)
