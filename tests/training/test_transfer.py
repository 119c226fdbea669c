"""Transfer: what is taken over is the source's, what is frozen stays to the last bit, and what thaws moves."""

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import unstuck
from cases import recipe, trained
from unstuck import api
from unstuck.data import load
from unstuck.errors import ProgramError, RecipeError, RunError
from unstuck.network.torch_module import Dropout
from unstuck.recipe.data import Data
from unstuck.recipe.edit import Edit, edited
from unstuck.training import transfer
from unstuck.training.task import task_of_recipe
from unstuck.training.training import Training
from unstuck.training.transfer import Part, Thaw, layers_of

RESNET = {"name": "resnet", "depth": 8, "width": 4}
OWN = """
from torch import nn

class Net(nn.Module):
    def __init__(self, outputs, wide=6):
        super().__init__()
        layer = nn.Linear(64, wide), nn.BatchNorm1d(wide), nn.ReLU()
        self.body = nn.Sequential(nn.Flatten(), *layer, nn.Dropout(0.5))
        self.head = nn.Linear(wide, outputs)

    def forward(self, x):
        return self.head(self.body(x))

def wider(outputs):
    return Net(outputs, 7)

class Single(nn.Linear):
    def __init__(self, outputs):
        super().__init__(8, outputs)

    def forward(self, x):
        return super().forward(x.mean(dim=(1, 2)))
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Runs on the small digits: a residual network with batch normalization, and perceptrons."""
    folder = tmp_path_factory.mktemp("sources")
    models = {"resnet": RESNET, "mlp": {"hidden": [16, 12], "dropout": 0.3, "normalization": "layer"}}
    for name, model in models.items():
        unstuck.train(unstuck.Recipe(data="digits", model=model, epochs=1, batch_size=64), out=folder / name)
    unstuck.train(unstuck.Recipe(data="iris", epochs=1), out=folder / "iris")
    return folder


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module of the user's own in the current folder."""
    (tmp_path / "mine.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("mine", None)


def task(source, *, resumed=False, model=RESNET, **fields):
    """A fine-tuning on digits, ready to go; keys of transfer are those that are no others'."""
    keys = {"freeze", "unfreeze_after", "unfreeze", "rate"}
    moving = {"source": str(source)} | {key: fields.pop(key) for key in keys & fields.keys()}
    usual = {"model": model, "epochs": 3, "batch_size": 64, "data": {"name": "digits", "rows": 300}}
    return task_of_recipe(recipe(**usual | fields, transfer=moving), resumed=resumed)


def moved(before, after):
    """Names of the arrays of which a bit has changed."""
    assert before.keys() == after.keys()
    return {name for name in before if before[name].tobytes() != after[name].tobytes()}


def head_of(task):
    return {*task.engine.setting.thaw.head.names()}


# which layers there are, and when they move


def named(*parts):
    return layers_of(
        Part(name, dict.fromkeys(parameters, shape), buffers) for name, parameters, shape, buffers in parts
    )


def test_normalization_goes_with_the_layer_before_it_and_dropout_with_the_layer_after():
    layers = named(
        ("0", ("weight", "bias"), (3, 3), ()),
        ("1", ("weight",), (3,), ("running_mean",)),
        ("2", (), (), ()),
        ("3", ("weight",), (3, 3), ()),
        ("4", (), (), ()),
        ("5", ("weight",), (2, 3), ()),
        ("6", (), (), ()),
    )
    assert [layer.names() for layer in layers] == [
        ["0.weight", "0.bias", "1.weight", "1.running_mean"],
        ["3.weight"],
        ["5.weight"],
    ]
    assert [[part.name for part in layer.parts] for layer in layers] == [["0", "1"], ["2", "3"], ["4", "5", "6"]]


def test_normalization_of_the_inputs_goes_with_the_first_layer():
    layers = named(("0", ("weight",), (3,), ()), ("1", ("weight",), (3, 3), ()), ("2", ("weight",), (2, 3), ()))
    assert layers[0].names() == ["0.weight", "1.weight"]


def thaw(**fields):
    layers = named(*((name, ("weight",), (3, 3), ()) for name in "abcd"))
    return Thaw.of(unstuck.recipe.transfer.Transfer(source="x", **fields), layers, 10)


@pytest.mark.parametrize(
    ("fields", "begins"),
    [
        ({}, (None, None, None, 0)),
        ({"freeze": "none"}, (0, 0, 0, 0)),
        ({"unfreeze_after": 2}, (20, 20, 20, 0)),
        ({"unfreeze_after": 1, "unfreeze": 2}, (None, 10, 10, 0)),
    ],
)
def test_layers_begin_to_be_trained_at_the_start_of_an_epoch_from_the_top(fields, begins):
    assert thaw(**fields).begins == begins


def test_a_layer_is_trained_from_its_step_on_and_not_before():
    plan = thaw(unfreeze_after=2)
    assert plan.trained(19) == [False, False, False, True]
    assert plan.trained(20) == [True] * 4
    assert [step for step in range(1, 40) if plan.changes_at(step)] == [20]


def test_more_layers_than_there_are_cannot_thaw():
    assert thaw(unfreeze_after=1, unfreeze=3).begins[0] == 10
    with pytest.raises(RecipeError, match="be at most 3, the backbone's layers with weights, got 4"):
        thaw(unfreeze_after=1, unfreeze=4)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"freeze": "none", "unfreeze_after": 1}, "unfreeze_after must go with freeze backbone"),
        ({"unfreeze": 1}, "transfer.unfreeze must go with unfreeze_after"),
        ({"rate": 0.0}, "transfer.rate must be greater than 0"),
        ({"unfreeze_after": 12}, r"transfer.unfreeze_after must be less than epochs \(12\), got 12"),
    ],
)
def test_settings_that_contradict_each_other_are_named(fields, said):
    with pytest.raises(RecipeError, match=said):
        unstuck.Recipe(data="digits", epochs=12, transfer={"source": "x", **fields})


# what is taken over


def test_all_but_the_head_starts_as_the_source_and_the_head_as_from_nothing(sources):
    fresh = task_of_recipe(recipe(model=RESNET, engine="torch")).engine.weights()
    source = unstuck.load(sources / "resnet").weights
    start = task(sources / "resnet")
    weights, head = start.engine.weights(), head_of(start)
    assert len(head) == 2
    assert moved(source, weights) == head
    for name in head:
        np.testing.assert_array_equal(weights[name], fresh[name])


def test_another_number_of_classes_gets_a_head_of_its_own(sources, tmp_path):
    x = load(Data(name="digits")).train.x
    np.savez(tmp_path / "x.npz", x=x[:200], y=np.arange(200) % 3)
    data = {"path": str(tmp_path / "x.npz")}
    start = task(sources / "resnet", data=data)
    assert {start.engine.weights()[name].shape for name in head_of(start)} == {(3, 16), (3,)}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"width": 8}, r"source's 1.weight must have the network's shape \(8, 1, 3, 3\), got \(4, 1, 3, 3\)"),
        (
            {"depth": 14},
            r"source's 6.body.0.weight must have the network's shape \(4, 4, 3, 3\), got \(8, 4, 3, 3\)",
        ),
        (
            {"normalization": "none"},
            r"source must have 3.body.0.weight \(4, 4, 3, 3\), as the network has, got None",
        ),
    ],
)
def test_the_first_parameter_that_does_not_fit_is_named_with_both_shapes(sources, fields, said):
    with pytest.raises(RecipeError, match=rf"{said}\. Try --model"):
        task(sources / "resnet", model=RESNET | fields)


def test_what_the_source_has_more_of_does_not_fit_either():
    theirs = {"0.weight": np.ones((3, 4)), "1.weight": np.ones((5, 3)), "2.weight": np.ones((5, 5))}
    ours = {"0.weight": (3, 4), "1.weight": (2, 3)}
    assert transfer.fitting(dict([*theirs.items()][:2]), ours, ["1.weight"]).keys() == {"0.weight"}
    with pytest.raises(RecipeError, match=r"network must have 2.weight \(5, 5\), as the source has, got None"):
        transfer.fitting(theirs, ours, ["1.weight"])


def test_inputs_of_another_size_do_not_fit(sources):
    model = {"hidden": [16, 12], "dropout": 0.3, "normalization": "layer"}
    said = r"source's 0.weight must have the network's shape \(16, 30\), got \(16, 64\)"
    with pytest.raises(RecipeError, match=said):
        task(sources / "mlp", data="breast-cancer", model=model, batch_size=32)


def test_a_source_that_diverged_is_named(tmp_path):
    save_file({"0.weight": torch.full((16, 64), torch.nan), "0.bias": torch.zeros(16)}, tmp_path / "w.safetensors")
    with pytest.raises(RecipeError, match="the source's 0.weight must hold finite numbers"):
        task(tmp_path / "w.safetensors", model={"hidden": [16]})


def test_a_network_of_one_layer_has_nothing_to_freeze(sources):
    with pytest.raises(RecipeError, match="must have two layers with weights to take one over, got 1"):
        task(sources / "mlp", model={"hidden": []})


# what is frozen, and what moves

RULES = pytest.mark.parametrize(
    "optimizer",
    [
        {"name": "momentum", "lr": 0.05, "weight_decay": 0.1},
        {"name": "adam", "lr": 0.01, "weight_decay": 0.1},
        {"name": "rmsprop", "lr": 0.01, "weight_decay": 0.1},
    ],
    ids=lambda rule: rule["name"],
)


@RULES
def test_a_frozen_backbone_stays_to_the_last_bit_running_statistics_too(sources, optimizer):
    frozen = task(sources / "resnet", optimizer=optimizer)
    before = frozen.engine.weights()
    trained(frozen)
    assert any("running_mean" in name for name in before)
    assert moved(before, frozen.engine.weights()) == head_of(frozen)


@RULES
def test_after_the_thaw_all_moves_running_statistics_too(sources, optimizer):
    thawing = task(sources / "resnet", optimizer=optimizer, unfreeze_after=2)
    before, steps = thawing.engine.weights(), thawing.plan.steps
    trained(thawing, steps=2 * steps)
    assert moved(before, thawing.engine.weights()) == head_of(thawing)
    thawing = task(sources / "resnet", optimizer=optimizer, unfreeze_after=2)
    trained(thawing)
    assert moved(before, thawing.engine.weights()) == before.keys()


def test_nothing_is_frozen_where_nothing_is_to_be(sources):
    free = task(sources / "resnet", freeze="none")
    before = free.engine.weights()
    trained(free, steps=1)
    assert moved(before, free.engine.weights()) == before.keys()


def test_only_the_top_layers_thaw_where_only_they_are_to(sources):
    thawing = task(sources / "resnet", unfreeze_after=1, unfreeze=1, optimizer="sgd")
    before = thawing.engine.weights()
    trained(thawing)
    *_, last, head = thawing.engine.setting.thaw.layers
    assert {name for name in last.names() if "running" in name}  # its batch normalization goes with it
    assert moved(before, thawing.engine.weights()) == {*last.names(), *head.names()}


def test_the_backbone_is_trained_at_its_share_of_the_scheduled_rate(sources):
    """Plain descent: the first step of a backbone at half the rate is half the step, to the last bit of it."""
    steps = {}
    for rate in (1.0, 0.5):
        free = task(sources / "resnet", freeze="none", rate=rate, optimizer={"name": "sgd", "lr": 0.5})
        before = free.engine.weights()
        trained(free, steps=1)
        after = free.engine.weights()
        steps[rate] = {name: after[name].astype(np.float64) - before[name] for name in before}
    for name, step in steps[1.0].items():
        if "running" not in name and "num_batches" not in name:
            share = 1 if name in head_of(free) else 0.5
            np.testing.assert_allclose(steps[0.5][name], share * step, atol=2e-7)


def test_the_optimizer_remembers_of_a_frozen_layer_nothing_and_of_a_thawed_one_from_the_thaw_on(sources):
    thawing = task(sources / "resnet", unfreeze_after=1, optimizer="adam")
    steps = thawing.plan.steps
    trained(thawing, steps=steps)
    ages = {key: int(value) for key, value in thawing.engine.memory().items() if key.endswith(".step")}
    assert [*ages.values()] == [steps] * 2  # of the head's weight and bias
    thawing = task(sources / "resnet", unfreeze_after=1, optimizer="adam")
    trained(thawing, steps=steps + 2)
    ages = sorted(int(value) for key, value in thawing.engine.memory().items() if key.endswith(".step"))
    assert {*ages} == {2, steps + 2}
    assert ages.count(steps + 2) == 2


def test_a_frozen_layers_dropout_is_off_and_that_before_the_head_is_on(sources):
    model = {"hidden": [16, 12], "dropout": 0.3, "normalization": "layer"}
    start = task(sources / "mlp", model=model)
    seen = {}
    for name, module in start.engine.model.named_modules():
        if isinstance(module, Dropout):
            module.register_forward_hook(lambda module, x, y, name=name: seen.update({name: module.training}))
    trained(start, steps=1)
    assert [*seen.values()] == [False, True]


def test_an_evaluation_in_between_and_the_cut_into_stretches_change_nothing(sources):
    whole, cut = (task(sources / "resnet", unfreeze_after=1, optimizer="adam") for _ in range(2))
    np.testing.assert_array_equal(trained(whole), trained(cut, cut=1))
    assert not moved(whole.engine.weights(), cut.engine.weights())
    again = task(sources / "resnet", unfreeze_after=1, optimizer="adam")
    for stop in range(1, 4):
        trained_one_epoch(again, stop - 1)
        again.engine.evaluate(again.rows["train"])
    assert not moved(whole.engine.weights(), again.engine.weights())


def trained_one_epoch(task, epoch):
    steps = np.arange(task.plan.steps) + epoch * task.plan.steps
    task.engine.advance(task.plan.order(epoch), task.plan.factors(steps), int(steps[0]))


# runs


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
@pytest.mark.parametrize("cut", [3, 5, 8], ids=["before the thaw", "at the thaw", "after the thaw"])
def test_a_fine_tuning_goes_on_to_the_same_bits_wherever_it_was_cut_and_without_its_source(
    sources, tmp_path, optimizer, cut
):
    source = tmp_path / "source"
    shutil.copytree(sources / "resnet", source)
    case = finetuning(source, unfreeze_after=1, optimizer=optimizer)
    whole = api.finish(through(api.begin(case, out=tmp_path / "whole", stem="")))
    assert whole.steps_per_epoch == 5
    half = api.begin(case, out=tmp_path / "cut", stem="")
    for _ in half:
        if half.done >= cut:
            break
    half.save()
    shutil.rmtree(source)
    resumed = api.resume(tmp_path / "cut")
    assert 0 < resumed.done < 15
    run = api.finish(through(resumed))
    assert not moved(whole.weights, run.weights)
    np.testing.assert_array_equal(whole.record["step_loss"], run.record["step_loss"])
    assert not moved(whole.predictor.weights, unstuck.load(tmp_path / "cut").weights)


def finetuning(source, data="digits", **fields):
    edits = [Edit("data.rows", 300), Edit("epochs", 3)]
    moving = {"freeze", "unfreeze_after", "unfreeze", "rate"}
    edits += [Edit(f"transfer.{key}" if key in moving else key, value) for key, value in fields.items()]
    return transfer.recipe_of(str(source), data, edits)


def through(training: Training) -> Training:
    for _ in training:
        pass
    return training


def test_a_run_of_a_fine_tuning_stands_on_its_own(sources, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(sources / "resnet", source)
    run = unstuck.finetune(source, "digits", {"data.rows": 300, "epochs": 2}, out=tmp_path / "run")
    shutil.rmtree(source)
    again = unstuck.load(tmp_path / "run")
    assert again.recipe.transfer.source == str(source)
    assert len(again.recipe.transfer.sha256) == 64
    x = load(Data(name="digits")).test.x[:5]
    raw = load(Data(name="digits")).inputs.undo(x)
    np.testing.assert_array_equal(again.probabilities(raw), run.probabilities(raw))
    assert api.evaluate(again)["test"] == pytest.approx(run.scores["test"], rel=1e-5)


def test_a_run_that_was_fine_tuned_can_be_a_source(sources, tmp_path):
    unstuck.finetune(sources / "resnet", "digits", {"data.rows": 300, "epochs": 1}, out=tmp_path / "a")
    run = unstuck.finetune(unstuck.load(tmp_path / "a"), "digits", {"data.rows": 300, "epochs": 1})
    assert run.recipe.transfer.source == str(tmp_path / "a")


def test_inputs_are_scaled_as_the_sources_were(sources, tmp_path):
    """Flowers ten times as large: a scaling of their own would hide that from the backbone."""
    flowers = load(Data(name="iris"))
    raw = flowers.inputs.undo(flowers.train.x) * 10
    np.savez(tmp_path / "x.npz", x=raw, y=flowers.train.y)
    run = unstuck.finetune(sources / "iris", tmp_path / "x.npz", {"epochs": 2}, out=tmp_path / "run")
    source = unstuck.load(sources / "iris").predictor
    assert run.recipe.data.scaling == "source"
    np.testing.assert_array_equal(run.predictor.inputs.shift, source.inputs.shift)
    np.testing.assert_array_equal(run.predictor.inputs.factor, source.inputs.factor)
    assert api.evaluate(unstuck.load(tmp_path / "run"))["test"] == pytest.approx(run.scores["test"], rel=1e-5)
    anew = unstuck.finetune(sources / "iris", tmp_path / "x.npz", {"epochs": 2, "data.scaling": "standard"})
    assert abs(anew.predictor.inputs.shift - 10 * source.inputs.shift).max() < 3


def test_a_scaling_feature_by_feature_fits_no_other_shape(sources):
    with pytest.raises(RecipeError, match=r"must have the source's shape \(4,\), got \(30,\)"):
        task_of_recipe(transfer.recipe_of(str(sources / "iris"), "breast-cancer"))


def test_a_source_that_has_changed_is_not_taken_for_the_one_that_was_used(sources, tmp_path):
    case = finetuning(sources / "resnet").edit("transfer.sha256", "0" * 64)
    with pytest.raises(RecipeError, match="transfer.sha256 must be the source's"):
        task_of_recipe(case)


def test_the_runs_recipe_is_the_base_but_for_its_data_and_what_follows_from_them(sources):
    case = transfer.recipe_of(str(sources / "resnet"), "wine", [Edit("epochs", 7)])
    assert (case.model.depth, case.model.width, case.batch_size, case.epochs) == (8, 4, 64, 7)
    assert (case.data.name, case.loss.name, case.model.output) == ("wine", "auto", "auto")


# files


@pytest.mark.parametrize("ending", ["pt", "pth", "safetensors"])
def test_a_file_of_weights_is_as_good_as_the_run(sources, tmp_path, ending):
    path = tmp_path / f"w.{ending}"
    state = {name: torch.from_numpy(value) for name, value in unstuck.load(sources / "resnet").weights.items()}
    (save_file if ending == "safetensors" else torch.save)(state, path)
    assert not moved(task(path).engine.weights(), task(sources / "resnet").engine.weights())


def test_the_weights_inside_a_runs_folder_can_be_named_by_themselves(sources):
    ours = task(sources / "resnet" / "weights.safetensors").engine.weights()
    assert not moved(ours, task(sources / "resnet").engine.weights())


@pytest.mark.parametrize(
    "wrap", [lambda s: {"state_dict": s, "epoch": 3}, lambda s: {f"module.{n}": s[n] for n in s}]
)
def test_what_others_wrap_a_state_dict_in_is_taken_off(sources, tmp_path, wrap):
    state = {name: torch.from_numpy(value) for name, value in unstuck.load(sources / "resnet").weights.items()}
    torch.save(wrap(state), tmp_path / "w.pt")
    assert not moved(task(tmp_path / "w.pt").engine.weights(), task(sources / "resnet").engine.weights())


def test_half_precision_is_read(tmp_path):
    state = {"1.weight": torch.ones(16, 64, dtype=torch.bfloat16), "1.bias": torch.zeros(16).half()}
    save_file({name.replace("1.", "0."): value for name, value in state.items()}, tmp_path / "w.safetensors")
    weights = task(tmp_path / "w.safetensors", model={"hidden": [16]}).engine.weights()
    np.testing.assert_array_equal(weights["0.weight"], np.ones((16, 64), np.float32))


class Malicious:
    """Pickled, it is the call of a function: to make a file, here."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("wrapped", [False, True])
def test_code_in_a_file_of_weights_is_not_run(tmp_path, wrapped):
    trap = Malicious(tmp_path / "made")
    torch.save({"0.weight": torch.ones(2, 2), "0.bias": trap} if wrapped else trap, tmp_path / "w.pt")
    with pytest.raises(RunError, match="holds more than weights, or is damaged, and no code of it is run"):
        task(tmp_path / "w.pt")
    assert not (tmp_path / "made").exists()
    torch.load(tmp_path / "w.pt", weights_only=False)  # the trap is one
    assert (tmp_path / "made").exists()


def test_a_whole_pickled_module_is_refused(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "w.pt")
    with pytest.raises(RunError, match=r"Save model.state_dict\(\)"):
        task(tmp_path / "w.pt")


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_a_damaged_or_missing_file_is_named(sources, tmp_path, ending):
    path = tmp_path / f"w.{ending}"
    with pytest.raises(RunError, match=f"w.{ending} cannot be read: No such file"):
        task(path)
    state = {name: torch.from_numpy(value) for name, value in unstuck.load(sources / "resnet").weights.items()}
    (save_file if ending == "safetensors" else torch.save)(state, path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:length])
        with pytest.raises(RunError, match=f"w.{ending} (is damaged|holds more than weights, or is damaged)"):
            task(path)
    for _ in range(40):  # a flipped byte may lie in a weight, and is then a weight; but nothing else comes of it
        place = int(rng.integers(min(len(whole), 3000)))
        path.write_bytes(whole[:place] + bytes([rng.integers(256)]) + whole[place + 1 :])
        with suppress(RunError, RecipeError):
            task(path)


@pytest.mark.parametrize("content", [[1, 2], {}, {"a": 1}, {1: torch.ones(2)}, torch.ones(3)])
def test_a_file_without_weights_by_name_is_named(tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(RunError, match="must hold"):
        task(tmp_path / "w.pt")


def test_a_folder_that_is_no_run_and_an_unfinished_run_are_named(tmp_path, sources):
    with pytest.raises(RunError, match="There is no such folder"):
        task(tmp_path / "nowhere")
    begun = api.begin(finetuning(sources / "resnet"), out=tmp_path / "begun", stem="")
    with pytest.raises(RunError, match=f"{begun.folder.path} is not finished"):
        task(tmp_path / "begun")


def test_a_programs_run_is_a_source_by_its_file_of_weights(own):
    module = __import__("mine")
    x, y = torch.rand(64, 8, 8), torch.arange(64) % 10
    program = unstuck.Program(
        model=lambda: module.Net(10),
        train=(x, y),
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1),
        epochs=1,
    )
    run = unstuck.train(program, out=own / "run")
    with pytest.raises(RunError, match="give .*weights.safetensors, and --model"):
        finetuning(own / "run")
    start = task(own / "run" / "weights.safetensors", model="mine:Net")
    assert moved({f"own.{name}": value for name, value in run.weights.items()}, start.engine.weights()) == {
        "own.head.weight",
        "own.head.bias",
    }


# models of the user's own


def test_a_model_of_ones_own_is_fine_tuned_from_its_state_dict(own):
    torch.manual_seed(0)
    theirs = __import__("mine").Net(3)
    torch.save(theirs.state_dict(), own / "w.pt")
    start = task(own / "w.pt", model="mine:Net", optimizer={"name": "adam", "weight_decay": 0.1})
    before = start.engine.weights()
    np.testing.assert_array_equal(before["own.body.1.weight"], theirs.body[1].weight.detach().numpy())
    assert before["own.head.weight"].shape == (10, 6)
    trained(start)
    assert moved(before, start.engine.weights()) == {"own.head.weight", "own.head.bias"} == head_of(start)


def test_a_model_of_ones_own_that_does_not_fit_is_named_by_its_own_names(own):
    torch.save(__import__("mine").Net(3).state_dict(), own / "w.pt")
    with pytest.raises(RecipeError, match=r"source's body.1.weight must have the network's shape \(7, 64\), got"):
        task(own / "w.pt", model="mine:wider")


def test_a_model_of_ones_own_with_too_little_to_train_is_named(own):
    (own / "mine.py").write_text(OWN + "\nclass Nothing(nn.Flatten):\n    pass\n")
    torch.save({"weight": torch.ones(10, 8)}, own / "w.pt")
    with pytest.raises(RecipeError, match="two layers with weights to take one over, got 1"):
        task(own / "w.pt", model="mine:Single")
    with pytest.raises(ProgramError, match="mine:Nothing must have something to train"):
        task(own / "w.pt", model="mine:Nothing")


def test_parameters_that_their_author_froze_stay_frozen(own):
    (own / "mine.py").write_text(
        OWN + "\ndef held(outputs):\n    net = Net(outputs)\n"
        "    net.body[1].weight.requires_grad_(False)\n    return net\n"
    )
    torch.save(__import__("mine").Net(3).state_dict(), own / "w.pt")
    free = task(own / "w.pt", model="mine:held", freeze="none")
    before = free.engine.weights()
    trained(free)
    assert "own.body.1.weight" not in moved(before, free.engine.weights())
    assert "own.body.1.bias" in moved(before, free.engine.weights())


def test_a_recipe_of_ones_own_can_be_fine_tuned_in_python(sources):
    case = edited(recipe(model=RESNET, epochs=1), [Edit("data.rows", 300)])
    run = unstuck.finetune(unstuck.load(sources / "resnet"), case, {"transfer.freeze": "none"})
    assert run.recipe.transfer.freeze == "none"


def test_a_run_that_lies_nowhere_is_no_source():
    run = unstuck.train(recipe(epochs=1))
    with pytest.raises(RunError, match="must be a run that has a folder"):
        unstuck.finetune(run, "digits")


def test_a_file_of_weights_needs_its_network_named(tmp_path):
    with pytest.raises(RecipeError, match="model must be given, got None. A file of weights"):
        transfer.recipe_of(str(tmp_path / "w.pt"), "digits")


def test_a_model_that_cannot_be_imported_is_named(own):
    torch.save({"weight": torch.ones(10, 8)}, own / "w.pt")
    with pytest.raises(ProgramError, match="nowhere:Net must name a module"):
        task(own / "w.pt", model="nowhere:Net")


def test_the_source_is_read_once_more_only_by_who_begins(sources, tmp_path):
    assert task(tmp_path / "nowhere", resumed=True).engine.weights()
    assert Path(sources / "resnet").exists()
