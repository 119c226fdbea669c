"""One model trained by several processes, to one process's results: each does its part of every batch.

The first process is the ordinary training, whose engine tells the others what to do: `Leader`. So when a stretch
ends, when the rate falls, when to stop and what is written is decided once, and the others, who only `follow`,
need no folder, no clock and no recipe of their own.
"""

import copy
import math
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, distributed, nn

from unstuck.data import Dataset, Scaling, load_for
from unstuck.engine import Arrays, Engine, Evaluation
from unstuck.errors import RecipeError, RunError
from unstuck.network.torch_module import Dropout
from unstuck.recipe import file
from unstuck.recipe.model import Own
from unstuck.recipe.spec import Recipe
from unstuck.training import torch_random
from unstuck.training.archive import packed, unpacked
from unstuck.training.task import Task, task_of_recipe
from unstuck.training.torch_engine import Batch, TorchEngine
from unstuck.training.torch_loss import WeighedLoss
from unstuck.training.transfer import LIBRARIES

# A process that has died is noticed at once, by its closed connection. This long is waited for one that lives and
# says nothing: the first one's evaluations and pictures have to fit in. torch's own default for gloo.
_PATIENCE = timedelta(minutes=30)
_WHERE = "where several processes train one model"
_GONE = "another process of this training is gone or silent. To go on from the last checkpoint: unstuck resume RUN"
# Bytes of what a process says of a failed step.
_LINE = 400

Order = Literal["make", "restore", "advance", "trouble", "end"]
_ORDERS: tuple[Order, ...] = ("make", "restore", "advance", "trouble", "end")


@dataclass(eq=False)
class Team:
    """The processes, and what they say to each other.

    Args:
        rank: this one's number; 0 leads.
        count: how many there are.
        torn: whether something was broken off, after which nobody knows who waits for what.
    """

    rank: int
    count: int
    torn: bool = False

    def part(self, rows: int) -> slice:
        """Which rows of a batch are this process's: the first process has some whenever anybody has."""
        first, stop = (-(-rows * rank // self.count) for rank in (self.rank, self.rank + 1))
        return slice(first, stop)

    @contextmanager
    def whole(self) -> Generator[None]:
        """What must not be broken off, by Ctrl-C or an error, if anything is to be said after it."""
        self.torn = True
        yield
        self.torn = False

    def say(self, order: Order, arrays: Arrays | None = None) -> None:
        """Tell the others what to do; safetensors and no pickle, so that no code can travel."""
        content = torch.frombuffer(bytearray(packed(arrays or {})), dtype=torch.uint8)
        _passed(distributed.broadcast, torch.tensor([_ORDERS.index(order), len(content)]), 0)
        _passed(distributed.broadcast, content, 0)

    def hear(self) -> tuple[Order, Arrays]:
        """What the first process says."""
        head = torch.zeros(2, dtype=torch.int64)
        _passed(distributed.broadcast, head, 0)
        number, size = head.tolist()
        content = torch.zeros(size, dtype=torch.uint8)
        _passed(distributed.broadcast, content, 0)
        return _ORDERS[number], unpacked(content.numpy().tobytes(), Path("what the first process said"))

    def lines(self, said: str | None) -> list[str]:
        """What each process says, in order; empty where that is nothing."""
        content = (said or "").encode()[:_LINE].ljust(_LINE)
        every = [torch.zeros(_LINE, dtype=torch.uint8) for _ in range(self.count)]
        _passed(distributed.all_gather, every, torch.frombuffer(bytearray(content), dtype=torch.uint8))
        return [line.numpy().tobytes().decode(errors="ignore").strip() for line in every]

    def average(self, parameters: list[nn.Parameter], total: Tensor, count: float) -> Tensor:
        """The mean loss over all rows; the gradients of the sum become the gradients of that mean.

        One sum of one vector: all gradients, a number per parameter that says whether anybody has one (what has
        none an optimizer passes by), the loss and the count. torch's DistributedDataParallel takes the plain mean
        over processes, which is wrong where their rows are not as many, or do not count the same.
        """
        moving = [parameter for parameter in parameters if parameter.requires_grad]
        has = [float(parameter.grad is not None) for parameter in moving]
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in moving]
        numbers = torch.cat([torch.tensor(has), total.reshape(1).float(), torch.tensor([count])])
        flat = torch.cat([*(gradient.reshape(-1) for gradient in gradients), numbers])
        _passed(distributed.all_reduce, flat)
        flat[: -len(numbers)] /= flat[-1]
        *had, loss, rows = flat[-len(numbers) :].unbind()
        pieces = flat[: -len(numbers)].split([gradient.numel() for gradient in gradients])
        for parameter, gradient, piece, anybody in zip(moving, gradients, pieces, had, strict=True):
            parameter.grad = gradient.copy_(piece.view_as(gradient)) if anybody else None
        return loss / rows

    def live(self, recipe: Recipe, dataset: Dataset | None = None, **how: Any) -> Task:
        """The recipe made live in all processes, as `task_of_recipe` does it in one; `how` is for that."""
        task = task_of_recipe(_chosen(recipe), dataset, **how)
        assert isinstance(task.engine, TorchEngine)
        assert task.recipe
        assert task.dataset
        _check(task.engine, task.recipe)
        said = {"recipe": file.dumps(task.recipe), "data": task.dataset.fingerprint}
        arrays = {name: np.frombuffer(text.encode(), np.uint8) for name, text in said.items()}
        if task.recipe.data.scaling == "source":
            arrays |= {"shift": task.dataset.inputs.shift, "factor": task.dataset.inputs.factor}
        with self.whole():
            self.say("make", arrays)
        leader: Engine = Leader(_sharing(task.engine, self), self)
        leader.restore(leader.weights(), leader.memory())  # also where weights came from a transfer's source
        return replace(task, engine=leader)


def _passed(collective: Callable[..., Any], *arguments: Any) -> None:
    try:
        collective(*arguments)
    except RuntimeError:  # gloo's own words name addresses and C++ lines
        raise RunError(_GONE) from None


@dataclass(eq=False)
class Leader:
    """The first process's engine: what it does to the network, the others do too."""

    engine: TorchEngine
    team: Team

    @property
    def name(self) -> str:
        """As in the training's summary."""
        return f"{self.engine.name} in {self.team.count} processes"

    @property
    def notes(self) -> list[str]:
        """The engine's, and how many processes it was."""
        return [*self.engine.notes, f"trained by {self.team.count} processes, each on its part of every batch"]

    def advance(self, order: np.ndarray, factors: np.ndarray, done: int) -> np.ndarray:
        """Train on consecutive batches, as `Engine` says, all processes together."""
        with self.team.whole():
            self.team.say("advance", {"order": order, "factors": factors, "done": np.array(done)})
            return self.engine.advance(order, factors, done)

    def evaluate(self, rows: Any) -> Evaluation:
        """By this process alone: the others wait."""
        return self.engine.evaluate(rows)

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """By this process alone."""
        return self.engine.outputs(x)

    def trouble(self) -> str | None:
        """By the first process that found any in its rows."""
        with self.team.whole():
            self.team.say("trouble")
            return next((line for line in self.team.lines(self.engine.trouble()) if line), None)

    def weights(self) -> Arrays:
        """The same in all processes."""
        return self.engine.weights()

    def memory(self) -> Arrays:
        """The same in all processes."""
        return self.engine.memory()

    def restore(self, weights: Arrays, memory: Arrays | None = None) -> None:
        """Put copies back, in all processes; in this one alone where the others cannot hear any more."""
        self.engine.restore(weights, memory)
        if self.team.torn:
            return
        arrays = {f"weights:{name}": value for name, value in weights.items()}
        arrays |= {f"memory:{name}": value for name, value in (memory or {}).items()}
        with self.team.whole():
            self.team.say("restore", arrays)


@contextmanager
def joined(rank: int, count: int) -> Generator[Team]:
    """The group of processes, by the environment that torchrun sets; dissolved at the end."""
    team = Team(rank, count)
    try:
        distributed.init_process_group("gloo", timeout=_PATIENCE)
    except (RuntimeError, ValueError) as error:
        said = " ".join(str(error).split())
        raise RunError(f"the processes that torchrun started do not find each other: {said}") from None
    before = signal.getsignal(signal.SIGTERM)
    # torchrun says SIGTERM where one process says Ctrl-C
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield team
    finally:
        if rank == 0 and not team.torn:
            team.say("end")
        distributed.destroy_process_group()
        signal.signal(signal.SIGTERM, before)


def follow(team: Team) -> None:
    """Do what the first process says, until it says that it was all. Ctrl-C is that one's to decide on."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    engine: TorchEngine | None = None
    while (said := team.hear())[0] != "end":
        order, arrays = said
        if order == "make":
            engine = _made(team, arrays)
            continue
        assert engine
        if order == "advance":
            engine.advance(arrays["order"], arrays["factors"], int(arrays["done"]))
        elif order == "restore":
            memory = _named("memory:", arrays)
            engine.restore(_named("weights:", arrays), memory or None)
        else:
            has_rows = engine.last is not None and len(engine.last) > 0
            team.lines(engine.trouble() if has_rows else None)


def _named(start: str, arrays: Arrays) -> Arrays:
    return {name.removeprefix(start): value for name, value in arrays.items() if name.startswith(start)}


def _made(team: Team, said: Arrays) -> TorchEngine:
    """The first process's engine, made here; its weights are sent afterwards."""
    recipe = _chosen(file.parse(Recipe, said["recipe"].tobytes().decode()))
    dataset = load_for(recipe, Scaling(said["shift"], said["factor"]) if "shift" in said else None)
    if dataset.fingerprint != said["data"].tobytes().decode():
        raise RunError("every process must read the same data, and this one's have another fingerprint.")
    engine = task_of_recipe(recipe, dataset, resumed=True).engine
    assert isinstance(engine, TorchEngine)
    return _sharing(engine, team)


def _sharing(engine: TorchEngine, team: Team) -> TorchEngine:
    """The engine, doing this process's part of every batch."""
    dropouts = [module for module in engine.model.modules() if isinstance(module, Dropout)]
    engine.setting = replace(engine.setting, augment=partial(_part, team, dropouts, engine.setting.augment))
    engine.step = _Step(engine, team)
    return engine


def _part(
    team: Team, dropouts: list[Dropout], augment: Batch | None, x: Tensor, y: Tensor
) -> tuple[Tensor, Tensor]:
    """This process's rows. All are augmented in every process: so the draws, and the mixtures, are one's own."""
    if augment:
        x, y = augment(x, y)
    rows = team.part(len(x))
    for dropout in dropouts:
        dropout.rows_before = rows.start
    return x[rows], y[rows]


@dataclass(eq=False)
class _Step:
    """A step as the engine has it, of the mean over all rows; a last batch may leave none of them here."""

    engine: TorchEngine
    team: Team

    def __call__(
        self, model: nn.Module, x: Tensor, y: Tensor, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer
    ) -> Tensor:
        """As a program's own step: it gives the loss."""
        assert isinstance(loss, WeighedLoss)
        setting = self.engine.setting
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        for parameter in parameters:
            parameter.grad = None
        total, count = torch.zeros(()), 0.0
        if len(x):
            count = loss.count(y)
            with torch.autocast("cpu", torch.bfloat16, enabled=setting.precision == "bf16"):
                total = count * loss(self.engine.forward(x), y)
            total.backward()
        mean = self.team.average(parameters, total.detach(), count)
        if math.isfinite(mean):  # the same number in every process, and so the same decision
            if setting.clip_norm is not None:
                nn.utils.clip_grad_norm_(model.parameters(), setting.clip_norm)
            optimizer.step()
        return mean


def _chosen(recipe: Recipe) -> Recipe:
    """The recipe with engine and device decided, or refused."""
    if recipe.engine not in ("torch", "auto"):
        raise RecipeError("engine", f"be torch or auto {_WHERE}", recipe.engine)
    if recipe.device == "cuda":
        raise RecipeError("device", f"be cpu or auto {_WHERE}", "cuda")
    # Code runs where somebody typed its name, and never because another process says so.
    if isinstance(recipe.model, Own) and recipe.model.function.partition(":")[0] not in LIBRARIES:
        raise RecipeError("model", f"be a recipe's or a library's {_WHERE}", recipe.model.function)
    return recipe.edit("engine", "torch").edit("device", "cpu")


def _check(engine: TorchEngine, recipe: Recipe) -> None:
    """Refuse a network that is another one where its rows are apart."""
    for module in engine.model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            hint = "Each process would normalize its own part of a batch."
            if getattr(recipe.model, "normalization", None) == "batch":
                raise RecipeError("model.normalization", f"be group or layer {_WHERE}", "batch", hint=hint)
            must = f"have group or layer normalization {_WHERE}"
            raise RecipeError("the model", must, type(module).__name__, hint=hint)
    model = copy.deepcopy(engine.model).train()
    with torch_random.lent(engine.device) as before, torch.no_grad():
        model(engine.rows.batch(torch.arange(min(2, len(engine.rows))))[0])
        if not torch_random.same(before, torch_random.current(engine.device)):
            field = "model.dropout" if hasattr(recipe.model, "dropout") else "the model"
            must = f"be 0 {_WHERE}" if hasattr(recipe.model, "dropout") else f"draw no random numbers {_WHERE}"
            hint = "What it drops would depend on how many there are."
            raise RecipeError(field, must, getattr(recipe.model, "dropout", recipe.model.name), hint=hint)
