"""What each picture shows, as plain data: computed with NumPy alone, tested without a canvas.

The painters in `plots` put a view on a canvas and decide nothing but its looks.
"""

from unstuck.report.view.augmented import AugmentedView as AugmentedView
from unstuck.report.view.bands import BandsView as BandsView
from unstuck.report.view.confusion import ConfusionView as ConfusionView
from unstuck.report.view.data_size import DataSizeView as DataSizeView
from unstuck.report.view.folds import FoldsView as FoldsView
from unstuck.report.view.forest import ForestView as ForestView
from unstuck.report.view.loss import LossView as LossView
from unstuck.report.view.mistakes import MistakesView as MistakesView
from unstuck.report.view.network import NetworkView as NetworkView
from unstuck.report.view.outputs import OutputsView as OutputsView
from unstuck.report.view.plane import PlaneView as PlaneView
from unstuck.report.view.prediction import PredictionView as PredictionView
from unstuck.report.view.rates import RatesView as RatesView
from unstuck.report.view.reconstruction import ReconstructionView as ReconstructionView
from unstuck.report.view.reliability import ReliabilityView as ReliabilityView
from unstuck.report.view.samples import SamplesView as SamplesView
from unstuck.report.view.search import SearchView as SearchView
