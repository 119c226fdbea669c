"""Wiring and objective: each fault is seen where it is put in, nothing is seen in ordinary programs."""

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from ordinary import ORDINARY, Reader, adam, binary, classifier, labels, mlp, numbers, regression, sgd, transferred
from unstuck.diagnosis.symptoms import objective, wiring
from unstuck.errors import ProgramError
from unstuck.evidence.evidence import Column, Evidence
from unstuck.evidence.torch_facts import facts_of
from unstuck.evidence.torch_wiring import of_wiring


def evidence(program, seed=0):
    return of_wiring(program, facts_of(program, seed=seed), seed=seed)


def seen(program, seed=0):
    measured = evidence(program, seed)
    found = (symptom.look(measured) for symptom in (*wiring.SYMPTOMS, *objective.SYMPTOMS))
    return {finding.symptom: finding for finding in found if finding}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", ORDINARY)
def test_nothing_is_found_in_ordinary_programs(name, seed):
    assert seen(ORDINARY[name](), seed) == {}


def test_a_frozen_backbone_is_a_suspicion_and_nothing_else_is():
    finding = seen(transferred())
    assert [*finding] == ["parameters-frozen"]
    model = transferred().model()
    frozen = sum(part.numel() for part in model.parameters() if not part.requires_grad)
    assert finding["parameters-frozen"].value == frozen / sum(part.numel() for part in model.parameters())


# steps with a fault


def no_zero_grad(model, x, y, loss, optimizer):
    value = loss(model(x), y)
    value.backward()
    optimizer.step()
    return value


def uphill(model, x, y, loss, optimizer):
    optimizer.zero_grad()
    value = loss(model(x), y)
    (-value).backward()
    optimizer.step()
    return value


def cleared(model, x, y, loss, optimizer):
    value = loss(model(x), y)
    value.backward()
    optimizer.zero_grad()
    optimizer.step()
    return value


def no_update(model, x, y, loss, optimizer):
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    return value


def in_evaluation_mode(model, x, y, loss, optimizer):
    model.eval()
    return functional_step(model, x, y, loss, optimizer)


def functional_step(model, x, y, loss, optimizer):
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    optimizer.step()
    return value


def shuffled_targets(model, x, y, loss, optimizer):
    """The gradient of something else: of the outputs' size."""
    optimizer.zero_grad()
    outputs = model(x)
    outputs.square().sum().backward()
    optimizer.step()
    return loss(outputs, y)


def paired_wrongly(model, x, y, loss, optimizer):
    return functional_step(model, x[torch.randperm(len(x))], y, loss, optimizer)


def reordered(model, x, y, loss, optimizer):
    order = torch.randperm(len(x))
    return functional_step(model, x[order], y[order], loss, optimizer)


def times(factor):
    """A step of a multiple of the loss."""

    def step(model, x, y, loss, optimizer):
        return functional_step(model, x, y, lambda o, t: factor * loss(o, t), optimizer)

    return step


class Gathering:
    """A step that updates after every so many batches, with a share of the sum of their gradients."""

    def __init__(self, every, share):
        self.every, self.share, self.done = every, share, 0

    def __call__(self, model, x, y, loss, optimizer):
        value = loss(model(x), y)
        (self.share * value).backward()
        self.done += 1
        if self.done % self.every == 0:
            optimizer.step()
            optimizer.zero_grad()
        return value


def clipped_to_nothing(model, x, y, loss, optimizer):
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
    optimizer.step()
    return value


def cut_to_nothing(model, x, y, loss, optimizer):
    """Number by number, which keeps the signs alone."""
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    nn.utils.clip_grad_value_(model.parameters(), 1e-6)
    optimizer.step()
    return value


def penalised(power, strength=0.1):
    """A step with a penalty on the weights by hand."""

    def step(model, x, y, loss, optimizer):
        def whole(outputs, targets):
            return loss(outputs, targets) + strength * sum(p.abs().pow(power).sum() for p in model.parameters())

        return functional_step(model, x, y, whole, optimizer)

    return step


# models with a fault


class Detached(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 3)

    def forward(self, x):
        return self.last(self.first(x).relu().detach())


class Stepped(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.first, self.function, self.last = nn.Linear(6, 16), function, nn.Linear(16, 3)

    def forward(self, x):
        return self.last(self.function(self.first(x)))


STEPS = [torch.round, torch.floor, torch.ceil, torch.trunc, torch.sign, lambda x: (x > 0).float()]


class Listed(nn.Module):
    """Layers in a plain list."""

    def __init__(self):
        super().__init__()
        self.layers, self.last = [nn.Linear(6, 16), nn.ReLU()], nn.Linear(16, 3)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.last(x)


class Bare(nn.Module):
    """A weight that is a plain tensor."""

    def __init__(self):
        super().__init__()
        self.weight, self.last = torch.randn(6, 16, requires_grad=True), nn.Linear(16, 3)

    def forward(self, x):
        return self.last((x @ self.weight).relu())


class Dropped(nn.Module):
    """Dropout in evaluation too."""

    def __init__(self):
        super().__init__()
        self.inner = mlp(6, 3)

    def forward(self, x):
        return self.inner(functional.dropout(x, 0.5))


class Ungraded(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = mlp(6, 3)

    def forward(self, x):
        with torch.no_grad():
            return self.inner(x)


class Blind(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = mlp(6, 3)

    def forward(self, x):
        return self.inner(torch.ones_like(x))


def at_rates(first, last):
    """An optimizer whose first layer has a rate of its own."""

    def make(parameters):
        parts = [*parameters]
        return torch.optim.SGD([{"params": parts[:2], "lr": first}, {"params": parts[2:], "lr": last}])

    return make


def warmed_up(parameters):
    """A schedule of the optimizer's own, which starts at 0."""
    optimizer = sgd(parameters)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(step / 10, 1))
    assert optimizer.param_groups[0]["lr"] == 0
    return optimizer


def frozen():
    model = mlp(6, 3)
    model[0].requires_grad_(False)
    return model


def softmaxed(dim):
    return lambda: nn.Sequential(mlp(6, 3), nn.Softmax(dim=dim))


def tagger(steps, dim):
    """One class of three for each step, outputs (N, steps, 3)."""

    def loss(outputs, targets):
        return functional.nll_loss((outputs + 1e-7).log().flatten(0, 1), targets.flatten())

    x = numbers(96, steps, 6)
    return classifier(model=softmaxed(dim), train=(x, x[..., :3].argmax(dim=2)), loss=loss)


def twice(*ends, outputs=3):
    return lambda: nn.Sequential(mlp(6, outputs), *ends)


def by_hand(x):
    return x.exp() / x.exp().sum(dim=1, keepdim=True)


class ByHand(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = mlp(6, 3)

    def forward(self, x):
        return by_hand(self.inner(x))


def likelihood(outputs, targets):
    """Better when it is larger."""
    return outputs.log_softmax(dim=1).gather(1, targets[:, None]).mean()


def normed(momentum):
    return nn.Sequential(nn.Linear(6, 32), nn.BatchNorm1d(32, momentum=momentum), nn.ReLU(), nn.Linear(32, 3))


def unmoved():
    return normed(0.0)


def dropout_model():
    return nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 3))


def ended(last, make=binary, inputs=6, outputs=1):
    return make(model=lambda: nn.Sequential(mlp(inputs, outputs), last))


def sequence_in_the_wrong_axis():
    class Turned(Reader):
        def __init__(self):
            super().__init__(lambda inputs, width, batch_first: nn.LSTM(inputs, width))

    return ORDINARY["sequences of tokens"](), Turned


def turned():
    program, model = sequence_in_the_wrong_axis()
    return classifier(model=model, train=program.train)


def broadcast():
    x, y = regression().train
    return regression(train=(x, y[:, 0]))


def as_numbers_of_classes():
    x, y = classifier().train
    return regression(model=lambda: mlp(6, 1), train=(x, y[:, None].float()))


def several_classes():
    return ORDINARY["labels"]().train


def frozen_all():
    return mlp(6, 3).requires_grad_(False)


FAULTS = {
    "outputs-broadcast": [broadcast],
    "gradient-flipped": [
        lambda: classifier(step=uphill),
        lambda: classifier(step=uphill, optimizer=adam),
        lambda: classifier(optimizer=lambda p: torch.optim.SGD(p, lr=0.1, maximize=True)),
        lambda: classifier(loss=nn.CrossEntropyLoss(), optimizer=lambda p: torch.optim.Adam(p, maximize=True)),
        lambda: classifier(loss=likelihood),
        lambda: regression(loss=lambda o, y: -(o - y).square().mean()),
        lambda: regression(loss=lambda o, y: functional.cosine_similarity(o, y, dim=0).mean()),
        lambda: binary(loss=lambda o, y: (o.sigmoid() * y + (-o).sigmoid() * (1 - y)).mean()),
    ],
    "gradient-accumulates": [
        lambda: classifier(step=no_zero_grad),
        lambda: classifier(step=no_zero_grad, batch_size=96),
        lambda: classifier(step=no_zero_grad, optimizer=adam, model=dropout_model),
    ],
    "gradient-not-plain": [
        lambda: classifier(step=shuffled_targets),
        lambda: classifier(step=paired_wrongly, batch_size=96),
    ],
    "gradient-shortened": [
        lambda: regression(step=times(0.02)),
        lambda: classifier(step=times(0.02), optimizer=adam, model=dropout_model),
        lambda: classifier(step=clipped_to_nothing),
        lambda: classifier(step=cut_to_nothing),
    ],
    "gradient-lengthened": [
        lambda: regression(step=times(50)),
        lambda: classifier(step=times(50)),
        lambda: classifier(step=Gathering(2, share=1)),
    ],
    "weights-penalised": [
        lambda: classifier(step=penalised(1)),
        lambda: regression(step=penalised(2)),
        lambda: classifier(step=penalised(1), model=dropout_model),
    ],
    "step-missing": [
        lambda: classifier(step=no_update),
        lambda: classifier(step=cleared),
        lambda: classifier(model=Ungraded),
    ],
    "wrong-mode-in-training": [lambda: classifier(step=in_evaluation_mode, model=dropout_model)],
    "statistics-still": [lambda: classifier(model=unmoved), lambda: classifier(model=lambda: normed(0.01))],
    "random-in-evaluation": [lambda: classifier(model=Dropped)],
    "parameters-frozen": [lambda: classifier(model=frozen), lambda: classifier(model=frozen_all)],
    "parameters-not-optimized": [
        lambda: classifier(optimizer=lambda p: sgd([*p][2:])),
        lambda: classifier(optimizer=lambda p: sgd(mlp(6, 3).parameters())),
        lambda: classifier(optimizer=at_rates(0.0, 0.05)),
    ],
    "parameters-without-gradient": [
        lambda: classifier(model=Detached),
        lambda: classifier(model=Ungraded),
        *(lambda function=function: classifier(model=lambda: Stepped(function)) for function in STEPS),
    ],
    "modules-unregistered": [lambda: classifier(model=Listed), lambda: classifier(model=Bare)],
    "rows-mixed": [turned, lambda: classifier(model=lambda: nn.Sequential(mlp(6, 3), nn.Softmax(dim=0)))],
    "input-ignored": [lambda: classifier(model=Blind), lambda: ended(nn.Softmax(dim=1))],
    "loss-summed": [
        lambda: regression(loss=nn.MSELoss(reduction="sum")),
        lambda: classifier(loss=lambda o, y: functional.cross_entropy(o, y, reduction="sum")),
    ],
    "probabilities-into-cross-entropy": [
        lambda: classifier(model=softmaxed(1)),
        lambda: classifier(model=ByHand),
        lambda: classifier(model=lambda: nn.Sequential(mlp(6, 3), nn.Sigmoid())),
    ],
    "probabilities-into-logit-loss": [lambda: ended(nn.Sigmoid())],
    "one-unit-softmax": [
        lambda: ended(nn.Softmax(dim=1)),
        lambda: ended(nn.Softmax(dim=-1), regression, 4),
    ],
    "outputs-squeezed": [
        lambda: classifier(model=twice(nn.Softmax(dim=1), nn.LogSoftmax(dim=1)), loss=nn.NLLLoss()),
        lambda: classifier(model=twice(nn.LogSoftmax(dim=1), nn.Softmax(dim=1), nn.LogSoftmax(dim=1))),
        lambda: binary(model=twice(nn.Sigmoid(), nn.Sigmoid(), outputs=1), loss=nn.BCELoss()),
    ],
    "softmax-across-rows": [
        lambda: classifier(model=softmaxed(0)),
        lambda: ended(nn.Softmax(dim=0)),
        lambda: tagger(5, 1),
    ],
    "outputs-bounded": [
        lambda: ended(nn.Sigmoid(), regression, 4),
        lambda: ended(nn.Tanh(), regression, 4),
        lambda: ended(nn.ReLU(), regression, 4),
        lambda: ended(nn.ReLU()),
        lambda: ended(nn.ReLU(), classifier, outputs=3),
        lambda: binary(loss=lambda o, y: functional.binary_cross_entropy(o.clamp(1e-7, 1 - 1e-7), y)),
    ],
    "loss-unfit": [
        lambda: binary(loss=nn.MSELoss()),
        lambda: binary(loss=nn.CrossEntropyLoss()),
        lambda: classifier(loss=nn.NLLLoss()),
        lambda: classifier(model=softmaxed(1), loss=nn.NLLLoss()),
    ],
    "targets-unfit": [
        as_numbers_of_classes,
        lambda: regression(loss=nn.BCEWithLogitsLoss()),
        lambda: classifier(model=lambda: mlp(6, 4), train=several_classes()),
    ],
}


@pytest.mark.parametrize("symptom", FAULTS)
def test_each_fault_is_seen_where_it_is_put_in(symptom):
    for number, make in enumerate(FAULTS[symptom]):
        assert symptom in seen(make()), f"program {number}"


def test_every_symptom_has_a_fault_that_shows_it():
    assert {symptom.id for symptom in (*wiring.SYMPTOMS, *objective.SYMPTOMS)} == set(FAULTS)


@pytest.mark.parametrize(
    "changes",
    [{"step": uphill}, {"optimizer": lambda p: torch.optim.SGD(p, lr=0.1, maximize=True)}],
    ids=["step", "optimizer"],
)
def test_what_is_better_when_larger_may_be_climbed(changes):
    assert seen(classifier(loss=likelihood, **changes)) == {}


def test_a_loss_that_counts_is_not_upside_down_for_its_offset_or_its_scale():
    for change in (lambda value: 1e3 * value - 5e3, lambda value: value / 1e3 + 1):
        program = regression(loss=lambda o, y, change=change: change((o - y).square().mean()))
        assert "gradient-flipped" not in seen(program)


@pytest.mark.parametrize(("steps", "dim"), [(5, 2), (3, 2), (3, 1)])
def test_a_softmax_is_wrong_only_where_classes_surely_lie_along_another_axis(steps, dim):
    assert "softmax-across-rows" not in seen(tagger(steps, dim))


def test_parameters_at_a_small_rate_or_at_0_for_now_are_optimized():
    for changes in (
        {"optimizer": at_rates(1e-12, 0.05)},
        {"optimizer": warmed_up},
        {"schedule": lambda step: min(step / 10, 1)},
    ):
        assert "parameters-not-optimized" not in seen(classifier(**changes))


@pytest.mark.parametrize("momentum", [0.1, 1.0, None])
def test_statistics_that_any_batch_moves_are_learned(momentum):
    assert seen(classifier(model=lambda: normed(momentum))) == {}


@pytest.mark.parametrize(("share", "is_found"), [(1.01, True), (0.99, False)])
def test_statistics_are_learned_once_a_tenth_of_the_first_ones_is_left(share, is_found):
    steps = 6 * 50  # of 96 rows, 16 at once
    momentum = 1 - (share * wiring.UNLEARNT) ** (1 / steps)
    program = classifier(model=lambda: normed(momentum), epochs=50)
    assert evidence(program)["statistics_left"].values == pytest.approx(share * wiring.UNLEARNT)
    assert ("statistics-still" in seen(program)) == is_found


def test_statistics_of_another_kind_are_left_alone():
    class Centred(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = mlp(6, 3)
            self.register_buffer("running_mean", torch.zeros(6))

        def forward(self, x):
            if self.training:
                self.running_mean = self.running_mean + 0.1 * (x.mean(dim=0) - self.running_mean)
            return self.inner(x - self.running_mean)

    centred = classifier(model=lambda: nn.Sequential(Centred()))
    assert not evidence(centred)["statistics_left"].values.size
    assert evidence(classifier(model=lambda: normed(-0.1), epochs=700))["statistics_left"].values == 0


def test_few_steps_at_the_usual_momentum_are_few_steps():
    assert evidence(classifier(epochs=1, model=lambda: normed(0.1)))["statistics_left"].values > wiring.UNLEARNT
    assert seen(classifier(epochs=1, model=lambda: normed(0.1))) == {}
    assert [*seen(classifier(epochs=1, model=lambda: normed(0.0999)))] == ["statistics-still"]


def test_statistics_that_were_learned_before_need_not_move_far():
    def learned():
        model = normed(0.001)
        model[1].running_mean += 0.5
        return model

    assert seen(classifier(model=learned)) == {}


def test_a_normalization_that_a_step_calls_twice_learns_twice_as_fast():
    class Twice(nn.Module):
        def __init__(self, times):
            super().__init__()
            self.norm, self.inner, self.times = nn.BatchNorm1d(6, momentum=0.01), mlp(6, 3), times

        def forward(self, x):
            for _ in range(self.times):
                x = self.norm(x)
            return self.inner(x)

    once, twice = (evidence(classifier(model=lambda n=n: Twice(n)))["statistics_left"].values for n in (1, 2))
    assert once == pytest.approx((1 - 0.01) ** 24)
    assert twice == pytest.approx(once**2)


def test_it_is_told_whether_batch_normalization_mixes_the_rows():
    def unkept():
        return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.Linear(8, 3))

    for model, mixed, normalized in ((unkept, True, 1), (lambda: normed(0.1), False, 0), (softmaxed(0), True, 0)):
        measured = evidence(classifier(model=model))
        assert (measured.number("rows_mixed") > wiring.MIXED) == mixed
        assert measured.number("rows_normalized") == normalized


def test_statistics_that_were_put_to_rest_are_meant_to_stay():
    class Rested(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = unmoved()

        def train(self, mode=True):
            super().train(mode)
            self.inner[1].eval()
            return self

        def forward(self, x):
            return self.inner(x)

    assert seen(classifier(model=Rested)) == {}


@pytest.mark.parametrize("step", [times(0.2), times(5), penalised(1, 1e-4), penalised(2, 1e-4)])
def test_a_somewhat_other_gradient_is_nothing(step):
    assert seen(classifier(step=step)) == {}


@pytest.mark.parametrize("step", [reordered, in_evaluation_mode])
def test_the_same_rows_in_another_order_or_mode_are_the_same_pairs(step):
    measured = evidence(classifier(step=step, model=lambda: mlp(6, 3) if step is reordered else dropout_model()))
    assert measured.number("step_cosine") == pytest.approx(1, abs=1e-6)


LOOKS = {symptom.id: symptom.look for symptom in wiring.SYMPTOMS}


def measured_as(**numbers):
    return Evidence({name: Column(np.array(value, float), "") for name, value in numbers.items()})


def test_either_of_two_comparisons_tells_a_gradient_of_something_else():
    look = LOOKS["gradient-not-plain"]
    assert look(measured_as(step_gradient_cosine=[0.49])).value == 0.49
    assert look(measured_as(step_gradient_cosine=[1], step_cosine=-0.49)).value == -0.49
    assert look(measured_as(step_gradient_cosine=[0.5, 0.49], step_cosine=0.5)) is None  # by then it is elsewhere
    assert look(Evidence()) is None


@pytest.mark.parametrize("every", [2, 5])
def test_a_sum_over_batches_is_as_many_times_their_mean(every):
    for share, found in ((1, every), (1 / every, None)):
        finding = seen(classifier(step=Gathering(every, share))).get("gradient-lengthened")
        assert (finding.value if finding else None) == (pytest.approx(found) if found else None)


def test_the_length_beside_a_mean_is_told_only_along_the_mean_and_of_several_batches():
    look = LOOKS["gradient-lengthened"]

    def of(ratio, cosine=1.0, batches=2):
        return measured_as(step_gradient_cosine=[cosine], step_gradient_ratio=[ratio], step_batches=batches)

    assert look(of(0.76)).value == 1.52
    assert look(of(0.75)) is None
    assert look(of(0.76, cosine=0.9)) is None
    assert look(of(5.0, batches=1)) is None


def test_a_gradient_that_keeps_its_signs_and_not_its_length_is_a_part_of_the_losss():
    look = LOOKS["gradient-shortened"]
    assert look(measured_as(step_cosine=0.3, step_signs=0.91, step_length=0.09))
    assert look(measured_as(step_cosine=0.3, step_signs=0.9, step_length=0.09)) is None
    assert look(measured_as(step_cosine=0.3, step_signs=0.91, step_length=0.1)) is None
    assert LOOKS["gradient-not-plain"](measured_as(step_cosine=0.3, step_signs=0.91, step_length=0.09)) is None
    assert LOOKS["gradient-not-plain"](measured_as(step_cosine=0.3, step_signs=0.9, step_length=0.09))


def test_what_is_added_and_changes_with_the_rows_is_no_penalty():
    def step(model, x, y, loss, optimizer):
        return functional_step(model, x, y, lambda o, t: loss(o, t) + o.square().mean(), optimizer)

    measured = evidence(classifier(step=step))
    assert measured.number("step_added") > wiring.ADDED
    assert measured.number("step_added_by_rows") > 10 * wiring.BY_ROWS


def test_the_length_of_a_gradient_is_its_factor():
    for factor in (0.03, 1.0, 7.0):
        assert evidence(regression(step=times(factor))).number("step_length") == pytest.approx(factor, rel=1e-5)


def test_labels_behind_a_softmax_are_bounded():
    program = labels()
    found = seen(classifier(model=softmaxed_labels, train=program.train, loss=nn.BCELoss()))
    assert "outputs-bounded" in found


def softmaxed_labels():
    return nn.Sequential(mlp(6, 4), nn.Softmax(dim=1))


def test_neither_the_users_objects_nor_the_random_streams_are_touched():
    model, loss = dropout_model(), nn.CrossEntropyLoss()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    streams = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    evidence(classifier(model=model, loss=loss, step=no_zero_grad))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(part.grad is None for part in model.parameters())
    assert model.training
    assert torch.equal(torch.get_rng_state(), streams[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == streams[1:]


def test_the_gradient_carried_is_none_of_it_or_all_of_it():
    assert evidence(classifier()).number("step_gradient_carried") == pytest.approx(0, abs=1e-6)
    assert evidence(classifier(step=no_zero_grad)).number("step_gradient_carried") == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("step", [None, no_zero_grad])
def test_of_gradients_in_one_direction_it_is_not_known_which_was_carried(step):
    """Of dead units only the last bias has a gradient."""
    measured = evidence(regression(model=dead, step=step))
    assert np.isnan(measured.number("step_gradient_carried"))


def dead():
    model = mlp(4, 1)
    nn.init.constant_(model[0].bias, -100)
    return model


def squeezed(outputs, targets):
    return functional.mse_loss(outputs[:, 0], targets)


@pytest.mark.parametrize(("loss", "is_broadcast"), [(functional.mse_loss, True), (squeezed, False)])
def test_rows_that_are_compared_with_all_others_are_seen_though_outputs_know_nothing_of_targets(
    loss, is_broadcast
):
    x, y = regression().train
    program = regression(model=dead, train=(x, y[:, 0]), loss=loss)
    assert ("outputs-broadcast" in seen(program)) == is_broadcast


def test_a_sum_over_a_batch_twice_over_is_twice_as_large():
    assert evidence(regression(loss=nn.MSELoss(reduction="sum"))).number("loss_doubled") == pytest.approx(2)
    assert evidence(regression()).number("loss_doubled") == pytest.approx(1)


def test_what_an_output_reaches_is_told_by_behaviour_where_no_operation_says_it():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = mlp(4, 1)

        def forward(self, x):
            return self.inner(x).square() / (1 + self.inner(x).square())

    reach = evidence(regression(model=Scaled))["outputs_reach"].values
    assert reach.tolist() == [0, 1]


def test_an_update_goes_downhill_by_its_definition():
    """Of plain gradient descent it is the gradient itself."""
    cosines = evidence(classifier(optimizer=lambda p: torch.optim.SGD(p, lr=0.1)))["step_update_cosine"].values
    np.testing.assert_allclose(cosines, 1, rtol=1e-6)


def test_a_step_that_fails_is_one_line():
    program = classifier(step=lambda model, x, y, loss, optimizer: model.missing)
    with pytest.raises(ProgramError, match=r"step must train on .* no attribute 'missing'") as caught:
        evidence(program)
    assert "\n" not in str(caught.value)


def test_inputs_of_many_shapes_are_told_apart_from_mixing():
    x = numbers(40, 3, 4)
    flat = lambda: nn.Sequential(nn.Flatten(), mlp(12, 1))  # noqa: E731 (a factory of one line)
    assert seen(regression(model=flat, train=(x, x.sum(dim=(1, 2))[:, None]))) == {}


def test_a_step_that_takes_whole_batches_alone_is_not_asked_of_half_a_one():
    def step(model, x, y, loss, optimizer):
        assert len(x) == 16
        return functional_step(model, x, y, loss, optimizer)

    assert seen(classifier(step=step)) == {}


def test_a_loss_of_checked_shares_is_not_asked_of_others():
    def loss(outputs, targets):
        assert torch.allclose(outputs.sum(dim=1), torch.ones(len(outputs)))
        return functional.nll_loss(outputs.log(), targets)

    assert seen(classifier(model=twice(nn.Softmax(dim=1)), loss=loss)) == {}


def test_a_model_whose_inputs_number_things_is_driven_by_its_weights_alone():
    class Numbered(nn.Module):
        def __init__(self):
            super().__init__()
            self.things, self.inner = nn.Embedding(10, 4), mlp(9, 3)

        def forward(self, x):
            return self.inner(torch.cat([self.things(x[:, 0].long()), x[:, 1:]], dim=1))

    x, y = classifier().train
    numbered = torch.cat([torch.arange(len(x))[:, None] % 10, x[:, 1:]], dim=1)
    assert seen(classifier(model=Numbered, train=(numbered, y))) == {}


class Beside(nn.Module):
    """One of two heads is computed for nothing."""

    def __init__(self):
        super().__init__()
        self.first, self.last, self.other = nn.Linear(6, 16), nn.Linear(16, 3), nn.Linear(16, 2)

    def forward(self, x):
        hidden = self.first(x).relu()
        self.other(hidden)
        return self.last(hidden)


def test_outputs_feel_parameters_that_are_cut_off_and_none_that_serve_nothing():
    felt = {model: evidence(classifier(model=model)).number("cut_felt") for model in (Detached, Beside)}
    assert felt[Detached] > 0.01
    assert felt[Beside] == 0
    assert evidence(classifier()).number("cut_felt") == 0
