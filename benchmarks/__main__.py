"""`python -m benchmarks`: measure, print the tables, and write docs/benchmark.md and its picture."""

import argparse
import datetime
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import picture, table
from benchmarks.contest import ROOT, Worker, contest
from benchmarks.peers import PEERS
from benchmarks.task import CASES, make_task, mnist
from benchmarks.worker import CHECKED

LIMIT = "limit"


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each contestant (default: 5)")
    parser.add_argument("--seconds", type=float, default=1.5, help="length of one of them (default: 1.5)")
    parser.add_argument("--quick", action="store_true", help="one round of 0.3 s, to see whether all runs")
    parser.add_argument("--cases", type=_some_of(CASES), default=list(CASES), help=f"of {', '.join(CASES)}")
    parser.add_argument("--only", type=_some_of(PEERS), default=list(PEERS), help=f"of {', '.join(PEERS)}")
    parser.add_argument("--out", type=Path, help="folder for benchmark.md and figures/ (a whole run: docs)")
    asked = parser.parse_args(words)
    if asked.quick:
        asked.rounds, asked.seconds = 1, 0.3
    elif asked.out is None and (asked.cases, asked.only) == (list(CASES), list(PEERS)):
        asked.out = ROOT / "docs"  # a part of a run would leave a document that tells a part
    return asked


def _some_of(known: dict):
    def names(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := [name for name in chosen if name not in known]:
            raise argparse.ArgumentTypeError(f"must be of {', '.join(known)}, got {', '.join(unknown)}")
        return chosen

    return names


def present(names: Sequence[str]) -> list[str]:
    """Those that can take part; the others are said, with what to type."""
    for name in names:
        if absent := table.missing(name):
            remedy = "pip install -c constraints/dev.txt -c constraints/bench.txt -r constraints/bench.txt"
            say(f"{name}: {', '.join(absent)} not installed, left out; {remedy}")
    return [name for name in names if not table.missing(name)]


def standing(name: str, workers: dict[str, Worker], data: tuple, asked: argparse.Namespace) -> table.Standing:
    """One case measured."""
    case = CASES[name]
    task = make_task(case, *data)
    there = {who: worker for who, worker in workers.items() if who in (case.contestants or workers)}
    asked_in = {*there}
    results = contest(name, case, task, there, rounds=asked.rounds, seconds=asked.seconds, say=say)
    for fallen in asked_in - {*there}:
        workers.pop(fallen)
    limit = results.pop(LIMIT, None)
    return table.Standing(name=name, case=case, results=results, limit=limit)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Exit code: 0 all went well; 1 a contestant fell out or trained another network; 2 nobody to measure."""
    asked = arguments()
    workers = {name: Worker(f"benchmarks.peers.{PEERS[name].module}") for name in present(asked.only)}
    if not workers:
        return 2
    invited = {*workers}
    workers[LIMIT] = Worker("benchmarks.limit")
    try:
        data = mnist()
        standings = [standing(name, workers, data, asked) for name in asked.cases]
    finally:
        for worker in workers.values():
            worker.close()
    text = table.page(
        standings,
        command=shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]),
        date=datetime.date.today().isoformat(),
        rounds=asked.rounds,
        seconds=asked.seconds,
        checked=CHECKED,
    )
    print(text)
    if asked.out:
        asked.out.mkdir(parents=True, exist_ok=True)
        (asked.out / "benchmark.md").write_text(f"{text}\n![The same as bars](figures/benchmark.png)\n")
        picture.draw(standings, asked.out / "figures" / "benchmark.png")
    strangers = sorted({name for standing in standings for name in standing.strangers})
    if strangers:
        say(f"another network is trained by {', '.join(strangers)}")
    return int(bool(strangers) or not invited <= {*workers})


if __name__ == "__main__":
    sys.exit(main())
