"""The results as a page of Markdown: a table for each case, the machine, and how it was measured."""

import math
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from benchmarks.contest import Result, times
from benchmarks.limit import operations
from benchmarks.peers import PEERS
from benchmarks.task import Case

YARDSTICK = "tutorial"
TOLERANCE = 1e-3  # nats within 100 steps, where float32 leaves some 1e-5; another network or order is off by 0.01
HEADER = (
    "contestant",
    "steps per second",
    "× tutorial",
    "of the limit",
    "slowest – fastest round",
    "warm-up (s)",
    "losses off by (nats)",
)

METHOD = """\
Steps are counted per second of processor time, on one core and one thread, in {rounds} rounds, whose median is
shown. In a round every contestant is measured once, each in a process of its own, over about {seconds:g} s: it
trains the first steps of one order of batches, from one set of initial weights. The × column is the median over
the rounds of the ratio within the round. Warm-up is what comes before: the contestant's preparation and its
first {checked} steps, with compilation, in processor-seconds; its imports are counted only where a library puts
them off until then.

The limit is the fastest round of SciPy's `sgemm` on large matrices, divided by the operations of a step's
matrix products. The last column is the largest difference of the first {checked} losses from a reference in
NumPy and float64: all train the same network. Where only the mean loss is shown (scikit-learn, Keras), it is
the difference of the means; these two add Adam's eps before the correction of the bias, not after, which comes
to some 5e-4. scikit-learn takes no order of batches: its rows are laid out in order beforehand, which saves it
the gathering. Lightning, skorch and Keras are measured with their own start-up in every `fit`."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One case's results, with the limit that the machine sets."""

    name: str
    case: Case
    results: dict[str, Result]
    limit: Result | None

    @property
    def most(self) -> float:
        """The limit in steps per second; NaN if it was not measured."""
        return max(self.limit.rates) if self.limit else math.nan

    @property
    def ranked(self) -> list[tuple[str, Result]]:
        """The contestants, the fastest first."""
        return sorted(self.results.items(), key=lambda item: -item[1].rate)

    @property
    def strangers(self) -> list[str]:
        """Those whose losses are not the reference's: they train something else, and their rate means nothing."""
        off = {contestant: result.deviation for contestant, result in self.results.items()}
        return [contestant for contestant, distance in off.items() if not distance <= TOLERANCE]  # NaN is strange


def page(
    standings: Sequence[Standing], *, command: str, date: str, rounds: int, seconds: float, checked: int
) -> str:
    """The whole document."""
    method = METHOD.format(rounds=rounds, seconds=seconds, checked=checked)
    parts = ["# Speed beside the peers", f"`{command}`, {date}.", *map(section, standings)]
    return "\n\n".join([*parts, "## Machine", machine(), "## How it was measured", method]) + "\n"


def section(standing: Standing) -> str:
    """One case: its title, its table, its limit."""
    rows = [_cells(standing, contestant, result) for contestant, result in standing.ranked]
    count = operations(standing.case.widths, standing.case.batch) if standing.case.widths else 0
    limit = (
        ""
        if math.isnan(standing.most)
        else (
            f"Limit: {whole(standing.most)} steps per second ({count / 1e6:.2f} million operations a step, "
            f"at {standing.most * count / 1e9:.0f} GFLOP/s)."
        )
    )
    return "\n\n".join(filter(None, [f"## {standing.name}: {standing.case}", markdown([HEADER, *rows]), limit]))


def _cells(standing: Standing, contestant: str, result: Result) -> tuple[str, ...]:
    yardstick = standing.results.get(YARDSTICK)
    return (
        PEERS[contestant].title,
        whole(result.rate),
        f"{times(result, yardstick):.1f}" if yardstick else "–",
        "–" if math.isnan(standing.most) else f"{result.rate / standing.most:.0%}",
        f"{whole(min(result.rates))} – {whole(max(result.rates))}",
        f"{result.warm_up:.2f}",
        f"{result.deviation:.0e}" + (" **another network**" if contestant in standing.strangers else ""),
    )


def whole(number: float) -> str:
    """Three digits are as many as a busy machine can bear out."""
    return f"{float(f'{number:.3g}'):,.0f}".replace(",", " ")


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table that is legible as text too: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [
        [cell.ljust(width) if place == 0 else cell.rjust(width) for place, (cell, width) in enumerate(cells)]
        for cells in (zip(row, widths, strict=True) for row in (rows[0], rule, *rows[1:]))
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def machine() -> str:
    """Processor, system and the versions of what was measured."""
    packages = sorted({package for peer in PEERS.values() for package in peer.packages} | {"numpy"})
    versions = ", ".join(f"{package} {version}" for package in packages if (version := installed(package)))
    system = f"{processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    return f"{system}. Python {sys.version.split()[0]}, {versions}."


def processor() -> str:
    """Its name, as the system tells it."""
    table = Path("/proc/cpuinfo")
    lines = table.read_text().splitlines() if table.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def installed(package: str) -> str | None:
    """The version, or None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def missing(contestant: str) -> list[str]:
    """The contestant's packages that are not installed."""
    return [package for package in PEERS[contestant].packages if not installed(package)]
