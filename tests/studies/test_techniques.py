"""The cases are readable, arms are chosen on seeds that are not reported, and a pair is measured as it is said."""

import numpy as np
import pytest
from scipy import stats
from studies.techniques import (
    CASES,
    CHOOSING,
    Case,
    Outcome,
    Pair,
    arguments,
    changed,
    choose,
    draw,
    section,
    settings,
)

from studies import parts, techniques
from unstuck.recipe.edit import difference

# What the technique is: the first part of each path that only the arm with it has.
TECHNIQUE = {
    "augmentation": {"augment"},
    "early-stopping": {"stopping", "data"},  # rows are held out to stop by
    "dropout": {"model"},
    "weight-decay": {"optimizer"},
    "batch-normalization": {"model"},
}


@pytest.fixture(scope="module")
def cases():
    return {name: Case.read(name) for name in CASES}


def small(case):
    """The case with a network and rows that train in a moment."""
    data = {"data.name": "blobs", "data.rows": 60, "data.test": 0.5}
    little = {**data, "model": {"name": "mlp", "hidden": [4]}, "epochs": 2}
    return case.model_copy(update={"recipe": changed(case.recipe, little), "seeds": 2})


@pytest.mark.parametrize("name", CASES)
def test_every_setting_of_a_case_is_a_recipe_that_differs_by_its_technique(cases, name):
    case = cases[name]
    for recipe in case.recipes().values():
        for setting in settings(case.choices | case.present):
            with_it = changed(recipe, setting)
            without = changed(recipe, {path: to for path, to in setting.items() if path in case.choices})
            assert {edit.path.split(".")[0] for edit in difference(without, with_it)} == TECHNIQUE[name]


@pytest.mark.parametrize("name", CASES)
def test_no_seed_that_is_reported_was_chosen_by(cases, name):
    assert not {*range(cases[name].seeds)} & {*CHOOSING}


@pytest.mark.parametrize("name", CASES)
def test_both_arms_choose_from_the_same_learning_rates_for_as_many_epochs(cases, name):
    case = cases[name]
    assert "optimizer.lr" in case.choices
    assert not {"optimizer.lr", "epochs", "batch_size"} & {*case.present}


def test_settings_take_one_value_of_each_list():
    assert settings({"a": [1, 2], "b": 3, "c": [4, 5]}) == [
        {"a": 1, "b": 3, "c": 4},
        {"a": 1, "b": 3, "c": 5},
        {"a": 2, "b": 3, "c": 4},
        {"a": 2, "b": 3, "c": 5},
    ]


def test_the_setting_of_the_best_mean_is_chosen_and_none_that_diverged(cases, monkeypatch):
    scores = {0.0001: (0.5, 0.7), 0.0003: (0.9, 0.4), 0.001: (np.nan, 1.0)}

    def train(recipe, seed, *, chooses):
        assert chooses
        return Outcome(scores[recipe.optimizer.lr][seed - CHOOSING[0]], 1)

    monkeypatch.setattr(techniques, "train", train)
    case = cases["early-stopping"]
    assert choose(case.recipe, {"optimizer.lr": list(scores)}) == {"optimizer.lr": 0.0003}


def test_settings_are_chosen_without_the_test_images(cases):
    data = cases["dropout"].recipe.data
    rehearsed, reported = (techniques._data(data, chooses=chooses) for chooses in (True, False))
    whole = techniques._mnist()
    assert np.array_equal(rehearsed.test.x, whole.train.x[-techniques.REHEARSED :])
    assert rehearsed.train.rows.max() < len(whole.train.x) - techniques.REHEARSED
    assert np.array_equal(reported.test.x, whole.test.x)


def test_a_pair_is_trained_from_end_to_end_on_seeds_that_repeat(cases):
    case = small(cases["weight-decay"].model_copy(update={"choices": {"optimizer.lr": 0.01}}))
    case = case.model_copy(update={"present": {"optimizer.weight_decay": 0.1}})
    first, again = (list(techniques.measure(case)) for _ in range(2))
    assert [pair.case for pair in first] == ["200 hidden units", "no hidden layer"]
    assert [pair.outcomes for pair in first] == [pair.outcomes for pair in again]
    assert all(outcome.epochs == 2 for pair in first for arm in pair.outcomes for outcome in arm)


@pytest.fixture
def pairs():
    without = [Outcome(0.5, 10), Outcome(0.6, 10), Outcome(0.7, 10)]
    with_it = [Outcome(0.6, 4), Outcome(0.8, 6), Outcome(0.8, 8)]
    chosen = ({"optimizer.lr": 0.1}, {"optimizer.lr": 0.3, "model.dropout": 0.5})
    return [Pair("Dropout", says, (without, with_it), chosen) for says in ("wide", "narrow")]


def test_the_difference_is_paired_by_seed(pairs):
    differences = [0.1, 0.2, 0.1]
    low, mean, high = pairs[0].difference
    expected = stats.t.interval(0.95, 2, loc=np.mean(differences), scale=stats.sem(differences))
    assert mean == pytest.approx(np.mean(differences))
    assert (low, high) == pytest.approx(expected)


def test_a_table_has_both_means_and_the_epochs_where_they_differ(pairs, cases):
    says, without, with_it, against, epochs = pairs[0].cells()
    assert (says, without, with_it, epochs) == ("wide", "0.600", "0.733", "10 → 6")
    assert against.startswith("+0.133 [")
    assert "wide, without: lr 0.1; with: lr 0.3, dropout 0.5." in section(cases["dropout"], pairs)


def test_every_section_has_its_place_in_the_document(cases):
    page = (techniques.DOCS / "techniques.md").read_text(encoding="utf-8")
    for name, case in cases.items():
        assert f"\n## {case.title}\n" in page
        assert "new" in parts.put(page, name, "new", study="techniques")


def test_the_picture_is_drawn(pairs, tmp_path):
    draw(pairs, tmp_path / "techniques.png")
    assert (tmp_path / "techniques.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("words", [["nothing"], ["dropout", "--write"]])
def test_misuse_of_the_command_ends_with_2(words, capsys):
    with pytest.raises(SystemExit) as ended:
        arguments(words)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err
