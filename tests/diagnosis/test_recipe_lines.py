"""A recipe's cure as lines: those of its file that were changed, whatever kinds of parts they hold."""

from unstuck.diagnosis.subject import lines_of
from unstuck.recipe import file
from unstuck.recipe.spec import Recipe


def test_a_cure_is_told_by_the_changed_lines_of_the_file_also_where_the_kind_of_a_part_changes():
    before = Recipe.model_validate({"data": "iris", "optimizer": {"name": "sgd", "lr": 0.5}})
    after = before.edit("optimizer", "adam").edit("epochs", 9)
    old, new = file.dumps(before).splitlines(), file.dumps(after).splitlines()
    lines = lines_of(before, after)
    assert {line[2:] for line in lines if line[0] == "-"} == {*old} - {*new}
    assert {line[2:] for line in lines if line[0] == "+"} == {*new} - {*old}
    assert len(lines) == 4
