"""Recurrent layers on the computational graph: a copy of the cell for every step, which all share its weights."""

from collections.abc import Mapping, Sequence

import numpy as np

from unstuck.graph import Node, apply, constant
from unstuck.graph.networks import linear
from unstuck.network.layers import Recurrent
from unstuck.network.shapes import GATES


def unrolled(layer: Recurrent, x: Node, named: Mapping[str, Node], place: str, is_there: np.ndarray) -> Node:
    """The top layer's last state, of both directions one after the other.

    Shapes: x (B, T, I), zeros after a sequence's end; is_there (B, T), false there → (B, hidden · directions).
    """
    masks = [None if some.all() else constant(some[:, None]) for some in is_there.T]
    steps, ends = [x[:, step] for step in range(x.shape[1])], list[Node]()
    for number in range(layer.layers):
        states, ends = list[list[Node]](), list[Node]()
        for suffix, way in (("", 1), ("_reverse", -1))[: layer.directions]:
            names = (f"{kind}_l{number}{suffix}" for kind in ("weight_ih", "bias_ih", "weight_hh", "bias_hh"))
            weights = [named[f"{place}.cells.{name}"] for name in names]
            read = _read(layer, steps[::way], weights, masks[::way])
            states.append(read[::way])
            ends.append(read[-1])
        steps = [_joined(both) for both in zip(*states, strict=True)]
    return _joined(ends)


def _read(
    layer: Recurrent, steps: Sequence[Node], weights: Sequence[Node], masks: Sequence[Node | None]
) -> list[Node]:
    """The state after every step, each (B, hidden); a step that is not there leaves it as it was."""
    w, b, u, d = weights
    h = c = constant(np.zeros((len(steps[0].value), layer.hidden)))
    states: list[Node] = []
    for x, mask in zip(steps, masks, strict=True):
        after = _after(layer.cell, linear(x, w, b), linear(h, u, d), h, c)
        h, c = (
            after
            if mask is None
            else (mask * new + (1.0 - mask) * old for new, old in zip(after, (h, c), strict=True))
        )
        states.append(h)
    return states


def _after(cell: str, given: Node, back: Node, h: Node, c: Node) -> tuple[Node, Node]:
    """State and memory after a step; of what is `given` to the gates and what comes `back` to them.

    Shapes: given, back (B, gates · H); h, c (B, H), c of the LSTM alone.

    Sources: LSTM, Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735, with the forget gate of Gers et
        al. 2000, doi:10.1162/089976600300015015; GRU, Cho et al. 2014, arXiv:1406.1078.
    """
    if cell == "rnn":
        return apply("tanh", given + back), c
    if cell == "lstm":
        enter, forget, new, leave = _gates(given + back, GATES[cell])
        c = apply("sigmoid", forget) * c + apply("sigmoid", enter) * apply("tanh", new)
        return apply("sigmoid", leave) * apply("tanh", c), c
    (reset, update, new), (reset_by, update_by, new_by) = _gates(given, GATES[cell]), _gates(back, GATES[cell])
    stays = apply("sigmoid", update + update_by)
    new = apply("tanh", new + apply("sigmoid", reset + reset_by) * new_by)
    return (1.0 - stays) * new + stays * h, c


def _gates(a: Node, count: int) -> list[Node]:
    """(B, gates · H) → each gate's (B, H)."""
    width = a.shape[1] // count
    return [a[:, gate * width : (gate + 1) * width] for gate in range(count)]


def _joined(parts: Sequence[Node]) -> Node:
    """One after another: each (B, H) → (B, H · parts)."""
    (rows, width), count = parts[0].shape, len(parts)
    if count == 1:
        return parts[0]
    places = [(slice(None), slice(number * width, (number + 1) * width)) for number in range(count)]
    first, *others = (
        apply("place", part, index=index, shape=(rows, count * width))
        for part, index in zip(parts, places, strict=True)
    )
    return sum(others, first)
