"""What the dense engine promises apart from its arithmetic: bits, failure, memory."""

import subprocess
import sys

import numpy as np
import pytest

from cases import OPTIMIZERS, images, recipe, table, trained
from unstuck.data import Split
from unstuck.dense.engine import DenseEngine, can_evaluate, evaluated, why_not
from unstuck.errors import RecipeError
from unstuck.network.build import build
from unstuck.network.initial import initial_parameters
from unstuck.network.layers import Activation, BatchNorm, Dropout, GroupNorm, LayerNorm, Linear
from unstuck.network.network import Network
from unstuck.network.torch_module import torch_module
from unstuck.recipe.initializer import Scaled
from unstuck.recipe.optimizer import Sgd
from unstuck.training.task import task_of_recipe

NOISY = {"hidden": [16, 12], "normalization": "batch", "dropout": 0.3, "input_dropout": 0.1}
EVERYTHING = Network(
    (
        LayerNorm(6),
        Activation("tanh"),
        Linear(6, 8),
        Activation("identity"),
        Linear(8, 5),
        Activation("leaky-relu", 0.3),
        BatchNorm(5),
        Activation("selu"),
        Dropout(0.5),
        GroupNorm(1, 5),
        Activation("elu"),
        BatchNorm(5, eps=1e-3, momentum=0.3),
        Activation("gelu"),
        LayerNorm(5),
        Activation("sigmoid"),
        Linear(5, 3),
        Activation("softmax"),
    ),
    inputs=6,
    outputs=3,
)


def test_outputs_of_any_network_are_those_of_its_module_in_evaluation_mode():
    import torch

    rng = np.random.default_rng(0)
    weights = EVERYTHING.named(initial_parameters(EVERYTHING, Scaled(), 0)) | EVERYTHING.buffers()
    for name, value in weights.items():
        if "running" in name:
            value[:] = rng.uniform(0.5, 2, value.size)
    x = rng.normal(size=(600, 6)).astype(np.float32)  # more rows than a block
    with torch.no_grad():
        expected = torch_module(EVERYTHING, weights).eval()(torch.from_numpy(x)).numpy()
    nothing = np.zeros(0, np.int64)
    outputs = evaluated(EVERYTHING, weights, Split(x, nothing, nothing), None).outputs
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-7)


def test_the_engine_has_all_that_fully_connected_networks_are_made_of():
    assert why_not(recipe(loss="mse"), EVERYTHING) is None
    for optimizer in OPTIMIZERS:
        for loss in ("cross-entropy", "bce", "mse", "mae", "huber"):
            rule = {"name": optimizer, "clip_norm": 1.0}
            case = recipe(loss={"name": loss, "label_smoothing": 0.1, "class_weights": [1, 2]}, optimizer=rule)
            assert why_not(case, EVERYTHING) is None
            assert can_evaluate(EVERYTHING, case.loss)


BEYOND = {
    "convolution": {"model": "lenet"},
    "recurrent layer": {"model": "gru"},
    "bf16": {"precision": "bf16"},
    "torch.compile": {"compile": True},
}


@pytest.mark.parametrize("word", BEYOND)
def test_what_the_engine_lacks_is_named(word):
    case = recipe(loss="cross-entropy", **BEYOND[word])
    network = build(case.model, case.loss, shape=(28, 28), outputs=4)
    assert why_not(case, network) == word
    assert can_evaluate(network, case.loss) == (word in ("bf16", "torch.compile"))


def test_a_layer_that_the_engine_lacks_is_told_in_a_sentence():
    with pytest.raises(RecipeError, match=r"The dense engine has no recurrent layer\."):
        task_of_recipe(recipe(model="gru", engine="dense"))


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"dropout": 0.5, "normalization": "batch", "activation": "gelu"}},
        {"loss": {"name": "cross-entropy", "class_weights": "balanced", "label_smoothing": 0.1}},
        {"optimizer": {"name": "rmsprop", "clip_norm": 1.0}},
    ],
)
def test_the_dense_engine_is_chosen_where_it_can(change):
    assert task_of_recipe(recipe(**change), images()).engine.name == "dense"


def test_rows_are_taken_in_their_order_however_it_lies_in_memory():
    order = np.arange(394)

    def losses(order):
        task = task_of_recipe(recipe(engine="dense"), images())
        return task.engine.advance(order, np.ones(25), 0)

    expected = losses(order[::-1].copy())
    np.testing.assert_array_equal(losses(order[::-1]), expected)
    np.testing.assert_array_equal(losses(order[::-1].astype(np.int32)), expected)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_training_gives_the_same_bits_however_it_is_cut(optimizer):
    def run(cut):
        rule = {"name": optimizer, "clip_norm": 0.5}
        task = task_of_recipe(recipe(optimizer=rule, model=NOISY, engine="dense", epochs=2), images())
        return trained(task, cut=cut), task.engine.weights(), task.engine.memory()

    losses, weights, memory = run(None)
    for cut in (1, 7):
        others = run(cut)
        np.testing.assert_array_equal(others[0], losses)
        for ours, theirs in zip(others[1:], (weights, memory), strict=True):
            for name, value in theirs.items():
                np.testing.assert_array_equal(ours[name], value)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_training_put_back_within_an_epoch_goes_on_to_the_same_bits(optimizer):
    def made():
        return task_of_recipe(recipe(optimizer=optimizer, model=NOISY, engine="dense", epochs=2), images())

    whole, first, second = made(), made(), made()
    expected = trained(whole)
    trained(first, 31)  # six steps into the second epoch of 25
    second.engine.restore(first.engine.weights(), first.engine.memory())
    rest = second.engine.advance(second.plan.order(1)[6 * 16 :], second.plan.factors(np.arange(31, 50)), 31)
    np.testing.assert_array_equal(rest, expected[31:])
    for name, value in whole.engine.weights().items():
        np.testing.assert_array_equal(second.engine.weights()[name], value)


def test_running_statistics_count_the_batches_that_were_trained_on():
    task = task_of_recipe(recipe(model=NOISY, engine="dense", epochs=2), images())
    trained(task, 31)
    counts = [value for name, value in task.engine.weights().items() if "num_batches" in name]
    assert [(int(count), count.dtype, count.shape) for count in counts] == [(31, np.int64, ())] * 2


def test_a_run_trained_by_one_engine_goes_on_in_the_other():
    case = recipe(model=NOISY, optimizer={"name": "sgd", "lr": 0.03})
    dense, other = (task_of_recipe(case.edit("engine", name), images()) for name in ("dense", "torch"))
    trained(dense, 25)
    other.engine.restore(dense.engine.weights())
    rows, factors = dense.plan.order(1), dense.plan.factors(np.arange(25, 50))
    np.testing.assert_allclose(
        dense.engine.advance(rows, factors, 25), other.engine.advance(rows, factors, 25), rtol=1e-5
    )
    dense.engine.restore(other.engine.weights())


def test_another_process_gives_the_same_bits():
    program = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from cases import images, recipe, trained\n"
        "from unstuck.training.task import task_of_recipe\n"
        "print(trained(task_of_recipe(recipe(engine='dense', epochs=2), images())).tobytes().hex())"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    here = trained(task_of_recipe(recipe(engine="dense", epochs=2), images()))
    assert np.frombuffer(bytes.fromhex(said.strip())).tolist() == here.tolist()


@pytest.mark.parametrize("model", [{"hidden": [16, 12]}, NOISY], ids=["plain", "batch norm and dropout"])
def test_a_step_whose_loss_is_not_finite_changes_nothing(model):
    case = recipe(optimizer={"name": "sgd", "lr": 1e30}, loss="mse", engine="dense", model=model)
    task, again = task_of_recipe(case, images()), task_of_recipe(case, images())
    steps = trained(task, 25)
    assert np.isfinite(steps[:-1]).all()
    assert not np.isfinite(steps[-1])
    trained(again, len(steps) - 1)
    for name, value in (again.engine.weights() | again.engine.memory()).items():
        np.testing.assert_array_equal((task.engine.weights() | task.engine.memory())[name], value)


@pytest.mark.parametrize(("broken", "layer"), [("0.weight", 0), ("2.bias", 2), ("4.weight", 4)])
def test_trouble_names_the_first_layer_whose_output_is_not_finite(broken, layer):
    case = recipe(model={"hidden": [16, 12], "activation": "leaky-relu"}, engine="dense")
    task = task_of_recipe(case, images())
    weights = task.engine.weights()
    weights[broken][:] = np.inf
    task.engine.restore(weights)
    assert len(trained(task, 25)) == 1
    assert task.engine.trouble() == f"layer {layer} (Linear)"


def test_trouble_is_in_no_layer_where_only_the_loss_overflowed():
    task = task_of_recipe(recipe(loss="mse", engine="dense"), images())
    weights = task.engine.weights()
    weights["4.bias"][:] = 1e30  # finite, and its square is not
    task.engine.restore(weights)
    assert len(trained(task, 25)) == 1
    assert task.engine.trouble() is None


def test_what_training_returns_is_a_copy():
    task = task_of_recipe(recipe(engine="dense", optimizer="adam"), images())
    trained(task, 25)
    before, memory = task.engine.weights(), task.engine.memory()
    kept = {name: value.copy() for name, value in (before | memory).items()}
    trained(task, 25)
    for name, value in (before | memory).items():
        np.testing.assert_array_equal(value, kept[name])


def test_the_engine_takes_rows_as_they_come():
    """Read-only, strided and float64 rows are as good as any."""
    data = table()
    parameters = initial_parameters(Network((Linear(6, 2),), 6, 2), Scaled(), 0)

    def losses(x):
        split = type(data.train)(x, data.train.y, data.train.rows)
        network = Network((Linear(6, 2),), 6, 2)
        settings = {"parameters": parameters.copy(), "train": split, "factor": 1.0}
        engine = DenseEngine.make(network, recipe(loss="mse", optimizer=Sgd(), batch_size=32), **settings)
        return engine.advance(np.arange(len(x)), np.ones(13), 0)

    plain = data.train.x
    locked = plain.copy()
    locked.flags.writeable = False
    for x in (locked, plain.astype(np.float64), np.asfortranarray(plain), np.repeat(plain, 2, axis=0)[::2]):
        np.testing.assert_array_equal(losses(x), losses(plain))
