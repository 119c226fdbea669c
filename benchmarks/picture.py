"""The results as a picture: a bar for each contestant, the limit as a line."""

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.peers import PEERS
from benchmarks.table import Standing, whole

OURS, PEER = "#d95f0e", "#7b8794"


def draw(standings: Sequence[Standing], path: Path) -> None:
    """Write the picture, all cases one under the other."""
    heights = [1.2 + 0.36 * len(standing.results) for standing in standings]
    figure = Figure(figsize=(9, sum(heights)), layout="constrained")
    panels = figure.subplots(len(standings), squeeze=False, height_ratios=heights)
    for axes, standing in zip(panels[:, 0], standings, strict=True):
        _bars(axes, standing)
    panels[-1, 0].set_xlabel(
        "steps per processor-second, one thread (median; whiskers: slowest and fastest round)"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def _bars(axes: Axes, standing: Standing) -> None:
    names = [name for name, _ in standing.ranked]
    results = [result for _, result in standing.ranked]
    rates = [result.rate for result in results]
    spread = [
        [result.rate - min(result.rates) for result in results],
        [max(result.rates) - result.rate for result in results],
    ]
    colours = [OURS if "unstuck" in PEERS[name].packages else PEER for name in names]
    titles = [PEERS[name].title for name in names]
    axes.barh(titles, rates, color=colours, xerr=spread, error_kw={"linewidth": 1, "ecolor": "#333333"})
    for place, rate in enumerate(rates):
        at = axes.get_yaxis_transform()  # x as a share of the panel's width
        axes.text(0.01, place, whole(rate), transform=at, va="center", fontsize=9, color="white", weight="bold")
    if not math.isnan(standing.most):
        axes.axvline(standing.most, color="black", linestyle="--", linewidth=1)
        axes.text(
            standing.most,
            1.02,
            "limit of the machine",
            transform=axes.get_xaxis_transform(),
            ha="right",
            fontsize=8,
        )
    axes.set_xscale("log")
    axes.set_xlim(
        left=min(rates) / 4
    )  # a logarithmic axis has no zero: a quarter leaves every bar room for its number
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda x, _: whole(x))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.invert_yaxis()
    axes.set_title(f"{standing.name}: {standing.case}", loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
