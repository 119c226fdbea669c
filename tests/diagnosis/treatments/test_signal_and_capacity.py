"""Surgery on modules and on calls of a forward pass: activations, normalization, depth, width, dropout, starts."""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from healthy import HEALTHY, Cnn, Functional, Reader, classes, sequences, stack, trained
from unstuck.diagnosis.treatments.table import TREATMENTS
from unstuck.diagnosis.treatments.torch_flow import flow
from unstuck.evidence.torch_facts import facts_of


def treated(id, program):
    return TREATMENTS[id].treat(program, facts_of(program, seed=0))


def with_model(make, of="classes"):
    return replace(HEALTHY[of](), model=make)


def names(program, module=None):
    """What the model calls, in order."""
    torch.manual_seed(0)
    x = torch.as_tensor(program.train[0][:8])
    return [call.name for call in flow(module or program.model(), x).calls]


class Shared(nn.Module):
    """One sigmoid for the hidden layers and for the output."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(2, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.act = nn.Sigmoid()

    def forward(self, x):
        return self.act(self.last(self.act(self.second(self.act(self.first(x))))))


def by_function(x):
    return torch.sigmoid(x)


@pytest.mark.parametrize(
    "make",
    [
        partial(stack, 2, 8, 8, 3, activation=nn.Sigmoid, end=nn.Sigmoid()),
        Shared,
        lambda: nn.Sequential(Functional(3, by_function, 0.0), nn.Sigmoid()),
    ],
)
def test_relu_stands_for_the_hidden_activations_and_not_for_the_output_s(make):
    done = treated("relu", with_model(make))
    kinds = [name for name in names(done.program) if name in ("sigmoid", "relu")]
    assert kinds == ["relu", "relu", "sigmoid"]


def test_relu_and_leaky_relu_are_nothing_where_there_is_none_to_replace():
    assert treated("relu", classes()) is None
    assert treated("leaky-relu", with_model(partial(stack, 2, 8, 3, activation=nn.Tanh))) is None


def test_untouched_layers_start_as_in_the_program_as_given():
    for id in ("leaky-relu", "normalize", "dropout"):
        program = with_model(Cnn, "pictures")
        torch.manual_seed(3)
        before = [p for p in program.model().parameters() if p.ndim > 1]
        torch.manual_seed(3)
        after = [p for p in treated(id, program).program.model().parameters() if p.ndim > 1]
        for old, new in zip(before, after, strict=True):
            torch.testing.assert_close(old, new, rtol=0, atol=0)


def test_normalization_stands_between_each_hidden_layer_and_its_activation():
    program = with_model(partial(stack, 2, 8, 8, 3))
    assert names(treated("normalize", program).program) == [*("linear", "batch_norm", "relu") * 2, "linear"]
    assert "layer_norm" in names(treated("normalize", replace(program, batch_size=4)).program)
    assert treated("normalize", treated("normalize", program).program) is None


def test_a_last_batch_of_one_row_is_not_normalized_by_its_batch():
    x, y = classes().train
    program = replace(classes(), train=(x[:25], y[:25]), batch_size=24)
    assert "batch_norm" not in names(treated("normalize", program).program)
    trained(treated("normalize", program).program)


def test_layers_with_nothing_between_them_get_a_relu():
    program = with_model(
        lambda: nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(0.1), nn.Linear(8, 3))
    )
    assert names(treated("add-nonlinearity", program).program) == [
        "linear",
        "batch_norm",
        "relu",
        "dropout",
        "linear",
    ]
    assert treated("add-nonlinearity", classes()) is None


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (partial(stack, 2, *[16] * 9, 3), 4),
        (partial(stack, 2, 64, 48, 32, 24, 16, 3), 4),
        (partial(stack, 2, 8, 8, 8, 3), 4),
    ],
)
def test_a_shallower_copy_has_three_hidden_layers(make, expected):
    program = with_model(make)
    done = treated("shallower", program)
    shorter = names(done.program if done else program)
    assert shorter.count("linear") == expected
    assert (done is None) == (names(program).count("linear") == expected)


@pytest.mark.parametrize(("id", "factor"), [("wider", 4), ("narrower", 0.25)])
@pytest.mark.parametrize("of", ["classes", "pictures", "sequences"])
def test_hidden_layers_change_their_width_and_the_rest_follows(id, factor, of):
    program = HEALTHY[of]()
    before, after = program.model(), treated(id, program).program.model()
    x = torch.as_tensor(program.train[0][:8])
    old, new = (([*flow(module, x).hidden]) for module in (before, after))
    for first, second in zip(old, new, strict=True):
        width = first.shape[1] if "conv" in first.name else first.shape[-1]
        assert (second.shape[1] if "conv" in second.name else second.shape[-1]) == max(width * factor, 4)
    assert after(x).shape == before(x).shape


def test_wider_layers_start_in_the_style_of_the_narrow_ones():
    def he():
        model = stack(2, 64, 64, 3)
        for part in model:
            if isinstance(part, nn.Linear):
                nn.init.kaiming_normal_(part.weight)
                nn.init.zeros_(part.bias)
        return model

    wide = [
        part for part in treated("wider", with_model(he)).program.model().modules() if isinstance(part, nn.Linear)
    ]
    assert wide[1].weight.std().item() == pytest.approx(math.sqrt(2 / 256), rel=0.15)
    assert not any(part.bias.any() for part in wide)


def test_wider_layers_have_the_bias_that_all_units_of_the_narrow_ones_have():
    def sunk():
        model = stack(2, 16, 16, 3)
        nn.init.constant_(model[0].bias, -4.0)
        return model

    wide = [part for part in treated("wider", with_model(sunk)).program.model() if isinstance(part, nn.Linear)]
    assert set(wide[0].bias.tolist()) == {-4.0}
    assert len(set(wide[1].bias.tolist())) == 64


def test_a_linear_model_gets_a_hidden_layer():
    program = with_model(lambda: nn.Linear(2, 3))
    done = treated("wider", program)
    assert names(done.program) == ["linear", "relu", "linear"]
    assert trained(done.program) > trained(program) + 0.3


def test_a_forward_that_counts_on_a_width_is_left_alone():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(2, 8), nn.Linear(8, 3)

        def forward(self, x):
            return self.last(self.first(x).reshape(-1, 2, 4).flatten(1).relu())

    assert treated("wider", with_model(Fixed)) is None


def test_nothing_is_dropped_by_layers_functions_or_between_recurrent_layers():
    class Dropping(Reader):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(2, 16, num_layers=2, batch_first=True, dropout=0.5)
            self.drop = nn.Dropout(0.5)

        def forward(self, x):
            return self.drop(nn.functional.dropout(super().forward(x), 0.5))

    program = replace(sequences(), model=Dropping)
    model = treated("no-dropout", program).program.model().train()
    x = torch.as_tensor(program.train[0][:8])
    torch.testing.assert_close(model(x), model(x))
    assert treated("no-dropout", sequences()) is None


def test_dropout_follows_the_hidden_activations():
    program = with_model(partial(stack, 2, 8, 8, 3))
    assert names(treated("dropout", program).program) == [*("linear", "relu", "dropout") * 2, "linear"]
    assert treated("dropout", treated("dropout", program).program) is None


def test_weights_are_drawn_by_what_follows_each_layer():
    def mixed():
        return nn.Sequential(nn.Linear(2, 200), nn.ReLU(), nn.Linear(200, 300), nn.Tanh(), nn.Linear(300, 3))

    torch.manual_seed(0)
    first, _, second, _, _ = treated("reinitialize", with_model(mixed)).program.model()
    assert first.weight.std().item() == pytest.approx(math.sqrt(2 / 2), rel=0.1)
    assert second.weight.std().item() == pytest.approx(math.sqrt(2 / 500), rel=0.1)
    assert not first.bias.any()


def test_recurrent_weights_start_orthogonal():
    model = treated("reinitialize", sequences()).program.model()
    for gate in model.lstm.weight_hh_l0.detach().split(16):
        torch.testing.assert_close(gate @ gate.T, torch.eye(16), rtol=1e-4, atol=1e-4)
