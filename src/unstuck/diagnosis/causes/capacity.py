"""Capacity: the network can say too little, or is free to say too much."""

from unstuck.diagnosis.terms import Cause

CAUSES = (
    Cause(
        id="model-bias",
        group="capacity",
        explains="No setting of these weights fits the rows: the network is too small, or of the wrong kind.",
        fault="Too few units or layers.",
        experiment="The same network four times as wide, trained alike.",
        prediction="Its training loss is lower, and the score rises; easier optimization alone does not do it.",
        symptoms={"fit-poor": 0.25, "batch-not-fitted": 0.4},
        treatments=("wider",),
        neighbours=("missing-nonlinearity", "no-signal", "over-regularised"),
    ),
    Cause(
        id="overfitting",
        group="capacity",
        explains="The network learns its rows by heart: they score well, new rows of the same kind do not.",
        fault="More freedom than rows.",
        experiment="The network is held back: weight decay, dropout, an earlier end, fewer units.",
        prediction="The training score falls, the held-out score rises.",
        symptoms={"generalization-gap": 0.7, "validation-turns": 0.8, "few-rows": 0.2},
        treatments=("weight-decay", "dropout", "stop-early", "narrower"),
        neighbours=("distribution-mismatch", "label-noise", "leakage"),
    ),
    Cause(
        id="over-regularised",
        group="capacity",
        explains="What is meant to hold the network back keeps it from learning at all.",
        fault="Dropout of most units or of a narrow layer, strong weight decay, a penalty in the step.",
        experiment="Without dropout, without weight decay, and without the penalty.",
        prediction="The training loss falls, and the score rises.",
        symptoms={"dropout-heavy": 0.8, "decay-heavy": 0.8, "weights-penalised": 0.8, "fit-poor": 0.15},
        treatments=("no-penalty", "no-dropout", "no-weight-decay"),
        neighbours=("model-bias", "wrong-mode", "harmful-augmentation"),
    ),
)
