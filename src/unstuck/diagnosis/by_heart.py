"""Rows learned by heart: the network beside a small model of the same rows, asked for others."""

import numpy as np

from unstuck.diagnosis import data_experiments as data
from unstuck.diagnosis.controls import asked, rightness
from unstuck.diagnosis.experiment import Lab
from unstuck.diagnosis.held import Held, arrays_of
from unstuck.diagnosis.subject import OfProgram
from unstuck.diagnosis.terms import Verdict
from unstuck.engine import Evaluation
from unstuck.evidence.facts import Facts
from unstuck.evidence.learnable import answers_of_a_small_model, row_scores
from unstuck.evidence.sample import sample


def by_heart(lab: Lab, facts: Facts) -> Verdict | None:
    """Whether the trainings to choose by overfit; None where it does not show, or models cannot take the rows."""
    if not isinstance(lab.subject, OfProgram) or facts.kind == "other":
        return None
    held = lab.subject.held
    splits = [held.choosing.train, *_unseen(held)]
    given = [arrays_of(rows) for rows in splits]
    if len(splits) == 1 or any(x is None for x, _ in given):
        return None
    train = sample(given[0], facts.kind)
    own: list[list[np.ndarray]] = []
    seen: list[float] = []
    for trial in lab.of(()):
        found = [_right(asked(trial.run, rows), facts) for rows in splits]
        kept = [one for one in found if one is not None and np.isfinite(one).all()]
        if len(kept) == len(splits):
            seen.append(float(kept[0].mean()))
            own.append(kept[1:])
    if len(own) < 2:
        return None
    parts: list[np.ndarray] = []
    for split in given[1:]:
        said = answers_of_a_small_model(train, sample(split, facts.kind), seed=lab.seed)
        if said is None:
            return None
        parts.append(row_scores(*said, train.kind))
    if any(one.shape != other.shape for one, other in zip(own[0], parts, strict=True)):
        return None
    known = float(np.mean(seen))
    if any(known - np.concatenate(part).mean() < data.BY_HEART for part in zip(*own, strict=True)):
        return None  # one kind of unseen rows is answered well: it is not the rows that were trained on
    whole, others = np.stack([np.concatenate(one) for one in own]), np.concatenate(parts)
    if facts.kind != "numbers":
        chance = float(np.clip(_usual(given[-1][1], facts), 0, 1))
        return data.overfitting(seen, whole, others, chance)
    verdict = data.overfitting(seen, whole, others, 0.0)
    if verdict or held.chooses_by != "held-out training rows":
        return verdict
    spared = np.stack([one[0] for one in own])  # the same kind of rows, which test rows need not be
    return data.overfitting(seen, spared, parts[0], 0.0, least=-np.inf)


def _unseen(held: Held) -> list[object]:
    """What the trainings to choose by have not seen."""
    chosen = [] if held.chooses_by == "training rows" else [held.choosing.test]
    judged = [] if held.judges_by == "training rows" else [held.judging.test]
    return chosen + judged


def _right(said: Evaluation | None, facts: Facts) -> np.ndarray | None:
    """(N,) as a small model's rows are scored."""
    if said is None or facts.kind != "numbers":
        return None if said is None else rightness(said, facts)
    targets = said.targets.reshape(len(said.targets), -1).astype(np.float64)
    if said.outputs.size != targets.size:
        return None
    return row_scores(said.outputs.reshape(targets.shape).astype(np.float64), targets, "numbers")


def _usual(targets: np.ndarray, facts: Facts) -> float:
    """Score of the best constant."""
    rows = sample((None, targets), facts.kind)
    if rows.kind == "labels":
        share = rows.y.mean(axis=0)
        return float(np.maximum(share, 1 - share).mean())
    _, counts = np.unique(rows.sound.y, return_counts=True)
    return float(counts.max() / counts.sum())
