"""What the picture of a search shows, and that it can be painted."""

import numpy as np
import pytest

from unstuck.recipe.spec import Recipe
from unstuck.report import plots, view
from unstuck.report.view.search import leading
from unstuck.study.search import Search
from unstuck.study.space import flag
from unstuck.study.trial import Outcome

RECIPE = Recipe(data="iris", epochs=4, batch_size=16, model={"hidden": [8]})


def searched(vary: str, trials: int = 8) -> Search:
    search = Search(RECIPE, dict([flag(vary)]), trials=trials)
    list(search)
    return search


@pytest.fixture(scope="module")
def both() -> list[Search]:
    first = searched("optimizer.lr=1e-5..1e4:log", trials=12)
    second = first.beside()
    list(second)
    return [first, second]


def test_curves_are_the_best_finished_score_over_the_epochs_spent(both):
    shown = view.SearchView.of(both)
    for search, curve in zip(both, shown.curves, strict=True):
        assert curve.epochs[-1] == search.spent
        assert curve.best[-1] == search.best.score
        assert (np.diff(curve.best[np.isfinite(curve.best)]) >= 0).all()
        assert curve.finished.sum() == len([t for t in search.trials if t.outcome is Outcome.FINISHED])
        assert np.isnan(curve.scores[curve.diverged]).all()


def test_the_title_says_the_result_and_the_note_that_it_is_optimistic(both):
    shown = view.SearchView.of(both, test=0.5)
    best = leading(both).best
    assert shown.title.startswith(f"Best validation accuracy {best.score:.4f}: optimizer.lr ")
    assert "optimistic" in shown.note
    assert shown.note.endswith("which no trial saw: 0.5000.")
    assert "test" not in view.SearchView.of(both).note


def test_the_best_score_is_always_inside_the_picture(both):
    shown = view.SearchView.of(both)
    assert shown.low < leading(both).best.score < shown.high


def test_a_search_is_painted_with_a_dot_for_each_trial(both, tmp_path):
    figure = plots.draw_search(view.SearchView.of(both))
    dots = sum(len(line.get_xdata()) for line in figure.axes[0].lines if line.get_marker() in "ov")
    assert dots == sum(len(search.trials) for search in both)
    plots.save(figure, tmp_path / "search.png")
    assert (tmp_path / "search.png").stat().st_size > 0


@pytest.mark.parametrize(("vary", "trials"), [("optimizer.lr=1e30..1e31", 2), ("optimizer.lr=0.01,0.02", 1)])
def test_a_search_without_a_best_or_with_one_trial_is_painted_too(vary, trials, tmp_path):
    search = searched(vary, trials)
    shown = view.SearchView.of([search])
    assert (search.best is None) == (shown.title == "No trial was trained to its end")
    plots.save(plots.draw_search(shown), tmp_path / "search.png")
