"""Experiments that decide causes in the data, which no change of the program cures. Each gives a verdict."""

import math
from collections.abc import Sequence

import numpy as np

from unstuck.diagnosis.symptoms import data as symptoms
from unstuck.diagnosis.terms import Status, Verdict
from unstuck.evidence.evidence import Evidence
from unstuck.evidence.learnable import recall, standard_error, wilson
from unstuck.study.statistics import Interval, Values, t_interval

LIFT = 0.01
"""By which twins raise a test score, from which on it is not that of new rows, to the point."""
MISSED = 0.5
"""Of the share of a rare class's rows that another model finds."""
BY_HEART = 0.2
"""Of the way from chance to perfection, by which training rows score above others; docs/thresholds.md."""
WORSE = 0.1
"""Of that way, by which a small model scores above the network on unseen rows; docs/thresholds.md."""

_TWO_SIDED = 1.959963984540054  # deviations of a normal number that leave 5 % outside
_FEWEST = 20  # rows on either side of a comparison


def no_signal(evidence: Evidence, scores: Values, *, rows: int) -> Verdict:
    """Whether the inputs say nothing of the targets, as far as a forest, a linear model and the program see.

    Confirmed only if all three are at chance: a forest does not see parity, and a program may be broken. It is
    therefore asked last, with the best scores that any treatment has led to.

    Args:
        evidence: of `of_data`.
        scores: (S,) of the program on held-out rows, by seed, in the yardstick's unit.
        rows: how many those rows are.
    """
    p, tried = evidence.number("chance_p"), evidence.number("rows_tried")
    predicted = "Predicted: a forest, a linear model and the program predict unseen rows no better than chance."
    if np.isnan(p):
        return _verdict("no-signal", Status.UNDECIDED, None, predicted, "Other models cannot take these rows.")
    done = f"A forest and a linear model of {tried:.0f} rows, asked for rows they had not seen: p = {p:.3g}."
    if p <= symptoms.CHANCE and symptoms.is_without_signal(evidence):
        done += " Yet they come no closer than the mean target."
    if not symptoms.is_without_signal(evidence):
        best, chance = evidence.number("attainable"), evidence.number("chance")
        reached = f"The better one reaches {best:.3f}, chance {chance:.3f}."
        return _verdict("no-signal", Status.RULED_OUT, None, predicted, done, reached)
    finite = np.asarray(scores, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if tried < symptoms.FEWEST_FOR_NONE or not len(finite):
        said = "So few rows would not show a weak signal." if len(finite) else "The program has no finite score."
        return _verdict("no-signal", Status.UNDECIDED, None, predicted, done, said)
    chance = evidence.number("chance")
    effect = t_interval(finite - chance)
    beyond = symptoms.ERRORS * symptoms.error_at_chance(chance, rows, evidence["chance"].unit)
    own = f"The program scores {finite.mean():.3f} on held-out rows, chance {chance:.3f}."
    status = Status.RULED_OUT if effect.mean > beyond else Status.CONFIRMED
    return _verdict("no-signal", status, effect, predicted, done, own)


def label_noise(evidence: Evidence) -> Verdict:
    """Whether a tenth of the labels or more are wrong, as the rows tell of which a held-out model is surest.

    Wrong labels lie everywhere alike; classes that overlap do so at their border, far from the surest rows.
    The effect is the share of wrong labels. A fault that depends on the inputs is not told from the truth.
    """
    names = ("labels_off_low", "labels_off", "labels_off_high")
    interval = Interval(*(evidence.number(name) for name in names))
    tenth, missed = evidence.number("labels_off_tenth"), evidence.number("labels_missed")
    predicted = f"Predicted: at least {symptoms.NOISE:.0%} of the labels of the surest rows are off, as elsewhere."
    if not symptoms.is_known(evidence):
        said = "Models of these rows know too little to call a label wrong."
        return _verdict("label-noise", Status.UNDECIDED, None, predicted, said)
    said = f"Of the fifth of rows that a held-out model is surest of {interval.mean:.1%} have another label"
    said += f" (95 % [{interval.low:.1%}, {interval.high:.1%}]), of a tenth {tenth:.1%}, of all {missed:.1%}."
    status = Status.UNDECIDED
    if interval.high < symptoms.NOISE:
        status = Status.RULED_OUT
    elif interval.low > symptoms.NOISE and symptoms.is_even(evidence):
        status = Status.CONFIRMED
    return _verdict("label-noise", status, interval, predicted, said)


def distribution_mismatch(
    held_scores: Values, test_scores: Values, evidence: Evidence, *, rows: tuple[int, int], kind: str
) -> Verdict:
    """Whether test rows are of another kind: rows held out of the training set score better than they do.

    Overfitting lowers both alike, since the program has seen neither. R² has no lower end: what is below 0, which
    a constant reaches, says no more than 0.

    Args:
        held_scores: (S,) on training rows that were held out, by seed.
        test_scores: (S,) of the same trainings on the test rows.
        evidence: of `of_data`, for what a classifier of the two sets says.
        rows: held-out training rows, and test rows.
        kind: "classes" or "labels", where scores are shares, or "numbers", where they are R².
    """
    held, test = (np.asarray(values, dtype=np.float64) for values in (held_scores, test_scores))
    finite = np.isfinite(held) & np.isfinite(test)
    predicted = f"Predicted: rows held out of training score better than test rows by {symptoms.MATERIAL} or more."
    if not finite.any():
        return _verdict("distribution-mismatch", Status.UNDECIDED, None, predicted, "No finite scores to compare.")
    held, test = held[finite], test[finite]
    if kind == "numbers":
        held, test = np.maximum(held, 0), np.maximum(test, 0)
        if not held.mean() > 0:
            said = "Held-out training rows are not predicted either: there is nothing to lose."
            return _verdict("distribution-mismatch", Status.UNDECIDED, None, predicted, said)
    errors = (
        max(standard_error(float(v.mean()), n, kind) for v in (held, test)) for n in rows
    )  # the larger one: the two are alike if there is no mismatch
    effect = _widened(t_interval(held - test), math.hypot(*errors))
    said = f"Held-out training rows score {held.mean():.3f}, test rows {test.mean():.3f}: {effect}."
    status = Status.UNDECIDED
    if effect.low > 0 and effect.mean >= symptoms.MATERIAL:
        status = Status.CONFIRMED
    elif effect.high < symptoms.MATERIAL:
        status = Status.RULED_OUT
    return _verdict("distribution-mismatch", status, effect, predicted, said, *_differences(evidence))


def _differences(evidence: Evidence) -> Sequence[str]:
    """What differs, in words."""
    found = [one.look(evidence) for one in symptoms.SYMPTOMS if one.id in ("inputs-shifted", "targets-shifted")]
    said = [f"{one.sentence[0].upper()}{one.sentence[1:]}{_where(one.where)}." for one in found if one is not None]
    auc = evidence.number("two_sample_auc")
    if not said and not np.isnan(auc):
        said = [f"A classifier hardly tells their inputs apart (area {auc:.2f}): it may be what targets mean."]
    return said


def _where(name: str) -> str:
    return f"; most in {name}" if name else ""


def leakage(correct: np.ndarray, twin: np.ndarray, spared: np.ndarray | None = None) -> Verdict:
    """Whether test rows that were trained on lift the score.

    Args:
        correct: (N,) or (S, N), how right each test row's answer is, in [0, 1].
        twin: (N,), whether the row has a twin among the training rows.
        spared: (M,) or (S, M), the same of the same trainings for rows held out of training, which stand in the
            place of the other test rows, where these are too few.
    """
    rows = np.atleast_2d(np.asarray(correct, dtype=np.float64)).mean(axis=0)
    seen, unseen = rows[twin], rows[~twin]
    others = "others"
    predicted = "Predicted: test rows that have a twin among the training rows score higher than the others."
    if not len(seen):
        return _verdict("leakage", Status.RULED_OUT, None, predicted, "No test row has a twin.")
    if len(unseen) < _FEWEST and spared is not None:
        unseen = np.atleast_2d(np.asarray(spared, dtype=np.float64)).mean(axis=0)
        others = "rows held out of training"
        predicted = "Predicted: test rows that were trained on score higher than rows held out of training."
    if min(len(seen), len(unseen)) < _FEWEST:
        said = f"{len(seen)} rows have a twin and {len(unseen)} have none: one side is too small to compare."
        return _verdict("leakage", Status.UNDECIDED, None, predicted, said)
    errors = (_error_of_mean(side) for side in (seen, unseen))
    reach = _TWO_SIDED * math.hypot(*errors)
    difference = float(seen.mean() - unseen.mean())
    effect = Interval(difference - reach, difference, difference + reach)
    lift = len(seen) / len(rows)
    counts = f"{len(seen)} twins score {seen.mean():.3f}", f"{len(unseen)} {others} {unseen.mean():.3f}"
    said = f"The {', the '.join(counts)}: {effect}."
    lifted = f"They lift the test score by {lift * difference:.3f}."
    status = Status.UNDECIDED
    if effect.low > 0 and lift * difference >= LIFT:
        status = Status.CONFIRMED
    elif lift * effect.high < LIFT:
        status = Status.RULED_OUT
    return _verdict("leakage", status, effect, predicted, said, lifted)


def answer_among_inputs(evidence: Evidence) -> Verdict | None:
    """Whether one column is the target by another name, and the others hold much less; else nothing is said.

    A good input predicts; an answer is equal, row by row, up to a line or to the names of the classes.
    """
    alone, rest = evidence.number("one_feature_score"), evidence.number("other_features_score")
    chance = evidence.number("chance_train")
    if not (evidence.number("one_feature_is_answer") == 1 and rest < (alone + chance) / 2):
        return None
    predicted = "Predicted: one column is the target itself, and the others predict it much worse."
    said = f"Column {evidence.number('one_feature'):.0f} equals the target in every row, up to scale or names."
    done = f"It predicts {alone:.3f} alone, all others {rest:.3f}."
    effect = Interval(alone - rest, alone - rest, alone - rest)
    return _verdict("leakage", Status.CONFIRMED, effect, predicted, said, done)


def overfitting(
    seen: Values, own: np.ndarray, other: np.ndarray, chance: float, *, least: float | None = None
) -> Verdict | None:
    """Whether a network knows its own rows, and a small model of the same rows does better on others.

    With less freedom it knows less by heart. That rows differ for seen and unseen ones is no fault by itself: many
    a network that does best of all fits its rows perfectly. Not said of what the small model does not win.

    Args:
        seen: (S,) scores of the training rows, by seed.
        own: (S, N) how right each unseen row is, whose mean is the score.
        other: (N,) the same of the small model.
        chance: score of the best constant; perfection is 1.
        least: score below which none is worse than another, chance if not given. A share of right answers is
            below it where rare classes are asked for; R² is where less than nothing is known.
    """
    least, span = chance if least is None else least, 1 - chance
    own, other = np.asarray(own, dtype=np.float64), np.asarray(other, dtype=np.float64)
    known, reached, less = float(np.mean(seen)), float(own.mean()), float(other.mean())
    difference = less - max(reached, least)
    gap = known - max(reached, least)
    if not (gap >= BY_HEART * span and known > less > chance and difference > 0):
        return None
    predicted = f"Predicted: a small model of the same rows scores better on unseen ones by {WORSE} or more."
    rows = _error_of_mean((other - own).mean(axis=0))
    spread = _widened(t_interval(less - own.mean(axis=1)), rows)
    reach = spread.high - spread.mean
    effect = Interval(difference - reach, difference, difference + reach)
    said = f"The network scores {known:.3f} on rows it was trained on, {reached:.3f} on {len(other)} others."
    done = f"Of these a small model of the same training rows gets {less:.3f}: {effect}."
    counts = effect.low > 0 and difference >= WORSE * span
    return _verdict("overfitting", Status.CONFIRMED, effect, predicted, said, done) if counts else None


def class_imbalance(predicted: np.ndarray, targets: np.ndarray, evidence: Evidence) -> Verdict:
    """Whether rare classes are missed that a small model of the same rows finds, with no weights either.

    Args:
        predicted: (N,) class numbers that the program answers on held-out rows.
        targets: (N,) class numbers.
        evidence: of `of_data`.
    """
    said = f"Predicted: of a rare class the program finds less than {MISSED:.0%} of what a small model finds."
    if "class_rows" not in evidence or "class_recall" not in evidence:
        return _verdict("class-imbalance", Status.UNDECIDED, None, said, "There are no classes to compare.")
    rows = dict(zip(evidence["class_rows"].along, evidence["class_rows"].values, strict=True))
    rare = [int(name.split()[1]) for name, n in rows.items() if n * symptoms.IMBALANCE < max(rows.values())]
    known = dict(zip(evidence["class_recall"].along, evidence["class_recall"].values, strict=True))
    rare = [one for one in rare if f"class {one}" in known and (targets == one).any()]
    if not rare:
        return _verdict("class-imbalance", Status.RULED_OUT, None, said, "No class is rare.")
    found = recall(predicted.astype(np.int64), targets.astype(np.int64), int(targets.max()) + 1)
    worst = min(rare, key=lambda one: found[one] - known[f"class {one}"])
    held = int((targets == worst).sum())
    own, other = float(found[worst]), float(known[f"class {worst}"])
    low, high = wilson(own, held)
    effect = Interval(low - other, own - other, high - other)
    done = f"Of class {worst}, {held} held-out rows, the program finds {own:.1%}, a small model {other:.1%}."
    status = Status.UNDECIDED
    if high < MISSED * other:
        status = Status.CONFIRMED
    elif low > MISSED * other:
        status = Status.RULED_OUT
    return _verdict("class-imbalance", status, effect, said, done)


def _error_of_mean(values: np.ndarray) -> float:
    """Of equal values, at least that of one row that might have been otherwise."""
    return float(np.sqrt((np.var(values, ddof=1) + 1 / len(values) ** 2) / len(values)))


def _widened(interval: Interval, error: float) -> Interval:
    """For other rows of the same kind: seeds share theirs, and do not show how far these matter."""
    reach = np.nan_to_num(interval.high - interval.mean)
    wide = float(np.hypot(reach, _TWO_SIDED * error))
    return Interval(interval.mean - wide, interval.mean, interval.mean + wide)


def _verdict(cause: str, status: Status, effect: Interval | None, *evidence: str) -> Verdict:
    return Verdict(cause=cause, status=status, effect=effect, evidence=evidence)
