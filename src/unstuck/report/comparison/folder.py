"""All that is told of a comparison, in a folder."""

from pathlib import Path

from unstuck import files
from unstuck.report import plots, view
from unstuck.report.comparison import forms
from unstuck.study.compare import Comparison


def save(comparison: Comparison, folder: Path) -> list[Path]:
    """Write tables and pictures, each whole or not at all; the paths.

    table.md, table.csv and table.json hold the arms, trainings.csv a row per training; figures/ the differences
    (forest.png), the course of training (curves.png) and, of a study with fractions, data-size.png.
    """
    texts = {
        "table.md": forms.markdown(comparison),
        "table.csv": forms.arms_csv(comparison),
        "trainings.csv": forms.trainings_csv(comparison),
        "table.json": forms.json_text(comparison),
    }
    with files.said(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        files.write(folder / name, text)
    return [*(folder / name for name in texts), *save_figures(comparison, folder / "figures")]


def save_figures(comparison: Comparison, folder: Path) -> list[Path]:
    """Draw every picture of the comparison into the folder."""
    figures = {
        "forest": plots.draw_forest(view.ForestView.of(comparison)),
        "curves": plots.draw_bands(view.BandsView.of(comparison)),
    }
    if sizes := view.DataSizeView.of(comparison):
        figures["data-size"] = plots.draw_data_size(sizes)
    for name, figure in figures.items():
        plots.save(figure, folder / f"{name}.png")
    return [folder / f"{name}.png" for name in figures]
