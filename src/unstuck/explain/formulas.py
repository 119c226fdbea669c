"""What an operation computes and what it passes back, as formulas that can be followed with a pencil.

The rules themselves are in `graph/node.py`; a test evaluates these beside them. In what is passed back, g is the
gradient of the node, y its value, @ a product of matrices and ᵀ a matrix turned.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from unstuck.explain.explanation import Part

MOST_INDICES = 6
"""Numbers of an index up to which all are written."""


class Formula(NamedTuple):
    """How a value is made from a, b, and what of its gradient each of these gets."""

    made: str
    back: tuple[str, ...]


# In the order of graph/node.py. {exponent}, {slope}, {alpha} are the operation's options.
FORMULAS = {
    "add": Formula("{a} + {b}", ("g", "g")),
    "multiply": Formula("{a} · {b}", ("g · {b}", "g · {a}")),
    "product": Formula("{a} @ {b}", ("g @ {b}ᵀ", "{a}ᵀ @ g")),
    "power": Formula("{a} ^ {exponent:g}", ("g · {exponent:g} · {a}{less}",)),
    "exp": Formula("exp({a})", ("g · {y}",)),
    "log": Formula("log({a})", ("g / {a}",)),
    "abs": Formula("|{a}|", ("g · sign({a})",)),
    "max": Formula("max({a})", ("g where {a} is the largest, else 0",)),
    "fold": Formula("sum({a})", ("g, the same for every term",)),
    "spread": Formula("copies of {a}", ("g, summed over all copies",)),
    "reshape": Formula("{a} as {shape}", ("g as {before}",)),
    "turn": Formula("{a}ᵀ", ("gᵀ",)),
    "pick": Formula("{a}{index}", ("g where it was picked, else 0",)),
    "place": Formula("{a} among zeros", ("g where {a} stands",)),
    "sigmoid": Formula("sigmoid({a})", ("g · {y} · (1 - {y})",)),
    "tanh": Formula("tanh({a})", ("g · (1 - {y}²)",)),
    "relu": Formula("relu({a})", ("g where {a} > 0, else 0",)),
    "leaky-relu": Formula("leaky-relu({a})", ("g where {a} > 0, else {slope:g} · g",)),
    "elu": Formula("elu({a})", ("g where {a} > 0, else g · ({y} + {alpha:g})",)),
    "normal-cdf": Formula("Φ({a})", ("g · φ({a}), the bell curve",)),
    "softplus": Formula("log(1 + exp({a}))", ("g · sigmoid({a})",)),
    "log-softmax": Formula("log-softmax({a})", ("g - exp({y}) · the row's sum of g",)),
}


def formula(part: Part, parts: Sequence[Part]) -> str:
    """How a node is made: `x @ n1`."""
    return FORMULAS[part.operation].made.format(**_names(part, parts))


def passed(part: Part, parts: Sequence[Part]) -> Iterator[tuple[Part, str]]:
    """Each input of a node that is no plain number, and what of the node's gradient it gets.

    What leads to no weight is said to be let go at once.
    """
    if part.kind != "made":
        return
    names = _names(part, parts)
    for number, back in zip(part.inputs, FORMULAS[part.operation].back, strict=True):
        one = parts[number]
        if one.is_number:
            continue
        if not one.is_needed:
            yield one, "let go: leads to no weight"
        else:
            yield one, back.format(**names) + _summed(part, one)


def shape_of(value: np.ndarray) -> str:
    """`2 x 3`, or a number."""
    return " x ".join(map(str, value.shape)) or "a number"


def _names(part: Part, parts: Sequence[Part]) -> dict[str, Any]:
    inputs = [parts[number] for number in part.inputs]
    names: dict[str, Any] = {**part.options, "y": part.name}
    names |= dict(zip("ab", (one.name for one in inputs), strict=False))
    names |= {"shape": shape_of(part.value), "before": shape_of(inputs[0].value)}
    if "exponent" in names:
        less = names["exponent"] - 1
        names["less"] = "" if less == 1 else f" ^ {less:g}"
    if "index" in names:
        names["index"] = _index(names["index"])
    return names


def _summed(part: Part, one: Part) -> str:
    """A number that was used several times answers for all it did."""
    if part.operation not in ("add", "multiply", "product"):
        return ""
    matrices = 2 if part.operation == "product" else 0
    whole, own = (int(np.prod(some.value.shape[: some.value.ndim - matrices])) for some in (part, one))
    return f", summed over its {whole // own} uses" if whole > own else ""


def _index(index: Any) -> str:
    """`[0 1, 2 0]`: rows 0 and 1, of the first number 2, of the second number 0; `[:, 3]`."""
    written = [_one_index(one) for one in (index if isinstance(index, tuple) else (index,))]
    return f"[{', '.join(written)}]"


def _one_index(one: Any) -> str:
    if isinstance(one, slice):
        return ":" if one == slice(None) else f"{one.start or ''}:{one.stop}"
    numbers = np.ravel(one)
    return " ".join(map(str, numbers)) if numbers.size <= MOST_INDICES else "…"
