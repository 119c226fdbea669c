"""Every study can be started, and only what stands between the marks of a document is replaced."""

import pkgutil
from importlib import import_module

import pytest
from studies.parts import put

import studies


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(studies.__path__)])
def test_every_study_can_be_started(name):
    assert import_module(f"studies.{name}").__doc__


def test_only_what_stands_between_the_marks_is_replaced():
    page = "before\n<!-- a: written by studies/s.py -->\nold\n<!-- end of a -->\nafter\n"
    once = put(page, "a", "new", study="s")
    assert once == "before\n<!-- a: written by studies/s.py -->\n\nnew\n\n<!-- end of a -->\nafter\n"
    assert put(once, "a", "new", study="s") == once
    with pytest.raises(ValueError, match="marks"):
        put(page, "b", "new", study="s")
    with pytest.raises(ValueError, match="marks"):
        put(page, "a", "new", study="another")
