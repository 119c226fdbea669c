"""The studies are readable, their arms change what they say and nothing else, and an arm trains to the end."""

import io
import threading
from concurrent.futures import CancelledError

import numpy as np
import pytest
from rich.console import Console
from studies.course import (
    BASE,
    DOCS,
    HERE,
    STUDIES,
    Outcome,
    Report,
    Study,
    arguments,
    chosen,
    draw,
    markdown,
    run,
    show,
    spread,
    train,
)
from studies.parts import put

from unstuck.data import load
from unstuck.errors import RecipeError
from unstuck.recipe.edit import difference
from unstuck.recipe.file import parse

LEAKY = {"model.activation": "leaky-relu", "model.slope": 0.02}
LAYER_NORM = {"model.normalization": "layer", "model.normalization_place": "after"}
ADAM = {"optimizer.name": "adam", "optimizer.lr": 0.001}
FASTER = {"batch_size": 10, "optimizer.lr": 0.1}
COSINE = {"schedule.name": "cosine"}

# What the course did, in our words; a new kind of part brings its other fields' defaults with it.
INTENDED = {
    "improvements": {
        "binary cross-entropy": {"loss.name": "bce"},
        "leaky ReLU": {**LEAKY, "model.output": "leaky-relu"},
        "Adam": ADAM,
        "layer normalization": LAYER_NORM,
        "all four": {"loss.name": "bce", **LEAKY, **ADAM, **LAYER_NORM},
    },
    "schedule": {
        "batch 20": {"batch_size": 20},
        "batch 10": {"batch_size": 10},
        "rate 0.1": FASTER,
        "best weights": {**FASTER, "keep": "best"},
        "step decay": {**FASTER, "schedule.name": "step", "schedule.every": 5, "schedule.gamma": 0.3},
        "exponential decay": {**FASTER, "schedule.name": "exponential", "schedule.gamma": 0.8},
        "cosine decay": {**FASTER, **COSINE},
        "cosine decay, best weights": {**FASTER, **COSINE, "keep": "best"},
    },
}
KINDS = ("loss", "optimizer", "schedule")


@pytest.fixture(scope="module")
def studies():
    return {name: Study.read(HERE / f"{name}.toml") for name in STUDIES}


def few(recipe, rows=300):
    return recipe.edit("data.rows", rows).edit("epochs", 1)


@pytest.mark.parametrize("name", STUDIES)
def test_arms_differ_from_the_base_by_the_intended_edits_alone(studies, name):
    recipes = studies[name].recipes()
    base = recipes.pop(BASE)
    assert base == studies[name].recipe
    assert recipes.keys() == INTENDED[name].keys()
    for arm, recipe in recipes.items():
        changes = {edit.path: edit.to for edit in difference(base, recipe)}
        other_kinds = [kind for kind in KINDS if f"{kind}.name" in changes]
        brought = {path for path in changes for kind in other_kinds if path.startswith(f"{kind}.")}
        assert {path: to for path, to in changes.items() if path not in brought - INTENDED[name][arm].keys()} == (
            INTENDED[name][arm]
        )


@pytest.mark.parametrize("name", STUDIES)
def test_known_figures_are_of_arms_that_the_study_has(studies, name):
    study = studies[name]
    assert study.published.keys() <= study.recipes().keys()
    assert study.rebuilt.keys() <= study.recipes().keys()


def test_a_part_may_be_edited_by_a_table_or_by_dotted_keys():
    text = 'title = "t"\nrecipe.data = "digits"\n[arms.a]\n'
    dotted = parse(Study, text + 'optimizer.name = "sgd"\noptimizer.lr = 0.5')
    table = parse(Study, text + 'optimizer = { name = "sgd", lr = 0.5 }')
    assert dotted == table
    assert dotted.arms["a"] == {"optimizer.name": "sgd", "optimizer.lr": 0.5}


def test_a_misspelt_key_of_a_study_is_named():
    with pytest.raises(RecipeError, match="armz"):
        parse(Study, 'title = "t"\nrecipe.data = "digits"\narms = {}\narmz = {}')


def test_only_chooses_arms_and_leaves_out_studies_without_them(studies):
    recipes = chosen(studies, ["Adam"])
    assert {name: list(of) for name, of in recipes.items()} == {"improvements": ["Adam"]}
    assert list(chosen(studies, ["base"])) == list(STUDIES)
    with pytest.raises(RecipeError, match="Did you mean Adam"):
        chosen(studies, ["Adamm"])


@pytest.mark.parametrize("words", [["--seeds", "0"], ["--workers", "x"], ["nothing"], ["improvements", "--write"]])
def test_misuse_of_the_command_ends_with_2(words, capsys):
    with pytest.raises(SystemExit) as ended:
        arguments(words)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_an_arm_trains_from_end_to_end_and_the_number_of_workers_changes_no_score(studies):
    recipes = {
        arm: few(recipe) for arm, recipe in studies["improvements"].recipes().items() if arm in ("base", "Adam")
    }
    alone, together = (run(recipes, seeds=2, workers=workers) for workers in (1, 2))
    assert list(alone) == ["base", "Adam"]
    for arm, outcomes in alone.items():
        assert [outcome[:2] for outcome in outcomes] == [outcome[:2] for outcome in together[arm]]
        assert outcomes[0].test != outcomes[1].test  # another seed is another training
        assert all(outcome.seconds > 0 for outcome in outcomes)
    assert alone["Adam"][0].test > 0.5  # ten classes: by chance 0.1


def test_a_training_that_is_cancelled_ends_without_a_score(studies):
    recipe = few(studies["improvements"].recipe)
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(CancelledError):
        train(recipe, load(recipe.data), cancelled)


@pytest.fixture
def report(studies):
    study = studies["improvements"]
    outcomes = {"base": [Outcome(0.8, 0.75, 2.0), Outcome(0.9, 0.85, 4.0)], "Adam": [Outcome(0.97, 0.98, 9.0)] * 2}
    return Report(study, outcomes, 20.0)


def test_a_table_shows_published_figures_beside_means_over_seeds(report):
    header, base, adam = report.rows()
    assert header == ("arm", "published", "rebuilt", "test", "training", "seconds")
    deviation = np.sqrt(((0.8 - 0.85) ** 2 + (0.9 - 0.85) ** 2) / (2 - 1))
    assert base == ("base", "0.87", "0.868", f"0.8500 ± {deviation:.4f}", "0.8000", "3.0")
    assert adam[:2] == ("Adam", "0.97")
    assert spread([0.5]) == "0.5000"


def test_a_study_that_knows_no_published_figures_has_no_column_of_them(report, studies):
    header, *_ = Report(studies["schedule"], report.outcomes, 1.0).rows()
    assert header == ("arm", "test", "training", "seconds")


@pytest.mark.parametrize("name", STUDIES)
def test_every_table_fits_a_terminal_of_80_columns(studies, name):
    outcomes = dict.fromkeys(studies[name].recipes(), [Outcome(0.8, 0.75, 2.0), Outcome(0.9, 0.85, 400.0)])
    console = Console(width=80, record=True, file=io.StringIO())
    show(Report(studies[name], outcomes, 100.0), console)
    text = console.export_text()
    assert "…" not in text
    assert "0.8500 ± 0.0707" in text


def test_the_table_as_markdown_is_legible_as_text(report):
    header, rule, base, adam, *_ = markdown(report).splitlines()
    assert len({len(line) for line in (header, rule, base, adam)}) == 1
    assert adam.startswith("| Adam |   ")


def test_the_document_has_a_place_for_every_study():
    page = (DOCS / "course.md").read_text(encoding="utf-8")
    for name in STUDIES:
        assert "new" in put(page, name, "new", study="course")


def test_the_picture_is_drawn(report, tmp_path):
    draw([report, report], tmp_path / "course.png")
    assert (tmp_path / "course.png").read_bytes().startswith(b"\x89PNG")
