"""What a study trains follows from what it says."""

import tomllib
from pathlib import Path

import pytest

from unstuck.errors import RecipeError
from unstuck.recipe import file
from unstuck.recipe.edit import Edit, edited
from unstuck.recipe.problem import checked
from unstuck.recipe.spec import Recipe
from unstuck.study.design import Study, fold, is_study, named, ready

BASE = Recipe(data="wine")
THREE = {"bce": {"loss.name": "bce"}, "sgd": {"optimizer.name": "sgd"}, "wide": {"model.hidden": [200]}}


def test_an_ablation_is_each_change_alone_all_together_and_all_but_each():
    edits = Study(recipe=BASE, ablation=THREE).edits()
    assert list(edits) == ["bce", "sgd", "wide", "all", "all but bce", "all but sgd", "all but wide"]
    assert edits["all"] == {"loss.name": "bce", "optimizer.name": "sgd", "model.hidden": [200]}
    assert edits["all but sgd"] == {"loss.name": "bce", "model.hidden": [200]}


def test_of_two_changes_all_but_one_is_the_other_and_no_arm_again():
    assert list(Study(recipe=BASE, ablation=dict([*THREE.items()][:2])).edits()) == ["bce", "sgd", "all"]


def test_a_sweep_is_every_combination_but_the_base():
    over = {"optimizer.lr": [0.002, 0.02], "batch_size": [32, 64]}
    assert list(Study(recipe=BASE, sweep={"over": over}).edits()) == [
        "lr 0.002, batch_size 64",
        "lr 0.02, batch_size 32",
        "lr 0.02, batch_size 64",
    ]


def test_a_sweep_over_a_range_is_drawn_by_its_seed():
    table = {"over": {"optimizer.lr": {"low": 1e-4, "high": 1.0, "log": True}}, "draws": 5}
    drawn, again, other = (Study(recipe=BASE, sweep=table | {"seed": seed}).recipes() for seed in (0, 0, 1))
    assert drawn == again != other
    assert len(drawn) == 6
    assert all(1e-4 <= recipe.optimizer.lr <= 1 for recipe in drawn.values())


def test_a_learning_curve_is_shares_of_the_rows():
    recipes = Study(recipe=BASE, fractions=(0.1, 0.5)).recipes()
    assert {name: recipe.data.rows for name, recipe in recipes.items()} == {
        "base": None,
        "10 % of the rows": 0.1,
        "50 % of the rows": 0.5,
    }


def test_a_learning_curve_is_shares_of_the_rows_that_the_base_has():
    fewer, share = (edited(BASE, [Edit("data.rows", rows)]) for rows in (50, 0.5))
    arms = [
        [one.data.rows for one in Study(recipe=base, fractions=(0.1,)).recipes().values()]
        for base in (fewer, share)
    ]
    assert arms == [[50, 5], [0.5, 0.05]]


def test_members_come_pair_by_pair():
    study = Study(recipe=BASE, arms=THREE, seeds=2)
    members = study.members(study.recipes())
    assert [member.number for member in members] == [0] * 4 + [1] * 4
    assert [member.recipe.seed for member in members] == [0] * 4 + [1] * 4


def test_folds_and_repeats_are_edits_too():
    members = Study(recipe=BASE, arms=THREE, folds=3, repeats=2).members({"base": BASE})
    assert [(one.recipe.data.fold.repeat, one.recipe.data.fold.number) for one in members] == [
        (repeat, number) for repeat in range(2) for number in range(3)
    ]
    assert {one.recipe.seed for one in members} == {0}
    assert {one.recipe.data.fold.folds for one in members} == {3}


def test_a_study_is_read_back_as_it_was_written():
    arms = {"a name, with [signs]": {"optimizer": {"name": "sgd", "lr": 0.1}}}
    sweep = {"over": {"optimizer.lr": {"low": 0.1, "high": 1.0}, "epochs": [1, 2]}, "draws": 2}
    study = Study(title="two", recipe=BASE, arms=arms, sweep=sweep, published={"a name, with [signs]": 0.9})
    assert file.parse(Study, file.dumps(study)) == study


def test_ready_made_studies_are_in_the_wheel():
    root = Path(__file__).parents[2]
    table = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    included = table["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {f"studies/{path.name}": f"unstuck/studies/{path.name}" for path in ready().values()}


def test_ready_made_studies_are_studies_whose_every_arm_can_be():
    found = {name: Study.read(path).recipes() for name, path in ready().items()}
    assert {"improvements", "batch-size", "activations", "optimizers"} <= set(found)
    assert {"normalization", "regularization", "loss"} <= set(found)
    assert len(found["improvements"]) == 6


def test_what_others_published_is_of_arms_that_there_are():
    for path in ready().values():
        study = Study.read(path)
        assert {*study.published, *study.rebuilt} <= set(study.recipes())


def test_a_file_is_a_study_if_it_has_a_key_that_recipes_have_not(tmp_path):
    (tmp_path / "recipe.toml").write_text(file.dumps(BASE))
    assert is_study(ready()["improvements"])
    assert not is_study(tmp_path / "recipe.toml")
    (tmp_path / "misspelt.toml").write_text("seeds = 3\n[recip]\ndata = 'wine'")
    assert is_study(tmp_path / "misspelt.toml")
    assert not is_study(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "the study must have an arm beside its base, got 'none'"),
        ({"arms": {"a": {"optimizer.rate": 1}}}, "arm 'a': optimizer.rate must name a field, got 'rate'"),
        ({"arms": {"a": {"optimizer.lr": -1}}}, "arm 'a': optimizer.lr must be greater than 0, got -1"),
        ({"arms": {"base": {"epochs": 1}}}, "the study must have a name of its own for each arm, got 'base'"),
        ({"arms": {"all": {"epochs": 1}}, "ablation": THREE}, "a name of its own for each arm, got 'all'"),
        ({"sweep": {"over": {"optimizer.lr": {"low": 1.0, "high": 2.0}}}}, "say how many points a grid takes"),
    ],
)
def test_a_bad_design_is_one_line(fields, said):
    with pytest.raises(RecipeError) as caught:
        checked(Study, {"recipe": BASE} | fields).recipes()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"seeds": 0}, "seeds must be greater than 0"),
        ({"folds": 1}, "folds must be greater than or equal to 2"),
        ({"repeats": 2}, "repeats must be 1 where there are no folds, got 2. Say folds = 10."),
        ({"folds": 3, "redraw": True}, "redraw must be false where there are folds"),
        ({"fractions": (0.5, 1.0)}, "fractions.1 must be less than 1, got 1.0"),
    ],
)
def test_what_contradicts_itself_is_refused(fields, said):
    with pytest.raises(RecipeError) as caught:
        checked(Study, {"recipe": BASE.model_dump(), "arms": THREE, **fields})
    assert said in str(caught.value)


def test_an_arm_that_is_not_there_is_named():
    with pytest.raises(RecipeError, match=r"--only must name an arm, got 'adm'. Known: base, bce, sgd, wide"):
        Study(recipe=BASE, arms=THREE).only(["adm"])


def test_the_base_comes_with_the_arms_that_are_asked_for():
    assert list(Study(recipe=BASE, arms=THREE).only(["sgd"])) == ["base", "sgd"]


def test_settings_are_named_by_what_they_set():
    assert named({"optimizer.lr": 0.1, "optimizer.name": "sgd", "model.hidden": (64, 32)}) == (
        "lr 0.1, optimizer sgd, hidden 64-32"
    )


def test_leave_one_out_is_a_fold_without_a_number_of_folds():
    ten = edited(BASE, fold(10, 3, 1))
    assert edited(ten, fold(None, 30)).data.fold.model_dump(include={"folds", "number", "repeat"}) == {
        "folds": None,
        "number": 30,
        "repeat": 0,
    }


def test_no_combination_is_drawn_twice_and_all_that_there_are_end_the_draw():
    over = {"optimizer.name": ["sgd", "adam"], "batch_size": [8, 16]}
    arms = Study(recipe=BASE, sweep={"over": over, "draws": 9}).edits()
    assert sorted(arms) == sorted(
        f"optimizer {one}, batch_size {size}" for one in over["optimizer.name"] for size in (8, 16)
    )


def test_draws_that_lie_close_have_the_digits_that_tell_them_apart():
    table = {"over": {"optimizer.lr": {"low": 0.01, "high": 0.02}}, "draws": 30}
    arms = Study(recipe=BASE, sweep=table).edits()
    assert len(arms) == 30
    assert all(name == f"lr {edits['optimizer.lr']:.5g}" for name, edits in arms.items())
    assert len({f"{edits['optimizer.lr']:.4g}" for edits in arms.values()}) < 30


@pytest.mark.parametrize(
    ("fields", "edits"),
    [
        ({}, {"seed": 5}),
        ({"redraw": True}, {"data.seed": 5}),
        ({"folds": 3}, {"data.fold": {"number": 1}}),
    ],
)
def test_an_arm_leaves_to_the_study_what_all_arms_share(fields, edits):
    study = Study(recipe=BASE, arms={"other": edits}, **fields)
    with pytest.raises(RecipeError, match=r"^arm 'other': (data\.)?(seed|fold.number) must be left to the study"):
        study.recipes()


def test_a_value_that_toml_cannot_say_is_refused_where_a_study_is_written():
    study = Study(recipe=BASE, arms={"impatient": {"stopping.patience": None}})
    with pytest.raises(RecipeError, match="an edit must have a value that TOML can say, got None"):
        file.dumps(study)


def test_a_score_of_no_arm_is_refused():
    for field in ("published", "rebuilt"):
        study = Study(recipe=BASE, arms=THREE, **{field: {"base": 0.8, "sdg": 0.9}})
        with pytest.raises(RecipeError, match="a published score must be of an arm, got 'sdg'. Did you mean sgd?"):
            study.edits()


def test_the_base_alone_is_no_comparison():
    study = Study(recipe=BASE, arms=THREE)
    with pytest.raises(RecipeError, match="--only must name an arm beside the base"):
        study.only(["base"])
    assert list(study.only(["base", "sgd"])) == ["base", "sgd"]
