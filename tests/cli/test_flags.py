import pytest

from unstuck.cli.flags import KEYS, with_settings
from unstuck.recipe.spec import Recipe


def test_the_flags_are_the_recipes_keys():
    assert set(KEYS) == set(Recipe.model_fields)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["train", "mnist", "--epochs", "3"], ["train", "mnist", "--set=epochs=3"]),
        (["train", "--optimizer.lr=0.1", "mnist"], ["train", "--set=optimizer.lr=0.1", "mnist"]),
        (["train", "mnist", "--batch-size", "7"], ["train", "mnist", "--set=batch_size=7"]),
        (["train", "x.csv", "--target", "a b"], ["train", "x.csv", "--set=data.target=a b"]),
        (["train", "mnist", "--loss", "bce", "--json"], ["train", "mnist", "--set=loss=bce", "--json"]),
        (["train", "mnist", "--out", "epochs"], ["train", "mnist", "--out", "epochs"]),
        (["train", "mnist", "--seed", "-1"], ["train", "mnist", "--set=seed=-1"]),
    ],
)
def test_recipe_flags_become_settings_and_the_rest_stays(given, meant):
    assert with_settings(given) == meant
