"""The loss around deep perceptrons with and without shortcuts: `python -m studies.planes` trains and draws it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unstuck import Recipe
from unstuck.data import load_for
from unstuck.landscape.plane import Plane, plane
from unstuck.landscape.surface import Surface
from unstuck.report.plots import canvas
from unstuck.report.plots.plane import paint_plane
from unstuck.report.view import PlaneView
from unstuck.rng import stream

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
WIDTH, DEPTHS, SEEDS = 32, (4, 20), (0, 1, 2)
ENOUGH, EPOCHS = 0.05, 80
"""Training loss at which a network is looked at, and epochs at most."""
ROWS, POINTS = 1000, 31
LEVELS = np.array([0.1, 0.3, 1, 3, 10, 30, 100, 1000, 10000])
KINDS = {"plain": False, "with shortcuts": True}


class Block(nn.Module):
    """Two layers, and with a shortcut their input added: y = relu(body(x) + x)."""

    def __init__(self, *, shortcut: bool) -> None:
        super().__init__()
        self.shortcut = shortcut
        self.body = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """x (B, WIDTH) → (B, WIDTH)."""
        y = self.body(x)
        return torch.relu(y + x if self.shortcut else y)


def perceptron(depth: int, seed: int, *, shortcut: bool) -> nn.Sequential:
    """`depth` hidden layers after a first, from He's start; what is added starts at a third of its size."""
    draws = torch.Generator().manual_seed(seed)
    blocks = [Block(shortcut=shortcut) for _ in range(depth // 2)]
    module = nn.Sequential(nn.Linear(64, WIDTH), nn.ReLU(), *blocks, nn.Linear(WIDTH, 10))
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, generator=draws)
                layer.bias.zero_()
        for block in blocks:
            last = block.body[2]
            if shortcut and isinstance(last, nn.Linear):
                last.weight.mul_(1 / 3)
    return module


def trained(module: nn.Sequential, x: Tensor, y: Tensor, seed: int) -> nn.Sequential:
    """By Adam in batches of 64, until the loss on all rows is ENOUGH."""
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    for epoch in range(EPOCHS):
        order = torch.from_numpy(stream(seed, "order", epoch).permutation(len(x)))
        for batch in order.split(64):
            optimizer.zero_grad()
            functional.cross_entropy(module(x[batch]), y[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            if functional.cross_entropy(module(x), y).item() <= ENOUGH:
                break
    return module


def looked_at(depth: int, seed: int, *, shortcut: bool) -> Plane:
    """The plane around one network, trained on digits."""
    rows = load_for(Recipe.model_validate({"data": "digits"})).train
    x = torch.from_numpy(rows.x.reshape(len(rows), -1).astype(np.float32) / 255)
    y = torch.from_numpy(rows.y)
    module = trained(perceptron(depth, seed, shortcut=shortcut), x, y, seed)
    surface = Surface(module, nn.CrossEntropyLoss(), x[:ROWS], y[:ROWS], dtype=torch.float32)
    return plane(surface, stream(seed, "probe"), points=POINTS)


def around(seen: Plane) -> float:
    """Mean loss half the filters' lengths away, in the plane."""
    away = np.hypot(*np.meshgrid(seen.across, seen.up))
    return float(seen.losses[np.abs(away - 0.5) < 0.05].mean())


def draw(planes: dict[tuple[str, int], Plane], path: Path) -> None:
    """A column for each depth, a row for each kind."""
    title = f"With shortcuts the loss rises less around a network, most so at {DEPTHS[-1]} layers"
    scale = "one scale for all; in brackets the mean at distance 0.5"
    note = f"along two random directions as long as the filters; {scale}"
    figure = canvas.page(7.9, 8.2, title, note)
    for row, kind in enumerate(KINDS):
        for column, depth in enumerate(DEPTHS):
            axes = canvas.panel(figure, 0.5 + 3.75 * column, 4.15 - 3.75 * row, 3.2, 3.05)
            seen = planes[kind, depth]
            paint_plane(axes, replace(PlaneView.of(seen), levels=LEVELS), named=False)
            said = f"{depth} layers, {kind} ({around(seen):.2g})"
            axes.set_title(said, size=canvas.LABEL, color=canvas.INK, loc="left")
    canvas.save(figure, path)


def main(path: Path = FIGURES / "landscape-planes.png") -> None:
    """Train, print the numbers of every seed, and draw those of the first."""
    first: dict[tuple[str, int], Plane] = {}
    for kind, shortcut in KINDS.items():
        for depth in DEPTHS:
            seen = [looked_at(depth, seed, shortcut=shortcut) for seed in SEEDS]
            first[kind, depth] = seen[0]
            bent = ", ".join(f"{each.bent_down:.2f}" for each in seen)
            away = ", ".join(f"{around(each):.2g}" for each in seen)
            here = ", ".join(f"{each.here:.2g}" for each in seen)
            print(f"| {depth} | {kind} | {here} | {away} | {bent} |", flush=True)
    draw(first, path)


if __name__ == "__main__":
    main()
