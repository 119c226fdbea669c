"""`python -m benchmarks.faults`: diagnose every case, print the tables, and write docs/benchmark-faults.md.

Results are kept line by line as they come, so that a run that was cut off goes on where it was.
"""

import argparse
import datetime
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.contest import ROOT
from benchmarks.faults import table
from benchmarks.faults.case import Case
from benchmarks.faults.programs import catalogue
from benchmarks.faults.trial import Answer, Result, is_cured, read

QUICK = (
    "rate-of-five",
    "sign-flipped",
    "softmax-twice",
    "wine-raw",
    "numbers-broadcast",
    "circles-without-activation",
    "test-inverted",
    "cancer-probability",
    "diabetes-modest",
    "pulses-lstm",
)


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="ID", help="these cases (default: all)")
    parser.add_argument("--quick", action="store_true", help=f"{len(QUICK)} cases, without the rivals")
    parser.add_argument("--alone", action="store_true", help="without the rivals")
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each (default: 2)")
    parser.add_argument("--seeds", type=int, default=5, help="of a diagnosis (default: 5)")
    parser.add_argument("--limit", type=float, default=900, help="seconds for one case (default: 900)")
    parser.add_argument("--again", action="store_true", help="forget what the results file holds")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "faults", help="folder (default: runs/faults)")
    asked = parser.parse_args(words)
    asked.only = asked.only or (list(QUICK) if asked.quick else [])
    asked.alone = asked.alone or asked.quick
    if unknown := [name for name in asked.only if name not in catalogue.by_id()]:
        parser.error(f"argument --only: must be ids of cases, got {', '.join(unknown)}")
    return asked


def held(path: Path) -> dict[str, Result]:
    """Results of a run before, by id; a last line that was cut off is left out."""
    found: dict[str, Result] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            result = read(line)
        except (json.JSONDecodeError, TypeError, KeyError):
            continue
        found[result.id] = result
    return found


def keep(path: Path, result: Result) -> None:
    """One line more, on the disk before the next case counts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cut = path.exists() and path.stat().st_size and not path.read_bytes().endswith(b"\n")
    with path.open("a") as file:
        file.write(("\n" if cut else "") + json.dumps(asdict(result)) + "\n")
        file.flush()
        os.fsync(file.fileno())


def tried(case: Case, asked: argparse.Namespace, known: Result | None = None) -> Result:
    """A case in a process of its own; what goes wrong there is part of its result.

    Of what is known of it, without rivals, they alone are missing.
    """
    command = [sys.executable, "-m", "benchmarks.faults.trial", case.id, "--seeds", str(asked.seeds)]
    command += ["--alone"] if asked.alone else []
    command += ["--rivals", str(known.answers["unstuck"].trainings)] if known else []
    paths = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=asked.limit, env=environment, cwd=ROOT, check=False
        )
    except subprocess.TimeoutExpired:
        return failed(case, f"more than {asked.limit:g} s", asked.limit, known)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        said = done.stderr.strip().splitlines() or ["nothing said"]
        return failed(case, f"{said[-1]} (exit {done.returncode})", 0.0, known)
    result = read(lines[-1])
    return replace(known, answers=known.answers | result.answers) if known else result


def is_done(known: Result | None, asked: argparse.Namespace) -> bool:
    """Whether a case has been tried, against the rivals too where these are asked for."""
    return known is not None and (asked.alone or len(known.answers) > 1)


def failed(case: Case, why: str, seconds: float, known: Result | None = None) -> Result:
    """Counted as wrong, and in a control as an alarm; what is known stays, where the rivals failed."""
    if known:
        return replace(known, failure=f"rivals: {why}")
    answer = Answer(
        says=("not finished",), remedies=(), claims=False, retrained=(), trainings=0.0, seconds=seconds
    )
    return Result(id=case.id, given=(), healthy=(), answers={"unstuck": answer}, failure=why)


def run(cases: Iterable[Case], asked: argparse.Namespace, known: Mapping[str, Result]) -> Iterator[Result]:
    """Results as they come."""
    with ThreadPoolExecutor(asked.workers) as pool:
        for done in as_completed([pool.submit(tried, case, asked, known.get(case.id)) for case in cases]):
            yield done.result()


def line(case: Case, result: Result) -> str:
    """What happened, for whoever waits."""
    if result.failure:
        return f"{case.id}: {result.failure}"
    answer = result.answers["unstuck"]
    found = answer.says[0] if answer.says else "healthy"
    cost = f"{answer.trainings:.0f} trainings, {answer.seconds:.0f} s"
    if case.is_control:
        return f"{'FALSE ALARM ' if answer.says else ''}{case.id}: {found} ({cost})"
    wrong = "" if table.is_right(case, answer, "unstuck") else f"WRONG, expected {case.causes[0]}: "
    cured = ", cured" if is_cured(answer, result.healthy) else ", not cured" if case.is_curable else ""
    return f"{wrong}{case.id}: {found}{cured} ({cost})"


def main() -> int:
    """Exit code: 0 all cases were finished; 1 some were not."""
    asked = arguments()
    cases = {name: case for name, case in catalogue.by_id().items() if not asked.only or name in asked.only}
    path = asked.out / "results.jsonl"
    if asked.again and path.exists():
        path.unlink()
    results = {name: one for name, one in held(path).items() if name in cases and not one.failure}
    todo = [case for name, case in cases.items() if not is_done(results.get(name), asked)]
    for number, result in enumerate(run(todo, asked, dict(results)), start=1):
        keep(path, result)
        results[result.id] = result
        print(f"{number}/{len(todo)} {line(cases[result.id], result)}", file=sys.stderr, flush=True)
    command = shlex.join(["python", "-m", "benchmarks.faults", *sys.argv[1:]])
    text = table.page(results, cases, command=command, date=datetime.date.today().isoformat())
    print(text)
    whole = not asked.only and not asked.alone
    (ROOT / "docs" / "benchmark-faults.md" if whole else asked.out / "benchmark-faults.md").write_text(text)
    return int(any(result.failure for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
