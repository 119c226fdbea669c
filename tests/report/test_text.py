import numpy as np
import pytest
from rich.console import Console

from unstuck.report.text import (
    EpochLine,
    balance_table,
    data_summary,
    epoch_line,
    epochs_table,
    listing_table,
    scores_table,
)
from unstuck.report.view import DataSummary


def shown(renderable, width=120):
    """The words of each line."""
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return [line.split() for line in capture.get().splitlines() if line.strip()]


def test_every_epoch_is_a_row_and_the_best_is_marked():
    lines = [EpochLine(1, 0.5, 0.4, 0.9, 1.0), EpochLine(2, 0.3, 0.45, 0.88, 1.25)]
    _, _, first, second, caption = shown(epochs_table(lines, best=1))
    assert first == ["1", "★", "0.5000", "0.4000", "0.9000", "1.00"]
    assert second == ["2", "0.3000", "0.4500", "0.8800", "1.25"]
    assert caption[0] == "★"


def test_the_heads_name_the_units():
    head = " ".join(shown(epochs_table([], score="R²", unit="squared error"))[0])
    assert head == "epoch train loss (squared error) validation loss (squared error) validation R² seconds"


def test_what_was_not_measured_is_left_empty():
    assert shown(epochs_table([EpochLine(1, 0.5, None, None, 1.0)]))[2] == ["1", "0.5000", "1.00"]


@pytest.mark.parametrize(
    ("loss", "word"), [(np.nan, "nan"), (np.inf, "inf"), (3e8, "3.000e+08"), (2e-5, "2.000e-05")]
)
def test_losses_out_of_the_ordinary_stay_readable(loss, word):
    assert shown(epochs_table([EpochLine(1, loss, None, None, 1.0)]))[2][1] == word


def test_lines_of_a_run_are_as_wide_as_each_other():
    lines = [EpochLine(1, 0.5, 0.4, 0.9, 1.0), EpochLine(10, np.nan, 1e30, 0.1, 123.4)]
    first, tenth = (epoch_line(line, epochs=10) for line in lines)
    assert first == "epoch  1/10  train loss    0.5000  validation loss    0.4000  accuracy  0.9000    1.00 s"
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


def test_a_data_set_is_summed_up_with_its_balance():
    x, y = np.arange(8, dtype=np.uint8).reshape(2, 2, 2), np.array([0, 1])
    lines = shown(data_summary(DataSummary.of("tiny", {"train": (x, y)}, classes=("a", "b"))))
    assert lines[0] == ["tiny:", "examples", "of", "2", "×", "2", "uint8,", "0.0", "MB", "in", "memory"]
    assert lines[3] == ["train", "2", "0", "3.5", "7", "0"]
    assert [line[0] for line in lines[-2:]] == ["a", "b"]
