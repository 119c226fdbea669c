"""Objective: what is minimized is not what is wanted."""

from unstuck.diagnosis.terms import Cause

CAUSES = (
    Cause(
        id="shape-mismatch",
        group="objective",
        explains="Outputs (N, 1) less targets (N,) are (N, N), or a layer takes rows for steps of time: rows mix.",
        fault="A missing squeeze, or batch_first, or rows mixed by a reshape.",
        experiment="Outputs take the targets' shape before the loss sees them; layers find rows where they are.",
        prediction="The score rises from that of the mean.",
        symptoms={"outputs-broadcast": 1.0, "rows-mixed": 0.7},
        treatments=("match-shapes", "batch-first"),
        neighbours=("wrong-loss",),
    ),
    Cause(
        id="wrong-output-activation",
        group="objective",
        explains="The last activation cannot say what the loss wants to hear, or hides the error.",
        fault=(
            "Softmax before a loss that has its own, sigmoid before BCE-with-logits, softmax of one unit, over "
            "rows or over time, a bounded output for unbounded targets."
        ),
        experiment="The output activation is taken out, or replaced by the one that belongs to the loss.",
        prediction="The training loss falls below where it stood, and the score rises.",
        symptoms={
            "probabilities-into-cross-entropy": 1.0,
            "probabilities-into-logit-loss": 1.0,
            "one-unit-softmax": 1.0,
            "softmax-across-rows": 1.0,
            "outputs-squeezed": 1.0,
            "outputs-bounded": 0.8,
        },
        treatments=("output-logits", "sigmoid-unit", "softmax-over-classes", "linear-output"),
        neighbours=("wrong-loss", "saturating-activation"),
    ),
    Cause(
        id="wrong-loss",
        group="objective",
        explains="The loss has its minimum elsewhere, or no gradient far from the answer.",
        fault="Squared or absolute error for classes, cross-entropy for numbers, a sum at the rate of a mean.",
        experiment="The loss that the targets ask for.",
        prediction="The score rises at the same rate and as many epochs.",
        symptoms={"loss-unfit": 0.8, "loss-summed": 0.5, "loss-falls-in-vain": 0.4},
        treatments=("mean-loss", "cross-entropy", "bce", "mse"),
        neighbours=(
            "wrong-output-activation",
            "wrong-target-encoding",
            "learning-rate-too-high",
            "poor-optimizer",
        ),
    ),
    Cause(
        id="wrong-target-encoding",
        group="objective",
        explains="Targets stand for something else than the loss takes them for.",
        fault="Class numbers as distances, classes from 1, ±1 for 0 and 1, one-hot where numbers are asked for.",
        experiment="Targets are encoded as the loss has them.",
        prediction="The score rises.",
        symptoms={"targets-unfit": 1.0, "loss-unfit": 0.3},
        treatments=("encode-targets", "cross-entropy", "bce"),
        neighbours=("wrong-loss", "wrong-output-activation"),
    ),
)
