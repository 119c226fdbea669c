"""`make docs`: the parts of the documentation that follow from the code, and the pictures of the main job.

README's tree has a line per file: the first of its docstring. A test compares it to the disk.
"""

import ast
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "unstuck"
START, END = "```text\nsrc/unstuck/\n", "```"
_UNSAID = {"__pycache__", "mnist"}


def tree() -> str:
    """The package as lines `├── file.py  what it is`, files before folders."""
    return "".join(f"{line}\n" for line in _lines(PACKAGE, ""))


def _lines(folder: Path, indent: str) -> Iterator[str]:
    inside = [path for path in folder.iterdir() if path.name not in _UNSAID and _about(path) is not None]
    for path in sorted(inside, key=lambda path: (path.is_dir(), path.name)):
        is_last = path == max(inside, key=lambda path: (path.is_dir(), path.name))
        name = f"{path.name}/" if path.is_dir() else path.name
        yield f"{indent}{'└── ' if is_last else '├── '}{name:<19} {_about(path)}".rstrip()
        if path.is_dir():
            yield from _lines(path, indent + ("    " if is_last else "│   "))


def _about(path: Path) -> str | None:
    """What a module or package is, by its docstring; None for other files, and an inner `__init__.py`."""
    is_inner = path.name == "__init__.py" and path.parent != PACKAGE  # whose folder says it
    if is_inner or (path.is_file() and path.suffix != ".py"):
        return None
    source = path / "__init__.py" if path.is_dir() else path
    said = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return said.split("\n")[0].split(". ")[0].rstrip(".")


def with_tree(readme: str) -> str:
    """The text of README with the tree as it is on the disk."""
    before, _, rest = readme.partition(START)
    return before + START + tree() + END + rest.partition(END)[2]


def causes() -> str:
    """docs/causes.md: every cause with all that is known of it, in the order of the procedure."""
    from unstuck.diagnosis.causes import CAUSES
    from unstuck.diagnosis.symptoms import SYMPTOMS

    titles = {symptom.id: symptom.title for symptom in SYMPTOMS}
    groups = dict.fromkeys(cause.group for cause in CAUSES.values())
    index = "".join(
        f"- {group}: {' · '.join(f'[{one.id}](#{one.id})' for one in CAUSES.values() if one.group == group)}\n"
        for group in groups
    )
    parts = (part for cause in CAUSES.values() for part in _cause(cause, titles))
    rows = "".join(f"| `{one.id}` | {one.title} | {_linked(one.source)} |\n" for one in SYMPTOMS)
    return f"{_CAUSES}\n{index}\n{''.join(parts)}{_SYMPTOMS}{rows}"


_CAUSES = """# Causes

What `unstuck diagnose` can confirm, rule out or leave undecided ([how](diagnosis.md)). `make docs` writes this
page from [`diagnosis/causes`](../src/unstuck/diagnosis/causes), so that it says what the program does. A symptom's
number is how strongly it points at the cause, up to 1; it decides what is tested first, never what is confirmed.
"""


_SYMPTOMS = """## Symptoms

Each is a pure function of what was measured, with a limit.

| symptom | is | its limit is from |
|---|---|---|
"""


def _linked(source: str) -> str:
    """A limit's source, in a cell of a table."""
    return source.replace("docs/thresholds.md", "[measured](thresholds.md)").replace("|", r"\|")


def _cause(cause: Any, titles: Mapping[str, str]) -> Iterator[str]:
    from unstuck.diagnosis.treatments.table import TREATMENTS

    pointing = sorted(cause.symptoms.items(), key=lambda item: -item[1])
    yield f"## {cause.id}\n\n{cause.explains}\n\n"
    yield f"- Comes from: {cause.fault}\n"
    yield f"- Seen by: {', '.join(f'{titles.get(name, name)} ({weight:g})' for name, weight in pointing)}\n"
    yield f"- Experiment: {cause.experiment}\n"
    yield f"- Prediction: {cause.prediction}\n"
    treatments = ", ".join(
        f"{TREATMENTS[name].says} (`{name}`)" for name in cause.treatments if name in TREATMENTS
    )
    yield f"- Treatments, from least to most change: {treatments or 'none; it is the data that must be mended'}\n"
    yield f"- Alike: {', '.join(f'[{name}](#{name})' for name in cause.neighbours) or 'none'}\n\n"


def draw() -> None:
    """Run the main job and keep its pictures."""
    import unstuck

    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        unstuck.train(unstuck.Recipe.model_validate({"data": "mnist"}), out=run)
        for picture in (run / "figures").glob("*.png"):
            shutil.copy(picture, ROOT / "docs" / "figures" / f"mnist-{picture.name}")


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(with_tree(readme.read_text(encoding="utf-8")), encoding="utf-8")
    (ROOT / "docs" / "causes.md").write_text(causes(), encoding="utf-8")
    draw()
