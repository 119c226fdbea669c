"""A graph is told truly: a 2-3-1 network by hand, and every recipe beside torch, dense and finite differences."""

import numpy as np
import pytest
from rich.console import Console

from cases import CLASS_WEIGHTS, arranged, images, recipe, table
from unstuck.data.loading import arrange
from unstuck.data.source import Pairs, Source
from unstuck.errors import RecipeError
from unstuck.explain import explanation
from unstuck.explain.check import DENSE, DIFFERENCES, TORCH, Compared, compared, is_kink
from unstuck.explain.explanation import Explanation, fading
from unstuck.graph.check import STEP
from unstuck.graph.node import OPERATIONS
from unstuck.recipe.data import Data
from unstuck.report.explained import checks

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
    "group norm": ({"model": {"hidden": [6, 4], "normalization": "group"}}, images),
    "huber": ({"loss": {"name": "huber", "delta": 0.3}}, table),
    "label smoothing": ({"loss": {"name": "cross-entropy", "label_smoothing": 0.1}}, images),
    "weights of classes": ({"loss": {"name": "cross-entropy", "class_weights": "balanced"}}, images),
    "weights of classes, numbers, label smoothing": (
        {"loss": {"name": "mse", "class_weights": CLASS_WEIGHTS, "label_smoothing": 0.2}},
        images,
    ),
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


def noise(*shape, ends=None):
    """Random rows of a shape; sequences may end after so many steps each."""
    x, y = np.random.default_rng(0).normal(size=(12, *shape)), np.arange(12) % 3
    for row, end in enumerate(ends or ()):
        x[row, end:] = np.nan
    source = Source(name="noise", train=Pairs(x, y), classes=("a", "b", "c"), sequence="steps" if ends else None)
    return arranged(source, scaling="none")


SMOOTH = {"activation": "tanh", "pooling": "average"}
PICTURES = {
    "average pooling and group norm": {"name": "lenet", **SMOOTH, "normalization": "group"},
    "batch norm": {"name": "lenet", **SMOOTH, "normalization": "batch"},
    "layer norm": {"name": "lenet", **SMOOTH, "normalization": "layer"},
    "residual blocks": {"name": "resnet", "depth": 8, "width": 4, "activation": "gelu"},
    # Thousands of largest numbers and of ReLUs, and kinks where the border is 0
    "max pooling": {"name": "lenet"},
    "strides, groups and overlapping pooling": {"name": "alexnet"},
}


@pytest.mark.parametrize("name", PICTURES)
def test_networks_for_pictures_have_the_gradients_of_torch_and_finite_differences(name, monkeypatch):
    monkeypatch.setattr("unstuck.explain.check.MOST", 3)
    told = Explanation.of(recipe(model=PICTURES[name], batch_size=4), noise(28, 28), rows=4)
    check(told)


SEQUENCES = {
    "alike": noise(5, 2),
    "with channels": noise(2, 4, 3),
    "of unequal length": noise(5, 2, ends=[1, 5, 3, 2, 4] * 2),
}


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize(("layers", "directions"), [(1, 1), (2, 2)])
@pytest.mark.parametrize("data", SEQUENCES.values(), ids=SEQUENCES)
def test_recurrent_networks_have_the_gradients_of_torch_and_finite_differences(
    data, layers, directions, cell, monkeypatch
):
    monkeypatch.setattr("unstuck.explain.check.MOST", 12)
    model = {"name": cell, "hidden": 3, "layers": layers, "directions": directions}
    check(Explanation.of(recipe(model=model, batch_size=4), data, rows=6))


def check(told):
    for row in compared(told):
        assert row.torch <= 1e-10 * max(row.largest, 1)
        assert (row.differences or 0) <= 1e-6 * max(row.largest, 1)
        assert row.dense is None


def test_weights_at_a_kink_are_left_out_of_differences_and_counted():
    source = Source(name="black", train=Pairs(np.zeros((12, 5, 5)), np.arange(12) % 3), classes=("a", "b", "c"))
    given, black = recipe(model={"hidden": [4]}, batch_size=4), arranged(source, scaling="none")
    start = Explanation.of(given, black).weights
    told = Explanation.of(given, black, weights={**start, "0.bias": np.zeros(4)})  # where every ReLU is at 0
    rows = {row.name: row for row in compared(told)}
    assert (rows["0.bias"].kinks, rows["0.bias"].differences) == (4, None)
    assert all(row.agrees for row in rows.values())
    assert rows["0.weight"].kinks == 0
    console = Console(width=120)
    with console.capture() as said:
        console.print(checks(list(rows.values())))
    assert "would go over a kink at 4 of 0.bias" in said.get()


@pytest.mark.parametrize(
    ("function", "at", "expected"),
    [
        (lambda a: abs(a[1]), 0.0, True),
        (lambda a: abs(a[1]), STEP / 5, True),
        (lambda a: abs(a[1]), 2 * STEP, False),
        (lambda a: abs(a[0]), 0.0, False),
        (lambda a: 100 * np.sin(10 * a[1]), 0.3, False),
    ],
)
def test_a_kink_is_where_slopes_differ_as_much_at_half_the_step(function, at, expected):
    assert is_kink(function, np.array([0.0, at]), 1, DIFFERENCES * 1000) == expected


def test_a_wrong_rule_is_not_taken_for_a_kink(monkeypatch):
    rule = OPERATIONS["tanh"]
    monkeypatch.setitem(OPERATIONS, "tanh", rule._replace(rule=lambda g, y, a: (g * 1.01,)))
    told = Explanation.of(recipe(model={"hidden": [6], "activation": "tanh"}), images(), rows=5)
    assert not all(row.agrees for row in compared(told))
    assert not any(row.kinks for row in compared(told))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model": {"name": "own", "function": "mine:net"}}, "model.name must be another, got 'own'"),
    ],
)
def test_what_cannot_be_told_is_said_in_one_line(fields, said):
    with pytest.raises(RecipeError) as caught:
        Explanation.of(recipe(**fields), images())
    assert said in str(caught.value)


def test_dropout_is_left_out_and_that_is_said():
    told = Explanation.of(recipe(model={"hidden": [4], "dropout": 0.5}), images())
    assert told.notes == ("Dropout is left out: every unit takes part.",)
    hidden, kept = (flow for flow in told.flows if flow.name in ("relu", "dropout 0"))
    assert (hidden.value, hidden.gradient) == (kept.value, kept.gradient)
    assert Explanation.of(recipe(model={"hidden": [4]}), images()).notes == ()


@pytest.mark.parametrize(
    ("fields", "make"),
    [({"model": {"hidden": [6, 5], "normalization": "batch"}}, images), ({"loss": "mae"}, table)],
)
def test_torch_tells_the_same_layers_as_the_graph(fields, make, monkeypatch):
    by_graph = Explanation.of(recipe(**fields), make())
    monkeypatch.setattr(explanation, "LARGEST", 0)
    by_torch = Explanation.of(recipe(**fields), make())
    assert by_graph.parts
    assert not by_torch.parts
    assert by_torch.loss == pytest.approx(by_graph.loss, rel=1e-12)
    for one, other in zip(by_graph.flows, by_torch.flows, strict=True):
        assert (one.layer, one.name, one.weights) == (other.layer, other.name, other.weights)
        assert (one.value, one.gradient) == pytest.approx((other.value, other.gradient), rel=1e-9)


def test_what_is_too_large_for_a_graph_is_told_by_its_layers(monkeypatch):
    monkeypatch.setattr(explanation, "LARGEST", 0)
    told = Explanation.of(recipe(), images())
    assert not told.parts
    assert len(told.flows) == len(told.network.layers)
    assert "too many for a graph" in told.notes[-1]
    with pytest.raises(RecipeError, match="--check must be left out"):
        compared(told)


def test_a_layers_weights_are_counted():
    told = Explanation.of(recipe(model={"hidden": [6, 5], "normalization": "batch"}), images())
    assert sum(flow.weights for flow in told.flows) == told.network.size


def test_a_run_is_told_at_its_own_weights():
    given = recipe(model={"hidden": [4]})
    start = Explanation.of(given, images())
    weights = {name: value * 2 for name, value in start.weights.items()}
    told = Explanation.of(given, images(), weights=weights)
    by_name = {part.name: part.value for part in told.parts}
    for name, value in weights.items():
        np.testing.assert_array_equal(by_name[name], value)


def test_one_row_has_no_batch_to_be_normalized():
    given = recipe(model={"hidden": [4], "normalization": "batch"})
    with pytest.raises(RecipeError, match="rows must be 2 or more"):
        Explanation.of(given, images(), rows=1)
    assert Explanation.of(given, images(), rows=2).parts


def test_a_single_target_is_told_a_number_in_a_formula_is_not():
    source = Source(name="two", train=Pairs(X, T))
    data = Data(name="two", validation=0.0, test=0.0, scaling="none", target_scaling="none")
    given = recipe(data=data.model_dump(), model={"hidden": [3]}, loss="mse", batch_size=2)
    told = Explanation.of(given, arrange(source, data), rows=1)
    assert {part.name for part in told.parts if part.kind == "given" and not part.is_number} == {"x", "targets"}
    assert {part.name for part in told.parts if part.is_number} == {"-1", "1"}


def test_made_nodes_are_counted_without_a_gap():
    names = [part.name for part in small().parts if part.kind == "made"]
    assert names == [f"n{number}" for number in range(1, len(names) + 1)]


def test_a_gradient_that_leads_to_no_weight_is_not_needed():
    parts = {part.name: part for part in small().parts}
    assert not parts["x"].is_needed
    assert not parts["targets"].is_needed
    assert parts["0.weight"].is_needed
    assert small().parts[-1].is_needed


@pytest.mark.parametrize("limit", [0.9, 1.1])
def test_gradients_agree_up_to_the_limit(limit):
    near = dict(name="w", largest=0.5, differences=0.0, kinks=0, torch=0.0)
    assert Compared(**near, dense=DENSE * limit).agrees == (limit < 1)
    assert Compared(**{**near, "torch": TORCH * limit}, dense=None).agrees == (limit < 1)
    assert Compared(**{**near, "differences": 4 * DIFFERENCES * limit, "largest": 4.0}, dense=None).agrees == (
        limit < 1
    )


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
