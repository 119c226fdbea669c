"""Optimizers, gradients, modes, losses, codes of targets and scores after a treatment."""

import itertools
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from faults import Always, Detached, Frozen, Listed, Noised, ended, negated, summed
from healthy import HEALTHY, adam, binary, classes, numbers, sgd, stack, tokens, trained
from unstuck.diagnosis.treatments.table import TREATMENTS
from unstuck.evidence.torch_facts import facts_of
from unstuck.training.program import Program


def treated(id, program):
    return TREATMENTS[id].treat(program, facts_of(program, seed=0))


def optimizer_of(program):
    model = program.model()
    return model, program.optimizer(model.parameters())


def group_of(id, program):
    return optimizer_of(treated(id, program).program)[1].param_groups[0]


# wiring


def stepping(change, clip=None):
    """A training step of a changed loss, or with a clipped gradient."""

    def step(model, x, y, loss, optimizer):
        optimizer.zero_grad()
        value = loss(model(x), y)
        change(value, model).backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        return value

    return step


def gathering(share):
    """A training step that updates after every third batch, with a share of the sum of their gradients."""
    count = itertools.count(1)

    def step(model, x, y, loss, optimizer):
        value = loss(model(x), y)
        (share * value).backward()
        if next(count) % 3 == 0:
            optimizer.step()
            optimizer.zero_grad()
        return value

    return step


def squares(model):
    return sum(parameter.square().sum() for parameter in model.parameters())


def test_the_usual_step_comes_where_a_step_has_another_length_or_a_penalty():
    steps = {
        "usual": stepping(lambda value, model: value),
        "twice": stepping(lambda value, model: 2 * value),
        "short": stepping(lambda value, model: value / 50),
        "clipped": stepping(lambda value, model: value, clip=1e-3),
        "long": stepping(lambda value, model: 50 * value),
        "summed": gathering(1),
        "averaged": gathering(1 / 3),
        "penalised": stepping(lambda value, model: value + squares(model)),
    }
    for id, names in (("plain-length", {"short", "clipped", "long", "summed"}), ("no-penalty", {"penalised"})):
        done = {name: treated(id, replace(classes(), step=step)) for name, step in steps.items()}
        assert {name for name in done if done[name]} == names
        assert all(found.program.step is None for found in done.values() if found)
        assert treated(id, classes()) is None


def test_without_a_schedule_the_rate_stays():
    scheduled = replace(classes(), schedule=lambda step: 0.5**step)
    done = treated("constant-rate", scheduled)
    assert done.program.schedule is None
    assert treated("constant-rate", classes()) is None


def test_a_rate_that_the_step_makes_smaller_is_put_back_before_each_update():
    program = replace(classes(), step=slowing, optimizer=lambda p: torch.optim.SGD(p, lr=0.2))
    done = treated("keep-rate", program)
    assert 'group["lr"] *= 0.5' in done.lines[0]
    assert treated("keep-rate", done.program) is None
    faster = TREATMENTS["lr-tenfold"].treat(done.program, facts_of(program, seed=0)).program
    for each, rate in ((done.program, 0.2), (faster, 2.0)):
        model, optimizer = optimizer_of(each)
        moved = []
        optimizer.register_step_pre_hook(lambda one, *_, moved=moved: moved.append(one.param_groups[0]["lr"]))
        x, y = (torch.as_tensor(part) for part in each.train)
        for _ in range(3):
            each.step(model, x, y, each.loss, optimizer)
        assert moved == [rate] * 3
    assert treated("keep-rate", replace(classes(), step=stepping(lambda value, model: value))) is None
    assert treated("keep-rate", replace(program, schedule=lambda step: 1.0)) is None


def slowing(model, x, y, loss, optimizer):
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    optimizer.step()
    for group in optimizer.param_groups:
        group["lr"] *= 0.5
    return value


@pytest.mark.parametrize("momentum", [0.0, 1e-4])
def test_batch_statistics_that_hardly_move_are_moved_as_torch_does_it(momentum):
    def still(momentum=momentum):
        layers = nn.Linear(2, 8), nn.BatchNorm1d(8, momentum=momentum), nn.ReLU(), nn.Linear(8, 3)
        return nn.Sequential(*layers)

    done = treated("respect-mode", replace(classes(), model=still))
    assert done.program.model()[1].momentum == nn.BatchNorm1d(8).momentum
    assert done.lines == (f"- 1.momentum = {momentum:g}", "+ 1.momentum = 0.1")
    for enough in (None, 0.1, 0.099):  # which leaves nothing after the steps that it has
        assert treated("respect-mode", replace(classes(), model=partial(still, enough))) is None
    assert treated("respect-mode", done.program) is None


def test_the_optimizer_gets_what_it_left_out_or_holds_of_another_model():
    stale = [*classes().model().parameters()]
    for make in (lambda p: sgd([*p][-2:]), lambda p: sgd(stale, momentum=0.5, lr=0.03)):
        model, optimizer = optimizer_of(treated("optimize-all", replace(classes(), optimizer=make)).program)
        held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        assert held == {id(parameter) for parameter in model.parameters()}
    assert [optimizer.param_groups[0][key] for key in ("lr", "momentum")] == [0.03, 0.5]
    assert treated("optimize-all", classes()) is None


def test_parameters_at_a_rate_of_0_get_the_others_rate():
    def make(parameters):
        parts = [*parameters]
        groups = [{"params": parts[:2], "lr": 0.0, "initial_lr": 0.0}, {"params": parts[2:]}]
        return torch.optim.SGD(groups, lr=0.03)

    done = treated("optimize-all", replace(classes(), optimizer=make))
    _, optimizer = optimizer_of(done.program)
    assert [group["lr"] for group in optimizer.param_groups] == [0.03, 0.03]
    assert optimizer.param_groups[0]["initial_lr"] == 0.03
    assert [line.rpartition("lr=")[2].split(")")[0] for line in done.lines] == ["0", "0.03"]
    assert treated("optimize-all", done.program) is None


def test_every_parameter_is_trained_after_unfreezing():
    done = treated("unfreeze", replace(classes(), model=Frozen))
    assert all(parameter.requires_grad for parameter in done.program.model().parameters())


@pytest.mark.filterwarnings("ignore:To copy construct from a tensor")
@pytest.mark.parametrize("how", ["detach", "no_grad", "data", "tensor"])
def test_the_gradient_gets_through_again(how):
    program = treated("reconnect", replace(classes(), model=partial(Detached, how))).program
    model = program.model()
    model(torch.randn(4, 2)).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    with torch.no_grad():
        assert not model(torch.randn(4, 2)).requires_grad
    assert treated("reconnect", classes()) is None


class Copying(nn.Module):
    """Copies what it is given, which has no gradient to lose."""

    def __init__(self):
        super().__init__()
        self.layer = stack(2, 8, 3)

    def forward(self, x):
        return self.layer(torch.tensor(x) + torch.tensor(data=[0.5, 0.5]))


@pytest.mark.filterwarnings("ignore:To copy construct from a tensor")
def test_a_copy_of_the_data_cuts_nothing():
    assert treated("reconnect", replace(classes(), model=Copying)) is None
    assert treated("wider", replace(classes(), model=Copying)) is not None


class Sideways(nn.Module):
    """A recurrent layer that takes rows for steps of time."""

    def __init__(self, kind=nn.GRU, **settings):
        super().__init__()
        self.layer, self.head = kind(2, 8, **settings), nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


class Turned(Sideways):
    """The same, to which rows are turned on purpose."""

    def forward(self, x):
        return self.head(self.layer(x.transpose(0, 1))[0][-1])


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM, nn.RNN])
def test_no_row_decides_anothers_answer_once_layers_find_rows_along_the_first_axis(kind):
    x, y = classes().train
    series = np.repeat(x[:, None], 5, axis=1)
    program = replace(classes(), train=(series, y), model=partial(Sideways, kind))
    done = treated("batch-first", program)
    model, rows = done.program.model(), torch.as_tensor(series[:6])
    torch.testing.assert_close(model(rows)[:3], model(rows[:3]))
    assert done.lines == (f"+ batch_first=True  # of layer, {kind.__name__}",)
    assert treated("batch-first", replace(program, model=partial(Sideways, kind, batch_first=True))) is None
    assert treated("batch-first", replace(program, model=Turned)) is None
    assert treated("batch-first", classes()) is None


class Stepped(nn.Module):
    """Learned numbers, or the data, go through a step function."""

    def __init__(self, function, rounds_data=False):
        super().__init__()
        self.body, self.head = nn.Linear(2, 8), nn.Linear(8, 3)
        self.function, self.rounds_data = function, rounds_data

    def forward(self, x):
        if self.rounds_data:
            return self.head(self.body(self.function(x)).tanh())
        return self.head(self.function(self.body(x).tanh()))


@pytest.mark.parametrize("function", [torch.round, torch.floor, torch.ceil, torch.trunc, torch.Tensor.sign])
def test_the_gradient_gets_past_a_step_function_of_what_is_learned(function):
    done = treated("reconnect", replace(classes(), model=partial(Stepped, function)))
    model = done.program.model()
    x = torch.randn(4, 2)
    model(x).sum().backward()
    assert all((parameter.grad != 0).any() for parameter in model.parameters())
    torch.testing.assert_close(model.eval()(x), model.head(model.body(x).tanh()))
    assert done.lines == (f"- torch.{function.__name__}(…)  # in Stepped.forward, whose derivative is 0",)
    assert treated("reconnect", replace(classes(), model=partial(Stepped, function, True))) is None
    assert treated("reconnect", replace(classes(), model=partial(Stepped, torch.sin))) is None


def test_a_step_function_of_the_data_stays_where_one_of_what_is_learned_is_taken_out():
    class Both(Stepped):
        def forward(self, x):
            return super().forward(x.floor())

    model = treated("reconnect", replace(classes(), model=partial(Both, torch.round))).program.model()
    x = 3 * torch.randn(4, 2)
    torch.testing.assert_close(model(x), model.head(model.body(x.floor()).tanh()))


def test_ten_times_the_rate_is_ten_times_the_rate_that_a_scheduler_begins_with():
    def scheduled(parameters):
        optimizer = torch.optim.SGD(parameters, lr=0.2)
        torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        return optimizer

    done = treated("lr-tenfold", replace(classes(), optimizer=scheduled))
    group = optimizer_of(done.program)[1].param_groups[0]
    assert (group["lr"], group["initial_lr"]) == (2.0, 2.0)


def test_layers_in_a_list_are_trained_once_registered():
    program = replace(classes(), model=Listed)
    done = treated("register-modules", program)
    assert len([*done.program.model().parameters()]) == 6
    assert done.lines == ("- self.layers = list(…)", "+ self.layers = nn.ModuleList(…)")
    assert trained(done.program) > trained(program)


def test_dropout_obeys_the_mode_again():
    model = treated("respect-mode", replace(classes(), model=Always)).program.model()
    x = torch.randn(64, 2)
    torch.testing.assert_close(model.eval()(x), model(x))
    assert not torch.equal(model.train()(x), model(x))
    assert treated("respect-mode", HEALTHY["pictures"]()) is None


def test_a_part_that_stays_in_evaluation_mode_trains_again():
    class Stuck(nn.Sequential):
        def train(self, mode=True):
            super().train(mode)
            self[1].eval()
            return self

    program = replace(
        classes(), model=lambda: Stuck(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    )
    model = treated("respect-mode", program).program.model().train()
    before = model.model[1].running_mean.clone()
    model(torch.randn(32, 2))
    assert not torch.equal(before, model.model[1].running_mean)


def test_the_loss_goes_down_whatever_turned_it_round():
    climbing = replace(classes(), optimizer=partial(adam, maximize=True))
    assert not group_of("flip-sign", climbing)["maximize"]

    def hooked():
        model = stack(2, 32, 32, 3)
        for parameter in model.parameters():
            parameter.register_hook(torch.neg)
        return model

    assert trained(treated("flip-sign", replace(classes(), model=hooked)).program) > 0.9
    logits, y = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
    loss = treated("flip-sign", replace(classes(), loss=negated)).program.loss
    torch.testing.assert_close(loss(logits, y), functional.cross_entropy(logits, y))
    assert treated("flip-sign", classes()) is None


def test_a_summed_loss_becomes_a_mean():
    loss = treated("mean-loss", replace(numbers(), loss=summed)).program.loss
    outputs, y = torch.randn(7, 1), torch.randn(7, 1)
    torch.testing.assert_close(loss(outputs, y), functional.mse_loss(outputs, y))
    assert treated("mean-loss", numbers()) is None


# optimization


def test_rates_are_multiplied_in_every_group():
    def two(parameters):
        first, *others = parameters
        return torch.optim.SGD([{"params": [first], "lr": 0.5}, {"params": others}], lr=0.1)

    _, optimizer = optimizer_of(treated("lr-tenth", replace(classes(), optimizer=two)).program)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.05, 0.01])


def test_adam_and_momentum_stand_in_where_they_are_not():
    program = replace(classes(), optimizer=sgd)
    assert isinstance(optimizer_of(treated("adam", program).program)[1], torch.optim.Adam)
    assert group_of("momentum", program)["momentum"] == 0.9
    assert treated("adam", classes()) is None
    assert treated("momentum", classes()) is None
    assert treated("no-weight-decay", classes()) is None


def test_a_schedule_is_stretched_with_the_epochs():
    program = treated("epochs-threefold", replace(classes(), schedule=lambda step: 0.5**step)).program
    assert [program.schedule(step) for step in (0, 2, 3, 6)] == [1, 1, 0.5, 0.25]


def test_no_step_goes_further_than_the_clipped_gradient():
    program = treated("clip-gradient", replace(classes(), optimizer=partial(sgd, lr=1.0))).program
    model, optimizer = optimizer_of(program)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    (1000 * program.loss(model(torch.randn(8, 2)), torch.zeros(8, dtype=torch.int64))).backward()
    optimizer.step()
    moved = [(new - old).flatten() for old, new in zip(before, model.parameters(), strict=True)]
    assert torch.cat(moved).norm().item() == pytest.approx(1, rel=1e-4)


def test_stopping_early_needs_validation_rows():
    assert treated("stop-early", classes()) is None
    assert treated("stop-early", replace(classes(), validation=classes().test)).program.patience == 3


# data


class Same(nn.Linear):
    """Gives back what it gets."""

    def __init__(self):
        super().__init__(2, 2, bias=False)
        self.weight.data = torch.eye(2)


def test_scaled_inputs_have_mean_0_and_spread_1_inside_the_model():
    x, y = classes().train
    program = replace(classes(), train=((x * [3, 1e4] + [5, -7]).astype(np.float32), y % 2), model=Same)
    scaled = treated("scale-inputs", program).program.model()(torch.as_tensor(program.train[0]).float())
    torch.testing.assert_close(scaled.mean(0), torch.zeros(2), rtol=0, atol=1e-4)
    torch.testing.assert_close(scaled.std(0, correction=0), torch.ones(2), rtol=0, atol=1e-4)
    assert treated("scale-inputs", tokens()) is None


def test_scaled_targets_give_the_gradients_of_a_training_on_scaled_ones():
    x, y = numbers().train
    program = replace(numbers(), train=(x, y * 300 + 40), model=partial(nn.Linear, 3, 1))
    done = treated("scale-targets", program).program
    torch.manual_seed(0)
    inner, raw = done.model(), torch.as_tensor(program.train[1])
    done.loss(inner(torch.as_tensor(x)), raw).backward()
    torch.manual_seed(0)
    plain = program.model()
    program.loss(plain(torch.as_tensor(x)), (raw - raw.mean()) / raw.std(correction=0)).backward()
    torch.testing.assert_close(inner.model.weight.grad, plain.weight.grad, rtol=1e-4, atol=1e-4)


def test_rows_are_left_out_in_the_form_in_which_they_came():
    x, y = classes().train
    x = x.copy()
    x[3, 1] = np.inf
    for train in ((x, y), (torch.as_tensor(x), torch.as_tensor(y)), Noised(x, y, None)):
        done = treated("drop-invalid-rows", replace(classes(), train=train)).program
        assert facts_of(done, seed=0).rows["train"] == 239
    assert treated("drop-invalid-rows", classes()) is None


def test_training_rows_are_taken_as_the_held_out_ones_are():
    program = replace(
        classes(), train=Noised(*classes().train, torch.randn_like), test=Noised(*classes().test, None)
    )
    plain = treated("no-augmentation", program).program.train
    assert plain.transform is None
    assert program.train.transform is torch.randn_like


# objective


def is_sign(outputs, targets):
    return float(((outputs > 0.5) == (targets > 0.5)).float().mean())


def is_largest(outputs, targets):
    return float((outputs.argmax(1) == targets).float().mean())


def test_probabilities_are_removed_where_the_score_means_the_same_without():
    program = replace(ended(nn.Softmax(1))(classes()), score=is_largest)
    done = treated("output-logits", program).program
    assert done.score is is_largest
    sums = done.model()(torch.randn(4, 2)).sum(1)
    assert not torch.allclose(sums, torch.ones(4))


def test_probabilities_stay_where_the_score_reads_them_and_the_loss_takes_their_logits():
    program = replace(ended(nn.Sigmoid())(binary()), score=is_sign)
    done = treated("output-logits", program).program
    assert done.score is is_sign
    torch.manual_seed(0)
    model = done.model().eval()
    x, y = (torch.as_tensor(part[:9]) for part in program.train)
    chances = model(x)
    assert (chances > 0).all()
    assert (chances < 1).all()
    torch.testing.assert_close(
        done.loss(chances, y), functional.binary_cross_entropy(chances, y), rtol=1e-4, atol=1e-5
    )
    assert trained(done) > 0.95


def test_a_softmax_of_one_unit_becomes_a_sigmoid():
    program = replace(ended(nn.Softmax(1))(binary()), loss=nn.BCELoss())
    done = treated("sigmoid-unit", program).program
    assert trained(program) < 0.7
    assert trained(done) > 0.95
    assert treated("sigmoid-unit", done) is None


def test_a_softmax_across_rows_is_turned_along_the_classes():
    def chosen(outputs, targets):
        return -outputs.gather(1, targets[:, None]).clamp(min=1e-7).log().mean()

    program = replace(ended(nn.Softmax(0))(classes()), loss=chosen)
    model = treated("softmax-over-classes", program).program.model()
    torch.testing.assert_close(model(torch.randn(6, 2)).sum(1), torch.ones(6))


def test_raw_outputs_into_a_likelihood_become_logarithms_of_probabilities():
    program = replace(classes(), loss=nn.NLLLoss())
    assert trained(treated("softmax-over-classes", program).program) > 0.95
    assert trained(treated("cross-entropy", program).program) > 0.95


@pytest.mark.parametrize("end", [nn.Tanh(), nn.ReLU(), nn.Sigmoid()])
def test_outputs_are_no_longer_bounded(end):
    program = ended(end)(numbers())
    assert trained(treated("linear-output", program).program) > trained(program) + 0.05


def test_the_binary_cross_entropy_takes_the_place_of_squares():
    program = replace(ended(nn.Sigmoid())(binary()), loss=nn.MSELoss(), optimizer=sgd, epochs=12)
    done = treated("bce", program).program
    assert trained(done) > trained(program)
    assert treated("bce", binary()) is None


def test_squares_take_the_place_of_a_loss_of_classes():
    x, y = numbers().train
    program = replace(numbers(), loss=nn.L1Loss(), model=partial(stack, 3, 64, 1))
    loss = treated("mse", program).program.loss
    outputs, targets = torch.randn(6, 1), torch.randn(6, 1)
    torch.testing.assert_close(loss(outputs, targets), functional.mse_loss(outputs, targets))
    assert treated("mse", numbers()) is None
    assert treated("mse", classes()) is None


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (1, 2), (0, 255)])
def test_two_values_are_written_as_0_and_1_for_a_sigmoid(low, high):
    x, y = binary().train
    program = replace(binary(), train=(x, np.where(y > 0, high, low).astype(np.float32)))
    loss = treated("encode-targets", program).program.loss
    logits = torch.randn(4, 1)
    given, meant = torch.tensor([[low], [high], [high], [low]]).float(), torch.tensor([[0.0], [1], [1], [0]])
    torch.testing.assert_close(loss(logits, given), functional.binary_cross_entropy_with_logits(logits, meant))


def test_numbers_of_classes_are_written_as_columns_for_squares():
    class Columns(nn.Module):
        def forward(self, outputs, targets):
            return ((outputs - targets.float().reshape(len(targets), -1)) ** 2).mean()

    program = replace(classes(), loss=Columns())
    done = treated("encode-targets", program).program
    assert trained(done) > 0.9


def test_rare_classes_weigh_as_much_as_others():
    x, y = classes().train
    kept = (y != 2) | (np.arange(len(y)) % 10 == 0)
    program = replace(classes(), train=(x[kept], y[kept]))
    loss = treated("class-weights", program).program.loss
    counts = np.bincount(y[kept])
    logits, targets = torch.randn(40, 3), torch.as_tensor(np.arange(40) % 3)
    weight = torch.as_tensor(counts.sum() / (3 * counts)).float()
    torch.testing.assert_close(loss(logits, targets), functional.cross_entropy(logits, targets, weight))
    assert treated("class-weights", classes()) is None


def test_several_labels_per_row_are_no_classes():
    x, _ = classes().train
    several = (np.abs(x) > 0.5).astype(np.float32)
    program = replace(classes(), train=(x, several), model=partial(stack, 2, 16, 2), loss=nn.MSELoss())
    assert treated("cross-entropy", program) is None
    assert isinstance(treated("bce", program).program.loss, nn.Module)


def far(outputs, targets):
    return functional.mse_loss(outputs.reshape(len(targets)), targets.float())


@pytest.mark.parametrize("values", [(0, 1, 2), (7, 20, -3)])
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_a_score_that_reads_class_numbers_is_told_those_of_the_likeliest_class(values, shape):
    def right(outputs, targets):
        return float((outputs.reshape(targets.shape) == targets).float().mean())

    x, y = classes().train
    named = np.asarray(values)[y].reshape(shape)
    program = replace(classes(), train=(x, named), model=partial(stack, 2, 32, 1), loss=far, score=right)
    done = treated("cross-entropy", program)
    assert done.program.model()(torch.randn(4, 2)).shape == (4, 3)
    logits = 9.0 * torch.eye(3)[np.searchsorted(np.sort(values), named.ravel())]
    assert done.program.score(logits, torch.as_tensor(named)) == 1.0
    assert done.program.score(logits.roll(1, 0), torch.as_tensor(named)) < 0.6
    assert "+ outputs.argmax(dim=1)  # is the class, in scores" in done.lines


def test_a_training_step_of_the_model_sees_the_treatment():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = nn.Linear(2, 1)

        def forward(self, x):
            return torch.relu(self.last(x))

        def training_step(self, x):
            return self(x)

    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
    program = Program(
        model=Own,
        train=(x, x.sum(1, keepdim=True)),
        loss=nn.MSELoss(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    )
    treated = TREATMENTS["linear-output"].treat(program, facts_of(program, seed=0))
    torch.manual_seed(0)
    model = treated.program.model()
    assert torch.equal(model.training_step(x), model(x))
    assert (model.training_step(x) < 0).any()


@pytest.mark.parametrize("missing", [-999.0, float("nan"), float("inf")])
def test_the_mean_stands_in_for_what_is_missing_in_other_rows_too(missing):
    x, y = 5 * torch.randn(80, 2, generator=torch.Generator().manual_seed(0)) + 1, torch.arange(80) % 2
    x[[3, 9, 40, 41], [0, 0, 1, 1]] = missing
    program = replace(classes(), model=Same, train=(x, y))
    done = treated("fill-missing", program)
    known = torch.where(torch.isfinite(x) & (x != missing), x, torch.nan)
    asked = torch.tensor([[missing, 1.0], [2.0, missing], [0.5, 0.25]])
    means = known.nanmean(dim=0)
    wanted = torch.tensor([[means[0], 1.0], [2.0, means[1]], [0.5, 0.25]])
    torch.testing.assert_close(done.program.model()(asked), wanted)
    assert treated("fill-missing", done.program) is None
    assert treated("fill-missing", classes()) is None
    scaled = treated("scale-inputs", program).program.model()
    torch.testing.assert_close(
        scaled(known)[5], (known[5] - means) / (known - means).square().nanmean(dim=0).sqrt()
    )
