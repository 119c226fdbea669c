"""One trial of a search: the values it tried, and what came of them."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any


class Outcome(Enum):
    """How a trial ended."""

    FINISHED = "trained to its end"
    PRUNED = "stopped: worse than the median of the trials before it"
    CUT = "stopped: the budget of epochs is spent"
    DIVERGED = "diverged: the loss was no longer a finite number"
    NOT_POSSIBLE = "not possible"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Values tried, and what came of them.

    Args:
        number: counted from 1.
        values: by dotted key of the recipe.
        scores: on the validation rows, after each epoch.
        score: of the weights that the recipe keeps, those of the least validation loss unless it says otherwise;
            nothing if it diverged, is not possible, or is before its first epoch's end.
        epochs: begun, and so paid for.
        outcome: nothing while it is under way.
        reason: why it is not possible.
    """

    number: int
    values: Mapping[str, Any]
    scores: tuple[float, ...] = ()
    score: float | None = None
    epochs: int = 0
    seconds: float = 0.0
    outcome: Outcome | None = None
    reason: str = ""


def rank(trial: Trial | None) -> float:
    """What trials are ordered by, the best last: the score, or less than any."""
    return -math.inf if trial is None or trial.score is None else trial.score


def read(number: int, values: Mapping[str, Any], said: Mapping[str, Any]) -> Trial:
    """A trial that is over, as the journal has it."""
    kept = dict(said)
    scores, outcome = tuple(kept.pop("scores")), Outcome[kept.pop("outcome")]
    return Trial(number=number, values=values, scores=scores, outcome=outcome, **kept)


def facts(trial: Trial) -> dict[str, Any]:
    """What a journal keeps of a trial that is over, beside its values, as JSON has it."""
    assert trial.outcome
    kept = {name: value for name, value in asdict(trial).items() if name not in ("number", "values")}
    return kept | {"outcome": trial.outcome.name}
