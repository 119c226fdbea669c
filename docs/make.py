"""`make docs`: the parts of the documentation that follow from the code, and the pictures of the main job.

README's tree has a line per file: the first of its docstring. A test compares it to the disk.
"""

import ast
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

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
    draw()
