"""What a run's outputs are, probabilities, classes or numbers, and how several runs' become comparable."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from unstuck.errors import DataError
from unstuck.network.network import linked
from unstuck.training.predictor import Predictor
from unstuck.training.run import Run

# How a program's loss reads outputs, by its name: a class of torch.nn or a function of torch.nn.functional.
_SOFTMAX = {"CrossEntropyLoss", "cross_entropy"}
_LOGARITHM = {"NLLLoss", "nll_loss"}
_SIGMOID = {"BCEWithLogitsLoss", "binary_cross_entropy_with_logits"}


@dataclass(frozen=True)
class Reading:
    """How outputs are read: `ready` makes probabilities that sum to 1 of them where that is what they are.

    Of `classes` only the order is known: the largest output is the answer's.
    """

    what: Literal["probabilities", "classes", "numbers"]
    ready: Callable[[np.ndarray], np.ndarray]

    def targets(self, targets: np.ndarray) -> np.ndarray:
        """Class numbers (N,), or what is predicted as it is."""
        if self.what == "numbers":
            return targets
        return (targets.ravel() > 0.5).astype(np.int64) if targets.dtype.kind in "fb" else targets


def reading_of_recipe(run: Run) -> Reading:
    """Of a recipe's run: by its data and its outputs."""
    assert run.facts is not None
    assert run.recipe is not None
    if run.facts.classes is None:
        return Reading("numbers", _as_they_are)
    if run.recipe.model.output in ("softmax", "sigmoid"):
        return Reading("probabilities", distributions)
    return Reading("classes", _as_they_are)


def reading_of_program(run: Run, loss: Any, outputs: np.ndarray) -> Reading:
    """Of a program's run: by what its loss is called, where classes are told apart, and some of its outputs."""
    name = loss.__name__ if hasattr(loss, "__name__") else type(loss).__name__
    if "train_accuracy" not in run.record.units:
        return Reading("numbers", _as_they_are)
    if outputs.ndim == 1 or outputs.shape[1] == 1:
        return Reading("probabilities", partial(_both, link="sigmoid" if name in _SIGMOID else "identity"))
    if name in _SOFTMAX:
        return Reading("probabilities", partial(linked, "softmax"))
    return Reading("probabilities", np.exp) if name in _LOGARITHM else Reading("classes", _as_they_are)


def distributions(outputs: np.ndarray) -> np.ndarray:
    """Probabilities (N, C) that sum to 1: the sigmoids of bce stand each alone."""
    return outputs / outputs.sum(axis=1, keepdims=True)


def _as_they_are(outputs: np.ndarray) -> np.ndarray:
    return outputs


def _both(outputs: np.ndarray, link: str) -> np.ndarray:
    """The probabilities (N, 2) of both classes, where a network says that of the second alone."""
    second = linked(link, outputs.reshape(-1, 1)).clip(0, 1)
    return np.concatenate([1 - second, second], axis=1)


def tested(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and targets of a run's test rows, numbers in the unit of the targets."""
    if run.test is None:
        raise DataError("there are no test rows to score by. Give data.test a share.")
    scaling = run.predictor.targets if isinstance(run.predictor, Predictor) else None
    if scaling is None:
        return run.test.outputs, run.test.targets
    return scaling.undo(run.test.outputs), scaling.undo(run.test.targets)
