"""A comparison's tables say what was measured, in full where programs read them and legibly where people do."""

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from comparisons import ALL, AWKWARD, BASE, FAR, FOLDS, ODD, ONE, SIZES, USUAL, compared, course
from rich.console import Console

from unstuck.report import comparison as told
from unstuck.study.judgement import sentence
from unstuck.study.statistics import holm, paired_test, t_interval

every = pytest.mark.parametrize("comparison", ALL.values(), ids=ALL)


def printed(comparison, width=80):
    """Lines in a terminal that would show markup if there were any."""
    console = Console(width=width, color_system=None, highlight=False)
    with console.capture() as capture:
        console.print(told.terminal(comparison, width=width))
    return [line.rstrip() for line in capture.get().splitlines()]


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def same(cell, value):
    """Whether a cell holds the very number; nothing stands for None."""
    if value is None or isinstance(value, str):
        return cell == (value or "")
    return float(cell) == value or (np.isnan(float(cell)) and np.isnan(value))


# figures


def test_figures_are_those_of_the_definitions():
    rows = {row["arm"]: row for row in read(told.arms_csv(USUAL))}
    p = holm([paired_test(arm.scores, BASE).p for arm in USUAL.arms.values()])
    for (name, arm), adjusted in zip(USUAL.arms.items(), p, strict=True):
        interval = t_interval(arm.scores - BASE)
        assert [float(rows[name][key]) for key in ("low", "difference", "high")] == list(interval)
        assert float(rows[name]["adjusted_p"]) == adjusted
        assert float(rows[name]["accuracy"]) == arm.scores.mean()
        assert float(rows[name]["deviation"]) == np.std(arm.scores, ddof=1)
        assert int(rows[name]["wins"]) == (arm.scores > BASE).sum()
    assert [row["judgement"] for row in rows.values()] == ["", "better", "worse", "undecided"]


def test_figures_of_others_have_columns_only_where_the_study_knows_some():
    assert [row["published"] for row in read(told.arms_csv(USUAL))] == ["0.87", "0.97", "", ""]
    assert "published" not in told.figures(FAR).header


@every
def test_csv_loses_nothing(comparison):
    for table, text in (
        (told.figures(comparison), told.arms_csv(comparison)),
        (told.trainings(comparison), told.trainings_csv(comparison)),
    ):
        lines = read(text)
        assert len(lines) == len(table.rows)
        for line, row in zip(lines, table.rows, strict=True):
            assert tuple(line) == table.header
            assert all(same(cell, value) for cell, value in zip(line.values(), row, strict=True))


def test_every_training_has_a_row_with_its_score_and_its_end():
    rows = read(told.trainings_csv(ODD))
    for arm in ODD.everyone:
        own = [row for row in rows if row["arm"] == arm.name]
        assert [row["seed"] for row in own] == ["0", "1", "2", "3"]
        np.testing.assert_array_equal([float(row["test_accuracy"]) for row in own], arm.scores)
        assert {row["stop"] for row in own} == {"not finite" if arm.diverged else "finished"}
        assert [int(row["epochs"]) for row in own] == [len(run.record.get("epoch", ())) for run in arm.runs]
        assert [float(row["seconds"]) for row in own] == [0.5 * int(row["epochs"]) for row in own]


@every
def test_json_is_strict_and_holds_scores_and_sentences(comparison):
    said = json.loads(told.json_text(comparison), parse_constant=pytest.fail)
    for arm, row in zip(comparison.everyone, said["arms"], strict=True):
        assert [np.nan if value is None else value for value in row["scores"]] == pytest.approx(
            arm.scores, abs=0, nan_ok=True
        )
        assert row["edits"] == {edit.path: edit.to for edit in arm.edits}
        if arm.judged:
            assert row["sentence"].startswith(
                sentence(arm.name, arm.judged, unit=said["units"]["arms"]["difference"])
            )
    assert set(said["units"]["arms"]) < set(said["arms"][0])


# words


@every
@pytest.mark.parametrize("width", [80, 100, 200])
def test_no_line_is_wider_than_the_terminal(comparison, width):
    assert max(map(len, printed(comparison, width))) <= width


def test_a_wider_terminal_shows_more_columns():
    narrow, wide = ("\n".join(printed(USUAL, width)) for width in (80, 160))
    assert "effect" not in narrow
    assert "effect" in wide
    assert all(word in narrow for word in ("difference", "(Holm)", "published"))


def test_names_are_never_taken_for_markup():
    text = " ".join(" ".join(printed(ODD, 300)).split())
    assert all(name in text for name in (*AWKWARD, "[bold]$ and $"))


def test_every_arm_has_its_sentence_and_diverged_trainings_are_counted():
    text = " ".join(" ".join(printed(ODD, 400)).split())
    for arm in ODD.arms.values():
        assert sentence(arm.name, arm.judged, unit="share of rows") in text
    assert text.count("4 of 4 diverged") == 2
    assert "nan" not in text


def test_one_training_each_cannot_tell():
    text = " ".join(" ".join(printed(ONE)).split())
    assert "of one seed, which cannot tell an effect from chance: no interval, no test" in text
    assert "one seed cannot tell: repeat with --seeds" in text


@pytest.mark.parametrize(
    ("comparison", "words"),
    [
        (USUAL, ("4 seeds", "paired by seed", "Student's t)", "paired t test", "Holm over 3 arms", "in points")),
        (FOLDS, ("4 folds", "paired by fold", "Nadeau and Bengio", "corrected resampled t test", "over 1 arm.")),
        (ODD, ("sign test where a score is not finite",)),
        (compared(BASE, {"a": [1, 1, 1, 0.9]}, method="bootstrap"), ("bootstrap", "sign flips")),
        (compared(BASE * 2, {"a": BASE * 2}, folds=4, repeats=2, method="corrected t"), ("4, dealt out 2 times",)),
    ],
)
def test_the_caption_says_how_the_figures_came_about(comparison, words):
    assert [word for word in words if word not in told.caption(comparison)] == []


def test_the_caption_is_of_the_columns_that_are_there():
    assert "Seconds" in told.caption(USUAL, {"seconds"})
    assert "Seconds" not in told.caption(USUAL, {"effect"})


def test_one_training_that_waited_for_a_compiler_does_not_make_its_arm_slow():
    first, usual = (dict(course([1.0, 0.5]), seconds=[each, each]) for each in (16.0, 0.5))
    comparison = compared(BASE, {"a": BASE}, courses={"base": [first, usual, usual, usual]})
    assert told.figures(comparison).rows[0][told.figures(comparison).header.index("seconds")] == 1.0


def test_an_arm_that_changes_nothing_is_said_to():
    arms = {name: replace(arm, edits=()) for name, arm in USUAL.arms.items()}
    assert all("it changes nothing" in said for said in told.sentences(replace(USUAL, arms=arms)).values())
    assert not any("it changes nothing" in said for said in told.sentences(USUAL).values())


@every
def test_markdown_is_a_table_that_is_legible_as_text(comparison):
    lines = [line for line in told.markdown(comparison).splitlines() if line.startswith("|")]
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]
    assert len(lines) == 2 + len(comparison.everyone)
    assert len({len(line) for line in lines}) == 1
    assert len({len(row) for row in cells}) == 1
    names = [re.sub(r"\\(.)", r"\1", row[0]).strip() for row in cells[2:]]
    assert names == [arm.name for arm in comparison.everyone]


# the folder


def test_a_folder_holds_tables_and_pictures_and_nothing_half(tmp_path):
    paths = told.save(SIZES, tmp_path / "new" / "folder")
    names = {"table.md", "table.csv", "trainings.csv", "table.json"}
    names |= {"figures/forest.png", "figures/curves.png", "figures/data-size.png"}
    folder = tmp_path / "new" / "folder"
    assert {path.relative_to(folder).as_posix() for path in paths} == names
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == names


def test_only_a_study_of_fractions_has_a_curve_over_data_size(tmp_path):
    told.save(USUAL, tmp_path)
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["curves.png", "forest.png"]


def test_saving_again_gives_the_same_bytes(tmp_path):
    one, two = ({path.name: path.read_bytes() for path in told.save(USUAL, tmp_path)} for _ in range(2))
    assert one == two


def test_a_table_is_legible_as_text():
    assert told.aligned(("arm", "n"), [("a", "10"), ("long", "9")]).splitlines() == [
        "| arm  |  n |",
        "| ---- | -: |",
        "| a    | 10 |",
        "| long |  9 |",
    ]
