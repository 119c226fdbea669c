"""What the terminal says of a cross-validation and of an ensemble, result first."""

from collections.abc import Iterator

import numpy as np

from unstuck.report.wording import grouped, score_name
from unstuck.study.crossval import Folds
from unstuck.study.ensemble import Ensemble

FEW = 20
"""Folds whose scores are all said."""


def folds_summary(found: Folds) -> str:
    """The mean with its interval, the score of each fold, and that of all rows together."""
    lines = [found.sentence]
    by_repeat = found.scores.reshape(found.repeats, -1)
    if found.folds <= FEW:
        heads = [f"repeat {number + 1}" for number in range(found.repeats)] if found.repeats > 1 else ["by fold"]
        lines += [f"{head:<9} {'  '.join(map(_score, row))}" for head, row in zip(heads, by_repeat, strict=True)]
    elif found.folds < len(found.rows):  # of single rows the mean says all
        low, middle, high = np.quantile(found.scores, (0, 0.5, 1))
        lines.append(f"by fold   {_score(low)} to {_score(high)}, median {_score(middle)}")
    dealt = f", the mean over {found.repeats} repeats" * (found.repeats > 1)
    lines.append(f"together  {_score(found.pooled)}, of all {grouped(len(found.rows))} rows out of fold{dealt}")
    if found.diverged:
        lines.append(f"in {found.diverged} of {len(found.runs)} trainings the loss was not a finite number")
    return "\n".join([*lines, _cost(found.trained, len(found.runs), found.seconds)])


def ensemble_summary(bag: Ensemble) -> str:
    """The score of all together beside each alone, then out of bag, then calibration."""
    return "\n".join([*_ensemble_lines(bag), _cost(bag.trained, len(bag.members), bag.seconds)])


def _ensemble_lines(bag: Ensemble) -> Iterator[str]:
    name = score_name(bag.score)
    if "test" in bag.scores:
        scores = bag.scores["test"]
        others = ", ".join(f"{_NAMES[name]} {_score(scores[name])}" for name in scores if name in _NAMES)
        yield f"together    {name} {_score(scores[bag.score])}" + f", {others}" * bool(others)
        mean, best = _score(bag.single.mean()), _score(bag.single.max())
        yield f"each alone  {name} {mean} in the mean, {best} the best"
    else:
        yield "together    no test rows to score by"
    if bag.out_of_bag:
        out = bag.out_of_bag
        rows = f"{grouped(out.rows)} training rows" + _drawn_by_all(out.left_out)
        yield f"out of bag  {name} {_score(out.score)} on {rows}"
    if bag.calibration:
        together, alone = _score(bag.calibration.together.error), _score(bag.calibration.error)
        yield f"calibration {together} together, {alone} each alone: error of the probabilities, 0 is best"


_NAMES = {"log_loss": "log loss", "brier": "Brier score", "rmse": "root mean squared error"}


def _drawn_by_all(rows: int) -> str:
    return f"; {grouped(rows)} more were drawn by every member" if rows else ""


def _cost(trained: int, runs: int, seconds: float) -> str:
    found = "" if trained == runs else f", {runs - trained} were there already"
    return f"{trained} of {runs} trained{found}   {seconds:.1f} s"


def _score(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1e4 else f"{value:.3e}"
