"""The shape of the project: who may import whom, how large things are, and what is never done."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "unstuck"
FILES = sorted(SOURCE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}

# Each level may import those above it, and a package its own modules.
LEVELS = (
    ("errors", "rng", "interval", "graph"),
    ("extras", "files"),
    ("recipe",),
    ("data", "network", "engine", "landscape"),
    ("dense",),
    ("training",),
    ("evidence",),
    ("study", "explain"),
    ("diagnosis",),
    ("report", "trackers"),
    ("api", "estimators", "experiments"),
    ("cli",),
    ("__init__", "__main__"),
)
RANKS = {name: rank for rank, level in enumerate(LEVELS) for name in level}
WITH_TORCH = re.compile(
    r"network/(torch_module|recognize)\.py|landscape/surface\.py|training/(torch_\w+|from_recipe|from_program)\.py"
    r"|evidence/torch_\w+\.py|diagnosis/(treatments/)?torch_\w+\.py"
)


def place(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def module_of(path: Path) -> str:
    """recipe/edit.py → unstuck.recipe.edit, recipe/__init__.py → unstuck.recipe."""
    name = ".".join(("unstuck", *path.relative_to(SOURCE).with_suffix("").parts))
    return name.removesuffix(".__init__")


MODULES = {module_of(path): path for path in FILES}


def for_types_only(tree: ast.AST) -> set[ast.AST]:
    """What stands below `if TYPE_CHECKING`."""
    blocks = [n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    return {node for block in blocks for node in ast.walk(block)}


def imports(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Every module that is imported, and where, by statement or by importlib; not those for types only."""
    skipped = for_types_only(tree)
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield node, inner if inner in MODULES else node.module
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names = [node] if isinstance(node.args[0], ast.Constant) else [tree]  # a name, or one of a table
            texts = (inner.value for part in names for inner in ast.walk(part) if isinstance(inner, ast.Constant))
            yield from ((node, text) for text in texts if text in MODULES)


def own(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    return ((node, name) for node, name in imports(tree) if name.split(".")[0] == "unstuck")


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


ids = pytest.mark.parametrize("path", FILES, ids=place)


@ids
def test_imports_go_downwards_only(path):
    mine = module_of(path).split(".")[1:2] or ["__init__"]
    for _, name in own(TREES[path]):
        other = name.split(".")[1:2] or ["__init__"]
        assert mine == other or RANKS[other[0]] < RANKS[mine[0]], f"{place(path)} imports {name}"


def test_the_graph_imports_numpy_alone_and_is_short():
    """An independent witness, and a text to read in an hour."""
    files = [path for path in FILES if place(path).startswith("graph/")]
    outside = {name.split(".")[0] for path in files for _, name in imports(TREES[path])} - sys.stdlib_module_names
    assert outside == {"numpy", "unstuck"}
    assert {name.split(".")[1] for path in files for _, name in own(TREES[path])} == {"graph"}
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files) <= 400


def test_every_package_has_a_level():
    assert {place(path).split("/")[0].removesuffix(".py") for path in FILES} == set(RANKS)


def test_modules_do_not_import_each_other_in_a_circle():
    graph = {name: {other for _, other in own(TREES[path])} - {name} for name, path in MODULES.items()}
    list(TopologicalSorter(graph).static_order())  # raises CycleError, and shows the circle


@ids
def test_own_modules_are_imported_at_the_top(path):
    """But the verbs of the command line, so that --help loads nothing heavy; importlib is for torch alone."""
    tree = TREES[path]
    for node, name in own(tree):
        lazily = isinstance(node, ast.Call)
        if lazily:
            assert WITH_TORCH.fullmatch(place(MODULES[name])) or place(path) == "__init__.py", name
        elif not place(path).startswith("cli/"):
            assert node in tree.body, f"line {node.lineno}"


@ids
def test_torch_is_imported_only_where_it_is_used(path):
    names = {name.split(".")[0] for _, name in imports(TREES[path])}
    assert "torch" not in names or WITH_TORCH.fullmatch(place(path))
    assert "numba" not in names or place(path).startswith("dense/")


def test_all_that_does_without_torch_is_imported_without_it():
    names = [
        name for name, path in MODULES.items() if not WITH_TORCH.fullmatch(place(path)) and "__main__" not in name
    ]
    program = f"import sys\nfor name in {names}: __import__(name)\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# sizes


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines, docstring aside."""
    first = function.body[0]
    is_docstring = ast.get_docstring(function) is not None
    docstring = first.end_lineno - first.lineno + 1 if is_docstring else 0
    return function.end_lineno - function.lineno + 1 - docstring


def test_functions_are_short():
    lengths = {f"{place(path)}:{f.name}": length(f) for path, tree in TREES.items() for f in functions(tree)}
    assert {name: lines for name, lines in lengths.items() if lines > 60} == {}
    assert sum(lines <= 30 for lines in lengths.values()) >= 0.9 * len(lengths)


@ids
def test_modules_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def is_compiled(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """numba knows no keyword-only arguments, and an intrinsic's are those of what it lowers."""
    names = {ast.unparse(decorator) for decorator in function.decorator_list}
    return bool(names & {"entry", "inlined"}) or function.name.startswith("_lower_")


@ids
def test_signatures_have_six_positional_arguments_at_most(path):
    for function in functions(TREES[path]):
        names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        count = len([name for name in names if name not in ("self", "cls")])
        assert count <= 6 or is_compiled(function), f"{function.name} has {count}"


# what is never done


def loads_weights_alone(path: Path, call: ast.Call) -> bool:
    """torch's reader runs no code where it is told so, and is told so in one place."""
    said = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    return place(path) == "training/torch_transfer.py" and said.get("weights_only") == "True"


def is_its_error(node: ast.AST) -> bool:
    """Whether nothing is imported but the error that torch's reader raises."""
    return isinstance(node, ast.ImportFrom) and [alias.name for alias in node.names] == ["UnpicklingError"]


def test_a_reader_that_may_run_code_is_told_from_one_that_may_not():
    home, calls = SOURCE / "training" / "torch_transfer.py", {}
    for text in (
        "load(f)",
        "load(f, weights_only=True)",
        "load(f, weights_only=False)",
        "load(f, weights_only=w)",
    ):
        calls[text] = loads_weights_alone(home, ast.parse(f"torch.{text}").body[0].value)
    assert [text for text, alone in calls.items() if alone] == ["load(f, weights_only=True)"]
    call = ast.parse("torch.load(f, weights_only=True)").body[0].value
    assert not loads_weights_alone(SOURCE / "training" / "archive.py", call)


@ids
def test_nothing_is_unpickled_or_evaluated(path):
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("eval", "exec", "compile", "__import__"), f"line {node.lineno}"
            assert called != "torch.load" or loads_weights_alone(path, node), f"line {node.lineno}"
            for keyword in node.keywords:
                allowed = keyword.arg != "allow_pickle" or ast.unparse(keyword.value) == "False"
                assert allowed, f"line {node.lineno}"
    from_torch = [
        node for node, name in imports(TREES[path]) if name == "torch" and isinstance(node, ast.ImportFrom)
    ]
    assert not any(alias.name == "load" for node in from_torch for alias in node.names)
    loaded = {name.split(".")[0] for node, name in imports(TREES[path]) if not is_its_error(node)}
    assert not loaded & {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


@ids
def test_no_error_is_caught_that_was_not_expected(path):
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else "everything"
            assert caught not in ("everything", "Exception", "BaseException"), f"line {node.lineno}"


def test_every_exemption_from_a_rule_has_its_reason():
    bare = []
    for path in [*FILES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            mark = re.search(r"#\s*(noqa|type: ignore|pyright: ignore)\b(.*)", line)
            if mark and not re.fullmatch(r"(: [A-Z]+\d+(, [A-Z]+\d+)*|\[\w+\])\s+\(.{8,}\)", mark[2]):
                bare.append(f"{path.relative_to(ROOT)}:{number}")
    assert [line for line in bare if Path(__file__).name not in line] == []


# the tree in README


def tree_in_readme() -> dict[str, str]:
    """What README says of each file below src/unstuck, by its path there."""
    listed, above, inside = {}, [], False
    for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines():
        if not inside:
            inside = line.rstrip("/").endswith("src/unstuck")
        elif line.startswith("```"):
            break
        elif match := re.fullmatch(r"((?:[│ ]   )*)[├└]── (\S+)\s+(\S.*)", line):
            depth, name = len(match[1]) // 4, match[2]
            above[depth:] = [name.rstrip("/")]
            listed["/".join(above)] = match[3]
    return listed


def test_the_tree_in_readme_is_the_one_on_disk():
    listed = tree_in_readme()
    if not listed:
        pytest.skip("README has no block with the tree of src/unstuck yet")
    packages = {place(path.parent) for path in FILES if path.name == "__init__.py" and path.parent != SOURCE}
    modules = {place(path) for path in FILES if path.name != "__init__.py"} | {"__init__.py"}
    assert {name for name in listed if name in packages or name.endswith(".py")} == packages | modules
    assert all((SOURCE / name).exists() for name in listed)
