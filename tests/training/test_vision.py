"""Published networks, by stand-ins for timm and torchvision: what they are asked for, and what if it fails."""

import sys

import numpy as np
import pytest
import torch

import unstuck
from cases import trained
from unstuck.errors import ProgramError, RunError
from unstuck.recipe.edit import Edit
from unstuck.training import torch_vision
from unstuck.training.task import task_of_recipe
from unstuck.training.transfer import recipe_of

NET = """
import torch
from torch import nn

def net(classes):
    body = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*body, nn.Linear(4, classes))

def filled(classes, pretrained):
    made = net(classes)
    if pretrained:
        nn.init.constant_(made[0].weight, 0.5)
    return made
"""
TIMM = (
    NET
    + """
def create_model(name, pretrained=False, num_classes=1000):
    if name != "tiny":
        raise RuntimeError(f"Unknown model ({name})")
    made = filled(num_classes, pretrained)
    made.default_cfg = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
    return made
"""
)
TORCHVISION = (
    NET
    + """
class models:
    def get_model(name, weights=None, num_classes=1000):
        if name != "tiny":
            raise ValueError(f"Unknown model {name}")
        return filled(num_classes, weights == "DEFAULT")
"""
)
LIBRARIES = {"timm": TIMM, "torchvision": TORCHVISION}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Puts a module of that name before all others, for as long as the test lasts."""

    def install(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, name, raising=False)

    yield install
    for name in LIBRARIES:
        sys.modules.pop(name, None)


def finetuning(source):
    edits = {"data.rows": 300, "epochs": 1, "data.scaling": "none"}
    return recipe_of(source, "digits", [Edit(path, to) for path, to in edits.items()])


@pytest.mark.parametrize("library", LIBRARIES)
def test_published_weights_are_fine_tuned_and_only_their_head_moves(installed, library):
    installed(library, LIBRARIES[library])
    task = task_of_recipe(finetuning(f"{library}:tiny"))
    before = task.engine.weights()
    assert (before["own.network.0.weight"] == 0.5).all()
    assert before["own.network.5.weight"].shape == (10, 4)
    trained(task)
    after = task.engine.weights()
    changed = {name for name in before if before[name].tobytes() != after[name].tobytes()}
    assert changed == {"own.network.5.weight", "own.network.5.bias"}


def test_pictures_are_normalized_as_the_published_network_had_them(installed):
    installed("timm", TIMM)
    model = task_of_recipe(finetuning("timm:tiny")).engine.model.eval()
    x = torch.rand(5, 64)
    colors = x.reshape(5, 1, 8, 8).expand(-1, 3, -1, -1)
    np.testing.assert_allclose(model(x).detach(), model.own.network((colors - 0.5) / 0.25).detach(), rtol=1e-6)


def test_the_run_can_be_used_again_and_needs_no_published_weights(installed, tmp_path):
    installed("timm", TIMM)
    run = unstuck.finetune("timm:tiny", "digits", {"data.rows": 300, "epochs": 1}, out=tmp_path / "run")
    installed(
        "timm", TIMM.replace("if pretrained:", "if pretrained: raise OSError('no network')\n    if pretrained:")
    )
    again = unstuck.load(tmp_path / "run")
    x = np.random.default_rng(0).uniform(0, 16, (4, 8, 8))
    np.testing.assert_array_equal(again.probabilities(x), run.probabilities(x))
    with pytest.raises(RunError, match="timm:tiny must name weights that can be fetched; timm said: no network"):
        unstuck.finetune("timm:tiny", "digits", {"data.rows": 300, "epochs": 1})


@pytest.mark.parametrize(
    ("library", "text", "said"),
    [
        ("timm", "raise ModuleNotFoundError(\"No module named 'timm'\")", "Try pip install timm"),
        (
            "torchvision",
            "raise RuntimeError('operator torchvision::nms does not exist')",
            "torchvision::nms does not exist.*from the index that torch is from",
        ),
        ("timm", "raise RuntimeError('operator torchvision::nms does not exist')", "timm cannot be imported"),
    ],
)
def test_a_library_that_is_missing_or_does_not_fit_the_torch_is_one_line(installed, library, text, said):
    installed(library, text)
    with pytest.raises(RunError, match=said) as caught:
        task_of_recipe(finetuning(f"{library}:tiny"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_network_that_the_library_does_not_know_is_named(installed, library):
    installed(library, LIBRARIES[library])
    with pytest.raises(RunError, match=f"{library}:huge must name weights that can be fetched; .* Unknown model"):
        task_of_recipe(finetuning(f"{library}:huge"))


def test_rows_of_a_table_are_no_pictures(installed):
    installed("timm", TIMM)
    with pytest.raises(ProgramError, match="timm:tiny must be given pictures"):
        task_of_recipe(recipe_of("timm:tiny", "iris"))


@pytest.mark.parametrize("name", ["timm:hf-hub:someone/model", "timm:local-dir:/models/x", "torchvision:../x"])
def test_an_address_is_no_published_network(name):
    with pytest.raises(RunError, match="the name of a network that"):
        torch_vision.trained(name)
