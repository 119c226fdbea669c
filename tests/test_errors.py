"""The errors, and the sentence that each of them is."""

import pytest

from unstuck import errors
from unstuck.errors import RecipeError, UnstuckError, did_you_mean

KINDS = {
    "RecipeError": ValueError,
    "DataError": ValueError,
    "ProgramError": TypeError,
    "RunError": OSError,
    "ExtraError": ImportError,
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_an_unstuck_error_and_the_python_error_that_it_is_like(name):
    assert issubclass(getattr(errors, name), KINDS[name])
    assert issubclass(getattr(errors, name), UnstuckError)


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = {line.split()[1] for line in errors.__doc__.splitlines() if line.startswith(("├", "└"))}
    defined = {
        kind.__name__
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, UnstuckError)
    }
    assert drawn == defined - {"UnstuckError"}


def test_a_recipe_error_says_field_condition_value_and_remedy():
    error = RecipeError("optimizer.lr", "be positive", -1, hint="Try 0.1.")
    assert str(error) == "optimizer.lr must be positive, got -1. Try 0.1."


def test_a_recipe_error_without_a_remedy_ends_after_the_value():
    assert str(RecipeError("seed", "be 0 or more", "x")) == "seed must be 0 or more, got 'x'."


def test_a_recipe_error_can_say_where_it_comes_from():
    error = RecipeError("seed", "be 0 or more", -1).at("a.toml")
    assert str(error) == "a.toml: seed must be 0 or more, got -1."


def test_an_error_is_one_line_whatever_the_value():
    assert "\n" not in str(RecipeError("data.name", "be known", "a\nb"))


def test_the_nearest_known_word_is_offered():
    assert did_you_mean("adma", ["sgd", "adam"]) == "Did you mean adam? Known: adam, sgd."


def test_nothing_is_offered_where_nothing_is_near():
    assert did_you_mean("lbfgs", ["sgd", "adam"]) == "Known: adam, sgd."
