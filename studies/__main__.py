"""`python -m studies`: train the ready-made studies and put their tables and pictures into docs/studies.md.

Names after it stand for some of them. What is trained is kept in runs/compare-NAME, as by `unstuck compare`.
"""

import argparse
import shutil
import sys
from pathlib import Path

from studies import parts
from unstuck import experiments
from unstuck.report import comparison as report
from unstuck.study.design import Study, ready
from unstuck.study.runner import Runner

DOCS = Path(__file__).parent.parent / "docs"


def watched(runner: Runner) -> None:
    """A line for each training that is done."""
    for update in runner:
        if update.key is not None:
            said = f"{len(runner.runs)}/{len(runner.members)}  {update.member}"
            print(said if update.is_new else f"{said}, as it was found", file=sys.stderr, flush=True)


def main() -> None:
    found = ready()
    parser = argparse.ArgumentParser(prog="python -m studies", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(found)} (default: all)")
    asked = parser.parse_args()
    for name in asked.names or found:
        if name not in found:
            parser.error(f"NAME must be of {', '.join(found)}, got {name}")
    document = DOCS / "studies.md"
    for name in asked.names or found:
        folder = Path("runs") / f"compare-{name}"
        compared = experiments.compare(Study.read(found[name]), out=folder, watch=watched)
        table = report.markdown(compared).removeprefix(f"# {compared.study.title}\n").strip()
        told = f"{table}\n\n![{compared.study.title}](figures/study-{name}.png)"
        page = parts.put(document.read_text(encoding="utf-8"), name, told, study="__main__")
        document.write_text(page, encoding="utf-8")
        shutil.copy(folder / "figures" / "forest.png", DOCS / "figures" / f"study-{name}.png")


if __name__ == "__main__":
    main()
