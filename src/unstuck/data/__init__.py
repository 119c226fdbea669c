"""A recipe's `data` made arrays: named splits, scaled, with a fingerprint."""

from unstuck.data.catalog import Listing, asked_for, caution, describe
from unstuck.data.dataset import Dataset, Scaling, Split
from unstuck.data.intake import Intake
from unstuck.data.loading import arrange, load, load_for, open_source
from unstuck.data.look import Look, look
from unstuck.data.source import Source
from unstuck.data.splits import count_folds

__all__ = [
    "Dataset",
    "Intake",
    "Listing",
    "Look",
    "Scaling",
    "Source",
    "Split",
    "arrange",
    "asked_for",
    "caution",
    "count_folds",
    "describe",
    "load",
    "load_for",
    "look",
    "open_source",
]
