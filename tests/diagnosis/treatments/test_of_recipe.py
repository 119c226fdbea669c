"""Treatments of recipes: edits that the recipe takes, or nothing."""

import pytest

from unstuck import Recipe
from unstuck.diagnosis.treatments.table import TREATMENTS
from unstuck.recipe.edit import edited

PLAIN = Recipe(
    data={"name": "digits", "scaling": "none"},
    model={"name": "mlp", "hidden": [64] * 5, "activation": "sigmoid", "output": "relu", "dropout": 0.5},
    optimizer={"name": "sgd", "lr": 1.0, "weight_decay": 0.001},
    loss="mse",
    epochs=20,
    augment=["noise"],
)


def after(id, recipe=PLAIN):
    return edited(recipe, TREATMENTS[id].edits(recipe))


@pytest.mark.parametrize(
    ("id", "path", "value"),
    [
        ("lr-hundredth", "optimizer.lr", 0.01),
        ("adam", "optimizer.name", "adam"),
        ("momentum", "optimizer.momentum", 0.9),
        ("epochs-threefold", "epochs", 60),
        ("smaller-batch", "batch_size", 4),
        ("larger-batch", "batch_size", 256),
        ("clip-gradient", "optimizer.clip_norm", 1.0),
        ("relu", "model.activation", "relu"),
        ("reinitialize", "model.initializer.name", "xavier-normal"),
        ("normalize", "model.normalization", "batch"),
        ("shallower", "model.hidden", (64, 64, 64)),
        ("wider", "model.hidden", (256,) * 5),
        ("narrower", "model.hidden", (16,) * 5),
        ("no-dropout", "model.dropout", 0.0),
        ("weight-decay", "optimizer.weight_decay", 0.01),
        ("no-weight-decay", "optimizer.weight_decay", 0.0),
        ("stop-early", "stopping.patience", 3),
        ("cross-entropy", "loss.name", "cross-entropy"),
        ("linear-output", "model.output", "identity"),
        ("scale-inputs", "data.scaling", "standard"),
        ("class-weights", "loss.class_weights", "balanced"),
        ("no-augmentation", "augment.is_on", False),
    ],
)
def test_a_treatment_edits_the_field_that_it_is_about(id, path, value):
    part = after(id)
    for name in path.split("."):
        part = getattr(part, name)
    assert part == value


def test_no_treatment_of_a_recipe_leaves_it_as_it_is_or_breaks_it():
    for recipe in (
        PLAIN,
        Recipe(data="mnist"),
        Recipe(data="mnist", model="lstm"),
        Recipe(data="mnist", model="vgg11"),
    ):
        for treatment in TREATMENTS.values():
            if edits := treatment.edits(recipe):
                assert edited(recipe, edits) != recipe


def test_what_a_recipe_cannot_have_has_no_edits():
    for id in ("plain-step", "reconnect", "optimize-all", "respect-mode", "match-shapes", "unfreeze"):
        assert TREATMENTS[id].edits(PLAIN) is None
