"""Wiring: the program does not do what its author believes."""

from unstuck.diagnosis.terms import Cause

CAUSES = (
    Cause(
        id="missing-zero-grad",
        group="wiring",
        explains="Gradients of past batches are added to the present one's: the step is along a growing sum.",
        fault="The step never sets the gradients to zero.",
        experiment="The same batches with the usual step, which sets them to zero.",
        prediction="The score rises to what the same settings give without the sum.",
        symptoms={"gradient-accumulates": 1.0, "gradient-not-plain": 0.2},
        treatments=("plain-step",),
        neighbours=("gradient-sign", "learning-rate-too-high"),
    ),
    Cause(
        id="gradient-sign",
        group="wiring",
        explains="The step goes up the loss: it is maximized, and the network learns to be wrong.",
        fault="A minus before the loss or the gradient, or none where one belongs, or maximize=True.",
        experiment="The same batches with the sign turned.",
        prediction="The loss falls, and the score rises.",
        symptoms={"gradient-flipped": 1.0, "loss-falls-in-vain": 0.7, "loss-rises": 0.2},
        treatments=("flip-sign", "plain-step"),
        neighbours=("missing-zero-grad",),
    ),
    Cause(
        id="frozen-parameters",
        group="wiring",
        explains="Layers stay at their initial weights: what they pass on is random features.",
        fault="requires_grad is False where it should be trained.",
        experiment="All parameters are trained.",
        prediction="The score rises; where a frozen part was trained elsewhere and fits, it does not.",
        symptoms={"parameters-frozen": 1.0},
        treatments=("unfreeze",),
        neighbours=("detached-parameters",),
    ),
    Cause(
        id="detached-parameters",
        group="wiring",
        explains="Parameters are never moved: the optimizer does not hold them, or no gradient reaches them.",
        fault=(
            "Layers kept in a plain list, an optimizer of some parameters or of another model's, or at a rate of "
            "0, detach(), no_grad() or round() on the way, a step that never steps."
        ),
        experiment="The optimizer gets every parameter, and the graph is connected again.",
        prediction="Parameters that stood still move, and the score rises.",
        symptoms={
            "modules-unregistered": 1.0,
            "parameters-not-optimized": 0.9,
            "parameters-without-gradient": 0.8,
            "step-missing": 0.9,
            "input-ignored": 0.3,
        },
        treatments=("optimize-all", "register-modules", "reconnect", "plain-step"),
        neighbours=("frozen-parameters", "dead-relu"),
    ),
    Cause(
        id="wrong-mode",
        group="wiring",
        explains="Dropout or batch normalization in the other mode: noisy answers, or statistics never learned.",
        fault="eval() before training, dropout without its flag, statistics that are not updated.",
        experiment="Training in training mode, evaluation in evaluation mode.",
        prediction="The held-out score rises, and two evaluations agree.",
        symptoms={
            "wrong-mode-in-training": 0.9,
            "random-in-evaluation": 1.0,
            "statistics-still": 1.0,
            "rows-mixed": 0.6,
        },
        treatments=("respect-mode", "plain-step"),
        neighbours=("over-regularised",),
    ),
)
