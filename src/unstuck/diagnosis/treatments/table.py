"""The treatments by id, what each does in words, how much it changes, and how a recipe would write it."""

import importlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from unstuck.diagnosis.terms import Treated, Treatment
from unstuck.diagnosis.treatments import of_recipe
from unstuck.recipe.edit import Edit

_HOMES = {
    "wiring": "unstuck.diagnosis.treatments.torch_wiring",
    "objective": "unstuck.diagnosis.treatments.torch_objective",
    "data": "unstuck.diagnosis.treatments.torch_data",
    "optimization": "unstuck.diagnosis.treatments.torch_optimization",
    "signal": "unstuck.diagnosis.treatments.torch_signal",
    "capacity": "unstuck.diagnosis.treatments.torch_capacity",
}
"""Where a group's treatments are: imported when one is tried, for they need torch."""

Edits = Callable[[Any], Sequence[Edit] | None]


def _treat(home: str, name: str, setting: dict[str, Any], program: Any, facts: Any) -> Treated | None:
    return getattr(importlib.import_module(_HOMES[home]), name)(program, facts, **setting)


def _of(home: str, size: int, id: str, says: str, edits: Edits | None = None, **setting: Any) -> Treatment:
    name = setting.pop("name", id.replace("-", "_"))
    treat = partial(_treat, home, name, setting)
    return Treatment(id, says, size, treat, edits) if edits else Treatment(id, says, size, treat)


def _rates() -> Iterable[Treatment]:
    for id, factor, says in (
        ("lr-tenth", 0.1, "divide the learning rate by 10"),
        ("lr-hundredth", 0.01, "divide the learning rate by 100"),
        ("lr-tenfold", 10.0, "multiply the learning rate by 10"),
        ("lr-hundredfold", 100.0, "multiply the learning rate by 100"),
    ):
        yield _of("optimization", 1, id, says, partial(of_recipe.rate, factor), name="rate", factor=factor)


_ALL = (
    _of("wiring", 1, "plain-step", "train by the usual step: zero_grad, backward, step"),
    _of("wiring", 1, "plain-length", "step by the loss's own gradient, not a fraction or a multiple of it"),
    _of("wiring", 1, "no-penalty", "add no penalty on the weights to the loss"),
    _of("wiring", 1, "optimize-all", "give the optimizer all of the model's parameters"),
    _of("wiring", 1, "unfreeze", "train every parameter", of_recipe.unfreeze),
    _of("wiring", 2, "reconnect", "let the gradient through where the forward pass cuts it"),
    _of("wiring", 2, "register-modules", "register the layers that lists and attributes hold"),
    _of("wiring", 1, "respect-mode", "let dropout and batch normalization obey train() and eval()"),
    _of("wiring", 1, "flip-sign", "go down the loss, not up"),
    _of("wiring", 1, "match-shapes", "give outputs the shape of the targets in the loss"),
    _of("wiring", 1, "batch-first", "let recurrent layers and attention find rows along the first axis"),
    _of("wiring", 1, "mean-loss", "take the loss's mean over rows, not its sum"),
    _of("objective", 1, "output-logits", "give the loss logits, not probabilities"),
    _of("objective", 2, "sigmoid-unit", "end in a sigmoid for each output", of_recipe.sigmoid_unit),
    _of("objective", 2, "softmax-over-classes", "end in a softmax along the classes", of_recipe.softmax_output),
    _of("objective", 2, "linear-output", "let outputs be any number", of_recipe.linear_output),
    _of("objective", 2, "cross-entropy", "train by the cross-entropy", partial(of_recipe.loss, "cross-entropy")),
    _of("objective", 2, "bce", "train by the binary cross-entropy", partial(of_recipe.loss, "bce")),
    _of("objective", 2, "mse", "train by the mean squared error", partial(of_recipe.loss, "mse")),
    _of("objective", 2, "encode-targets", "write the targets as the loss expects them"),
    _of("objective", 2, "class-weights", "let every class count alike", of_recipe.class_weights),
    _of("data", 1, "drop-invalid-rows", "leave out rows that are not finite"),
    _of("data", 2, "fill-missing", "put the mean in the place of inputs that are missing"),
    _of("data", 1, "scale-inputs", "scale the inputs to mean 0 and spread 1", of_recipe.scale_inputs),
    _of("data", 2, "scale-targets", "scale the targets to mean 0 and spread 1", of_recipe.scale_targets),
    _of("data", 1, "no-augmentation", "train on the rows as they are", of_recipe.no_augmentation),
    *_rates(),
    _of("optimization", 1, "constant-rate", "leave the rate alone during training"),
    _of("optimization", 1, "keep-rate", "put back the rate that the step itself makes smaller"),
    _of("optimization", 2, "adam", "train by Adam", of_recipe.adam),
    _of("optimization", 1, "momentum", "add momentum 0.9", of_recipe.momentum),
    _of(
        "optimization",
        1,
        "epochs-threefold",
        "train three times as long",
        partial(of_recipe.epochs, 3),
        name="epochs",
        factor=3,
    ),
    _of(
        "optimization",
        1,
        "epochs-tenfold",
        "train ten times as long",
        partial(of_recipe.epochs, 10),
        name="epochs",
        factor=10,
    ),
    _of(
        "optimization", 1, "smaller-batch", "take an eighth of the rows per step", partial(of_recipe.batch, 1 / 8)
    ),
    _of("optimization", 1, "larger-batch", "take eight times the rows per step", partial(of_recipe.batch, 8)),
    _of("optimization", 1, "clip-gradient", "clip the gradient to length 1", of_recipe.clip_gradient),
    _of(
        "signal", 3, "reinitialize", "draw weights with the variance that suits each layer", of_recipe.reinitialize
    ),
    _of("signal", 3, "relu", "use ReLU in the place of activations that flatten out", of_recipe.relu),
    _of("signal", 3, "leaky-relu", "use leaky ReLU in the place of ReLU", of_recipe.leaky_relu),
    _of(
        "signal",
        3,
        "add-nonlinearity",
        "put ReLU between layers that have nothing between",
        of_recipe.add_nonlinearity,
    ),
    _of("signal", 4, "normalize", "normalize each hidden layer", of_recipe.normalize),
    _of("signal", 4, "shallower", "leave hidden layers out, down to three", of_recipe.shallower),
    _of("capacity", 4, "wider", "make hidden layers four times as wide", partial(of_recipe.widths, 4)),
    _of("capacity", 1, "no-dropout", "drop no units", of_recipe.no_dropout),
    _of("optimization", 1, "no-weight-decay", "do not pull weights towards zero", of_recipe.no_weight_decay),
    _of("capacity", 3, "dropout", "drop hidden units in training", of_recipe.dropout),
    _of("optimization", 1, "weight-decay", "pull weights towards zero", of_recipe.weight_decay),
    _of("optimization", 1, "stop-early", "stop when the validation loss no longer falls", of_recipe.stop_early),
    _of("capacity", 4, "narrower", "make hidden layers a quarter as wide", partial(of_recipe.widths, 1 / 4)),
)
TREATMENTS = {treatment.id: treatment for treatment in _ALL}
"""From least to most change within a group."""
