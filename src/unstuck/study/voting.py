"""One answer from many: probabilities or votes of several networks put together, and where they disagree."""

from typing import Literal, NamedTuple

import numpy as np

Vote = Literal["probability", "majority"]
VOTES: tuple[Vote, ...] = ("probability", "majority")


class Disagreement(NamedTuple):
    """How far the members are from one answer, row by row: what they are unsure of for want of data.

    Of probabilities `amount` (N,) is the mutual information of answer and member: the entropy of the mean less
    the mean of the entropies, in [0, log C]. It is 0 where all say the same, however unsure, and grows where each
    is sure of something else. Of numbers it is the deviation over the members (N, O), over M - 1. Of outputs that
    are neither it is the dissent.
    """

    amount: np.ndarray
    unit: str
    dissent: np.ndarray | None
    """Share of the members that answer otherwise than all together (N,); None where numbers are predicted."""


def ballots(outputs: np.ndarray) -> np.ndarray:
    """A 1 for the class that each output is largest for, (…, C) → (…, C)."""
    return np.eye(outputs.shape[-1])[outputs.argmax(axis=-1)]


def elected(mean: np.ndarray, votes: np.ndarray | None) -> np.ndarray:
    """The class that is elected, (N,): of the largest mean; or of the most votes, and of those the largest mean.

    Shapes: mean (N, C) of the members' outputs; votes (N, C), shares or counts, where the majority decides.
    """
    if votes is None:
        return mean.argmax(axis=1)
    is_ahead = votes == votes.max(axis=1, keepdims=True)
    return np.where(is_ahead, mean, -np.inf).argmax(axis=1)


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """-Σ p log p over the last axis, in nats."""
    known = np.where(probabilities > 0, probabilities, 1)
    return -(known * np.log(known)).sum(axis=-1)


def mutual_information(probabilities: np.ndarray) -> np.ndarray:
    """Of answer and member, (M, N, C) → (N,), in nats, in [0, log C].

    Source: Depeweg et al. 2018, arXiv:1710.07283, section 3; of ensembles, Lakshminarayanan et al. 2017,
        arXiv:1612.01474.
    """
    probabilities = probabilities.astype(np.float64)
    information = entropy(probabilities.mean(axis=0)) - entropy(probabilities).mean(axis=0)
    return np.maximum(information, 0)  # of equal members rounding alone is left


def dissent(outputs: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Share of the members (M, N, C) that do not give the answers (N,), in [0, 1]."""
    return (outputs.argmax(axis=2) != answers).mean(axis=0)
