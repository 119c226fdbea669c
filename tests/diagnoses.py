"""Diagnoses made by hand: a cause that was confirmed and cured, one without a cure, undecided, and healthy."""

from dataclasses import replace

import numpy as np

from unstuck.diagnosis.terms import Cost, Cure, Diagnosis, Finding, Status, Tried, Verdict
from unstuck.evidence.evidence import Column, Evidence
from unstuck.recipe.edit import Edit
from unstuck.study.statistics import t_interval

BEFORE, AFTER = (0.112, float("nan"), 0.098, 0.21, 0.13), (0.971, 0.968, 0.974, 0.969, 0.972)
GAIN = t_interval([0.859, 0.868, 0.876, 0.759, 0.842])
STEPS, EPOCHS = 600, 12


def evidence() -> Evidence:
    """Of a network that blows up on the first of three seeds."""
    losses = np.full((3, STEPS), 2.3)
    losses[0] = np.exp(np.linspace(0, 20, STEPS))
    losses[0, 420:] = np.nan
    layers = ("0.Linear", "1.ReLU", "2.Linear")
    return Evidence(
        {
            "control_losses": Column(losses, "loss of a batch"),
            "control_train_loss": Column(np.tile(np.linspace(2.4, 2.2, EPOCHS), (3, 1)), "loss after each epoch"),
            "layer_spread": Column(np.array([1.0, 0.5, 0.002]), "over rows", layers),
            "watched_units_dead": Column(np.array([[0.1], [0.8]]), "share of units", ("1.ReLU",), (0, STEPS)),
        }
    )


def confirmed() -> Diagnosis:
    """A rate too high, cured; Adam helps as well, longer training does not, and no test row was trained on."""
    effect = {"learning-rate-too-high": GAIN, "poor-optimizer": t_interval([0.4, 0.5])}
    return Diagnosis(
        findings=(
            Finding(
                "updates-too-large", "updates are a large share of the weights", 0.31, 0.01, "of their length"
            ),
            Finding("loss-not-finite", "The loss is no number.", float("nan"), 0.0, "", "0.Linear"),
        ),
        verdicts=(
            _verdict("learning-rate-too-high", Status.CONFIRMED, effect["learning-rate-too-high"], "lr-hundredth"),
            _verdict("poor-optimizer", Status.UNDECIDED, effect["poor-optimizer"], "adam"),
            _verdict("dead-relu", Status.UNDECIDED, None, ""),
            _verdict("too-few-epochs", Status.RULED_OUT, t_interval([0.001]), "epochs-threefold"),
            _verdict("leakage", Status.RULED_OUT, None, "", "No test row has a twin."),
        ),
        cure=Cure(
            treatments=("lr-hundredth",),
            says=("divide the learning rate by 100",),
            edits=(Edit("optimizer.lr", 0.05),),
            lines=("- optimizer.lr = 5.0", "+ optimizer.lr = 0.05"),
            program=None,
            before=BEFORE,
            after=AFTER,
            effect=GAIN,
            verified=True,
        ),
        cost=Cost(31.2, 23.4),
        score="accuracy",
        control=BEFORE,
        looked_at=("data: finite, scaled", "wiring: two steps"),
        tried=(
            Tried(("epochs-threefold",), (), (0.001,), False),
            Tried(("lr-hundredth",), (), (0.86, 0.85), True),
            Tried(("lr-hundredth", "momentum"), ("lr-hundredth",), (-0.02,), False),
        ),
        evidence=evidence(),
    )


def incurable() -> Diagnosis:
    """Targets that the inputs say nothing of."""
    verdict = _verdict("no-signal", Status.CONFIRMED, None, "", "predicted: both beat chance", "Neither does.")
    return replace(confirmed(), cure=None, verdicts=(verdict,), tried=())


def unproven() -> Diagnosis:
    """What helped where it was chosen, and was not proven."""
    return replace(confirmed(), cure=None, verdicts=confirmed().verdicts[1:], findings=())


def untested() -> Diagnosis:
    """A finding that points at a cause, of which nothing was tried."""
    finding = Finding("units-dead", "Units never fire", 0.9, 0.5, "of all units")
    verdict = _verdict("dead-relu", Status.UNDECIDED, None, "")
    return replace(confirmed(), cure=None, verdicts=(verdict,), findings=(finding,), tried=())


def healthy() -> Diagnosis:
    """Nothing helps a network that does well."""
    ruled_out = tuple(one for one in confirmed().verdicts if one.status is Status.RULED_OUT)
    return replace(
        confirmed(),
        findings=(),
        verdicts=ruled_out,
        cure=None,
        tried=confirmed().tried[:1],
        control=(0.97, 0.968, 0.971),
        score="r2",
    )


def _verdict(cause: str, status: Status, effect, treatment: str, *evidence: str) -> Verdict:
    return Verdict(cause=cause, status=status, effect=effect, evidence=evidence, treatment=treatment)
