"""Thin painters: each puts one view on a canvas, by matplotlib's object interface alone.

There is no pyplot and so no state: pictures can be painted in threads and in a server. matplotlib is imported
inside the functions, because that costs 0.4 s which `unstuck --help` should not pay.
"""

from unstuck.report.plots.answers import draw_confusion as draw_confusion
from unstuck.report.plots.answers import draw_mistakes as draw_mistakes
from unstuck.report.plots.answers import draw_outputs as draw_outputs
from unstuck.report.plots.augmented import draw_augmented as draw_augmented
from unstuck.report.plots.bands import draw_bands as draw_bands
from unstuck.report.plots.canvas import save as save
from unstuck.report.plots.curves import draw_loss as draw_loss
from unstuck.report.plots.curves import draw_predictions as draw_predictions
from unstuck.report.plots.data_size import draw_data_size as draw_data_size
from unstuck.report.plots.folds import draw_folds as draw_folds
from unstuck.report.plots.forest import draw_forest as draw_forest
from unstuck.report.plots.network import draw_network as draw_network
from unstuck.report.plots.plane import draw_plane as draw_plane
from unstuck.report.plots.rates import draw_rates as draw_rates
from unstuck.report.plots.reconstruction import draw_reconstructions as draw_reconstructions
from unstuck.report.plots.reliability import draw_reliability as draw_reliability
from unstuck.report.plots.samples import draw_samples as draw_samples
from unstuck.report.plots.search import draw_search as draw_search
