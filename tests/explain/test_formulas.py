"""What is written beside a node is what the graph computes: every formula is evaluated, and compared."""

import re

import numpy as np
import pytest

from unstuck.explain.explanation import Part
from unstuck.explain.formulas import FORMULAS, formula, passed
from unstuck.graph import Node, apply, constant, gradients, order, weight
from unstuck.graph.node import OPERATIONS
from unstuck.rng import stream

# An operation's inputs, by their shapes, and its options.
CASES = {
    "add": (((2, 3), (3,)), {}),
    "multiply": (((2, 3), (3,)), {}),
    "product": (((2, 3), (3, 4)), {}),
    "power": (((2, 3),), {"exponent": 3.0}),
    "exp": (((2, 3),), {}),
    "log": (((2, 3),), {}),
    "turn": (((2, 3),), {}),
    "sigmoid": (((2, 3),), {}),
    "tanh": (((2, 3),), {}),
    "softplus": (((2, 3),), {}),
    "log-softmax": (((2, 3),), {}),
    "relu": (((2, 3),), {}),
    "leaky-relu": (((2, 3),), {"slope": 0.1}),
    "elu": (((2, 3),), {"alpha": 1.5}),
}


def made(operation):
    """The node, and a part for it and each of its inputs, whose names are those of the formulas."""
    shapes, options = CASES[operation]
    draws = stream(0, "probe")
    inputs = [weight(draws.uniform(0.2, 1.0, shape) * (1 if operation == "log" else draws.choice([-1, 1], shape)))
              for shape in shapes]  # fmt: skip
    node = apply(operation, *inputs, **options)
    return node, [*inputs, node]


def told(nodes):
    return [
        Part(
            number=number,
            name="ab"[number] if not node.operation else "y",
            kind="made" if node.operation else "weight",
            operation=node.operation,
            options=node.options,
            inputs=tuple(nodes.index(one) for one in node.inputs),
            layer="0",
            value=node.value,
            gradient=node.value,
            rule="",
            is_kept=node.is_weight,
            is_needed=True,
            sees_data=False,
        )
        for number, node in enumerate(nodes)
    ]


def meant(text, names):
    """The number that a formula means, read as a pupil reads it."""
    text = re.sub(r"(\w)ᵀ", r"\1.T", text.split(", summed")[0])
    for said, code in (("·", "*"), ("^", "**"), ("²", "**2"), ("the row's sum of g", "g.sum(-1, keepdims=True)")):
        text = text.replace(said, code)
    if where := re.fullmatch(r"g where (.*), else (.*)", text):
        return np.where(meant(where[1], names), names["g"], meant(where[2], names))
    return eval(text, {"__builtins__": {}}, names)  # the table's own texts


@pytest.mark.parametrize("operation", CASES)
def test_a_formula_says_what_the_graph_computes(operation):
    node, nodes = made(operation)
    *leaves, part = told(nodes)
    loss = (node * constant(stream(1, "probe").normal(size=node.shape))).sum()
    slopes = gradients(loss, nodes)
    names = {one.name: one.value for one in (*leaves, part)}
    names |= {"g": slopes[node].value, "exp": np.exp, "log": np.log, "sigmoid": lambda a: 1 / (1 + np.exp(-a))}
    names |= {"tanh": np.tanh}
    for (leaf, text), source in zip(passed(part, [*leaves, part]), nodes, strict=False):
        by_hand = np.asarray(meant(text, names))
        if ", summed over its 2 uses" in text:
            by_hand = by_hand.sum(0)
        np.testing.assert_allclose(by_hand, slopes[source].value, rtol=1e-12, err_msg=f"{leaf.name}: {text}")
    if not re.search(r"relu|elu|softmax", operation):
        np.testing.assert_allclose(meant(formula(part, [*leaves, part]), names), part.value, rtol=1e-12)


def test_every_operation_has_a_formula_for_each_input():
    assert FORMULAS.keys() == OPERATIONS.keys()


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (lambda x: x[[0, 1], [2, 0]], "x[0 1, 2 0]"),
        (lambda x: x[:, 1], "x[:, 1]"),
        (lambda x: x[:, 1:3], "x[:, 1:3]"),
        (lambda x: x[np.arange(7) % 2], "x[…]"),
        (lambda x: x.reshape(3, 2), "x as 3 x 2"),
    ],
)
def test_indices_and_shapes_are_written(node, said):
    x = weight(np.ones((2, 3)), "x")
    nodes = order(node(x))
    parts = [
        Part(**{**part.__dict__, "name": one.name or "y"}) for part, one in zip(told(nodes), nodes, strict=True)
    ]
    assert formula(parts[-1], parts) == said


def test_what_leads_to_no_weight_is_let_go():
    node, nodes = made("product")
    assert isinstance(node, Node)
    *leaves, part = told(nodes)
    given = Part(**{**leaves[0].__dict__, "is_needed": False})
    assert dict((one.name, text) for one, text in passed(part, [given, leaves[1], part])) == {
        "a": "let go: leads to no weight",
        "b": "aᵀ @ g",
    }
