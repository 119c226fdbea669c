"""Back-propagation: once through the graph, against its edges, by the chain rule."""

from collections.abc import Sequence

from unstuck.graph.node import OPERATIONS, Node, constant


def order(last: Node) -> list[Node]:
    """All nodes that a node depends on, itself last, each after those it was made from."""
    found: dict[Node, None] = {}
    waiting = [(last, False)]
    while waiting:
        node, is_ready = waiting.pop()
        if is_ready:
            found[node] = None
        elif node not in found:
            waiting.append((node, True))
            waiting += [(one, False) for one in reversed(node.inputs) if one not in found]
    return list(found)


def gradients(of: Node, by: Sequence[Node] | None = None) -> dict[Node, Node]:
    """The gradient of a single number by the nodes asked for; nothing asked: by all weights.

    What reaches a node by several ways is added up. A gradient that is not asked for is let go as soon as it has
    been passed on.
    """
    nodes = order(of)
    wanted = {node for node in nodes if node.is_weight} if by is None else {*by}
    reached: dict[Node, Node] = {of: constant(1.0).reshape(*of.shape)}
    for node in reversed(nodes):
        if not node.operation or node not in reached:
            continue
        gradient = reached[node] if node in wanted else reached.pop(node)
        parts = OPERATIONS[node.operation].rule(gradient, node, *node.inputs, **node.options)
        for one, part in zip(node.inputs, parts, strict=True):
            reached[one] = reached[one] + part if one in reached else part
    return {node: reached[node] if node in reached else node * 0.0 for node in nodes if node in wanted}
