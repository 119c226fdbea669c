"""The parts of `benchmarks` that can be told right from wrong without a clock."""

import importlib

import numpy as np
import pytest
from benchmarks.__main__ import arguments
from benchmarks.contest import ROOT, Result, Timing, Worker, WorkerError, deviation, enough_steps, times
from benchmarks.limit import operations
from benchmarks.peers import PEERS
from benchmarks.picture import draw
from benchmarks.reference import loss_and_gradients, losses
from benchmarks.table import TOLERANCE, Standing, section
from benchmarks.task import CASES, Case, batches, make_task

SMALL = {
    "sgd": Case(widths=(784, 5, 4, 3), optimizer="sgd", lr=0.1, batch=6),
    "adam": Case(widths=(784, 5, 4, 3), optimizer="adam", lr=0.01, batch=6),
}


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.integers(256, size=(60, 784), dtype=np.uint8), rng.integers(3, size=60)


def result(*rates, off=0.0):
    return Result(steps=10, warm_up=0.1, deviation=off, rates=rates, wall_rates=rates)


@pytest.mark.parametrize("peer", ["dense", "torch", "resident", "tutorial"])
@pytest.mark.parametrize("case", SMALL)
def test_contestants_train_the_references_network_however_often_they_run(case, peer, data):
    task = make_task(SMALL[case], *data)
    run = importlib.import_module(f"benchmarks.peers.{PEERS[peer].module}").prepare(task)
    first, second = run(30), run(30)
    assert first == pytest.approx(losses(task, 30), abs=1e-4)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("peer", ["torch", "resident", "tutorial"])
@pytest.mark.parametrize("network", ["lenet", "lstm"])
def test_contestants_train_the_larger_networks_of_the_reference(network, peer, data):
    task = make_task(Case(network=network, optimizer="adam", lr=0.001, batch=6), *data)
    run = importlib.import_module(f"benchmarks.peers.{PEERS[peer].module}").prepare(task)
    assert run(10) == pytest.approx(losses(task, 10), abs=1e-4)


def test_the_mean_that_scikit_learn_shows_is_the_references(data):
    task = make_task(SMALL["sgd"], *data)
    run = importlib.import_module("benchmarks.peers.sklearn_mlp").prepare(task)
    assert run(30) == pytest.approx(losses(task, 30).mean(), abs=1e-4)


def test_the_reference_agrees_with_finite_differences(data):
    task = make_task(SMALL["sgd"], *data)
    x, y = task.pixels[:6] / 255, task.labels[:6]
    parameters = [array.astype(np.float64) for pair in task.weights for array in pair]
    _, gradients = loss_and_gradients(parameters, x, y)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        place, saved, h = (0,) * parameter.ndim, parameter.flat[0], 1e-6
        around = []
        for moved in (saved + h, saved - h):
            parameter[place] = moved
            around.append(loss_and_gradients(parameters, x, y)[0])
        parameter[place] = saved
        assert gradient[place] == pytest.approx((around[0] - around[1]) / (2 * h), abs=1e-7)


def test_an_epoch_of_batches_shows_each_row_once_and_the_next_one_another_order():
    order = batches(rows=60, batch=6, steps=15)
    assert order.shape == (15, 6)
    assert sorted(order[:10].ravel()) == list(range(60))
    assert (order[:5] != order[10:]).any()


def test_operations_count_the_three_products_of_each_layer_but_the_firsts_input_error():
    first, second = 2 * 7 * 4 * 3, 2 * 7 * 3 * 2  # 2 B I O
    assert operations((4, 3, 2), batch=7) == 2 * first + 3 * second


def test_rounds_are_compared_each_with_itself():
    # the second round ran on a machine half as fast: the ratios are 2, 2 and 3
    assert times(result(200, 100, 300), result(100, 50, 100)) == 2


@pytest.mark.parametrize(
    ("found", "off"), [([1.0, 2.5], 0.5), ([1.75], 0.25), ([], None)], ids=["each step", "the mean", "the limit"]
)
def test_deviation_is_the_largest_difference_or_that_of_the_means(found, off):
    assert deviation(found, np.array([1.0, 2.0])) == off


def test_trials_grow_until_they_last_long_enough():
    def run(steps):
        return Timing(processor=0.2 + steps / 1000, wall=0.0, losses=[])  # 0.2 s to start, 1000 steps a second

    assert run(enough_steps(run, seconds=1.0, most=10**6)).processor == pytest.approx(1.0, rel=0.5)
    assert enough_steps(run, seconds=10.0, most=300) == 300


def test_a_worker_that_ends_by_itself_is_an_error_that_tells_its_code_and_can_be_closed(capfd):
    worker = Worker("benchmarks.nothing")
    worker.process.wait()
    with pytest.raises(WorkerError, match="ended with code 1"):
        worker.ask("prepare", "A")
    worker.close()
    assert "No module named 'benchmarks.nothing'" in capfd.readouterr().err


@pytest.mark.parametrize(("off", "strange"), [(TOLERANCE, False), (0.01, True), (float("nan"), True)])
def test_who_trains_another_network_is_named(off, strange):
    standing = Standing(name="A", case=CASES["A"], results={"jax": result(1, off=off)}, limit=None)
    assert (standing.strangers == ["jax"]) is strange
    assert ("another network" in section(standing)) is strange


def test_the_table_ranks_by_rate_and_gives_ratio_share_and_spread():
    results = {"tutorial": result(90, 100, 110), "dense": result(3800, 4000, 4200)}
    standing = Standing(name="A", case=CASES["A"], results=results, limit=result(7000, 8000))
    lines = section(standing).splitlines()
    cells = [cell.strip() for cell in lines[4].split("|")[1:-1]]
    assert cells[:5] == ["unstuck, dense engine", "4 000", "40.0", "50%", "3 800 – 4 200"]
    assert "PyTorch, tutorial loop" in lines[5]


def test_the_picture_is_drawn_with_and_without_a_limit(tmp_path):
    results = {"dense": result(3800, 4000), "tutorial": result(90, 100)}
    standings = [
        Standing(name=name, case=case, results=results, limit=most)
        for (name, case), most in zip(CASES.items(), [result(8000), None, None, None], strict=True)
    ]
    draw(standings, tmp_path / "figures" / "benchmark.png")
    assert (tmp_path / "figures" / "benchmark.png").read_bytes().startswith(b"\x89PNG")


def test_only_a_whole_run_writes_the_document_unless_told_where():
    assert arguments([]).out == ROOT / "docs"
    assert arguments(["--quick"]).out is None
    assert arguments(["--only", "jax,tutorial"]).out is None
    assert str(arguments(["--quick", "--out", "here"]).out) == "here"


def test_an_unknown_contestant_is_refused_with_those_that_there_are(capsys):
    with pytest.raises(SystemExit):
        arguments(["--only", "jaxx"])
    assert "must be of dense, torch, jax" in capsys.readouterr().err


def test_every_peer_is_a_file_and_every_file_a_peer():
    files = {path.stem for path in (ROOT / "benchmarks" / "peers").glob("*.py")} - {"__init__"}
    assert files == {peer.module for peer in PEERS.values()}


def test_all_that_is_installed_for_the_bench_is_pinned_and_brings_no_torchvision():
    lines = [
        line.partition("#")[0].strip() for line in (ROOT / "constraints" / "bench.txt").read_text().splitlines()
    ]
    pins = dict(line.split("==") for line in lines if line)
    assert all(pins.values())
    assert "torchvision" not in pins
