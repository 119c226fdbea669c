"""Pictures and tables of cross-validations and ensembles, from results made by hand."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from unstuck.interval import Interval
from unstuck.report import plots
from unstuck.report.view import FoldsView, ReliabilityView
from unstuck.study.calibration import reliability
from unstuck.study.ensemble import Calibration

RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(0, 5, 400)


def calibration(sharpness: float, members: int) -> Calibration:
    outputs = RANDOM.dirichlet(np.full(5, sharpness), (members, 400))
    return Calibration(
        reliability(outputs.mean(axis=0), LABELS), tuple(reliability(one, LABELS) for one in outputs)
    )


def folds(repeats: int, count: int, **fields: object) -> SimpleNamespace:
    scores = RANDOM.uniform(0.8, 1, repeats * count)
    known = {"scores": scores, "repeats": repeats, "folds": count, "score": "accuracy"}
    return SimpleNamespace(**(known | {"interval": Interval(0.85, 0.9, 0.95)} | fields))


VIEWS = {
    "reliability": (plots.draw_reliability, ReliabilityView.of(calibration(0.5, 10))),
    "reliability, of certain answers": (plots.draw_reliability, ReliabilityView.of(calibration(0.001, 2))),
    "folds": (plots.draw_folds, FoldsView.of(folds(1, 10))),
    "folds, repeated": (plots.draw_folds, FoldsView.of(folds(7, 5))),
    "folds, many": (plots.draw_folds, FoldsView.of(folds(1, 60))),
    "folds, one diverged": (
        plots.draw_folds,
        FoldsView.of(folds(1, 3, scores=np.array([0.5, np.nan, 0.4]), interval=Interval(np.nan, np.nan, np.nan))),
    ),
    "folds, all equal": (
        plots.draw_folds,
        FoldsView.of(folds(1, 3, scores=np.ones(3), interval=Interval(1, 1, 1))),
    ),
}


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_is_painted(name, tmp_path):
    paint, view = VIEWS[name]
    plots.save(paint(view), tmp_path / "view.png")
    with Image.open(tmp_path / "view.png") as image:
        image.load()
        assert 300 < image.width < 1800
        assert len(image.getcolors(1_000_000)) > 10


def test_the_note_says_on_which_side_of_the_diagonal_the_members_are():
    view = ReliabilityView.of(calibration(0.001, 2))  # certain, and right by chance
    assert "less often right than they are sure" in view.note
    assert "more often right" in replace(view, excess=-0.1).note
    assert "about as often" in replace(view, excess=0.001).note
    assert view.share.sum() == pytest.approx(1)
