"""The fault bench around its programs: shares, results on disk, rivals, the page; diagnoses are made up."""

import json
import math
import random
from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from benchmarks.faults import __main__ as bench
from benchmarks.faults import plain, rivals, surgery, table, trial
from benchmarks.faults.programs import catalogue
from benchmarks.faults.remedies import RELU, Remedy, faster, in_order
from benchmarks.faults.wilson import QUANTILE, share
from torch import nn

import unstuck
from unstuck.training.program import Program

CASES = catalogue.by_id()


def line(rate=0.3, **changes) -> Program:
    x = torch.linspace(-1, 1, 100)[:, None]
    given = Program(
        model=lambda: nn.Linear(1, 1),
        train=(x, 2 * x),
        test=(x, 2 * x),
        loss=nn.MSELoss(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=rate),
        epochs=10,
    )
    return replace(given, **changes)


def answer(*says, claims=False, retrained=(), trainings=10.0) -> trial.Answer:
    return trial.Answer(
        says=says, remedies=(), claims=claims, retrained=retrained, trainings=trainings, seconds=1.0
    )


def result(name, *answers, healthy=(0.9,)) -> trial.Result:
    return trial.Result(
        id=name, given=(0.1,), healthy=healthy, answers=dict(zip(table.CONTESTANTS, answers, strict=False))
    )


# shares


@pytest.mark.parametrize(("count", "of"), [(1, 7), (20, 40), (39, 40)])
def test_the_ends_of_an_interval_are_as_far_from_the_share_as_their_own_deviation_allows(count, of):
    found = share(count, of)
    for end in (found.low, found.high):
        assert abs(count / of - end) == pytest.approx(QUANTILE * math.sqrt(end * (1 - end) / of))


def test_no_case_at_all_says_nothing():
    assert str(share(0, 0)) == "–"


@pytest.mark.parametrize("count", [0, 9])
def test_the_interval_of_none_or_all_stays_within_bounds(count):
    found = share(count, 9)
    assert 0 <= found.low <= count / 9 <= found.high <= 1


# results


@pytest.mark.parametrize(("after", "cured"), [(0.86, True), (0.84, False)])
def test_a_cure_must_reach_the_healthy_score_within_the_tolerance(after, cured):
    assert trial.is_cured(answer("x", claims=True, retrained=(after,)), healthy=(0.9,)) is cured


def test_a_cure_that_nobody_claims_is_none():
    assert not trial.is_cured(answer("x", retrained=(1.0,)), healthy=(0.9,))


def test_a_result_is_read_as_it_was_written():
    given = result("wine-raw", answer("unscaled-inputs", claims=True, retrained=(0.5, 0.6)), answer())
    assert trial.read(json.dumps(asdict(given))) == given


def test_a_line_that_was_cut_off_costs_its_own_case_only(tmp_path):
    path = tmp_path / "a" / "results.jsonl"
    bench.keep(path, result("one", answer()))
    with path.open("a") as file:
        file.write('{"id": "two", "giv')
    bench.keep(path, result("three", answer()))
    assert list(bench.held(path)) == ["one", "three"]


def test_what_is_examined_is_retrained_by_the_plain_loop(monkeypatch):
    case = CASES["plane-rate-too-high"]

    def diagnose(program, *, seeds):
        verdict = SimpleNamespace(cause="learning-rate-too-high", status=SimpleNamespace(value="confirmed"))
        cure = SimpleNamespace(treatments=("lr-hundredth",), verified=True, program=faster(program, 0.01))
        return SimpleNamespace(verdicts=(verdict,), cure=cure, cost=SimpleNamespace(trainings=seeds))

    monkeypatch.setattr(unstuck, "diagnose", diagnose, raising=False)
    found = trial.examine(case, seeds=4, compared=False)
    mine = found.answers["unstuck"]
    assert (mine.says, mine.trainings) == (("learning-rate-too-high",), 4.0)
    assert mine.retrained == plain.scores(faster(case.program(), 0.01), trial.JUDGES)
    assert trial.is_cured(mine, found.healthy)


def test_nobody_chooses_by_the_seeds_that_judge():
    assert not {*trial.JUDGES} & {*rivals.CHOOSING, *rivals.PROVING}
    assert not {*rivals.CHOOSING} & {*rivals.PROVING}


def test_a_case_that_fails_is_wrong_and_in_a_control_an_alarm():
    failed = bench.failed(CASES["wine-sgd"], "more than 1 s", 1.0).answers["unstuck"]
    assert table.is_alarm(failed, "unstuck")
    assert not table.is_right(CASES["wine-raw"], failed, "unstuck")


def test_rivals_that_fail_cost_nothing_that_is_known():
    known = result("wine-raw", answer("unscaled-inputs"))
    found = bench.failed(CASES["wine-raw"], "more than 1 s", 1.0, known)
    assert found.answers == known.answers
    assert found.failure


@pytest.mark.parametrize(("words", "is_done"), [(["--alone"], True), ([], False)])
def test_what_was_tried_alone_still_lacks_the_rivals(words, is_done):
    asked = bench.arguments(words)
    alone = result("wine-raw", answer())
    assert bench.is_done(alone, asked) is is_done
    assert bench.is_done(replace(alone, answers=alone.answers | {"random": answer()}), asked)
    assert not bench.is_done(None, asked)


def test_unstuck_stands_beside_its_rivals_on_the_same_cases():
    both = replace(
        result("wine-raw", answer("unscaled-inputs")), answers={"unstuck": answer(), "random": answer()}
    )
    cases = {name: CASES[name] for name in ("wine-raw", "wine-sgd")}
    alone = {"wine-sgd": result("wine-sgd", answer())}
    assert "where the rivals ran" in table.summary({"wine-raw": both} | alone, cases)
    assert "where the rivals ran" not in table.summary({"wine-raw": both}, cases)


def test_an_unknown_case_is_misuse(capsys):
    with pytest.raises(SystemExit):
        bench.arguments(["--only", "wine-cooked"])
    assert "wine-cooked" in capsys.readouterr().err


# the page


def test_the_page_counts_causes_cures_and_alarms():
    names = ("wine-raw", "rate-of-five", "coin-tosses", "wine-sgd", "iris-nll")
    results = {
        "wine-raw": result("wine-raw", answer("unscaled-inputs", claims=True, retrained=(0.9,))),
        "rate-of-five": result("rate-of-five", answer("dead-relu", claims=True, retrained=(0.2,))),
        "coin-tosses": result("coin-tosses", answer("label-noise")),  # beyond cure, and a neighbour
        "wine-sgd": result("wine-sgd", answer()),
        "iris-nll": result("iris-nll", answer("model-bias")),
    }
    summary = table.summary(results, {name: CASES[name] for name in names}).splitlines()[2]
    cells = [cell.strip() for cell in summary.split("|")]
    counts = [str(share(*pair)) for pair in ((2, 3), (1, 3), (1, 2), (1, 2))]
    assert cells[1:6] == ["unstuck", *counts]


def test_the_page_shows_every_finished_case():
    results = {name: result(name, answer()) for name in CASES}
    text = table.page(results, CASES, command="x", date="y")
    assert all(f"| {name} " in text for name in CASES)


def test_every_cause_is_in_one_group():
    ids = " ".join(table.GROUPS.values()).split()
    assert len(ids) == len({*ids})
    assert {case.causes[0] for case in CASES.values() if case.causes} == {*ids}


# rivals

FASTER = Remedy("faster", lambda program: faster(program, 100.0))
USELESS = Remedy("useless", lambda program: replace(program))
NEVER = Remedy("never", lambda program: None)


def test_random_search_finds_the_remedy_that_helps():
    found = rivals.random_search(line(rate=0.001), [FASTER, USELESS, NEVER], budget=40, seed=0)
    assert "faster" in found.remedies
    assert found.program is not None
    assert plain.retrain(found.program, 1) > 0.9


def test_what_cannot_be_paid_is_not_the_end_of_a_search():
    longer = Remedy("longer", lambda program: replace(program, epochs=10 * program.epochs))
    for seed in range(5):
        found = rivals.random_search(line(rate=0.001), [FASTER, longer], budget=20, seed=seed, pairs=0)
        assert found.remedies == ("faster",)


def test_random_search_leaves_alone_what_is_well():
    found = rivals.random_search(line(), [USELESS, FASTER], budget=30, seed=0)
    assert found.program is None


@pytest.mark.parametrize("budget", [1, 10, 23])
def test_a_rival_keeps_its_budget(budget):
    found = rivals.random_search(line(rate=0.001), [FASTER, USELESS], budget=budget, seed=3)
    assert found.trainings <= budget


def test_a_longer_training_costs_more_of_the_budget():
    purse = rivals.Purse(line(), 10)
    assert purse.pay(line(epochs=30), 3)
    assert not purse.pay(line(), 2)


def watch(**changes) -> rivals.Watch:
    """A training that learns slowly, and whose gradients are in order."""
    seen = rivals.Watch(ratio=[1.0], first=[1.0], zeros=[0.1], scores=[0.1, 0.105, 0.11, 0.112], finite=True)
    return seen._replace(**changes)


@pytest.mark.parametrize(
    ("seen", "symptom"),
    [
        (watch(), "slow"),
        (watch(scores=[0.1, 0.2, 0.3]), None),
        (watch(finite=False), "exploding"),
        (watch(ratio=[71.0]), "exploding"),
        (watch(ratio=[69.0]), "slow"),
        (watch(ratio=[9e-4], first=[9e-5]), "vanishing"),
        (watch(ratio=[9e-4], first=[2e-4]), "slow"),
        (watch(zeros=[0.7]), "dying"),
        (watch(zeros=[0.69]), "slow"),
        (watch(scores=[0.5, 0.9, 0.5, 0.9, 0.5, 0.9]), "oscillating"),
        (watch(scores=[0.5, 0.7, 0.8, 0.85, 0.9]), None),
    ],
)
def test_symptoms_are_told_by_autotrainers_limits(seen, symptom):
    assert rivals.symptom_of(seen) == symptom


def test_the_fixed_order_mends_a_deep_sigmoid_network_or_says_what_it_saw():
    found = rivals.fixed_order(replace(CASES["circle-eight-sigmoids"].program(), epochs=3), budget=12, seed=0)
    assert found.says in {frozenset(causes) for causes in rivals.EXPLAINED.values()}


def test_remedies_come_in_autotrainers_order():

    names = [remedy.id for remedy in in_order("exploding", random.Random(0))]
    assert names == ["selu", "relu", "clip-gradient", "tanh", "batch-norm"]


def test_surgery_leaves_the_last_layer_and_what_follows_it():
    model = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 2), nn.Softmax(dim=1))
    treated = RELU.apply(line(model=model))
    assert treated is not None
    kinds = [type(layer) for layer in treated.model()]
    assert kinds == [nn.Linear, nn.ReLU, nn.Linear, nn.Softmax]
    assert isinstance(model[1], nn.Sigmoid)  # the given one is as it was


def test_norms_go_behind_all_layers_but_the_last():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
    assert surgery.norms(model)
    assert [type(layer) for layer in model if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)] == [
        nn.BatchNorm2d,
        nn.BatchNorm1d,
    ]
    assert model(torch.zeros(3, 1, 4, 4)).shape == (3, 2)


def test_rows_that_choose_are_spared_from_training():
    given = line()
    chosen = rivals.choosing(given)
    trained, spared = ({*np.round(part[0].flatten().tolist(), 5)} for part in (chosen.train, chosen.test))
    assert not trained & spared
    assert len(trained | spared) == 100


def test_few_rows_are_used_for_both():
    few = line(train=(torch.zeros(10, 1), torch.zeros(10, 1)))
    assert rivals.choosing(few).test is few.train
