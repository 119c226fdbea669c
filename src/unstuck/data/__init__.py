"""A recipe's `data` made arrays: named splits, scaled, with a fingerprint."""

from unstuck.data.catalog import Listing, asked_for, caution, describe
from unstuck.data.dataset import Dataset, Scaling, Split
from unstuck.data.intake import Intake
from unstuck.data.loading import load, load_for
from unstuck.data.look import Look, look

__all__ = [
    "Dataset",
    "Intake",
    "Listing",
    "Look",
    "Scaling",
    "Split",
    "asked_for",
    "caution",
    "describe",
    "load",
    "load_for",
    "look",
]
