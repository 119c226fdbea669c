"""Pages of the documentation that follow from the code say what the code says."""

import importlib.util
from pathlib import Path

from unstuck.diagnosis.causes import CAUSES
from unstuck.diagnosis.symptoms import SYMPTOMS
from unstuck.report import catalogue

DOCS = Path(__file__).parents[1] / "docs"


def maker():
    """docs/make.py, which is no module of the package."""
    spec = importlib.util.spec_from_file_location("make", DOCS / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_causes_is_what_make_docs_writes():
    assert (DOCS / "causes.md").read_text(encoding="utf-8") == maker().causes(), "type: make docs"


def test_every_cause_and_every_symptom_is_on_the_page_and_each_link_has_its_place():
    page = maker().causes()
    assert all(f"## {cause}\n" in page for cause in CAUSES)
    assert all(f"| `{symptom.id}` |" in page for symptom in SYMPTOMS)
    assert all(neighbour in CAUSES for cause in CAUSES.values() for neighbour in cause.neighbours)


def test_every_cause_is_listed():
    _, columns, rows = catalogue.listing("causes")
    assert [dict(zip(columns, row, strict=True))["id"] for row in rows] == list(CAUSES)
