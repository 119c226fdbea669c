"""What the dense engine promises apart from its arithmetic: bits, failure, memory."""

import subprocess
import sys

import numpy as np
import pytest

from cases import OPTIMIZERS, images, recipe, table, trained
from unstuck.data import Split
from unstuck.dense.engine import DenseEngine, evaluated, why_not
from unstuck.network.initial import initial_parameters
from unstuck.network.layers import Activation, Dropout, LayerNorm, Linear
from unstuck.network.network import Network
from unstuck.network.torch_module import torch_module
from unstuck.recipe.initializer import Scaled
from unstuck.recipe.optimizer import Sgd
from unstuck.training.task import task_of_recipe

EVERYTHING = Network(
    (
        LayerNorm(6),
        Activation("tanh"),
        Linear(6, 8),
        Activation("identity"),
        Linear(8, 5),
        Activation("leaky-relu", 0.3),
        Dropout(0.5),
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

    weights = EVERYTHING.named(initial_parameters(EVERYTHING, Scaled(), 0))
    x = np.random.default_rng(0).normal(size=(600, 6)).astype(np.float32)  # more rows than a block
    with torch.no_grad():
        expected = torch_module(EVERYTHING, weights).eval()(torch.from_numpy(x)).numpy()
    nothing = np.zeros(0, np.int64)
    outputs = evaluated(EVERYTHING, weights, Split(x, nothing, nothing), None).outputs
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-7)


def test_only_dropout_is_beyond_the_engine():
    assert why_not(recipe(loss="mse"), EVERYTHING) == "Dropout"
    rest = tuple(layer for layer in EVERYTHING.layers if not isinstance(layer, Dropout))
    assert why_not(recipe(loss="mse"), Network(rest, 6, 3)) is None


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
        task = task_of_recipe(recipe(optimizer=optimizer, engine="dense", epochs=2), images())
        return trained(task, cut=cut), task.engine.weights(), task.engine.memory()

    losses, weights, memory = run(None)
    for cut in (1, 7):
        others = run(cut)
        np.testing.assert_array_equal(others[0], losses)
        for ours, theirs in zip(others[1:], (weights, memory), strict=True):
            for name, value in theirs.items():
                np.testing.assert_array_equal(ours[name], value)


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


def test_a_step_whose_loss_is_not_finite_changes_nothing():
    task = task_of_recipe(recipe(optimizer={"name": "sgd", "lr": 1e30}, loss="mse", engine="dense"), images())
    steps = trained(task, 25)
    assert np.isfinite(steps[:-1]).all()
    assert not np.isfinite(steps[-1])
    again = task_of_recipe(recipe(optimizer={"name": "sgd", "lr": 1e30}, loss="mse", engine="dense"), images())
    trained(again, len(steps) - 1)
    for name, value in again.engine.weights().items():
        np.testing.assert_array_equal(task.engine.weights()[name], value)
    for name, value in again.engine.memory().items():
        np.testing.assert_array_equal(task.engine.memory()[name], value)


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
