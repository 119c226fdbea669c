"""Edits: the only way a recipe changes, and the difference of two recipes."""

import itertools
import random

import pytest

from unstuck.errors import RecipeError
from unstuck.recipe import file
from unstuck.recipe.data import Data, Fold
from unstuck.recipe.edit import Edit, difference, edited, value_of
from unstuck.recipe.initializer import Constant, Normal, Scaled, Uniform
from unstuck.recipe.loss import Loss
from unstuck.recipe.model import Mlp
from unstuck.recipe.optimizer import Adam, Momentum, Nesterov, Sgd
from unstuck.recipe.schedule import ConstantRate, CosineRate, ExponentialRate, StepRate
from unstuck.recipe.spec import Recipe

RECIPE = Recipe(data=Data(name="mnist"), optimizer=Sgd(lr=0.5))


def test_an_edit_gives_a_new_recipe_and_leaves_the_old_one():
    after = RECIPE.edit("optimizer.lr", 0.1)
    assert (after.optimizer.lr, RECIPE.optimizer.lr) == (0.1, 0.5)
    assert difference(RECIPE, after) == (Edit("optimizer.lr", 0.1),)


def test_what_stands_beside_auto_stays_when_it_is_decided():
    smooth = RECIPE.edit("loss.label_smoothing", 0.1).edit("loss.class_weights", "balanced")
    decided = smooth.edit("loss.name", "cross-entropy")
    assert decided.loss == Loss(name="cross-entropy", label_smoothing=0.1, class_weights="balanced")
    assert decided.edit("loss.name", "bce").loss == Loss(name="bce")


def test_another_kind_starts_from_its_own_defaults():
    assert RECIPE.edit("optimizer.name", "adam").optimizer == Adam()


@pytest.mark.parametrize("name", ["sgd", "SGD"])
@pytest.mark.parametrize("path", ["optimizer", "optimizer.name"])
def test_naming_the_kind_that_it_is_changes_nothing(path, name):
    assert RECIPE.edit(path, name) == RECIPE


def test_a_part_is_short_for_its_name():
    assert RECIPE.edit("optimizer", "momentum").optimizer == Momentum()
    assert RECIPE.edit("data", "digits").data == Data(name="digits")
    assert RECIPE.edit("model.initializer", "he-normal").model.initializer == Scaled(name="he-normal")


def test_a_fold_is_made_by_its_keys_and_taken_away_by_nothing():
    folded = edited(RECIPE, [Edit("data.fold.number", 3), Edit("data.fold.folds", 10)])
    assert folded.data.fold == Fold(folds=10, number=3)
    assert folded.edit("data.fold.number", 4).data.fold == Fold(folds=10, number=4)
    assert folded.edit("data.fold", None) == RECIPE
    assert difference(RECIPE, folded) == (Edit("data.fold", folded.data.fold.model_dump()),)
    assert difference(folded, folded.edit("data.fold.number", 4)) == (Edit("data.fold.number", 4),)


def test_a_table_is_made_at_its_own_place_alone():
    with pytest.raises(RecipeError, match=r"^model.fold must name a field, got 'fold'"):
        RECIPE.edit("model.fold.folds", 10)


def test_a_part_may_be_given_whole():
    assert RECIPE.edit("optimizer", {"name": "adam", "lr": 1.0}).optimizer == Adam(lr=1.0)


def test_a_path_takes_the_place_of_a_name_and_a_name_that_of_a_path_and_its_target():
    by_path = edited(RECIPE, [Edit("data.target", "price"), Edit("data.path", "a.csv")])
    assert by_path.data == Data(path="a.csv", target="price")
    assert by_path.edit("data", "mnist").data == Data(name="mnist")


@pytest.mark.parametrize(
    "edits",
    [
        (Edit("optimizer", "adam"), Edit("optimizer.beta1", 0.5)),
        (Edit("model.initializer", "normal"), Edit("model.initializer.std", 0.1)),
        (
            Edit("loss", "mse"),
            Edit("model.output", "tanh"),
            Edit("schedule.name", "step"),
            Edit("schedule.every", 3),
        ),
        (Edit("epochs", 20), Edit("schedule.warmup", 10.0)),
        (Edit("data.validation", 0.0), Edit("keep", "last")),
        (Edit("data.fold.folds", 10), Edit("data.fold.number", 3), Edit("data.fold.repeat", 1)),
    ],
)
def test_edits_may_come_in_any_order_and_need_only_make_sense_together(edits):
    base = edited(RECIPE, [Edit("loss", "bce"), Edit("model.output", "sigmoid"), Edit("keep", "best")])
    results = {edited(base, order) for order in itertools.permutations(edits)}
    assert len(results) == 1


@pytest.mark.parametrize(
    ("path", "to", "words"),
    [
        ("optimzer", "adam", "optimzer must name a field, got 'optimzer'. Did you mean optimizer?"),
        ("optimizer.lrr", 1.0, "optimizer.lrr must name a field, got 'lrr'. Did you mean lr?"),
        ("optimzer.lr", 1.0, "optimzer must name a field, got 'optimzer'. Did you mean optimizer?"),
        (
            "optimizer.beta1",
            0.5,
            "optimizer.beta1 must name a field, got 'beta1'. Known: clip_norm, lr,",
        ),
        ("seed.lr", 1.0, "seed.lr must name a field, got 'seed'. There is no table at that place."),
        ("data.rows.x", 1, "data.rows.x must name a field, got 'rows'. There is no table at that place."),
        ("name", "a", "name must name a field, got 'name'."),
        ("seed", "a", "seed must be a valid integer, got 'a'."),
        ("optimizer", "adma", "optimizer.name must be a known word, got 'adma'. Did you mean adam?"),
        ("optimizer.name", 3, "optimizer.name must be a known word, got '3'."),
        ("optimizer", 3, "optimizer must be a name or a table, got 3."),
    ],
)
def test_an_edit_that_is_wrong_is_one_line_that_says_so(path, to, words):
    with pytest.raises(RecipeError) as caught:
        RECIPE.edit(path, to)
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("1e-3", 1e-3),
        ("true", True),
        ("128,64", [128, 64]),
        ("[128, 64]", [128, 64]),
        ("[]", []),
        ("adam", "adam"),
        ("a.csv", "a.csv"),
        ('"quoted"', "quoted"),
        ("a,b", "a,b"),
        ("", ""),
        ("true story", "true story"),
    ],
)
def test_a_flags_text_is_the_value_that_it_looks_like(text, value):
    assert value_of(text) == value
    assert type(value_of(text)) is type(value)


def drawn(seed: int) -> Recipe:
    """A random recipe that can be run."""
    draw = random.Random(seed)
    some = lambda *choices: draw.choice(choices)  # noqa: E731  (a word for each choice below)
    lr = {"lr": some(0.1, 0.5), "weight_decay": some(0.0, 1e-4)}
    loss = some("auto", "cross-entropy", "bce", "mse")
    fitting = {"cross-entropy": ("auto", "softmax"), "bce": ("auto", "sigmoid")}.get(
        loss, ("auto", "tanh", "softmax")
    )
    epochs, warmup = some((1, 0.0), (3, 2.5), (10, 7.0))
    validation = some(0.0, 0.1)
    fold = some(Fold(number=5), Fold(folds=10, number=3), Fold(folds=10, number=9, repeat=2, twins="keep"))
    source = some(
        {"name": "a"}, {"name": "b"}, {"name": "a", "target": "y"}, {"path": "p"}, {"path": "q", "target": "y"}
    )
    extra = some(
        {},
        {"fold": fold, "group": "g"},
        {"fold": fold, "bootstrap": 7},
        {"size": (2, 3)},
        {"rows": 7},
        {"ignore": ("x", "y\x7f\n\"'é")},
        {"scaling": "standard"},
    )
    return Recipe(
        seed=some(0, 2**40),
        epochs=epochs,
        batch_size=some(1, 32),
        engine=some("auto", "torch"),
        keep=some("auto", "last", *(["best"] if validation else [])),
        data=Data(**source, **extra, validation=validation),
        model=Mlp(
            hidden=some((), (3,), (128, 64)),
            activation=some("relu", "leaky-relu"),
            slope=some(0.01, 0.5),
            output=some(*fitting),
            initializer=some(
                Scaled(), Scaled(name="he-normal"), Uniform(), Normal(std=1e-30), Constant(value=-1e300)
            ),
        ),
        loss=Loss(name=loss),
        optimizer=some(Sgd(**lr), Momentum(**lr, momentum=0.5), Nesterov(**lr), Adam(**lr, eps=1e-8), Adam()),
        schedule=some(
            ConstantRate(warmup=warmup),
            StepRate(every=some(1, 10)),
            ExponentialRate(gamma=0.5),
            CosineRate(warmup=warmup),
        ),
    )


SEEDS = range(300)


def test_the_difference_leads_from_any_recipe_to_any_other():
    for seed in SEEDS:
        before, after = drawn(seed), drawn(seed + 10_000)
        edits = difference(before, after)
        assert edited(before, edits) == after
        assert edited(before, edits[::-1]) == after


def test_a_recipe_does_not_differ_from_itself_nor_from_what_edits_say_it_is():
    for seed in SEEDS:
        assert difference(drawn(seed), drawn(seed)) == ()
        edits = difference(RECIPE, drawn(seed))
        assert edited(drawn(seed), edits) == drawn(seed)


def test_no_edit_of_a_difference_is_idle():
    for seed in SEEDS:
        before, after = drawn(seed), drawn(seed + 10_000)
        paths = [edit.path for edit in difference(before, after)]
        assert len(set(paths)) == len(paths)


@pytest.mark.parametrize("explained", [False, True])
def test_a_recipe_written_as_toml_is_read_back_equal(explained):
    for seed in SEEDS:
        assert file.parse(Recipe, file.dumps(drawn(seed), explained=explained)) == drawn(seed)


def test_a_recipe_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(file.dumps(RECIPE), encoding="utf-8-sig")
    assert Recipe.read(path) == RECIPE
