"""What several studies are made of: the place of their tables in documents."""


def put(page: str, name: str, table: str, *, study: str) -> str:
    """The page with its table of that name replaced; a table stands between two marks that name its study."""
    start, end = f"<!-- {name}: written by studies/{study}.py -->", f"<!-- end of {name} -->"
    before, _, rest = page.partition(start)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"the page must have the marks {start} and {end}")
    return f"{before}{start}\n\n{table}\n\n{end}{after}"
