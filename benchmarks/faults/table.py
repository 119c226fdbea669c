"""The results as a page of Markdown: right causes, cures, false alarms and cost, by contestant and by group."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from benchmarks.faults.case import Case
from benchmarks.faults.trial import JUDGES, TOLERANCE, Answer, Result, is_cured
from benchmarks.faults.wilson import share
from benchmarks.table import machine, markdown

CONTESTANTS = ("unstuck", "random", "fixed order")
GROUPS = {
    "optimization": """learning-rate-too-high learning-rate-too-low too-few-epochs poor-optimizer
        batch-size-too-large batch-size-too-small saddle-point local-minimum seed-dependent""",
    "signal": """poor-initialisation saturating-activation exploding-activation dead-relu missing-nonlinearity
        missing-normalisation too-deep""",
    "capacity": "model-bias overfitting over-regularised",
    "objective": "wrong-loss wrong-output-activation wrong-target-encoding shape-mismatch",
    "data": """unscaled-inputs unscaled-targets no-signal label-noise class-imbalance distribution-mismatch
        harmful-augmentation leakage invalid-data""",
    "wiring": "missing-zero-grad frozen-parameters detached-parameters gradient-sign wrong-mode",
}

HEADER = (
    "contestant",
    "right cause",
    "primary cause",
    "cured",
    "false alarms",
    "trainings for a fault, median",
    "for a control",
    "for any",
    "most",
)
METHOD = """\
Every case is a program as users write it; a fault has a healthy version of the same task. A cause is right if the
first one that is confirmed is the case's primary cause, or a stated neighbour: one that the same experiment
confirms. A fault is cured if the cure is called proven, and the cured program, retrained by a plain PyTorch loop
that shares no code with unstuck, on {seeds} seeds that nobody chose by, reaches the healthy program's mean score
less {tolerance}. Faults of the data that no change of the program can mend are not counted there. A false alarm is
a cause that is confirmed in a control, or a cure that a rival calls proven. Intervals are Wilson's, 95 %.

Both rivals have as many trainings as unstuck took, at least 10. Random search draws unstuck's own treatments, one
or two at once; it is right if any cause that its treatments mend is right. The fixed order is AutoTrainer's: a
symptom, its remedies one after the other; it is right if any cause that the symptom stands for is right. Both
accept what gains 0.05, on each of two seeds, by rows spared from training, and prove it on three others."""


def page(results: Mapping[str, Result], cases: Mapping[str, Case], *, command: str, date: str) -> str:
    """The whole document."""
    method = METHOD.format(seeds=len(JUDGES), tolerance=TOLERANCE)
    parts = [
        "# The fault bench",
        f"`{command}`, {date}.",
        summary(results, cases),
        "## By group",
        by_group(results, cases),
        "## Faults",
        listed(results, [case for case in cases.values() if not case.is_control]),
        "## Controls",
        controls(results, [case for case in cases.values() if case.is_control]),
        "## Machine",
        machine(),
        "## How it was measured",
        method,
    ]
    failed = [f"- {one.id}: {one.failure}" for one in results.values() if one.failure]
    parts += ["## Not finished", "\n".join(failed)] if failed else []
    return "\n\n".join(parts) + "\n"


def summary(results: Mapping[str, Result], cases: Mapping[str, Case]) -> str:
    """A row for each contestant; one more for unstuck, where the rivals had some of the cases only."""
    rows = [HEADER]
    against = [case for case in cases.values() if len(_held(results, case)) > 1]
    asked = [(who, who, list(cases.values())) for who in CONTESTANTS]
    if 0 < len(against) < len(_answers("unstuck", results, cases.values())):
        asked.insert(1, ("unstuck, where the rivals ran", "unstuck", against))
    for name, who, some in asked:
        if mine := [(case, answer, results[case.id]) for case, answer in _answers(who, results, some)]:
            rows.append((name, *_summed(who, mine)))
    return markdown(rows)


def _summed(who: str, mine: Sequence[tuple[Case, Answer, Result]]) -> tuple[str, ...]:
    faults = [(case, answer) for case, answer, _ in mine if not case.is_control]
    curable = [(answer, result) for case, answer, result in mine if case.is_curable]
    healthy = [answer for case, answer, _ in mine if case.is_control]
    costs = [[answer.trainings for _, answer in faults], [answer.trainings for answer in healthy]]
    primary = share(sum(is_primary(case, answer) for case, answer in faults), len(faults))
    return (
        str(share(sum(is_right(case, answer, who) for case, answer in faults), len(faults))),
        str(primary) if who == "unstuck" else "–",
        str(share(sum(is_cured(answer, result.healthy) for answer, result in curable), len(curable))),
        str(share(sum(is_alarm(answer, who) for answer in healthy), len(healthy))),
        *(f"{np.median(some):.0f}" if some else "–" for some in (*costs, costs[0] + costs[1])),
        f"{max(costs[0] + costs[1]):.0f}",
    )


def is_right(case: Case, answer: Answer, who: str) -> bool:
    """The first cause; of a rival, which names several at once, any."""
    named = answer.says[:1] if who == "unstuck" else answer.says
    return bool(set(named) & set(case.causes))


def is_primary(case: Case, answer: Answer) -> bool:
    """Whether the first cause is the case's own, not a neighbour."""
    return answer.says[:1] == case.causes[:1]


def is_alarm(answer: Answer, who: str) -> bool:
    """In a control."""
    return bool(answer.says) if who == "unstuck" else answer.claims


def by_group(results: Mapping[str, Result], cases: Mapping[str, Case]) -> str:
    """unstuck's right causes and cures, and both rivals' cures."""
    rows = [("group", "right cause", "cured", *(f"cured by {who}" for who in CONTESTANTS[1:]))]
    for group, ids in GROUPS.items():
        mine = [case for case in cases.values() if case.causes and case.causes[0] in ids.split()]
        right = [is_right(case, answer, "unstuck") for case, answer in _answers("unstuck", results, mine)]
        rows.append(
            (group, str(share(sum(right), len(right))), *(_cured(who, results, mine) for who in CONTESTANTS))
        )
    return markdown(rows)


def _cured(who: str, results: Mapping[str, Result], cases: Iterable[Case]) -> str:
    answers = _answers(who, results, [case for case in cases if case.is_curable])
    cured = [is_cured(answer, results[case.id].healthy) for case, answer in answers]
    return str(share(sum(cured), len(cured)))


def _answers(who: str, results: Mapping[str, Result], cases: Iterable[Case]) -> list[tuple[Case, Answer]]:
    """Of those cases that were finished."""
    return [(case, results[case.id].answers[who]) for case in cases if who in _held(results, case)]


def _held(results: Mapping[str, Result], case: Case) -> Mapping[str, Answer]:
    return results[case.id].answers if case.id in results else {}


def listed(results: Mapping[str, Result], cases: Sequence[Case]) -> str:
    """A row for each fault."""

    def row(case: Case, answer: Answer, result: Result) -> tuple[str, ...]:
        cured = "–" if not case.is_curable else "yes" if is_cured(answer, result.healthy) else "**no**"
        says = answer.says[0] if answer.says else "healthy"
        return (
            case.id,
            case.source,
            case.causes[0],
            says if is_right(case, answer, "unstuck") else f"**{says}**",
            " + ".join(answer.remedies) or "–",
            _mean(result.given),
            _mean(answer.retrained),
            _mean(result.healthy),
            cured,
            f"{answer.trainings:.0f}",
        )

    header = ("case", "source", "cause", "found", "cure", "before", "after", "healthy", "cured", "trainings")
    return _table(header, row, results, cases)


def controls(results: Mapping[str, Result], cases: Sequence[Case]) -> str:
    """A row for each control."""

    def row(case: Case, answer: Answer, result: Result) -> tuple[str, ...]:
        alarm = f"**{answer.says[0]}**" if answer.says else "healthy"
        return (case.id, alarm, " + ".join(answer.remedies) or "–", _mean(result.given), f"{answer.trainings:.0f}")

    return _table(("control", "found", "cure", "score", "trainings"), row, results, cases)


def _table(
    header: tuple[str, ...],
    row: Callable[[Case, Answer, Result], tuple[str, ...]],
    results: Mapping[str, Result],
    cases: Sequence[Case],
) -> str:
    found = [row(case, answer, results[case.id]) for case, answer in _answers("unstuck", results, cases)]
    return markdown([header, *found])


def _mean(scores: Sequence[float]) -> str:
    return f"{np.mean(scores):.2f}" if scores else "–"
