"""What several studies are made of: edits as TOML has them, and tables in documents."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator


def _flat(table: Any) -> Any:
    """Tables in tables as dotted keys, so that `optimizer = { lr = 1 }` and `optimizer.lr = 1` say the same."""
    if not isinstance(table, dict):
        return table
    flat = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": leaf for key, leaf in _flat(value).items()}
        else:
            flat[name] = value
    return flat


Edits = Annotated[dict[str, Any], BeforeValidator(_flat)]


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as Markdown that is legible as text too: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = []
    for first, *others in (header, rule, *rows):
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append(f"| {' | '.join([first.ljust(widths[0]), *cells])} |")
    return "\n".join(lines)


def put(page: str, name: str, table: str, *, study: str) -> str:
    """The page with its table of that name replaced; a table stands between two marks that name its study."""
    start, end = f"<!-- {name}: written by studies/{study}.py -->", f"<!-- end of {name} -->"
    before, _, rest = page.partition(start)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"the page must have the marks {start} and {end}")
    return f"{before}{start}\n\n{table}\n\n{end}{after}"
