"""Programs: live PyTorch objects, trained as a plain loop would, and misuse in one line."""

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, WeightedRandomSampler

from unstuck.errors import ProgramError
from unstuck.training.program import Program
from unstuck.training.run import conclude
from unstuck.training.task import task_of_program
from unstuck.training.torch_rows import Fetched, Resident
from unstuck.training.training import Training

ROWS, EPOCHS, BATCH = 103, 3, 16


def rows(count=ROWS, features=5):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(count, features, generator=generator)
    return x, (x.sum(dim=1) > 0).long()


def make_model():
    return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9)


def program(**changes):
    settings = {
        "model": make_model,
        "train": rows(),
        "loss": nn.CrossEntropyLoss(),
        "optimizer": sgd,
        "batch_size": BATCH,
        "epochs": EPOCHS,
    }
    return Program(**settings | changes)


def through(program, **settings):
    training = Training(task_of_program(program, **settings))
    for _ in training:
        pass
    return training


class Rows(Dataset):
    """A data set of the user's own; `change` is what it does to a row each time."""

    def __init__(self, change=lambda x: x):
        (self.x, self.y), self.change = rows(), change

    def __len__(self):
        return len(self.x)

    def __getitem__(self, row):
        return self.change(self.x[row]), self.y[row]


FORMS = {
    "tensors": rows,
    "arrays": lambda: tuple(part.numpy() for part in rows()),
    "a list": lambda: list(rows()),
    "float64 and int32": lambda: (rows()[0].double().numpy(), rows()[1].int().numpy()),
    "read-only arrays": lambda: tuple(
        np.frombuffer(p.numpy().tobytes(), p.numpy().dtype).reshape(p.shape) for p in rows()
    ),
    "arrays from the back": lambda: tuple(part.numpy()[::-1].copy()[::-1] for part in rows()),
    "big-endian arrays": lambda: (rows()[0].numpy().astype(">f4"), rows()[1].numpy().astype(">u2")),
    "tensors with a gradient": lambda: (rows()[0].requires_grad_(), rows()[1]),
    "a data set": lambda: TensorDataset(*rows()),
    "a loader": lambda: DataLoader(TensorDataset(*rows()), batch_size=7, shuffle=True),
    "a data set of one's own": Rows,
    "a loader with a way of its own": lambda: DataLoader(
        Rows(), collate_fn=lambda pairs: tuple(map(torch.stack, zip(*pairs, strict=True)))
    ),
}


@pytest.mark.parametrize("given", FORMS.values(), ids=FORMS.keys())
def test_data_may_come_in_any_form(given):
    expected = through(program()).record["step_loss"]
    np.testing.assert_array_equal(through(program(train=given())).record["step_loss"], expected)


@pytest.mark.parametrize("schedule", [None, lambda step: 1 / (1 + step)])
def test_a_program_trains_as_a_plain_loop_does(schedule):
    torch.manual_seed(5)
    given = make_model()
    training = through(program(model=given, schedule=schedule), seed=3)

    x, y = rows()
    torch.manual_seed(5)
    model = make_model()
    optimizer = sgd(model.parameters())
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule) if schedule else None
    loss, losses = nn.CrossEntropyLoss(), []
    # where the engine's own stream of dropout starts
    torch.set_rng_state(task_of_program(program(model=given), seed=3).engine.random["cpu"])
    for epoch in range(EPOCHS):
        for batch in torch.from_numpy(training.task.plan.order(epoch)).split(BATCH):
            optimizer.zero_grad()
            value = loss(model(x[batch]), y[batch])
            value.backward()
            optimizer.step()
            if rates:
                rates.step()
            losses.append(value.item())
    np.testing.assert_array_equal(training.record["step_loss"], losses)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(training.task.engine.weights()[name], value.numpy())


def test_a_module_is_copied_and_every_training_starts_from_it():
    model = make_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first, second = (through(program(model=model), seed=seed) for seed in (0, 0))
    np.testing.assert_array_equal(first.record["step_loss"], second.record["step_loss"])
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_factory_draws_its_weights_by_the_seed():
    first, again, other = (through(program(), seed=seed).task.engine.weights() for seed in (0, 0, 1))
    for name, value in first.items():
        np.testing.assert_array_equal(again[name], value)
    assert (first["0.weight"] != other["0.weight"]).all()


def test_a_step_of_ones_own_is_taken():
    def step(model, x, y, loss, optimizer):
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1e9)  # never clips
        optimizer.step()
        return value

    expected = through(program())
    np.testing.assert_array_equal(through(program(step=step)).record["step_loss"], expected.record["step_loss"])


def test_a_score_of_ones_own_is_measured_in_evaluation_mode():
    seen = []

    def score(outputs, targets):
        seen.append((outputs, targets))
        return -nn.functional.cross_entropy(outputs, targets).item()

    training = through(program(score=score, validation=rows(50)))
    assert all(isinstance(part, torch.Tensor) for pair in seen for part in pair)
    np.testing.assert_allclose(training.record["validation_score"], -training.record["validation_loss"], rtol=1e-5)


def regression(count=ROWS):
    x, _ = rows(count)
    return x, x.sum(dim=1, keepdim=True)


def linear(outputs):
    return lambda: nn.Linear(5, outputs)


def squeezed():
    return nn.Sequential(nn.Linear(5, 1), nn.Flatten(0))


def sorted_rows():
    x, y = rows(1000)
    place = y.argsort()
    return x[place], y[place].float()


SCORED = {
    "classes": (linear(2), rows(), nn.CrossEntropyLoss(), "accuracy"),
    "numbers": (linear(1), regression(), nn.MSELoss(), "r2"),
    "two classes as floats": (squeezed, (rows()[0], rows()[1].float()), nn.BCEWithLogitsLoss(), "accuracy"),
    "two classes, sorted": (squeezed, sorted_rows(), nn.BCEWithLogitsLoss(), "accuracy"),
    "two classes as whole numbers": (
        squeezed,
        rows(),
        lambda outputs, y: nn.functional.binary_cross_entropy_with_logits(outputs, y.float()),
        "accuracy",
    ),
    "inputs again": (linear(5), (rows()[0], rows()[0]), nn.MSELoss(), "r2"),
    "nothing that a score knows": (
        linear(3),
        (rows()[0], rows()[1].float()),
        lambda outputs, y: outputs.square().mean(),
        "negative_loss",
    ),
}


@pytest.mark.parametrize(("model", "train", "loss", "name"), SCORED.values(), ids=SCORED.keys())
def test_a_score_is_chosen_by_what_the_targets_are(model, train, loss, name):
    training = through(program(model=model, train=train, loss=loss))
    assert training.task.score.name == name
    assert np.isfinite(training.record[f"train_{name}"]).all()


@pytest.mark.parametrize(("model", "train", "loss", "name"), SCORED.values(), ids=SCORED.keys())
def test_classes_are_predicted_where_they_are_known_and_else_outputs_as_they_are(model, train, loss, name):
    run = conclude(through(program(model=model, train=train, loss=loss)))
    outputs = run.probabilities(train[0])
    is_classes = name == "accuracy" and outputs.ndim == 2
    np.testing.assert_array_equal(run.predict(train[0]), outputs.argmax(axis=1) if is_classes else outputs)


def test_validation_chooses_the_weights_and_test_scores_them():
    run = conclude(through(program(validation=rows(50), test=rows(30))))
    assert run.kept == "best"
    assert set(run.scores) == {"train", "validation", "test"}
    assert run.test.outputs.shape == (30, 2)
    assert run.scores["validation"]["loss"] == run.record["validation_loss"].min()


@pytest.mark.parametrize(("count", "size"), [(103, 32), (20, 20)])
def test_without_a_batch_size_it_is_the_loaders_or_32_or_all_rows(count, size):
    assert task_of_program(program(batch_size=None, train=rows(count))).plan.batch_size == size
    loader = DataLoader(TensorDataset(*rows(count)), batch_size=7)
    assert task_of_program(program(batch_size=None, train=loader)).plan.batch_size == 7


# what may stay in memory


def noisy(x):
    return x + 0.1 * torch.randn_like(x)


def rarely(x):
    return -x if random.random() < 0.01 else x


def with_numpy(x):
    return x * float(np.random.uniform(0.9, 1.1))


def private():
    generator = torch.Generator().manual_seed(0)
    return lambda x: x + torch.randn(5, generator=generator)


def engine_rows(given):
    return task_of_program(program(train=given)).rows["train"]


@pytest.mark.parametrize("change", [noisy, rarely, with_numpy, private()])
def test_random_augmentation_is_drawn_anew_each_time_and_never_frozen(change):
    assert isinstance(engine_rows(Rows(change)), Fetched)
    assert isinstance(engine_rows(DataLoader(Rows(change))), Fetched)


def test_augmented_rows_differ_from_epoch_to_epoch_and_repeat_with_the_seed():
    seen = []

    def noted(x):
        seen.append(noisy(x))
        return seen[-1]

    first = through(program(train=Rows(noted), epochs=2))
    assert len({tuple(x.tolist()) for x in seen}) > 2 * ROWS
    second = through(program(train=Rows(noisy), epochs=2))
    np.testing.assert_array_equal(first.record["step_loss"], second.record["step_loss"])


def test_rows_that_stay_the_same_are_kept_in_memory():
    assert isinstance(engine_rows(Rows()), Resident)
    assert isinstance(engine_rows(DataLoader(Rows())), Resident)


@pytest.mark.parametrize(("limit", "kind"), [(ROWS * 28, Resident), (ROWS * 28 - 1, Fetched)])
def test_rows_that_would_fill_the_memory_are_fetched(monkeypatch, limit, kind):
    monkeypatch.setattr("unstuck.training.torch_rows._IN_MEMORY", limit)  # a row is 5 floats and a whole number
    assert isinstance(engine_rows(Rows()), kind)


def test_batches_are_put_together_as_the_loader_does():
    def padded(pairs):
        width = max(int(x[0].abs() * 3) + 1 for x, _ in pairs)
        x = torch.stack([torch.cat([x, torch.zeros(width)]).sum(dim=0, keepdim=True).repeat(5) for x, _ in pairs])
        return x, torch.stack([y for _, y in pairs])

    loader = DataLoader(Rows(), batch_size=BATCH, collate_fn=padded)
    task = task_of_program(program(train=loader))
    x, _ = task.rows["train"].batch(torch.arange(4))
    assert torch.equal(x, padded([loader.dataset[row] for row in range(4)])[0])


def test_looking_at_random_rows_leaves_the_global_streams_alone():
    def states():
        return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()

    before = states()
    for change in (noisy, rarely, with_numpy):
        engine_rows(Rows(change))
    assert states() == before


# misuse


class Endless(IterableDataset):
    def __iter__(self):
        return iter(())


class Unsized(Dataset):
    def __getitem__(self, row):
        return rows()


class Triples(Rows):
    def __getitem__(self, row):
        return self.x[row], self.y[row], row


X, Y = rows()
MISUSE = [
    ({"train": (X, Y[:-1])}, "train must have as many targets as inputs, got 102 and 103."),
    ({"train": (X[:0], Y[:0])}, "train must have at least one row, got none."),
    ({"validation": (X[:0], Y[:0])}, "validation must have at least one row, got none."),
    ({"train": TensorDataset(X[:0], Y[:0])}, "train must have at least one row, got none."),
    ({"train": []}, "train must have at least one row, got none."),
    ({"train": DataLoader([])}, "train must have at least one row, got none."),
    ({"train": None}, "train must be (x, y) arrays or tensors, a torch Dataset or a DataLoader, got None."),
    ({"train": (X, Y + 1)}, "(outputs are of shape (rows, 2)). Classes must be 0 to 1, and are 1 to 2."),
    ({"train": (X, Y.float())}, "Class numbers must be whole: y.astype('int64')."),
    ({"train": X}, "train must be (x, y) arrays or tensors, a torch Dataset or a DataLoader, got Tensor."),
    ({"train": (X, Y, Y)}, "train must be (x, y) arrays or tensors, a torch Dataset or a DataLoader, got tuple."),
    ({"train": (X.tolist(), Y)}, "a torch Dataset or a DataLoader, got list in a tuple."),
    ({"train": (X, np.array(["a"] * ROWS))}, "train must hold numbers, got an array of <U1."),
    ({"train": (np.array([None] * ROWS), Y)}, "train must hold numbers, got an array of object."),
    ({"train": (torch.tensor(1.0), torch.tensor(1))}, "train must have rows, got a single number."),
    ({"train": Endless()}, "train must have rows that can be asked for by number, got an IterableDataset."),
    (
        {
            "train": DataLoader(
                TensorDataset(torch.zeros(4, 2), torch.zeros(4)), sampler=WeightedRandomSampler([1.0], 4)
            )
        },
        "train must be a DataLoader without a sampler of its own, got WeightedRandomSampler",
    ),
    ({"test": DataLoader(Endless())}, "test must have rows that can be asked for by number"),
    ({"train": Unsized()}, "train must say how many rows it has: give Unsized a __len__."),
    ({"train": Triples()}, "a batch must be a pair of tensors (x, y), got"),
    ({"model": 3}, "model must be a torch.nn.Module or a function that makes one, got int."),
    ({"model": lambda: 3}, "model must return an nn.Module, got int."),
    ({"model": lambda: nn.LSTM(5, 2, batch_first=True)}, "the model must return one tensor, got tuple."),
    ({"loss": None}, "outputs and targets, such as torch.nn.CrossEntropyLoss(), got NoneType."),
    (
        {"loss": nn.CrossEntropyLoss(reduction="none")},
        "the loss must be a tensor of one number, got a tensor of shape",
    ),
    ({"loss": lambda outputs, y: 3.0}, "the loss must be a tensor of one number, got float."),
    ({"optimizer": 0.1}, "lambda parameters: torch.optim.SGD(parameters, lr=0.1), got float."),
    (
        {"optimizer": lambda p: None},
        "optimizer must return a torch optimizer, got NoneType. Try lambda parameters:",
    ),
    ({"score": "accuracy"}, "score must be callable or None, got str."),
    ({"step": 1}, "step must be callable or None, got int."),
    ({"schedule": 0.1}, "schedule must be callable or None, got float."),
    ({"epochs": 0}, "epochs must be a whole number, 1 or more, got 0."),
    ({"epochs": 1.5}, "epochs must be a whole number, 1 or more, got 1.5."),
    ({"batch_size": 0}, "batch_size must be a whole number, 1 or more, got 0."),
    ({"batch_size": "32"}, "batch_size must be a whole number, 1 or more, got '32'."),
    ({"batch_size": ROWS + 1}, "batch_size must be at most 103, the number of training rows, got 104."),
]


@pytest.mark.parametrize(("changes", "words"), MISUSE)
def test_misuse_is_one_line_that_says_what_must_be(changes, words):
    with pytest.raises(ProgramError) as caught:
        through(program(**changes))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("seed", [-1, 0.5])
def test_a_bad_seed_is_one_line(seed):
    with pytest.raises(ProgramError, match=f"seed must be a whole number, 0 or more, got {seed}"):
        task_of_program(program(), seed=seed)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_one_line():
    with pytest.raises(
        ProgramError, match="device must be one that this machine has, got 'cuda'. Try cpu or auto."
    ):
        task_of_program(program(), device="cuda")


def test_an_unknown_device_is_one_line():
    with pytest.raises(ProgramError, match="device must be auto, cpu or cuda, got 'gpu'"):
        task_of_program(program(), device="gpu")
