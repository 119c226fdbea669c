"""What a terminal shows of a study while it is trained."""

import io
import re

from rich.console import Console

from unstuck.cli.arms import place_of
from unstuck.cli.studying import in_bars, in_lines
from unstuck.recipe.spec import Recipe
from unstuck.study.member import Member
from unstuck.study.runner import Runner


def runner(epochs=2):
    members = [
        Member(arm=f"[red]{seed}", number=seed, recipe=Recipe(data="wine", epochs=epochs, seed=seed))
        for seed in range(3)
    ]
    return Runner(members, workers=2)


def shown(show, **console):
    text = io.StringIO()
    watched = runner()
    show(watched, Console(file=text, width=100, **console))
    assert len(watched.runs) == 3
    return text.getvalue()


def test_every_training_that_is_done_is_a_line():
    lines = shown(in_lines).splitlines()
    assert [line.split()[0] for line in lines] == ["1/3", "2/3", "3/3"]
    assert {re.search(r"\[red\]\d, seed \d", line)[0] for line in lines} == {
        f"[red]{n}, seed {n}" for n in range(3)
    }
    assert all("accuracy" in line and "after 2 epochs" in line for line in lines)


def test_a_terminal_shows_how_far_all_are_and_the_time_that_is_left():
    said = shown(in_bars, force_terminal=True)
    assert "all trainings" in said
    assert "3 of 3" in said
    assert re.search(r"\d:\d\d", said)


def test_a_cluster_is_where_a_study_is_trained_and_not_by_what():
    assert place_of(["engine=ray", "epochs=3"]) == (["epochs=3"], "ray")
    assert place_of(["engine=torch"]) == (["engine=torch"], "here")
