import numpy as np
import pytest
from rich.console import Console

from unstuck.data import Dataset, Scaling, Split, look
from unstuck.report.text import balance_table, data_table, epoch_line, listing_table, scores_table


def shown(renderable, width=120):
    """The words of each line."""
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return [line.split() for line in capture.get().splitlines() if line.strip()]


def row(epoch, loss, seconds=1.0, **more):
    return {"epoch": epoch, "train_loss": loss, "train_accuracy": 0.5, "seconds": seconds, **more}


@pytest.mark.parametrize(
    ("loss", "word"), [(np.nan, "nan"), (np.inf, "inf"), (3e8, "3.000e+08"), (2e-5, "2.000e-05")]
)
def test_losses_out_of_the_ordinary_stay_readable(loss, word):
    assert f"train loss {word:>9} accuracy 0.5000" in epoch_line(row(1, loss), epochs=1, score="accuracy")


def test_validation_is_left_out_where_no_rows_were_held_out():
    assert "validation" not in epoch_line(row(1, 0.5), epochs=1, score="accuracy")


def test_lines_of_a_run_are_as_wide_as_each_other():
    rows = (
        row(epoch, loss, validation_loss=loss, validation_accuracy=0.1) for epoch, loss in ((1, 0.5), (10, 1e30))
    )
    first, tenth = (epoch_line(values, epochs=10, score="accuracy") for values in rows)
    assert first.startswith("epoch  1/10   train loss    0.5000 accuracy 0.5000   validation loss    0.5000")
    assert len(first) == len(tenth)


def test_scores_have_a_row_per_split_and_a_column_per_measure():
    head, _, validation, test = shown(
        scores_table({"validation": {"accuracy": 0.5, "loss": 1}, "test": {"loss": 2}})
    )
    assert head == ["split", "accuracy", "loss"]
    assert validation == ["validation", "0.5000", "1.0000"]
    assert test == ["test", "2.0000"]


def test_balance_gives_rows_and_the_share_of_the_first_split():
    counts = {"train": np.array([30_000, 10_000]), "test": np.array([5, 0])}
    _, _, first, second = shown(balance_table(("cat", "dog"), counts))
    assert first == ["cat", "30", "000", "5", "█" * 24, "75.0%"]
    assert second == ["dog", "10", "000", "0", "█" * 8, "25.0%"]


def test_of_many_classes_the_first_are_listed_and_the_rest_counted():
    lines = shown(balance_table([str(n) for n in range(100)], {"train": np.ones(100, int)}, most=30))
    assert len(lines) == 2 + 30 + 1
    assert lines[-1] == ["and", "70", "more", "classes"]


def test_names_are_never_read_as_markup():
    assert shown(balance_table(["[red]"], {"train": np.array([1])}))[2][0] == "[red]"
    assert shown(listing_table("[b]", ["name"], [["[/]"]]))[-1] == ["[/]"]


def test_a_listing_shows_whole_numbers_in_groups_and_nothing_for_none():
    title, head, _, row = shown(listing_table("Data", ("name", "rows", "note"), [("mnist", 70_000, None)]))
    assert (title, head, row) == (["Data"], ["name", "rows", "note"], ["mnist", "70", "000"])


def test_names_in_a_listing_are_whole_on_a_narrow_terminal():
    words = " ".join(["words"] * 40)
    text = shown(
        listing_table("Causes", ("id", "group", "explains"), [("distribution-mismatch", "data", words)]), 50
    )
    assert "distribution-mismatch" in [cell for line in text for cell in line]


def test_a_data_set_is_summed_up_with_its_balance():
    x, y = np.arange(8, dtype=np.uint8).reshape(2, 2, 2), np.array([0, 1])
    scaling = Scaling(np.zeros((), np.float32), np.array(1 / 7, np.float32))
    dataset = Dataset(
        name="tiny",
        train=Split(x, y, y),
        validation=None,
        test=None,
        classes=("a", "b"),
        features=None,
        inputs=scaling,
        targets=None,
        fingerprint="",
    )
    lines = shown(data_table(look(dataset)))
    assert lines[0] == ["tiny:", "examples", "of", "2", "×", "2,", "uint8;", "2", "classes"]
    assert lines[3] == ["train", "2", "0", "to", "7", "0", "to", "1", "0"]
    assert [line[0] for line in lines[-2:]] == ["a", "b"]
