"""How inputs and batch normalization change the ratio of curvatures, and what that does to gradient descent.

One linear layer on squared error, where everything is exact; then deep perceptrons at their initial weights.
`python -m studies.conditioning` measures, prints and draws it for docs/landscape.md.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from unstuck import Recipe
from unstuck.data import load_for
from unstuck.report.plots import canvas

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
SETS = ("iris", "wine", "diabetes", "breast-cancer", "digits")
INPUTS = ("raw", "centred", "standardized")
SHARE = 0.01
"""Of the excess loss at the start, at which a descent counts as done."""
ROWS, WIDTH, DEPTHS, SEEDS = 100, 32, (3, 10), (0, 1, 2)
PLACE = 100
"""Of the eigenvalue that the largest is divided by in a deep network."""
TARGET, MOST = 0.5, 200


# one linear layer


class Bowl(NamedTuple):
    """The squared error of a linear layer from weights 0: a quadratic, known by its eigenvalues.

    Shapes: curvatures (F + 1,), falling; excess (F + 1,), the loss above the least along each, at the start.
    """

    curvatures: np.ndarray
    excess: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray) -> "Bowl":
        """For inputs (N, F) and targets (N, O); the layer has biases. The Hessian is 2 E[x xᵀ] for each output."""
        rows = np.c_[x, np.ones(len(x))]
        _, lengths, axes = np.linalg.svd(rows, full_matrices=False)
        real = lengths > 1e-9 * lengths[0]
        curvatures = 2 * lengths[real] ** 2 / len(x)
        pull = 2 / len(x) * axes[real] @ (rows.T @ y)  # of the gradient at 0, (K, O)
        return cls(curvatures, (pull**2).sum(axis=1) / (2 * curvatures))

    @property
    def ratio(self) -> float:
        """Of the largest curvature to the smallest that is not zero."""
        return float(self.curvatures[0] / self.curvatures[-1])

    def left(self, rate: float, steps: int) -> float:
        """Share of the excess that descent leaves: each step leaves (1 - rate λ)² of it along each direction."""
        with np.errstate(over="ignore"):
            return float(
                (self.excess * np.abs(1 - rate * self.curvatures) ** (2.0 * steps)).sum() / self.excess.sum()
            )

    def steps(self, rate: float) -> float:
        """Steps at a rate below 2 / λ until SHARE of the excess is left, by halving the interval."""
        low, high = 0, 1
        while self.left(rate, high) > SHARE:
            low, high = high, 2 * high
            if high > 1e15:
                return np.inf
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.left(rate, middle) > SHARE else (low, middle)
        return high

    def best(self) -> tuple[float, float]:
        """The rate of the fewest steps, as a share of 2 / λ, and how many these are."""
        shares = np.linspace(0.05, 1.0, 96)[:-1]
        counts = [self.steps(share * 2 / self.curvatures[0]) for share in shares]
        return float(shares[int(np.argmin(counts))]), min(counts)


def table(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Training inputs (N, F) in their own units, and targets (N, O): one per class, or a standardized number."""
    dataset = load_for(Recipe.model_validate({"data": {"name": name, "scaling": "none"}}))
    x, y = dataset.train.x.reshape(len(dataset.train), -1).astype(np.float64), dataset.train.y
    return x, np.eye(len(dataset.classes))[y] if dataset.classes else y.astype(np.float64)


def scaled(x: np.ndarray, how: str) -> np.ndarray:
    """Inputs as they are, less their means, or with deviations of 1, too; constant columns are 0 then."""
    if how == "raw":
        return x
    x = x - x.mean(axis=0)
    deviation = x.std(axis=0)
    return x if how == "centred" else x / np.where(deviation > 0, deviation, 1)


# deep networks


def perceptron(depth: int, seed: int, *, normalized: bool) -> nn.Sequential:
    """ReLU layers from He's start; batch normalization takes the statistics of the rows that it is given."""
    draws, sizes = torch.Generator().manual_seed(seed), [64, *[WIDTH] * depth, 10]
    parts: list[nn.Module] = []
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        layer = nn.Linear(inputs, outputs)
        nn.init.kaiming_normal_(layer.weight, generator=draws)
        nn.init.zeros_(layer.bias)
        norm = [nn.BatchNorm1d(outputs, track_running_stats=False)] if normalized else []
        parts += [layer, *norm, nn.ReLU()]
    return nn.Sequential(*parts[: -2 if normalized else -1]).double()


def undo_normalization(module: nn.Sequential, x: Tensor) -> None:
    """Set scales and shifts so that the network is the same function of these rows as without normalization."""
    with torch.no_grad():
        for layer in module:
            if isinstance(layer, nn.BatchNorm1d):
                layer.weight.copy_((x.var(0, unbiased=False) + layer.eps).sqrt())
                layer.bias.copy_(x.mean(0))
            x = layer(x)


def curvatures(module: nn.Module, x: Tensor) -> np.ndarray:
    """Eigenvalues of the Gauss–Newton matrix of cross-entropy, falling: at most as many as rows times classes.

    Those of Jᵀ H J / N are those of R J Jᵀ Rᵀ / N with H = Rᵀ R, for softmax R = √p (I - 1 pᵀ).
    """
    names, parameters = zip(*module.named_parameters(), strict=True)
    at = tuple(parameter.detach().requires_grad_() for parameter in parameters)
    outputs = functional_call(module, dict(zip(names, at, strict=True)), (x,))
    every = torch.eye(outputs.numel(), dtype=x.dtype).view(-1, *outputs.shape)
    pieces = torch.autograd.grad(outputs, at, every, is_grads_batched=True)
    jacobian = torch.cat([piece.flatten(1) for piece in pieces], 1).view(*outputs.shape, -1)  # (N, C, P)
    p = outputs.detach().softmax(1)[:, :, None]
    root = (p.sqrt() * (jacobian - (p * jacobian).sum(1, keepdim=True))).flatten(0, 1)
    return np.linalg.eigvalsh((root @ root.T / len(x)).numpy())[::-1]


def steps_to_target(module: nn.Module, x: Tensor, y: Tensor, rate: float, most: float = MOST) -> float:
    """Steps of gradient descent on all rows until the loss is TARGET; infinite if that takes more than `most`."""
    names, parameters = zip(*module.named_parameters(), strict=True)
    at = [parameter.detach().clone().requires_grad_() for parameter in parameters]
    for step in range(int(most) + 1):
        loss = functional.cross_entropy(functional_call(module, dict(zip(names, at, strict=True)), (x,)), y)
        if not loss.item() > TARGET:
            return step if loss.isfinite() else np.inf
        slopes = torch.autograd.grad(loss, at)
        at = [(a - rate * slope).detach().requires_grad_() for a, slope in zip(at, slopes, strict=True)]
    return np.inf


class Deep(NamedTuple):
    """What was measured of one network: its arm, and the numbers of the table."""

    depth: int
    arm: str
    largest: float
    ratio: float
    effective: float
    """The sum of the eigenvalues over the largest: how many directions carry the curvature."""
    best: float
    """The rate of the fewest steps, as a share of 2 / λ."""
    steps: float


ARMS = {
    "raw / 255": ("raw", ""),
    "centred": ("centred", ""),
    "standardized": ("standardized", ""),
    "batch norm, same function": ("raw", "undone"),
    "batch norm": ("raw", "plain"),
    "standardized, batch norm": ("standardized", "plain"),
}
FACTORS = (1.0, 2.0, 0.5, 4.0, 0.25)
"""Rates that are tried, as shares of 2 / λ."""


def deep(depth: int, arm: str, seed: int) -> Deep:
    """Digits, `ROWS` of them, at initial weights that all arms of a seed share."""
    how, norm = ARMS[arm]
    inputs, targets = table("digits")
    x = torch.from_numpy(scaled(inputs / 255, how)[:ROWS])
    y = torch.from_numpy(targets[:ROWS].argmax(1))
    module = perceptron(depth, seed, normalized=bool(norm))
    if norm == "undone":
        undo_normalization(module, x)
    found = curvatures(module, x)
    best, least = np.nan, np.inf
    for factor in FACTORS:
        steps = steps_to_target(module, x, y, factor * 2 / found[0], min(least - 1, MOST))
        best, least = (factor, steps) if steps < least else (best, least)
    return Deep(depth, arm, found[0], found[0] / found[PLACE - 1], found.sum() / found[0], best, least)


# the picture


def draw(bowls: dict[tuple[str, str], Bowl], nets: list[Deep], path: Path) -> None:
    """Steps over the ratio: left of one linear layer, right of deep networks."""
    done = f"until {SHARE:.0%} of the excess loss is left; right: until the loss is {TARGET:g}"
    title = "The larger the ratio of curvatures, the more steps gradient descent takes, as a rule"
    figure = canvas.page(11.0, 4.6, title, f"steps at the best rate, left: {done}")
    _draw_bowls(canvas.panel(figure, 0.75, 0.6, 4.3, 3.1), bowls)
    _draw_nets(canvas.panel(figure, 5.75, 0.6, 3.2, 3.1), nets)
    canvas.save(figure, path)


def _draw_bowls(axes: Axes, bowls: dict[tuple[str, str], Bowl]) -> None:
    ratios = np.geomspace(20, 3e12, 50)
    axes.loglog(
        ratios, ratios * np.log(1 / SHARE) / 4, color=canvas.FAINT, lw=1, label="at most: ratio · ln(100) / 4"
    )
    marks = dict(zip(SETS, "os^Dv", strict=True))
    for colour, how in zip(canvas.SERIES, INPUTS, strict=False):
        for name in SETS:
            bowl = bowls[name, how]
            axes.loglog(bowl.ratio, bowl.best()[1], marks[name], color=colour, ms=6, mew=0)
        axes.plot([], [], "o", color=colour, label=how)
    for name, mark in marks.items():
        axes.plot([], [], mark, color=canvas.MUTED, label=name)
    axes.legend(fontsize=canvas.SMALL, frameon=False, loc="upper left")
    axes.set_title("one linear layer, squared error", size=canvas.LABEL, color=canvas.INK, loc="left")
    canvas.label(axes, "largest / smallest curvature", "steps")


def _draw_nets(axes: Axes, nets: list[Deep]) -> None:
    for colour, arm in zip(canvas.SERIES, ARMS, strict=True):
        for depth, mark in zip(DEPTHS, "os", strict=True):
            some = [net for net in nets if (net.arm, net.depth) == (arm, depth)]
            done = [net for net in some if np.isfinite(net.steps)]
            axes.loglog([net.ratio for net in done], [net.steps for net in done], mark, color=colour, ms=5, mew=0)
        axes.plot([], [], "o", color=colour, label=arm)
    axes.legend(fontsize=canvas.SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    ticks = [1, 2, 5, 10, 20, 50, 100, 200]
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    title = f"perceptrons, ● {DEPTHS[0]} and ■ {DEPTHS[1]} hidden layers"
    axes.set_title(title, size=canvas.LABEL, color=canvas.INK, loc="left")
    canvas.label(axes, f"largest / {PLACE}th curvature (Gauss–Newton)")


def main(path: Path = FIGURES / "landscape-ratios.png") -> None:
    """Measure, print the tables, draw."""
    bowls, nets = {}, []
    for name in SETS:
        x, y = table(name)
        for how in INPUTS:
            bowl = bowls[name, how] = Bowl.of(scaled(x, how), y)
            share, steps = bowl.best()
            print(f"| {name} | {how} | {bowl.curvatures[0]:.3g} | {bowl.ratio:.2g} | {share:.2f} | {steps:.3g} |")
    for depth in DEPTHS:
        for arm in ARMS:
            some = [deep(depth, arm, seed) for seed in SEEDS]
            nets += some
            columns = np.array([[net.largest, net.ratio, net.effective, net.best, net.steps] for net in some]).T
            told = (f"{np.median(column):.3g} ({min(column):.3g} to {max(column):.3g})" for column in columns)
            print(f"| {depth} | {arm} | {' | '.join(told)} |", flush=True)
    draw(bowls, nets, path)


if __name__ == "__main__":
    main()
