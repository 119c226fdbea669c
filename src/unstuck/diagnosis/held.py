"""Rows to choose a treatment by, and other rows to judge it by."""

import importlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unstuck.rng import stream
from unstuck.training.program import Program

LEAST = 60
"""Training rows from which some can be spared to choose by; of fewer each is needed to learn from."""
SHARE = 0.2
"""Of the training rows that are spared for each purpose."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Held:
    """A program twice: as treatments are chosen with it, and as they are judged. Both score on their test rows.

    Args:
        choosing: without the rows that judge; its own test rows are those to choose by.
        judging: the program as given, whose test rows no choice has seen.
        chooses_by: what the rows to choose by are, in words.
        judges_by: likewise.
    """

    choosing: Program
    judging: Program
    chooses_by: str
    judges_by: str

    @classmethod
    def of(cls, program: Program, *, seed: int, is_random: bool = False) -> "Held":
        """Judged by test rows where there are some, else by validation rows, else by rows that are spared.

        Training rows that are changed at random cannot choose: they would be changed there, too; nor can so few
        that each is needed. Where no others are given, half of the test rows choose.
        """
        place = importlib.import_module("unstuck.training.torch_engine").device_named("cpu")
        own = importlib.import_module("unstuck.training.from_program")
        given = own.rows(program, place)
        size = own.batch_size(program, given["train"])
        apart = stream(seed, "splits").permutation(len(given["train"]))
        if len(apart) < LEAST and not {"validation", "test"} & given.keys():
            whole = replace(program, train=given["train"], test=given["train"], batch_size=size)
            return cls(choosing=whole, judging=whole, chooses_by="training rows", judges_by="training rows")
        left = given["train"]
        judged, judges_by = given.get("test"), "test rows"
        if judged is None and "validation" in given:
            judged, judges_by = given["validation"], "validation rows"
        if judged is None:
            judged, left, judges_by = *_spared(left, apart, size), "held-out training rows"
        judging = replace(program, train=left, validation=given.get("validation"), test=judged, batch_size=size)
        if program.patience is None:  # nothing stops by them, and no epoch is chosen by them
            judging = replace(judging, validation=given.get("validation") if judges_by == "test rows" else None)
        spares_none = is_random or len(left) < LEAST
        if spares_none and judges_by == "test rows" and "validation" not in given and len(judged) >= LEAST:
            order = stream(seed, "splits", 1).permutation(len(judged))
            chosen, judged = (judged.take(np.sort(half)) for half in np.array_split(order, 2))
            kept, chooses_by, judging = left, "half of the test rows", replace(judging, test=judged)
        elif "validation" in given and judges_by == "test rows":
            chosen, kept, chooses_by = given["validation"], left, "validation rows"
        elif len(left) < LEAST:
            chosen, kept, chooses_by = left, left, "training rows"
        else:
            order = stream(seed, "splits", 1).permutation(len(left))
            chosen, kept, chooses_by = *_spared(left, order, size), "held-out training rows"
        choosing = replace(judging, train=kept, test=chosen, batch_size=min(size, len(kept)))
        if program.patience is None:
            choosing = replace(choosing, validation=None)
        return cls(
            choosing=choosing,
            judging=replace(judging, batch_size=min(size, len(left))),
            chooses_by=chooses_by,
            judges_by=judges_by,
        )


def arrays_of(rows: Any) -> tuple[np.ndarray | None, np.ndarray]:
    """A split of a program whose rows are held: inputs (N, …), None where asked for one by one, and targets."""
    return importlib.import_module("unstuck.training.from_program").arrays(rows)


def _spared(rows: Any, order: np.ndarray, size: int) -> tuple[Any, Any]:
    """Some of the rows, and the others, in whole batches where all are; none is left alone in a batch, which
    normalization could not take.
    """
    count = max(1, round(SHARE * len(order)))
    if len(order) % size == 0 and len(order) > size:
        count = size * max(1, round(count / size))
    count += (len(order) - count) % size == 1
    return rows.take(np.sort(order[:count])), rows.take(np.sort(order[count:]))
