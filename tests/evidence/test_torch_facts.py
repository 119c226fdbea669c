"""Facts: every kind of program is told by what it is, and what does not fit is one line."""

import threading

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import Dataset, IterableDataset

from ordinary import ORDINARY, Flat, classifier, mlp, numbers, regression
from unstuck.errors import ProgramError
from unstuck.evidence.facts import chance_loss, kind_of
from unstuck.evidence.torch_facts import facts_of
from unstuck.evidence.torch_objective import objective_of

EXPECTED = {  # kind, loss, reduction, what the loss takes
    "classes": ("classes", "cross-entropy", "mean", "logits"),
    "log-probabilities": ("classes", "nll", "mean", "log-probabilities"),
    "probabilities": ("classes", "nll", "mean", "probabilities"),
    "one-hot classes": ("classes", "cross-entropy", "mean", "logits"),
    "binary": ("binary", "bce-logits", "mean", "logits"),
    "binary after a sigmoid": ("binary", "bce", "mean", "probabilities"),
    "binary of (N,)": ("binary", "bce-logits", "mean", "logits"),
    "labels": ("labels", "bce-logits", "mean", "logits"),
    "numbers": ("numbers", "mse", "mean", "numbers"),
    "a loss of one's own": ("numbers", "mse", "mean", "numbers"),
    "a robust loss": ("numbers", "huber", "mean", "numbers"),
    "pictures": ("classes", "cross-entropy", "mean", "logits"),
    "sequences of tokens": ("classes", "cross-entropy", "mean", "logits"),
    "sequences of numbers": ("numbers", "mse", "mean", "numbers"),
    "a class for every token": ("classes", "cross-entropy", "mean", "logits"),
    "an autoencoder with tied weights": ("numbers", "mse", "mean", "numbers"),
    "clipping": ("classes", "cross-entropy", "mean", "logits"),
    "accumulation over two batches": ("classes", "cross-entropy", "mean", "logits"),
    "noise on the inputs": ("classes", "cross-entropy", "mean", "logits"),
    "attention": ("classes", "cross-entropy", "mean", "logits"),
    "numbers behind a sigmoid": ("numbers", "mse", "mean", "numbers"),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_the_kind_and_the_loss_of_ordinary_programs_are_told(name):
    facts = facts_of(ORDINARY[name](), seed=0)
    assert (facts.kind, facts.loss, facts.reduction, facts.takes) == EXPECTED[name]


def test_settings_are_the_programs():
    program = classifier(epochs=7, optimizer=lambda p: torch.optim.Adam(p, lr=0.3, weight_decay=0.01))
    facts = facts_of(program, seed=0)
    assert (facts.optimizer, facts.rates, facts.momentum, facts.weight_decay) == ("Adam", (0.3,), 0.9, 0.01)
    assert (facts.epochs, facts.batch_size, facts.steps_per_epoch) == (7, 16, 6)
    assert facts.parameters == sum(part.numel() for part in program.model().parameters())
    assert (facts.input_shape, facts.output_shape, facts.target_shape) == ((6,), (3,), ())
    assert (facts.classes, facts.class_axis, facts.is_token, facts.has_step) == (3, 1, False, False)
    assert facts.rows == {"train": 96}
    np.testing.assert_array_equal(facts.train.x, program.train[0].numpy())


def losses():
    """Losses by name: (kind of program, loss, what is expected)."""
    mse = functional.mse_loss
    return {
        "summed": (regression, nn.MSELoss(reduction="sum"), ("mse", "sum")),
        "summed by hand": (regression, lambda o, y: (o - y).square().sum(), ("mse", "sum")),
        "a function": (regression, mse, ("mse", "mean")),
        "tripled": (regression, lambda o, y: 3 * mse(o, y), ("mse", "mean")),
        "squeezed": (regression, lambda o, y: mse(o.squeeze(), y.squeeze()), ("mse", "mean")),
        "absolute": (regression, lambda o, y: abs(o - y).mean(), ("mae", "mean")),
        "log cosh": (regression, lambda o, y: (o - y).cosh().log().mean(), ("own", "mean")),
        "in a lambda": (classifier, lambda o, y: functional.cross_entropy(o, y), ("cross-entropy", "mean")),
        "summed cross-entropy": (classifier, nn.CrossEntropyLoss(reduction="sum"), ("cross-entropy", "sum")),
        "weighed": (classifier, nn.CrossEntropyLoss(torch.tensor([1.0, 2, 3])), ("cross-entropy", "mean")),
        "squares of one-hot": (classifier, lambda o, y: mse(o, functional.one_hot(y, 3).float()), ("mse", "mean")),
    }  # fmt: skip


@pytest.mark.parametrize("name", losses())
def test_a_loss_is_told_by_what_it_does(name):
    make, loss, expected = losses()[name]
    facts = facts_of(make(loss=loss), seed=0)
    assert (facts.loss, facts.reduction) == expected


def test_a_multiple_of_a_known_loss_is_told():
    facts = facts_of(regression(loss=lambda o, y: (o - y).square().mean() / 2), seed=0)
    assert facts.scale == pytest.approx(0.5)


def test_a_loss_that_broadcasts_is_still_told():
    x, y = regression().train
    assert facts_of(regression(train=(x, y[:, 0])), seed=0).loss == "mse"


def test_a_focal_loss_takes_logits():
    def focal(outputs, targets):
        share = outputs.softmax(1).gather(1, targets[:, None])
        return -((1 - share) ** 2 * share.log()).mean()

    facts = facts_of(classifier(loss=focal), seed=0)
    assert (facts.loss, facts.takes) == ("own", "logits")


def test_a_clipped_loss_of_ones_own_takes_probabilities():
    def focal(outputs, targets):
        share = outputs.clamp(1e-6, 1 - 1e-6)
        return -(targets * (1 - share) ** 2 * share.log() + (1 - targets) * share**2 * (1 - share).log()).mean()

    y = torch.tensor([[0.0], [1], [1], [0]])
    assert objective_of(focal, torch.rand(4, 1), y, "binary", 0).takes == "probabilities"


KINDS = {
    "numbers of classes": (np.zeros((4, 3)), np.array([0, 2, 1, 1]), ("classes", 1)),
    "classes as floats": (np.zeros((4, 3)), np.array([0.0, 2, 1, 1]), ("classes", 1)),
    "classes in the last axis": (np.zeros((4, 5, 3)), np.ones((4, 5), int), ("classes", 2)),
    "classes of pixels": (np.zeros((2, 3, 4, 4)), np.ones((2, 4, 4), int), ("classes", 1)),
    "classes with padding": (np.zeros((2, 3, 4)), np.array([[0, 1, 2, -100]] * 2), ("classes", 1)),
    "one-hot": (np.zeros((3, 3)), np.eye(3), ("classes", 1)),
    "shares": (np.zeros((2, 2)), np.array([[0.2, 0.8], [0.5, 0.5]]), ("classes", 1)),
    "0 and 1": (np.zeros((4, 1)), np.array([0.0, 1, 1, 0]), ("binary", 0)),
    "0 and 1 as whole numbers": (np.zeros((4, 1)), np.array([0, 1, 1, 0]), ("binary", 0)),
    "labels": (np.zeros((2, 3)), np.array([[0.0, 1, 1], [0, 0, 0]]), ("labels", 0)),
    "numbers": (np.zeros((2, 1)), np.array([0.5, 7]), ("numbers", 0)),
    "whole numbers": (np.zeros((3, 1)), np.array([5, 7, 9]), ("numbers", 0)),
    "numbers that do not pair": (np.zeros((2, 3)), np.array([0.5, 7]), ("other", 0)),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_kind_of_targets_follows_from_shapes_and_values(name):
    outputs, targets, expected = KINDS[name]
    assert kind_of(outputs, targets) == expected


@pytest.mark.parametrize(
    "name", ["classes", "one-hot classes", "binary", "labels", "numbers", "a loss of one's own"]
)
def test_chance_is_the_least_loss_of_constant_outputs(name):
    """By gradient descent on the constants, as an independent way."""
    program = ORDINARY[name]()
    facts = facts_of(program, seed=0)
    y = torch.as_tensor(facts.train.y)
    constant = torch.zeros(facts.output_shape, requires_grad=True)
    optimizer = torch.optim.LBFGS([constant], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = program.loss(constant.expand(len(y), *facts.output_shape), y)
        value.backward()
        return value

    optimizer.step(closure)
    assert chance_loss(facts, facts.train.y) == pytest.approx(float(closure().detach()), rel=1e-3)


def test_facts_move_no_random_stream_and_no_weight():
    model = mlp(6, 3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    drawn, numpys = torch.get_rng_state(), np.random.get_state()[1].copy()
    facts_of(classifier(model=model), seed=0)
    assert torch.equal(torch.get_rng_state(), drawn)
    np.testing.assert_array_equal(np.random.get_state()[1], numpys)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class Endless(IterableDataset):
    def __iter__(self):
        while True:
            yield torch.zeros(6), 0


class Countless(Dataset):
    def __getitem__(self, row):
        return torch.zeros(6), 0


class Locked(nn.Linear):
    def __init__(self):
        super().__init__(6, 3)
        self.lock = threading.Lock()


def shared():
    model = mlp(6, 3)
    return lambda: model


class Unending(Dataset):
    def __len__(self):
        return 10**12

    def __getitem__(self, number):
        return torch.zeros(6), torch.tensor(0)


MISUSES = {
    "a loss per row": ({"loss": nn.CrossEntropyLoss(reduction="none")}, "must be a tensor of one number"),
    "no rows": ({"train": (numbers(0, 6), torch.zeros(0))}, "at least one row"),
    "an endless data set": ({"train": Endless()}, "asked for by number"),
    "a data set of unknown length": ({"train": Countless()}, "give Countless a __len__"),
    "a data set that says it never ends": ({"train": Unending()}, "at most 10,000,000 rows"),
    "a generator": ({"train": iter([])}, r"must be \(x, y\) arrays"),
    "inputs that do not fit": ({"model": lambda: mlp(5, 3)}, "must take inputs of shape"),
    "targets that do not fit": ({"model": lambda: mlp(6, 2)}, "must take inputs of shape"),
    "a model that cannot be copied": ({"model": Locked()}, "can be copied"),
    "a factory that makes one model": ({"model": shared()}, "a new nn.Module at every call"),
    "an optimizer that is none": ({"optimizer": lambda parameters: 3}, "must return a torch optimizer"),
    "a model of two outputs": ({"model": lambda: nn.LSTM(6, 3)}, "must return one tensor"),
}


@pytest.mark.parametrize("name", MISUSES)
def test_what_does_not_fit_together_is_one_line(name):
    changes, message = MISUSES[name]
    with pytest.raises(ProgramError, match=message) as caught:
        facts_of(classifier(**changes), seed=0)
    assert "\n" not in str(caught.value)


def test_flat_outputs_are_binary_too():
    x = numbers(20, 6)
    program = classifier(model=Flat, train=(x, (x[:, 0] > 0).float()), loss=nn.BCEWithLogitsLoss())
    assert facts_of(program, seed=0).kind == "binary"
