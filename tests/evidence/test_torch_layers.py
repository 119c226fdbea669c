"""Layers: what is measured is what its definition says, and each fault of the start is seen."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from ordinary import ORDINARY, binary, classifier, mlp, numbers, regression
from unstuck.diagnosis.symptoms import settings, start
from unstuck.evidence.torch_facts import facts_of
from unstuck.evidence.torch_fit import of_fit
from unstuck.evidence.torch_layers import of_layers
from unstuck.evidence.torch_start import of_start
from unstuck.evidence.torch_steps import engine_of


def measured(program, rows=64):
    facts, engine = facts_of(program, seed=0), engine_of(program, 0)
    x, y = engine.rows.batch(torch.arange(rows))
    return of_layers(engine.model, engine.loss, x, y, facts=facts)


def seen(program):
    evidence = measured(program) | of_fit(program, facts_of(program, seed=0), seed=0)
    return {finding.symptom for symptom in start.SYMPTOMS if (finding := symptom.look(evidence))}


@pytest.mark.parametrize("name", [name for name in ORDINARY if name != "attention"])
def test_nothing_is_found_at_the_start_of_ordinary_programs(name):
    assert seen(ORDINARY[name]()) == set()


def initialized(model, draw):
    with torch.no_grad():
        for part in model.parameters():
            draw(part)
    return model


def deep(activation, layers=10, width=16):
    inner = [part for _ in range(layers) for part in (nn.Linear(width, width), activation())]
    return nn.Sequential(nn.Linear(6, width), activation(), *inner, nn.Linear(width, 3))


class Growing(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(4))
        self.last = nn.Linear(6, 3)

    def forward(self, x):
        for layer in self.layers:
            x = 40 * functional.relu(layer(x))
        return self.last(x)


def dead():
    model = mlp(6, 3)
    nn.init.constant_(model[0].bias, -20.0)
    return model


class Functional(nn.Module):
    """Activations without a module."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 3)

    def forward(self, x):
        return self.last(torch.tanh(50 * self.first(x)))


FAULTS = {
    "loss-at-start-high": [lambda: classifier(model=lambda: initialized(mlp(6, 3), lambda p: p.mul_(20)))],
    "activations-saturated": [lambda: classifier(model=Functional)],
    "activations-explode": [lambda: classifier(model=Growing)],
    "activations-vanish": [lambda: classifier(model=lambda: deep(nn.Sigmoid))],
    "units-dead": [lambda: classifier(model=dead)],
    "gradients-vanish": [lambda: classifier(model=lambda: deep(nn.Sigmoid))],
    "gradients-explode": [lambda: classifier(model=lambda: exploding())],
    "units-alike": [
        lambda: classifier(model=lambda: initialized(mlp(6, 3), lambda p: p.fill_(0.01))),
        lambda: classifier(model=lambda: initialized(mlp(6, 3), lambda p: p.zero_())),
    ],
    "no-nonlinearity": [
        lambda: classifier(model=lambda: nn.Sequential(nn.Linear(6, 16), nn.Linear(16, 3))),
        lambda: binary(
            model=lambda: nn.Sequential(nn.Linear(6, 16), nn.Linear(16, 1), nn.Sigmoid()), loss=nn.BCELoss()
        ),
    ],
    "growth-steep": [
        lambda: classifier(model=lambda: nn.Sequential(nn.Linear(6, 8), Exponential(), nn.Linear(8, 3)))
    ],
    "batch-not-fitted": [lambda: classifier(model=dead_for_good)],
    "dropout-heavy": [
        lambda: classifier(model=lambda: dropped(16, 0.8)),
        lambda: classifier(model=lambda: dropped(3, 0.5)),
    ],
}


class Exponential(nn.Module):
    def forward(self, x):
        return x.exp()


def exploding():
    """Weights so small at the end that the error is largest at the front."""
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
    with torch.no_grad():
        model[0].weight.mul_(1e-5)
        model[0].bias.zero_()
        model[2].weight.mul_(1e3)
    return model


def dropped(width, share):
    return nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Dropout(share), nn.Linear(width, 3))


def dead_for_good():
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3), nn.ReLU())
    nn.init.constant_(model[2].bias, -20.0)
    return model


@pytest.mark.parametrize("symptom", FAULTS)
def test_each_fault_of_the_start_is_seen_where_it_is_put_in(symptom):
    for number, make in enumerate(FAULTS[symptom]):
        assert symptom in seen(make()), f"program {number}"


def test_every_symptom_of_the_start_has_a_fault_that_shows_it():
    assert {symptom.id for symptom in start.SYMPTOMS} == set(FAULTS)


def test_layers_are_measured_by_their_definitions():
    program = classifier()
    evidence, engine = measured(program), engine_of(program, 0)
    x, y = (part[:64] for part in program.train)
    model = engine.model
    hidden = model[0](x)
    outputs = model[2](hidden.relu())
    np.testing.assert_allclose(
        evidence["layer_spread"].values,
        [part.std(dim=0, correction=0).mean().item() for part in (hidden, hidden.relu(), outputs)],
        rtol=1e-5,
    )
    assert evidence["layer_spread"].along == ("0", "relu after 0", "2")
    loss = nn.CrossEntropyLoss()(outputs, y)
    loss.backward()
    lengths = [part.grad.norm().item() for part in model.parameters()]
    np.testing.assert_allclose(evidence["gradient_norm"].values, lengths, rtol=1e-5)
    assert evidence.number("probe_loss") == pytest.approx(loss.item())


def test_a_rank_is_the_number_of_directions_where_they_are_alike():
    program = regression(model=lambda: nn.Sequential(nn.Linear(4, 8, bias=False), nn.Linear(8, 1)))
    ranks = measured(program)["layer_rank"].values
    assert 1 < ranks[0] <= 4 + 1e-6
    assert ranks[1] == pytest.approx(1)


def test_linear_regression_may_be_linear():
    assert seen(regression(model=lambda: nn.Linear(4, 1), train=linear())) == set()


def linear():
    x = numbers(96, 4)
    return x, x.sum(dim=1, keepdim=True)


def test_the_cost_of_fitting_a_batch_is_told_in_trainings():
    program = classifier(epochs=20)
    cost = of_fit(program, facts_of(program, seed=0), seed=0).number("fit_trainings")
    assert 0 < cost <= 2 * 150 * 32 / (20 * 96)


def of_schedule(schedule):
    program = classifier(schedule=schedule, epochs=40)
    return of_start(program, facts_of(program, seed=0), seed=0)


def test_a_schedule_that_vanishes_or_grows_is_seen_beside_those_in_use():
    steps = 40 * -(-len(classifier().train[0]) // 16)
    usual = {
        "cosine": lambda step: (1 + math.cos(math.pi * step / steps)) / 2,
        "steps": lambda step: 0.1 ** (3 * step // steps),
        "warm": lambda step: min(1, step / (0.1 * steps)),
        "none": None,
    }
    for name, schedule in usual.items():
        measured = of_schedule(schedule)
        findings = [symptom.look(measured) for symptom in settings.SYMPTOMS if symptom.id.startswith("rate-")]
        assert findings == [None, None], name
    vanishing = of_schedule(lambda step: 0.97**step)
    assert vanishing.number("rate_faint") == np.mean(0.97 ** np.arange(steps) < 0.01)
    growing = of_schedule(lambda step: 1.05**step)
    assert growing.number("rate_end") == pytest.approx(1.05 ** (steps - 1) / np.median(1.05 ** np.arange(steps)))


def stepping(factor):
    """A step after whose every call, counted from 0, the rate is times factor(call)."""
    count = itertools.count()

    def step(model, x, y, loss, optimizer):
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        optimizer.step()
        call = next(count)
        for group in optimizer.param_groups:
            group["lr"] *= factor(call)
        return value

    return step


def test_a_rate_that_the_step_takes_the_same_share_of_is_that_shares_power():
    def of(factor, schedule=None):
        program = classifier(step=stepping(factor), schedule=schedule, epochs=40)
        return of_start(program, facts_of(program, seed=0), seed=0)

    steps = 40 * -(-len(classifier().train[0]) // 16)
    assert of(lambda call: 0.8).number("rate_faint") == np.mean(0.8 ** np.arange(steps) < 0.01)
    assert of(lambda call: 0.9999).number("rate_faint") == 0
    for harmless in (lambda call: 1.0, lambda call: 1.1, lambda call: 1.0 if call % 2 else 0.8, down_to_a_tenth):
        assert "rate_faint" not in of(harmless)
    assert of(lambda call: 0.8, schedule=lambda step: 1.0).number("rate_faint") == 0


def down_to_a_tenth(call):
    return 0.8 if call < 10 else 1.0


def test_a_step_may_give_the_optimizer_another_group():
    def thawing(model, x, y, loss, optimizer):
        value = stepping(lambda call: 0.8)(model, x, y, loss, optimizer)
        optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))]})
        return value

    program = classifier(step=thawing)
    assert "rate_faint" not in of_start(program, facts_of(program, seed=0), seed=0)


def test_growth_is_that_of_a_line_a_square_or_a_cube():
    class Power(nn.Module):
        def __init__(self, power):
            super().__init__()
            self.first, self.last, self.power = nn.Linear(6, 8, bias=False), nn.Linear(8, 3), power

        def forward(self, x):
            return self.last(self.first(x) ** self.power)

    for power in (1, 2, 3):
        program = classifier(model=lambda power=power: Power(power))
        assert measured(program).number("growth") == pytest.approx(10**power, rel=1e-3)
        assert ("growth-steep" in seen(program)) == (power > 1)


def test_growth_without_end_is_infinite():
    assert measured(FAULTS["growth-steep"][0]()).number("growth") == np.inf


class Numbered(nn.Module):
    """Inputs of which the first column numbers one of ten things."""

    def __init__(self):
        super().__init__()
        self.things, self.inner = nn.Embedding(10, 4), mlp(9, 3)

    def forward(self, x):
        return self.inner(torch.cat([self.things(x[:, 0].long()), x[:, 1:]], dim=1))


class Short(nn.Module):
    """Inputs that may be up to 9 long, as a sum of two is and ten times one is not."""

    def __init__(self):
        super().__init__()
        self.inner = mlp(6, 3)

    def forward(self, x):
        assert x.norm(dim=1).max() < 9
        return self.inner(x)


def test_inputs_that_a_model_does_not_take_are_not_looked_at():
    x, y = classifier().train
    numbered = torch.cat([torch.arange(len(x))[:, None] % 10, x[:, 1:]], dim=1)
    found = measured(classifier(model=Numbered, train=(numbered, y)))
    assert np.isnan([found.number("nonlinearity"), found.number("growth")]).all()
    found = measured(classifier(model=Short, train=(functional.normalize(x), y)))
    assert found.number("nonlinearity") == measured(classifier(train=(functional.normalize(x), y))).number(
        "nonlinearity"
    )
    assert np.isnan(found.number("growth"))
