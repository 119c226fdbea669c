"""Back-propagation by hand: `python -m studies.backpropagation` makes the tables and pictures of its page.

One row through a network of 2 inputs, 3 sigmoid units and 1 output, with weights that a pencil can follow; how
the gradient fades in deeper ones; a second derivative; and the gradient check.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from studies import parts
from unstuck.data.loading import arrange
from unstuck.data.source import Pairs, Source
from unstuck.explain.check import compared
from unstuck.explain.explanation import Explanation, Flow, fading
from unstuck.explain.formulas import shape_of
from unstuck.graph import gradients
from unstuck.network.graphed import graphed, loss_of
from unstuck.recipe.data import Data
from unstuck.recipe.spec import Recipe
from unstuck.report import graph_page
from unstuck.report.explained import says, shares
from unstuck.report.numerals import written
from unstuck.report.plots import canvas
from unstuck.report.view.graph import GraphView

DOCS = Path(__file__).parent.parent / "docs"
PAGE, PICTURE, CHART = (
    DOCS / "backpropagation.md",
    DOCS / "figures" / "backpropagation.svg",
    DOCS / "figures" / "backpropagation-fading.png",
)
WEIGHTS = {
    "0.weight": np.array([[2.0, -1.0], [1.0, 0.5], [1.0, -1.5]]),
    "0.bias": np.array([0.0, -1.0, 1.0]),
    "2.weight": np.array([[1.0, -1.0, 2.0]]),
    "2.bias": np.array([0.5]),
}
RATE = 0.1
DEPTH = 8
DEEP = Recipe.model_validate(
    {"data": "digits", "model": {"hidden": [32] * DEPTH, "initializer": "xavier-uniform"}}
)
ROWS = 100


def example() -> Explanation:
    """The row (1, 2), whose target is 0, through the network of WEIGHTS."""
    data = Data(name="one", validation=0.0, test=0.0, scaling="none", target_scaling="none")
    pairs = Pairs(np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[0.0], [1.0]]))  # the first row is told
    dataset = arrange(Source(name="one", train=pairs), data)
    recipe = Recipe(data=data, batch_size=1).edit("loss", "mse")
    recipe = recipe.edit("model.hidden", (3,)).edit("model.activation", "sigmoid")
    return Explanation.of(recipe, dataset, rows=1, weights=WEIGHTS)


def forward(told: Explanation) -> str:
    """Each value from those before it, as a table."""
    rows = [
        (part.name, says(part, told.parts), shape_of(part.value), _cell(part.value))
        for part in told.parts
        if not part.is_number
    ]
    return _table(("node", "is", "shape", "value"), rows)


def back(told: Explanation) -> str:
    """The gradient of the loss by each node, and what it passes on."""
    rows = [
        (part.name, _cell(part.gradient), "<br>".join(shares(part, told.parts)))
        for part in reversed(told.parts)
        if part.is_needed and not part.is_number
    ]
    return _table(("node", "g", "passes on"), rows)


def step(told: Explanation) -> str:
    """What one step of gradient descent does to the loss."""
    slopes = {part.name: part.gradient for part in told.parts if part.is_kept}
    moved = {name: value - RATE * slopes[name] for name, value in told.weights.items()}
    after = float(loss_of(graphed(told.network, moved, told.x).outputs, told.targets, told.recipe.loss).value)
    squares = sum(float(np.sum(slope**2)) for slope in slopes.values())
    return (
        f"Every weight moves by {RATE:g} of its gradient, against it. The loss falls from {told.loss:.4f} to "
        f"{after:.4f}. The gradients promise {RATE:g} times the sum of their squares, {RATE * squares:.4f}; "
        f"that {told.loss - after:.4f} came of it is the curvature's doing."
    )


def second(told: Explanation) -> str:
    """The second derivative of the loss by each weight of the last layer, twice by the same one."""
    graph = graphed(told.network, told.weights, told.x)
    loss = loss_of(graph.outputs, told.targets, told.recipe.loss)
    rows: list[tuple[str, ...]] = []
    for name in ("2.weight", "2.bias"):
        node = graph.weights[name]
        slope = gradients(loss)[node]
        twice = [
            gradients(slope.reshape(-1)[place], [node])[node].value.flat[place] for place in range(node.value.size)
        ]
        rows.append((name, _cell(slope.value), _cell(np.array(twice))))
    return _table(("weight", "first derivative", "second, each by itself"), rows)


def faded() -> str:
    """The gradient after the first and the last layer with weights, by activation."""
    rows = [
        (
            name,
            f"{flows[0].gradient:.2g}",
            f"{flows[-1].gradient:.2g}",
            f"{flows[0].gradient / flows[-1].gradient:.2g}",
        )
        for name, flows in _reach().items()
    ]
    return _table(("activation", "after the first layer", "after the last", "left of it"), rows)


def check() -> str:
    """The gradient check of a small network on digits."""
    recipe = Recipe.model_validate({"data": "digits", "model": {"hidden": [16], "activation": "tanh"}})
    rows = [
        (row.name, *(f"{size:.1g}" for size in (row.largest, row.differences or 0.0, row.torch, row.dense or 0.0)))
        for row in compared(Explanation.of(recipe))
    ]
    return _table(("weight", "largest g", "finite differences", "torch", "dense, float32"), rows)


def _reach() -> dict[str, list[Flow]]:
    """The layers with weights, by activation; ReLU once more from weights that make up for what it cuts off."""
    by_name = fading(DEEP, rows=ROWS)
    by_name["relu, He's weights"] = fading(DEEP.edit("model.initializer", "he-uniform"), rows=ROWS)["relu"]
    return {name: [flow for flow in flows if flow.weights] for name, flows in by_name.items()}


def _cell(value: np.ndarray) -> str:
    return "<br>".join(f"`{row}`" for row in written(value).split("\n"))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [tuple(head), *map(tuple, rows)]
    lines.insert(1, ("---",) * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def made() -> Iterator[tuple[str, str]]:
    """Every part of the page that is made, by its name."""
    told = example()
    yield "forward", forward(told)
    yield "back", back(told)
    yield "step", step(told)
    yield "second", second(told)
    yield "fading", faded()
    yield "check", check()


def filled(page: str) -> str:
    """The page with all that is made put between its marks."""
    for name, text in made():
        page = parts.put(page, name, text, study="backpropagation")
    return page


def draw(path: Path) -> None:
    """The gradient after each layer with weights, by activation."""
    note = f"digits, {DEPTH} hidden layers of 32, {ROWS} rows, Glorot's initial weights unless said, one seed"
    figure = canvas.page(7.5, 4.2, "How much of the gradient is left, layer by layer", note)
    axes = canvas.panel(figure, 0.9, 0.65, 6.2, 2.75)
    for colour, (name, flows) in zip(canvas.SERIES, _reach().items(), strict=False):
        left = [flow.gradient for flow in flows]
        axes.semilogy(range(1, len(left) + 1), left, "-o", color=colour, ms=4, lw=1.6, label=name)
    axes.legend(fontsize=canvas.SMALL, frameon=False, loc="lower right")
    canvas.label(axes, "layer with weights, the inputs on the left", "gradient, root mean square")
    canvas.save(figure, path)


def main() -> None:
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    PICTURE.write_text(graph_page.svg(GraphView.of(example())) + "\n", encoding="utf-8")
    draw(CHART)


if __name__ == "__main__":
    main()
