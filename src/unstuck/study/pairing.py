"""What all arms must have in common, or their scores are no pairs: the rows that are scored, and how."""

from typing import NamedTuple, Self

import numpy as np

from unstuck.data import Dataset
from unstuck.errors import RecipeError
from unstuck.recipe.spec import Recipe
from unstuck.training.scores import score_of

_ROUNDING = 1e-4  # of the targets' range: float32, scaled by other training rows and back


class Scored(NamedTuple):
    """The rows that a training is judged by: those for the test, else those for validation."""

    split: str
    score: str
    """What is measured, with the scaling that it depends on."""
    rows: np.ndarray
    """Their numbers (N,)."""
    targets: np.ndarray
    """What is to be predicted of them (N, …), in its own unit."""

    @classmethod
    def of(cls, recipe: Recipe, dataset: Dataset) -> Self:
        """Those of a recipe's data; `RecipeError` if no rows are held out."""
        split = next((name for name in ("test", "validation") if name in dataset.splits), None)
        if split is None:
            hint = "Give data.test or data.validation a share."
            raise RecipeError("the data", "have rows held out to judge by", "none", hint=hint)
        held_out, score = dataset.splits[split], score_of(recipe, dataset.classes).name
        if recipe.model.name == "autoencoder":  # whose score sums over features, each as it is scaled
            score += f" of inputs with data.scaling {recipe.data.scaling}"
        targets = dataset.targets.undo(held_out.y) if dataset.targets else held_out.y
        return cls(split, score, held_out.rows, targets)

    def check_pairs(self, base: "Scored") -> None:
        """`RecipeError` unless scores on these rows can be compared with those of the base, pair by pair."""
        hint = "Such scores are no pairs: make it a study of its own."
        if self.score != base.score:
            raise RecipeError("the score", f"be the base's, {base.score}", self.score, hint=hint)
        if self.split != base.split or not np.array_equal(self.rows, base.rows):
            raise RecipeError("the data", f"hold out the base's {base.split} rows", "other rows", hint=hint)
        ours, theirs = (targets.astype(np.float64) for targets in (self.targets, base.targets))
        if ours.shape != theirs.shape or np.abs(ours - theirs).max() > _ROUNDING * np.ptp(theirs):
            raise RecipeError("the data", f"have the base's {base.split} targets", "other targets", hint=hint)
