"""What a program's step does: its gradient against the plain one, its updates, its mode; on copies."""

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unstuck.errors import ProgramError
from unstuck.evidence.evidence import Column, Evidence
from unstuck.evidence.torch_facts import quiet, task_of
from unstuck.training import torch_random
from unstuck.training.from_program import batch_size
from unstuck.training.program import Program
from unstuck.training.torch_engine import Setting, TorchEngine, device_named
from unstuck.training.torch_rows import rows_of

_CALLS, _UPDATES = 64, 2  # at most so many calls of the step, to see so many updates
_OF_RATES = 16  # updates from which it is told what becomes of a rate: what ends at a floor soon gets there
_SAME = 1e-6  # of two factors of a rate: a scheduler's own arithmetic
_PARALLEL = 1e-4  # distance of two directions, from which float32 tells a share to 1e-3, its 1e-7 over that

Vector = dict[str, Tensor]


@dataclass
class Call:
    """One call of the step: what it was given, and what was seen of it.

    Args:
        x: inputs (B, …).
        y: targets (B, …).
        before: the model's state.
        random: the random streams before it.
        modes: whether each forward pass with a gradient was in training mode.
        compared: outputs and targets that the loss was given, if it was.
    """

    x: Tensor
    y: Tensor
    before: dict[str, Tensor]
    random: torch_random.States
    modes: list[bool] = field(default_factory=list)
    compared: tuple[Tensor, Tensor] | None = None
    updates: int = 0


@dataclass
class Update:
    """One call of optimizer.step: the gradient it found, what came by backward since the last, and the move.

    What is expected is the sum of the plain gradients of so many batches.
    """

    found: Vector
    came: Vector
    moved: Vector = field(default_factory=dict)
    expected: Vector = field(default_factory=dict)
    batches: int = 0


class Spy:
    """Calls a program's step on batches of its own, until it has made so many updates, and keeps what it does."""

    def __init__(self, program: Program, seed: int, updates: int = _UPDATES) -> None:
        task = task_of(program, seed=seed)
        self._enough = updates
        self.engine: Any = task.engine
        self.program, self.plan = program, task.plan
        self.twin = engine_of(program, seed).model
        self.start = _state(self.engine.model)
        self.calls: list[Call] = []
        self.updates: list[Update] = []
        self.plain: list[Vector] = []
        self._expected: Vector = {}
        self._since = 0
        self.rates = [self._rates()]
        self.refused = ""
        self._came: Vector = {}
        with quiet(), torch_random.lent(self.engine.device), ExitStack() as hooks:
            for handle in self._hooks():
                hooks.callback(handle.remove)
            self._watch()

    def _hooks(self) -> list[Any]:
        model, optimizer = self.engine.model, self.engine.optimizer
        handles = [
            model.register_forward_pre_hook(self._note_mode),
            optimizer.register_step_pre_hook(self._before_update),
            optimizer.register_step_post_hook(self._after_update),
        ]
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                handles.append(parameter.register_hook(self._adder(name)))
        return handles

    def _watch(self) -> None:
        engine = self.engine
        torch_random.put(engine.random)
        step = self.program.step or usual_step
        engine.model.train()
        for rows in islice(self._batches(), _CALLS):
            x, y = engine.rows.batch(rows)
            self.calls.append(Call(x, y, _state(engine.model), torch_random.current(engine.device)))
            seen = len(self.updates)
            try:
                value = step(engine.model, x, y, self._loss, engine.optimizer)
            except (RuntimeError, IndexError, ValueError, TypeError, AttributeError) as error:
                self.refused = " ".join(str(error).split())
                if "does not require grad" not in self.refused:
                    raise ProgramError(self._said(len(x))) from error
                break
            if not (isinstance(value, Tensor) and value.numel() == 1):
                got = type(value).__name__
                raise ProgramError(f"step must return the loss, a tensor of one number, got {got}.")
            self._compare(self.updates[seen:])
            self.rates.append(self._rates())
            if len(self.updates) >= self._enough or not math.isfinite(value.detach()):
                break

    def _rates(self) -> list[float]:
        return [float(group["lr"]) for group in self.engine.optimizer.param_groups]

    def _said(self, rows: int) -> str:
        if self.program.step:
            return f"step must train on (model, x, y, loss, optimizer); it said: {self.refused}"
        return f"model must train on batches of batch_size = {rows}; it said: {self.refused}"

    def _batches(self) -> Iterator[Tensor]:
        for epoch in count():
            yield from torch.from_numpy(self.plan.order(epoch)).to(self.engine.device).split(self.plan.batch_size)

    def _compare(self, updates: list[Update]) -> None:
        """Give the first of some updates the plain gradient of all batches since the one before."""
        call = self.calls[-1]
        self.plain.append(self.plain_gradient(call))
        if len(self.calls) > 1:
            call.before = {}
        self._expected = _sum([self._expected, self.plain[-1]])
        self._since += 1
        for update in updates:
            update.expected, self._expected = self._expected, {}
            update.batches, self._since = self._since, 0

    def _loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self.calls[-1].compared = outputs.detach(), targets.detach()
        return self.engine.loss(outputs, targets)

    def _note_mode(self, model: nn.Module, inputs: Any) -> None:
        if torch.is_grad_enabled():
            self.calls[-1].modes.append(model.training)

    def _adder(self, name: str) -> Callable[[Tensor], None]:
        def add(gradient: Tensor) -> None:
            self._came[name] = self._came.get(name, 0) + gradient.detach().clone()

        return add

    def _before_update(self, *_: Any) -> None:
        named = dict(self.engine.model.named_parameters())
        held = {id(part) for group in self.engine.optimizer.param_groups for part in group["params"]}
        found = {
            name: part.grad.detach().to_dense().clone()
            for name, part in named.items()
            if part.grad is not None and id(part) in held
        }
        self.calls[-1].updates += 1
        self.updates.append(Update(found, self._came, _parameters(self.engine.model)))
        self._came = {}

    def _after_update(self, *_: Any) -> None:
        before = self.updates[-1].moved
        self.updates[-1].moved = {
            name: value - before[name] for name, value in _parameters(self.engine.model).items()
        }

    def plain_gradient(self, call: Call) -> Vector:
        """Of a call's batch, from where the model was before it, in the mode that the step's forward pass had."""
        self.twin.load_state_dict(call.before)
        self.twin.train(all(call.modes))
        return plain_gradient(self.twin, self.engine.loss, call.x, call.y, call.random)


def usual_step(
    model: nn.Module, x: Tensor, y: Tensor, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer
) -> Tensor:
    """As everybody writes it."""
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    optimizer.step()
    return value


def plain_gradient(
    model: nn.Module, loss: Callable[..., Tensor], x: Tensor, y: Tensor, random: torch_random.States
) -> Vector:
    """Of the loss of some rows, by name; what gets none has no entry, and where nothing does it is empty."""
    named = {name: part for name, part in model.named_parameters() if part.requires_grad}
    with torch_random.lent(x.device), warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        torch_random.put(random)
        value = loss(model(x), y)
        if not value.requires_grad or not named:
            return {}
        gradients = torch.autograd.grad(value, [*named.values()], allow_unused=True)
    found: dict[str, Tensor | None] = dict(zip(named, gradients, strict=True))
    return {name: gradient.detach().to_dense() for name, gradient in found.items() if gradient is not None}


def of_steps(spy: Spy) -> Evidence:
    """What the spy saw, as numbers: updates per call, and gradients against plain ones."""
    cosines = [_cosine(update.found, update.expected) for update in spy.updates]
    downhill = [-_cosine(update.moved, update.expected) for update in spy.updates]
    lengths = [(_norm(update.found), _norm(update.expected)) for update in spy.updates]
    ratios = [found / expected if expected else np.nan for found, expected in lengths]
    first = next((update.batches for update in spy.updates), 0)
    modes = [mode for call in spy.calls for mode in call.modes]
    groups = spy.engine.optimizer.param_groups
    columns = {
        "step_updates": Column(np.array([float(call.updates) for call in spy.calls]), "updates per call"),
        "step_gradient_cosine": Column(np.array(cosines), "cosine"),
        "step_gradient_ratio": Column(np.array(ratios), "share of the plain gradient's length"),
        "step_batches": Column(np.array(float(first) or np.nan), "batches of the first update"),
        "step_gradient_carried": Column(np.array(_carried(spy.updates)), "share of the gradient before"),
        "step_update_cosine": Column(np.array(downhill), "cosine"),
        "step_training": Column(np.array(np.mean(modes) if modes else np.nan), "share of forward passes"),
        "step_refused": Column(np.array(float(bool(spy.refused))), "whether", (spy.refused,) * bool(spy.refused)),
        "optimizer_maximizes": Column(
            np.array(np.mean([bool(group.get("maximize", False)) for group in groups])), "share of groups"
        ),
    }
    return Evidence(columns)


def rate_kept(program: Program, *, seed: int) -> float:
    """The factor by which each call of a step of the user's own makes the rate of every group smaller.

    It is 1 where some call, or for some group, leaves the rate alone, raises it, or has another factor.
    """
    if program.step is None:
        return 1.0
    told = Spy(program, seed, updates=_OF_RATES).rates
    if len(told) <= _UPDATES or len({len(groups) for groups in told}) > 1:
        return 1.0
    rates = np.array(told, dtype=np.float64)  # calls + 1, groups
    if not (rates > 0).all():
        return 1.0
    factors = rates[1:] / rates[:-1]
    return float(factors.max()) if np.allclose(factors, factors[0], rtol=_SAME) and factors.max() < 1 else 1.0


def _carried(updates: list[Update]) -> float:
    """How much of what came before the first update is in the gradient at the second, by least squares.

    Not known where the two point the same way, as where all but one number is 0: any share explains it then.
    """
    if len(updates) < _UPDATES:
        return np.nan
    names = sorted(updates[1].found.keys() & updates[1].came.keys() & updates[0].came.keys())
    if not names:
        return np.nan
    found, new, old = (_flat(part, names) for part in (updates[1].found, updates[1].came, updates[0].came))
    if not (np.isfinite([found, new, old]).all() and old.any() and new.any()):
        return np.nan
    apart = new / np.linalg.norm(new) - np.sign(new @ old) * old / np.linalg.norm(old)
    if not np.linalg.norm(apart) > _PARALLEL:
        return np.nan
    (of_new, of_old), *_ = np.linalg.lstsq(np.stack([new, old], axis=1), found, rcond=1e-9)
    return float(of_old / of_new) if of_new else np.nan


def engine_of(program: Program, seed: int) -> TorchEngine:
    """A new engine, at the start of a training, without what a whole task looks at."""
    device = device_named("auto")
    with quiet(), torch_random.lent(device):
        rows = rows_of(program.train, device, "train")
        size = batch_size(program, rows)
        return TorchEngine.make(program, rows, batch_size=size, seed=seed, setting=Setting(device=device))


def _state(model: nn.Module) -> dict[str, Tensor]:
    return {
        name: value.detach().clone() if isinstance(value, Tensor) else value
        for name, value in model.state_dict().items()
    }


def _parameters(model: nn.Module) -> Vector:
    return {name: part.detach().clone() for name, part in model.named_parameters()}


def _sum(vectors: list[Vector]) -> Vector:
    total: Vector = {}
    for vector in vectors:
        for name, value in vector.items():
            total[name] = total[name] + value if name in total else value
    return total


def _flat(vector: Vector, names: list[str]) -> np.ndarray:
    return torch.cat([vector[name].reshape(-1).double() for name in names]).cpu().numpy()


def _norm(vector: Vector) -> float:
    return float(sum(float(value.double().square().sum()) for value in vector.values()) ** 0.5)


def _cosine(ours: Vector, theirs: Vector) -> float:
    both = sorted(ours.keys() & theirs.keys())
    dot = sum(float((ours[name].double() * theirs[name].double()).sum()) for name in both)
    lengths = _norm(ours) * _norm(theirs)
    return float(dot / lengths) if lengths > 0 else np.nan
