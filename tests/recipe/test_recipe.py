"""A recipe checks itself: every kind of bad input is named, in one line, with file, key and value."""

from typing import get_args

import pytest
from pydantic import ValidationError

from unstuck.errors import RecipeError
from unstuck.recipe import file
from unstuck.recipe.data import Data
from unstuck.recipe.initializer import Initializer, Normal
from unstuck.recipe.model import Model
from unstuck.recipe.optimizer import Adam, Optimizer, Sgd
from unstuck.recipe.schedule import CosineRate, Schedule
from unstuck.recipe.spec import Recipe

# What is written below `data = "mnist"`, the field and the value that are named, and words of the sentence.
BAD = [
    ("learning_rate = 1", "learning_rate", "'learning_rate'", "Known: augment, batch_size, compile, data,"),
    ("epoch = 3", "epoch", "'epoch'", "Did you mean epochs?"),
    ("optimizer = { name = 'adam', betta1 = 0.9 }", "optimizer.betta1", "'betta1'", "Did you mean beta1?"),
    ("optimizer = { name = 'adam', momentum = 0.9 }", "optimizer.momentum", "'momentum'", "Known: beta1, beta2"),
    ("optimizer = 'adma'", "optimizer.name", "'adma'", "Did you mean adam?"),
    ("optimizer = 1", "optimizer", "1", "be a name or a table"),
    ("optimizer = { lr = 0 }", "optimizer.lr", "0", "be greater than 0"),
    ("optimizer = { lr = nan }", "optimizer.lr", "nan", "be a finite number"),
    ("optimizer = { lr = inf }", "optimizer.lr", "inf", "be a finite number"),
    ("optimizer = { lr = true }", "optimizer.lr", "True", "be a valid number"),
    ("optimizer = { lr = '0.1' }", "optimizer.lr", "'0.1'", "be a valid number"),
    (
        "optimizer = { name = 'sgd', weight_decay = -1 }",
        "optimizer.weight_decay",
        "-1",
        "be greater than or equal",
    ),
    ("optimizer = { beta2 = 1.0 }", "optimizer.beta2", "1.0", "be less than 1"),
    ("epochs = 1.5", "epochs", "1.5", "be a valid integer"),
    ("epochs = '3'", "epochs", "'3'", "be a valid integer"),
    ("epochs = true", "epochs", "True", "be a valid integer"),
    ("epochs = 0", "epochs", "0", "be greater than 0"),
    ("batch_size = 0\nthreads = 0", "batch_size", "0", "(1 more to mend after it.)"),
    ("seed = -1", "seed", "-1", "be greater than or equal to 0"),
    ("seed = 1979-05-27", "seed", "datetime.date(1979, 5, 27)", "be a valid integer"),
    ("engine = 'jax'", "engine", "'jax'", "Known: auto, dense, graph, torch."),
    ("keep = 'beste'", "keep", "'beste'", "Did you mean best?"),
    ("model = 'cnn'", "model.name", "'cnn'", "Known: alexnet, autoencoder,"),
    ("model = { hidden = [16, 0] }", "model.hidden.1", "0", "be greater than 0"),
    ("model = { hidden = [16, 'a'] }", "model.hidden.1", "'a'", "be a valid integer"),
    ("model = { hidden = 1.5 }", "model.hidden", "1.5", "be a list"),
    ("model = { activation = 'rellu' }", "model.activation", "'rellu'", "Did you mean relu?"),
    ("model = { activation = 3 }", "model.activation", "3", "be 'identity', 'sigmoid'"),
    ("model = { dropout = 1.0 }", "model.dropout", "1.0", "be less than 1"),
    ("model = { initializer = 'he' }", "model.initializer.name", "'he'", "Known: constant, he-normal"),
    ("model = { initializer = { name = 'normal', std = 0 } }", "model.initializer.std", "0", "be greater than 0"),
    (
        "model = { initializer = { name = 'normal', bound = 1 } }",
        "model.initializer.bound",
        "'bound'",
        "name, std",
    ),
    ("schedule = { name = 'cosine', warmup = 6 }", "schedule.warmup", "6.0", "be at most epochs (5)"),
    ("schedule = { name = 'step', gamma = 2 }", "schedule.gamma", "2", "be less than or equal to 1"),
    ("loss = 'crossentropy'", "loss.name", "'crossentropy'", "Did you mean cross-entropy?"),
    (
        "loss = 'cross-entropy'\nmodel = { output = 'sigmoid' }",
        "model.output",
        "'sigmoid'",
        "be softmax (or auto)",
    ),
    ("loss = 'bce'\nmodel = { output = 'softmax' }", "model.output", "'softmax'", "be sigmoid (or auto)"),
]
BAD_DATA = [
    ("", "data", "None", 'Try data = "mnist".'),
    ("data = 3", "data", "3", "be a name or a table"),
    ("data = {}", "data", "{'name': None, 'path': None}", "have either a name or a path"),
    ("data = { name = 'a', path = 'b' }", "data", "{'name': 'a', 'path': 'b'}", "have either a name or a path"),
    ("data = { name = 'a', validation = 1.5 }", "data.validation", "1.5", "be less than 1"),
    ("data = { name = 'a', test = -0.1 }", "data.test", "-0.1", "be greater than or equal to 0"),
    ("data = { name = 'a', valdation = 0.1 }", "data.valdation", "'valdation'", "Did you mean validation?"),
    ("data = { name = 'a', fold = { folds = 10 } }", "data.fold.number", "None", "be given"),
    (
        "data = { name = 'a', fold = { folds = 5, number = 5 } }",
        "data.fold.number",
        "5",
        "be less than data.fold.folds (5)",
    ),
    (
        "data = { name = 'a', fold = { number = 0, repeat = 1 } }",
        "data.fold.repeat",
        "1",
        "be 0 where no number of folds is given",
    ),
    (
        "data = { name = 'a', fold = { number = 0, twins = 'dorp' } }",
        "data.fold.twins",
        "'dorp'",
        "Did you mean drop?",
    ),
    ("data = { name = 'a', fold = 3 }", "data.fold", "3", "be a name or a table"),
    ("data = { name = 'a', size = [28] }", "data.size", "[28]", "have more items"),
    ("data = { name = 'a', size = [28, 28, 3] }", "data.size", "[28, 28, 3]", "have at most 2 items"),
    ("data = { name = 'a', ignore = ['b', 3] }", "data.ignore.1", "3", "be a valid string"),
    ("data = { name = 'a', rows = 0 }", "data.rows", "0", "be a whole number above 0"),
    ("data = { name = 'a', scaling = 'unti' }", "data.scaling", "'unti'", "Did you mean unit?"),
    ("data = { name = 'a', validation = 0 }\nkeep = 'best'", "keep", "'best'", "Set data.validation above 0"),
    ("data = mnist", "the text", "'Invalid value (at line 1, column 8)'", "be TOML"),
    ("data = 'mnist", "the text", "'Expected", "be TOML"),
    ("data = 'a'\ndata = 'b'", "the text", "'Cannot overwrite a value", "be TOML"),
]


@pytest.mark.parametrize(
    ("text", "field", "got", "words"), [(f"data = 'mnist'\n{text}", *rest) for text, *rest in BAD] + BAD_DATA
)
def test_a_bad_recipe_is_one_line_with_file_key_and_value(tmp_path, text, field, got, words):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        Recipe.read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: {field} must ")
    assert f", got {got}" in message
    assert words in message
    assert "\n" not in message


@pytest.mark.parametrize("content", [None, b"\xff\xfe", "folder"])
def test_a_recipe_that_cannot_be_read_is_one_line_with_its_path(tmp_path, content):
    path = tmp_path / "a.toml"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        Recipe.read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


# Both sides of each limit: the value that is in, and the one that is not
LIMITS = [
    ("epochs", 1, 0),
    ("batch_size", 1, 0),
    ("seed", 0, -1),
    ("threads", 1, 0),
    ("data.validation", 0.0, -0.01),
    ("data.validation", 0.99, 1.0),
    ("data.test", 0.99, 1.0),
    ("data.rows", 1, 0),
    ("data.bootstrap", 0, -1),
    ("data.fold", {"folds": 2, "number": 1}, {"folds": 1, "number": 0}),
    ("data.fold", {"folds": 2, "number": 0}, {"folds": 2, "number": -1}),
    ("data.fold", {"folds": 2, "number": 1}, {"folds": 2, "number": 2}),
    ("data.fold", {"folds": 2, "number": 1, "repeat": 1}, {"folds": 2, "number": 1, "repeat": -1}),
    ("data.fold", {"number": 10**6}, {"number": 0, "repeat": 1}),
    ("model.slope", 0.99, 1.0),
    ("model.dropout", 0.99, 1.0),
    ("model.hidden", (1,), (0,)),
    ("optimizer.lr", 1e-300, 0.0),
    ("optimizer.beta1", 0.0, -0.1),
    ("optimizer.beta1", 0.999, 1.0),
    ("optimizer.eps", 1e-300, 0.0),
    ("optimizer.weight_decay", 0.0, -1e-9),
    ("schedule.final", 1.0, 1.01),
    ("schedule.final", 0.0, -0.01),
    ("schedule.warmup", 5.0, 5.01),
    ("schedule.warmup", 0.0, -0.1),
]


@pytest.mark.parametrize(("path", "inside", "outside"), LIMITS)
def test_a_limit_lets_its_last_value_in_and_the_next_not(path, inside, outside):
    recipe = Recipe.model_validate({"data": "mnist"}).edit(path, inside)
    with pytest.raises(RecipeError, match=path):
        recipe.edit(path, outside)


def parsed(text):
    return file.parse(Recipe, text)


def test_a_name_stands_for_a_part_and_is_read_without_regard_to_case_or_underscores():
    short = parsed(
        'data = "MNIST"\noptimizer = "SGD"\nloss = "Cross_Entropy"\nmodel = { activation = "Leaky_ReLU" }'
    )
    assert short.data == Data(name="mnist")
    assert short.optimizer == Sgd()
    assert (short.loss.name, short.model.activation) == ("cross-entropy", "leaky-relu")


def test_a_table_without_a_name_is_of_the_default_kind():
    recipe = parsed('data = "a"\noptimizer = { lr = 1 }\nschedule = { final = 0.5 }\nmodel = { hidden = [3] }')
    assert recipe.optimizer == Adam(lr=1)
    assert recipe.schedule == CosineRate(final=0.5)


def test_one_layer_may_be_given_as_one_number_and_none_as_an_empty_list():
    assert parsed('data = "a"\nmodel = { hidden = 30 }').model.hidden == (30,)
    assert parsed('data = "a"\nmodel = { hidden = [] }').model.hidden == ()


def test_a_recipe_cannot_be_changed():
    recipe = parsed('data = "a"')
    for part, field in ((recipe, "seed"), (recipe.data, "name"), (recipe.optimizer, "lr")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, field, 1)


def test_a_recipe_is_hashable_and_equal_to_one_of_the_same_fields():
    text = 'data = "a"\nmodel = { initializer = { name = "normal", std = 0.1 } }'
    assert parsed(text) == parsed(text)
    assert hash(parsed(text)) == hash(parsed(text))
    assert parsed(text).model.initializer == Normal(std=0.1)


def tables(schema, node):
    """Every table of a JSON schema, references followed."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    yield from [node] if "properties" in node else []
    parts = [*node.get("properties", {}).values(), *node.get("oneOf", ()), *node.get("anyOf", ())]
    for part in parts:
        yield from tables(schema, part)


def test_the_json_schema_describes_every_key_that_is_no_name():
    schema = Recipe.model_json_schema()
    found = list(tables(schema, schema))
    parts = 7  # Recipe, Data, Fold, Loss, Stopping, Augment, Transfer, and the kinds of those that come in kinds
    kinds = [get_args(get_args(union)[0]) for union in (Model, Initializer, Optimizer, Schedule)]
    assert len({table["title"] for table in found}) == parts + sum(map(len, kinds))
    for table in found:
        assert table["additionalProperties"] is False
        described = {key for key, value in table["properties"].items() if value.get("description")}
        parts = {"name", "data", "model", "loss", "optimizer", "schedule", "stopping", "augment", "transfer"}
        assert set(table["properties"]) - parts <= described, table["title"]


def test_the_json_schema_knows_the_defaults_and_the_limits():
    schema = Recipe.model_json_schema()
    assert schema["properties"]["epochs"] | {"description": ""} == {
        "default": Recipe.model_fields["epochs"].default,
        "description": "",
        "exclusiveMinimum": 0,
        "title": "Epochs",
        "type": "integer",
    }
    assert schema["required"] == ["data"]


@pytest.mark.parametrize(
    ("key", "unit"),
    [
        ("Data.size", "pixels"),
        ("Data.validation", "Share"),
        ("CosineRate.warmup", "Epochs"),
        ("StepRate.every", "Epochs"),
        ("Recipe.batch_size", "Rows per step"),
        ("Mlp.hidden", "units"),
    ],
)
def test_a_quantity_says_its_unit(key, unit):
    schema = Recipe.model_json_schema()
    table, _, name = key.partition(".")
    properties = (schema if table == "Recipe" else schema["$defs"][table])["properties"]
    assert unit in properties[name]["description"]
