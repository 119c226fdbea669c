"""The verdicts: what the experiments say of each cause that was suspected."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from unstuck.diagnosis import data_experiments as data
from unstuck.diagnosis.by_heart import by_heart
from unstuck.diagnosis.causes import CAUSES
from unstuck.diagnosis.controls import asked, classes_of, rightness, scored
from unstuck.diagnosis.experiment import Lab, Trial
from unstuck.diagnosis.held import arrays_of
from unstuck.diagnosis.search import Outcome
from unstuck.diagnosis.subject import Arm, OfProgram
from unstuck.diagnosis.suspects import SURE, causes_of
from unstuck.diagnosis.terms import Cause, Cure, Finding, Status, Verdict
from unstuck.diagnosis.treatments import TREATMENTS
from unstuck.engine import Evaluation
from unstuck.evidence.evidence import Evidence
from unstuck.evidence.facts import Facts
from unstuck.evidence.shift import twins
from unstuck.study.statistics import t_interval

NEARLY = 0.5
"""Share of what counts, from which a gain is too large to rule a cause out on one seed or two."""
FELT = 1e-3
"""Share of the outputs' spread by which they must change, above what float32 rounds; docs/thresholds.md."""
LEARNT_BY_HEART = 0.1
"""Score of the training rows above that of others, from which wrong labels are learnt; docs/thresholds.md."""


def verdicts(
    lab: Lab,
    findings: Sequence[Finding],
    points: Mapping[str, float],
    outcomes: Sequence[Outcome],
    cure: Cure | None,
) -> list[Verdict]:
    """Confirmed by a proven cure; ruled out where all was tried and nothing nearly helped; else undecided."""
    confirmed = causes_of(cure.treatments, points) if cure and cure.verified else []
    if cure:
        confirmed = sorted(confirmed, key=lambda cause: _weight(cause, cure, points, outcomes, lab), reverse=True)
    seen = {finding.symptom: finding.sentence for finding in findings}
    made = [_confirmed(cause.id, cure, seen, len(confirmed)) for cause in confirmed] if cure else []
    others = [cause for cause in points if cause not in {one.id for one in confirmed}]
    return made + [_of_outcomes(cause, outcomes, seen, lab) for cause in others]


def in_order(made: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Confirmed ones first, then undecided ones; of two of a cause the later, unless the earlier is confirmed."""
    said: dict[str, Verdict] = {}
    for verdict in made:
        if verdict.cause not in said or said[verdict.cause].status is not Status.CONFIRMED:
            said[verdict.cause] = verdict
    order = (Status.CONFIRMED, Status.UNDECIDED, Status.RULED_OUT)
    return tuple(sorted(said.values(), key=lambda one: order.index(one.status)))


def _weight(
    cause: Cause, cure: Cure, points: Mapping[str, float], outcomes: Sequence[Outcome], lab: Lab
) -> tuple[bool, float, float]:
    """What puts a cause before others of one cure: being sure, what its treatments are worth, its points.

    A treatment is worth what is lost without it, where it was taken out again; else what it gained when it was put
    on top of others of the cure; else, of what is not known, 0.
    """
    own = [name for name in cure.treatments if name in cause.treatments]
    worth = max(_worth(name, cure.treatments, outcomes, lab) for name in own)
    said = points.get(cause.id, 0.0)
    return said >= SURE, round(worth / lab.scale.close) * lab.scale.close, said


def _worth(name: str, arm: Arm, outcomes: Sequence[Outcome], lab: Lab) -> float:
    rest = tuple(one for one in arm if one != name)
    both = [trial.number for trial in lab.of(rest) if trial.number in {one.number for one in lab.of(arm)}]
    if both:
        return lab.mean(arm, both) - lab.mean(rest, both)
    added = [
        sum(one.gains) / len(one.gains)
        for one in outcomes
        if {*one.arm} - {*one.beside} == {name} and {*one.arm} <= {*arm}
    ]
    return max(added, default=0.0)


def _symptoms(cause: str, seen: Mapping[str, str]) -> list[str]:
    return [f"seen: {seen[symptom]}" for symptom in CAUSES[cause].symptoms if symptom in seen]


def _confirmed(cause: str, cure: Cure, seen: Mapping[str, str], count: int) -> Verdict:
    own = [name for name in cure.treatments if name in CAUSES[cause].treatments]
    return Verdict(
        cause=cause,
        status=Status.CONFIRMED,
        effect=cure.effect,
        evidence=(
            *_symptoms(cause, seen),
            f"predicted: {CAUSES[cause].prediction}",
            f"tested: {', '.join(cure.says)}",
            f"came: {cure.effect} on {len(cure.before)} fresh seeds{', by all of the cure' if count > 1 else ''}",
        ),
        treatment=" + ".join(own),
    )


def _of_outcomes(cause: str, outcomes: Sequence[Outcome], seen: Mapping[str, str], lab: Lab) -> Verdict:
    """Of a cause that no proven cure confirms."""
    known = CAUSES[cause].treatments
    alone = [one for one in outcomes if not one.beside and len(one.arm) == 1 and one.arm[0] in known]
    evidence = _symptoms(cause, seen)
    applicable = {name for name in known if lab.treated((name,)) is not None}
    if not alone:
        said = (*evidence, _untried(cause, outcomes, applies=bool(applicable)))
        return Verdict(cause=cause, status=Status.UNDECIDED, effect=None, evidence=said)
    best = max(alone, key=lambda one: sum(one.gains) / len(one.gains))
    is_tried = {one.arm[0] for one in alone} >= applicable
    is_out = is_tried and not any(one.counts or _nearly(one, lab) for one in alone)
    return Verdict(
        cause=cause,
        status=Status.RULED_OUT if is_out else Status.UNDECIDED,
        effect=t_interval(best.gains),
        evidence=(
            *evidence,
            f"predicted: {CAUSES[cause].prediction}",
            f"tested: {TREATMENTS[best.arm[0]].says}",
            f"came: {', '.join(f'{gain:+.3f}' for gain in best.gains)}",
            *_left(applicable - {one.arm[0] for one in alone}),
        ),
        treatment=best.arm[0],
    )


def _left(untried: set[str]) -> list[str]:
    """What it would take to rule a cause out."""
    return [f"not tried alone: {', '.join(TREATMENTS[name].says for name in sorted(untried))}"] if untried else []


def _nearly(outcome: Outcome, lab: Lab) -> bool:
    """Whether so few seeds leave open that it helps."""
    least = NEARLY * lab.scale.material(lab.mean(outcome.beside))
    return sum(outcome.gains) / len(outcome.gains) >= least


def _untried(cause: str, outcomes: Sequence[Outcome], *, applies: bool) -> str:
    """Why no treatment of a cause stands beside the program as given."""
    known = set(CAUSES[cause].treatments)
    if known and not applies:
        return "not tried: no treatment of it applies"
    if any(known & set(one.arm) for one in outcomes):
        return "tried together with other treatments only"
    return "not tried: another cause came first, or the budget was spent" if known else "not tried"


def of_data(
    lab: Lab, facts: Facts, evidence: Evidence, points: Mapping[str, float], best: Sequence[Trial]
) -> list[Verdict]:
    """Of the causes that lie in the data, where something points at them: no treatment, or not the score, tells.

    Args:
        lab: that trained the control.
        facts: of the program.
        evidence: with the control's scores.
        points: of each cause that is suspected.
        best: trials of the best arm that there is.
    """
    made: list[Verdict] = []
    if "no-signal" in points:
        tried = _best_tried(lab)
        rows = max(one.rows for one in tried)
        made.append(data.no_signal(evidence, [scored(one.run, facts) for one in tried], rows=rows))
    if "class-imbalance" in points and facts.kind == "classes" and best:
        made.append(_class_imbalance(lab, best[0], facts, evidence))
    if "label-noise" in points:
        made.append(_label_noise(evidence))
    if "distribution-mismatch" in points and "control_test_score" in evidence:
        held, test = (evidence[f"control_{name}_score"].values for name in ("choose", "test"))
        if lab.subject.chooses_by == "held-out training rows":
            kind = "numbers" if facts.kind == "numbers" else "classes"
            made.append(data.distribution_mismatch(held, test, evidence, rows=_counts(lab), kind=kind))
    if "leakage" in points:
        made += [one for one in (_leakage(lab, facts), _answer(lab, facts, evidence)) if one]
    is_explained = any(one.status is Status.CONFIRMED for one in made)
    if "overfitting" in points and not is_explained and best and best[0].arm == ():
        made += [one for one in [by_heart(lab, facts)] if one]
    return made


def _best_tried(lab: Lab) -> list[Trial]:
    """Trials of whatever scored best, proven or not: what can be learned by any is no lack of signal."""
    arms = {trial.arm: None for trial in lab.trials.values() if (trial.arm, trial.number, False) in lab.trials}
    return lab.of(max(arms, key=lab.mean))


def rows_mixed(seen: Mapping[str, str], evidence: Evidence, cure: Cure | None) -> list[Verdict]:
    """Of rows that decide each other's answers; nothing where a cure was proven.

    Confirmed where batch normalization, whose mode would be wrong, is not what mixes them, and the program fits
    the rows that it sees worse than a small model predicts others.

    Args:
        seen: symptoms that are present, with what is said of them.
        evidence: of the outputs, in evaluation mode.
        cure: what helped, if anything did.
    """
    if "rows-mixed" not in seen or (cure and cure.verified):
        return []
    is_out = evidence.number("rows_normalized") == 0 and "fit-poor" in seen
    said = (
        "predicted: with other rows beside it a row gets another answer, and rows are fitted poorly",
        "tested: the other half of a batch is exchanged for copies of one row, in evaluation mode",
        f"came: outputs change by {evidence.number('rows_mixed'):.2g} of their size; "
        + (seen.get("fit-poor") or "rows are fitted as well as they can be"),
    )
    status = Status.CONFIRMED if is_out else Status.UNDECIDED
    evidenced = (*_symptoms("shape-mismatch", seen), *said)
    return [Verdict(cause="shape-mismatch", status=status, effect=None, evidence=evidenced)]


def gradient_cut(lab: Lab, seen: Mapping[str, str], evidence: Evidence) -> list[Verdict]:
    """Of parameters that no gradient reaches though outputs depend on them, where no treatment connects them.

    Where one does, its trial decides. Confirmed where the program fits the rows that it sees worse than a small
    model predicts others: features that are left as they are on purpose serve.

    Args:
        lab: that knows which treatments apply, and which of them broke down.
        seen: symptoms that are present, with what is said of them.
        evidence: of the parameters.
    """
    cause, felt = "detached-parameters", evidence.number("cut_felt")
    connects = any(lab.treated((name,)) for name in ("register-modules", "reconnect"))
    if connects or not felt > FELT or "parameters-without-gradient" not in seen:
        return []
    said = (
        "predicted: outputs change when these parameters are moved, and rows are fitted poorly",
        "tested: they are moved by a tenth of their size, with the same rows and random numbers",
        f"came: outputs change by {felt:.2g} of their spread; "
        + (seen.get("fit-poor") or "rows are fitted as well as they can be"),
    )
    status = Status.CONFIRMED if "fit-poor" in seen else Status.UNDECIDED
    return [Verdict(cause=cause, status=status, effect=None, evidence=(*_symptoms(cause, seen), *said))]


def _counts(lab: Lab) -> tuple[int, int]:
    assert isinstance(lab.subject, OfProgram)
    return len(lab.subject.held.choosing.test), len(lab.subject.held.judging.test)


def _class_imbalance(lab: Lab, trial: Trial, facts: Facts, evidence: Evidence) -> Verdict:
    """By recall, since a mean over all rows hardly tells of rare ones; of one seed, for all share their rows.

    The program must miss rare classes that a small model finds, and find them once each class weighs the same.
    """
    verdict = _recalled(trial, facts, evidence)
    if verdict.status is not Status.CONFIRMED:
        return verdict
    weighed = lab.of(("class-weights",))
    if not weighed:
        said = "It was not trained with classes that weigh the same."
        return replace(verdict, status=Status.UNDECIDED, evidence=(*verdict.evidence, said))
    other = _recalled(weighed[0], facts, evidence)
    status = Status.CONFIRMED if other.status is Status.RULED_OUT else Status.UNDECIDED
    said = "With classes that weigh the same: " + other.evidence[-1]
    return replace(verdict, status=status, evidence=(*verdict.evidence, said))


def _recalled(trial: Trial, facts: Facts, evidence: Evidence) -> Verdict:
    assert trial.run.test is not None
    answers, classes = (part.ravel().astype(np.int64) for part in classes_of(trial.run.test, facts))
    known = classes >= 0
    return data.class_imbalance(answers[known], classes[known], evidence)


def _label_noise(evidence: Evidence) -> Verdict:
    """It is a fault of the training only where the network learns the wrong labels by heart."""
    verdict = data.label_noise(evidence)
    if verdict.status is not Status.CONFIRMED:
        return verdict
    seen, held = (evidence[f"control_{name}_score"].values for name in ("train", "choose"))
    trained = np.isfinite(seen) & np.isfinite(held)
    if not trained.any():
        said = "The program has no finite score: whether it learns them by heart is not known."
        return replace(verdict, status=Status.UNDECIDED, evidence=(*verdict.evidence, said))
    own, others = seen[trained].mean(), held[trained].mean()
    if own - others >= LEARNT_BY_HEART:
        return verdict
    said = f"The network does not learn them by heart: {own:.3f} on rows it saw, {others:.3f} on others."
    return replace(verdict, status=Status.RULED_OUT, evidence=(*verdict.evidence, said))


def _leakage(lab: Lab, facts: Facts) -> Verdict | None:
    """Of the control as it is judged, by rows that have a twin among those trained on.

    Where hardly a test row has none, of the control as it chooses, beside training rows that were held out.
    """
    if facts.test is None or facts.test.x is None or facts.train.x is None:
        return None
    trials = lab.of((), judging=True) or [one for one in [lab.trial((), 0, judging=True)] if one]
    right = _right([one.run.test for one in trials], facts)
    if right is None:
        return None
    if len(facts.test.x) != right.shape[1]:  # half of the test rows chose
        return None
    verdict = data.leakage(right, _twins(facts.test.x, facts.train.x))
    if verdict.status is not Status.UNDECIDED:
        return verdict
    return _leakage_beside_spared(lab, facts) or verdict


def _answer(lab: Lab, facts: Facts, evidence: Evidence) -> Verdict | None:
    """Of a table: the network has weights for each column. What reads a sequence or a picture has not."""
    trials = lab.of(())
    if len(facts.input_shape) != 1 or not trials:
        return None
    count = facts.input_shape[0]
    if not any(one.ndim == 2 and count in one.shape for one in trials[0].run.weights.values()):
        return None
    return data.answer_among_inputs(evidence)


def _leakage_beside_spared(lab: Lab, facts: Facts) -> Verdict | None:
    """None where no training rows were held out to choose by, or rows are not at hand."""
    if not isinstance(lab.subject, OfProgram) or lab.subject.chooses_by != "held-out training rows":
        return None
    held, trials = lab.subject.held, lab.of(())
    known, test, spared = (
        arrays_of(rows)[0] for rows in (held.choosing.train, held.judging.test, held.choosing.test)
    )
    right = _right([asked(one.run, held.judging.test) for one in trials], facts)
    apart = _right([one.run.test for one in trials], facts)
    if known is None or test is None or spared is None or right is None or apart is None:
        return None
    return data.leakage(right, _twins(test, known), apart[:, ~_twins(spared, known)])


def _right(said: Sequence[Evaluation | None], facts: Facts) -> np.ndarray | None:
    """(S, N) how right each answer is, in [0, 1]; None where it is not known of any training."""
    found = [rightness(one, facts) for one in said if one is not None]
    right = [one for one in found if one is not None]
    return np.stack(right) if right else None


def _twins(x: np.ndarray, known: np.ndarray) -> np.ndarray:
    return twins(*(part.reshape(len(part), -1) for part in (x, known)))
