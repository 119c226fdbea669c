"""What bends a layer's numbers is judged by what it does, whatever its name, and made ReLU where it must be."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from healthy import classes
from unstuck.diagnosis.treatments.table import TREATMENTS
from unstuck.diagnosis.treatments.torch_bends import bends
from unstuck.diagnosis.treatments.torch_surgery import draft
from unstuck.evidence.torch_facts import facts_of


class By(nn.Module):
    """Three layers, with a function of the user's own between them."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.first, self.second, self.last = nn.Linear(2, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.last(self.function(self.second(self.function(self.first(x)))))


class Called(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def by_modules(function):
    return nn.Sequential(nn.Linear(2, 8), Called(function), nn.Linear(8, 8), Called(function), nn.Linear(8, 3))


BAD = {
    "cube": lambda x: x**3,
    "square": lambda x: x * x,
    "exponential": torch.exp,
    "half an exponential": lambda x: torch.exp(x) / 2,
    "bell": lambda x: torch.exp(-x * x),
    "sigmoid by hand": lambda x: 1 / (1 + torch.exp(-x)),
    "tanh, stretched": lambda x: 2 * torch.tanh(x),
    "softmax by hand": lambda x: x.exp() / x.exp().sum(dim=1, keepdim=True),
}
GOOD = {
    "nothing": lambda x: x,
    "a line": lambda x: 2 * x + 1,
    "relu": torch.relu,
    "clamp": lambda x: x.clamp(min=0),
    "swish by hand": lambda x: x * torch.sigmoid(x),
    "slope below zero": lambda x: torch.where(x > 0, x, 0.1 * x),
    "gelu": functional.gelu,
    "shortcut": lambda x: x + torch.relu(x),
    "over the rows": lambda x: x - x.mean(dim=0),
    "logarithm of its size": lambda x: x.sign() * (1 + x.abs()).log() + x,
}


def treated(make):
    program = replace(classes(), model=make)
    return TREATMENTS["relu"].treat(program, facts_of(program, seed=0))


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("make", [By, by_modules])
def test_what_flattens_or_is_steeper_than_a_line_becomes_relu(name, make):
    torch.manual_seed(0)
    usual = make(torch.relu)
    model = treated(lambda: make(BAD[name])).program.model()
    state = {
        ours: value
        for (ours, _), value in zip(model.state_dict().items(), usual.state_dict().values(), strict=True)
    }
    model.load_state_dict(state)
    x = torch.randn(16, 2)
    torch.testing.assert_close(model(x), usual(x))


@pytest.mark.parametrize("function", [torch.exp, lambda x: x**3 * 9], ids=["named", "by hand"])
def test_layers_behind_numbers_that_exploded_are_mended_too(function):
    def make(function):
        layers = [part for _ in range(8) for part in (nn.Linear(5, 5), Called(function))]
        return nn.Sequential(nn.Linear(2, 5), Called(function), *layers, nn.Linear(5, 3))

    program = replace(
        classes(), model=lambda: make(function), train=(200 * classes().train[0], classes().train[1])
    )
    model, usual = TREATMENTS["relu"].treat(program, facts_of(program, seed=0)).program.model(), make(torch.relu)
    usual.load_state_dict(dict(zip(usual.state_dict(), model.state_dict().values(), strict=True)))
    x = torch.randn(16, 2)
    torch.testing.assert_close(model(x), usual(x))


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("make", [By, by_modules])
def test_what_goes_on_as_a_line_on_one_side_stays(name, make):
    assert treated(lambda: make(GOOD[name])) is None


def test_what_takes_other_ways_or_rows_is_no_activation():
    class Shortcut(By):
        def forward(self, x):
            first = self.first(x)
            return self.last(self.second(first) ** 2 + first)

    for make in (Shortcut, lambda _: By(lambda x: x * x.sum(dim=0))):
        program = replace(classes(), model=lambda make=make: make(None))
        look = draft(program, facts_of(program, seed=0))
        assert not any(bend.is_bad and bend.target > 1 for bend in bends(look))


def test_an_activation_that_became_relu_is_not_treated_again():
    program = treated(lambda: By(BAD["cube"])).program
    assert TREATMENTS["relu"].treat(program, facts_of(program, seed=0)) is None


def test_the_layer_and_what_comes_after_it_are_named():
    assert treated(lambda: By(BAD["cube"])).lines == (
        "  first = nn.Linear(in_features=2, out_features=8, bias=True)",
        "+ nn.ReLU()  # in the place of what follows it",
        "  second = nn.Linear(in_features=8, out_features=8, bias=True)",
        "+ nn.ReLU()  # in the place of what follows it",
    )
