"""Tables are legible as text, and only what stands between the marks of a document is replaced."""

import pytest
from studies.parts import markdown, put


def test_a_table_is_legible_as_text():
    assert markdown(("arm", "n"), [("a", "10"), ("long", "9")]).splitlines() == [
        "| arm  |  n |",
        "| ---- | -: |",
        "| a    | 10 |",
        "| long |  9 |",
    ]


def test_only_what_stands_between_the_marks_is_replaced():
    page = "before\n<!-- a: written by studies/s.py -->\nold\n<!-- end of a -->\nafter\n"
    once = put(page, "a", "new", study="s")
    assert once == "before\n<!-- a: written by studies/s.py -->\n\nnew\n\n<!-- end of a -->\nafter\n"
    assert put(once, "a", "new", study="s") == once
    with pytest.raises(ValueError, match="marks"):
        put(page, "b", "new", study="s")
    with pytest.raises(ValueError, match="marks"):
        put(page, "a", "new", study="another")
