"""Loss surfaces and what walks on them: `python -m studies.landscape` draws all pictures of docs/landscape.md.

Named parts alone where they are named: `python -m studies.landscape walks losses`, seconds.

Five optimizers from one start on a ravine, a saddle and a plateau; and the gradient of the squared error and of
cross-entropy behind a sigmoid. The others are measured in conditioning.py and planes.py.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from studies import conditioning, planes
from unstuck.report.plots import canvas

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
STEPS = 60

OPTIMIZERS: dict[str, Callable[[list[Tensor]], torch.optim.Optimizer]] = {
    "gradient descent": lambda at: torch.optim.SGD(at, lr=0.04),
    "momentum": lambda at: torch.optim.SGD(at, lr=0.04, momentum=0.9),
    "Adagrad": lambda at: torch.optim.Adagrad(at, lr=0.3),
    "RMSProp": lambda at: torch.optim.RMSprop(at, lr=0.05),
    "Adam": lambda at: torch.optim.Adam(at, lr=0.15),
}


class Ground(NamedTuple):
    """A surface of two numbers, where walks start, and the part of it that is drawn."""

    title: str
    height: Callable[[Tensor, Tensor], Tensor]
    start: tuple[float, float]
    across: tuple[float, float]
    up: tuple[float, float]


GROUNDS = (
    Ground("ravine: x² / 2 + 20 y² / 2", lambda x, y: x**2 / 2 + 10 * y**2, (-2.6, 0.45), (-3, 1.5), (-0.7, 0.7)),
    Ground(
        "saddle: x² / 2 - y² / 2 + y⁴ / 8",
        lambda x, y: x**2 / 2 - y**2 / 2 + y**4 / 8,
        (-2, 1e-3),
        (-2.4, 1),
        (-1, 2),
    ),
    Ground(
        "plateau: tanh² (x / 2) + y² / 10",
        lambda x, y: torch.tanh(x / 2) ** 2 + y**2 / 10,
        (-5, 1),
        (-5.6, 1),
        (-1, 1.6),
    ),
)


def walk(ground: Ground, make: Callable[[list[Tensor]], torch.optim.Optimizer]) -> np.ndarray:
    """The places that an optimizer comes through, (STEPS + 1, 2)."""
    at = torch.tensor(ground.start, dtype=torch.float64, requires_grad=True)
    optimizer, places = make([at]), [at.detach().clone()]
    for _ in range(STEPS):
        optimizer.zero_grad()
        ground.height(at[0], at[1]).backward()
        optimizer.step()
        places.append(at.detach().clone())
    return torch.stack(places).numpy()


def draw_walks(path: Path) -> None:
    """Every ground from above with the five ways over it, and below how long each step is."""
    note = f"{STEPS} steps from the square; contours at equal shares of the heights; below: length of each step"
    figure = canvas.page(12.0, 6.6, "Five optimizers on a ravine, a saddle and a plateau", note)
    for place, ground in enumerate(GROUNDS):
        left = 0.65 + place * 3.85
        above = canvas.panel(figure, left, 3.1, 3.2, 2.55)
        below = canvas.panel(figure, left, 0.6, 3.2, 1.75)
        _contours(above, ground)
        for colour, (name, make) in zip(canvas.SERIES, OPTIMIZERS.items(), strict=False):
            places = walk(ground, make)
            above.plot(*places.T, "-o", color=colour, ms=2, lw=1, label=name)
            lengths = np.linalg.norm(np.diff(places, axis=0), axis=1)
            below.plot(range(1, STEPS + 1), np.maximum(lengths, 1e-6), color=colour, lw=1.2)
        above.plot(*ground.start, "s", color=canvas.INK, ms=5)
        above.set_xlim(*ground.across)
        above.set_ylim(*ground.up)
        above.set_title(ground.title, size=canvas.LABEL, color=canvas.INK, loc="left")
        below.set_yscale("log")
        canvas.label(below, "step", "length of the step" if place == 0 else "")
        if place == 0:
            above.legend(fontsize=canvas.SMALL, frameon=False, loc="lower right")
    canvas.save(figure, path)


def _contours(axes: Axes, ground: Ground) -> None:
    x, y = np.meshgrid(np.linspace(*ground.across, 120), np.linspace(*ground.up, 120))
    heights = ground.height(torch.from_numpy(x), torch.from_numpy(y)).numpy()
    levels = np.quantile(heights, np.linspace(0.03, 0.97, 14))
    axes.contour(x, y, heights, levels=np.unique(levels), colors=canvas.FAINT, linewidths=0.7)


def draw_losses(path: Path) -> None:
    """Loss and gradient by the logit, of a row whose target is 1."""
    note = "target 1; left of 0 the answer is wrong, and the further left the surer of it"
    figure = canvas.page(
        8.4, 3.6, "Far from the answer squared error has no gradient, cross-entropy has all of it", note
    )
    z = np.linspace(-10, 6, 400)
    p = 1 / (1 + np.exp(-z))
    curves = {
        "squared error (σ(z) - 1)²": ((p - 1) ** 2, 2 * (p - 1) * p * (1 - p)),
        "cross-entropy -log σ(z)": (np.logaddexp(0, -z), p - 1),
    }
    panels = [canvas.panel(figure, left, 0.55, 3.3, 2.3) for left in (0.65, 4.8)]
    for colour, (name, parts) in zip(canvas.SERIES, curves.items(), strict=False):
        for axes, values in zip(panels, parts, strict=True):
            axes.plot(z, values, color=colour, lw=1.6, label=name)
    panels[0].set_ylim(0, 5)
    panels[0].legend(fontsize=canvas.SMALL, frameon=False)
    canvas.label(panels[0], "logit z", "loss")
    canvas.label(panels[1], "logit z", "its derivative by z")
    canvas.save(figure, path)


PARTS: dict[str, Callable[[Path], None]] = {
    "walks": draw_walks,
    "losses": draw_losses,
    "ratios": conditioning.main,
    "planes": planes.main,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the parts that are named, all of them if none is."""
    parser = argparse.ArgumentParser(prog="python -m studies.landscape", description="Loss surfaces, drawn.")
    parser.add_argument("part", nargs="*", help=f"{', '.join(PARTS)}; all, some minutes, if none is named")
    named = parser.parse_args(arguments).part
    if unknown := sorted(set(named) - PARTS.keys()):
        parser.error(f"the part must be one of {', '.join(PARTS)}, got {unknown[0]!r}")
    for name in named or PARTS:
        PARTS[name](FIGURES / f"landscape-{name}.png")


if __name__ == "__main__":
    main()
