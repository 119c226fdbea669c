"""A graph is told truly: a 2-3-1 network by hand, and every recipe beside torch, dense and finite differences."""

import numpy as np
import pytest

from cases import images, recipe, table
from unstuck.data.loading import arrange
from unstuck.data.source import Pairs, Source
from unstuck.errors import RecipeError
from unstuck.explain.check import compared
from unstuck.explain.explanation import Explanation, fading
from unstuck.recipe.data import Data

# Two rows of two numbers, and one number to predict of each.
X, T = np.array([[1.0, 2.0], [-1.0, 0.5]]), np.array([[0.5], [-1.0]])


def small():
    source = Source(name="two", train=Pairs(X, T))
    data = Data(name="two", validation=0.0, test=0.0, scaling="none", target_scaling="none")
    given = recipe(
        data=data.model_dump(), model={"hidden": [3], "activation": "sigmoid"}, loss="mse", batch_size=2
    )
    return Explanation.of(given, arrange(source, data), rows=2)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_a_2_3_1_network_is_right_by_hand():
    told = small()
    w, b, v, c = (told.weights[name].astype(np.float64) for name in ("0.weight", "0.bias", "2.weight", "2.bias"))
    z = X @ w.T + b  # (2, 3)
    h = sigmoid(z)
    y = h @ v.T + c  # (2, 1)
    error = 2 * (y - T) / 2  # dL/dy of a mean over two numbers
    hidden = (error @ v) * h * (1 - h)  # dL/dz
    by_hand = {"0.weight": hidden.T @ X, "0.bias": hidden.sum(0), "2.weight": error.T @ h, "2.bias": error.sum(0)}
    kept = {part.name: part.gradient for part in told.parts if part.is_kept}
    assert kept.keys() == by_hand.keys()
    for name, gradient in by_hand.items():
        np.testing.assert_allclose(kept[name], gradient, rtol=1e-12, atol=1e-15)
    assert told.loss == pytest.approx(np.mean((y - T) ** 2), rel=1e-12)


def test_every_node_is_made_from_earlier_ones_and_the_last_is_the_loss():
    told = small()
    assert [part.number for part in told.parts] == list(range(len(told.parts)))
    assert all(number < part.number for part in told.parts for number in part.inputs)
    assert told.parts[-1].value.shape == ()
    assert told.parts[-1].gradient == 1


def test_every_node_belongs_to_a_layer_or_to_the_loss():
    assert {part.layer for part in small().parts} == {"0", "1", "2", "loss"}


def test_gradients_of_weights_alone_are_kept():
    for part in small().parts:
        assert part.is_kept == (part.kind == "weight")


CASES = {
    "sigmoid and squared error": ({"model": {"hidden": [6, 5], "activation": "sigmoid"}}, table),
    "gelu and absolute error": ({"model": {"hidden": [6], "activation": "gelu"}, "loss": "mae"}, table),
    "cross-entropy": ({"model": {"hidden": [7], "activation": "selu"}}, images),
    "binary cross-entropy": ({"model": {"hidden": [7], "activation": "elu"}, "loss": "bce"}, images),
    "layer norm": ({"model": {"hidden": [6, 5], "normalization": "layer", "activation": "tanh"}}, images),
    "batch norm": ({"model": {"hidden": [6, 5], "normalization": "batch", "activation": "leaky-relu"}}, images),
}


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_finite_differences_torch_and_dense(name):
    fields, make = CASES[name]
    told = Explanation.of(recipe(**fields), make(), rows=5)
    rows = compared(told)
    assert {row.name for row in rows} == {*told.weights}
    for row in rows:
        scale = max(row.largest, 1e-3)
        assert row.differences <= 1e-6 * max(scale, 1)
        assert row.torch <= 1e-10 * max(scale, 1)
        assert row.dense is not None
        assert row.dense <= 1e-5 * max(scale, 1)


def test_a_convolutional_network_has_the_gradients_of_torch():
    given = recipe(data="digits", model="lenet")
    told = Explanation.of(given.edit("data.name", "mnist").edit("data.rows", 100), rows=2)
    for row in compared(told):
        assert row.torch <= 1e-10
        assert row.dense is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model": {"name": "own", "function": "mine:net"}}, "model.name must be another, got 'own'"),
        ({"model": {"hidden": [4], "dropout": 0.5}}, "none of them dropout"),
        (
            {"loss": {"name": "cross-entropy", "label_smoothing": 0.1}},
            "label_smoothing must be 0.0 on the graph",
        ),
    ],
)
def test_what_has_no_formula_is_said_in_one_line(fields, said):
    with pytest.raises(RecipeError) as caught:
        Explanation.of(recipe(**fields), images())
    assert said in str(caught.value)


@pytest.mark.parametrize("rows", [0, 10_000])
def test_there_must_be_so_many_rows(rows):
    with pytest.raises(RecipeError, match="rows must be 1 to 394"):
        Explanation.of(recipe(), images(), rows=rows)


def test_a_sigmoid_lets_the_error_fade_a_relu_does_not():
    deep = recipe(model={"hidden": [16] * 6, "initializer": "xavier-uniform"})
    flows = fading(deep, images(), rows=20)
    left = {name: of[0].gradient / of[-1].gradient for name, of in flows.items()}
    assert left["sigmoid"] < 0.01 * min(left["tanh"], left["relu"])  # six times a quarter at most is 1/4096


def test_the_recipes_own_activation_is_told_alike_both_times():
    given = recipe(model={"hidden": [6, 5], "activation": "tanh"})
    assert fading(given, images())["tanh"] == Explanation.of(given, images()).flows
