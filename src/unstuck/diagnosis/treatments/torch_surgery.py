"""How a program's model is changed: its factory is wrapped, and each model that it makes is operated on.

Seeds draw the weights as before; what is not touched starts as in the program as given. Modules are replaced where
one does what is to be changed, and calls are answered otherwise where the forward's code does it.
"""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from types import MethodType
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from unstuck.diagnosis.treatments.torch_flow import (
    CUTTING,
    DROPOUTS,
    Call,
    Flow,
    Places,
    enter,
    flow,
    is_counted,
    leave,
    name_of,
    tensors,
)
from unstuck.evidence.facts import Facts
from unstuck.rng import torch_seed
from unstuck.training import torch_random
from unstuck.training.program import Program
from unstuck.training.torch_rows import Resident, rows_of

Operation = Callable[[nn.Module], nn.Module | None]

# Rows that a draft is tried on, of so many
_TRIED, _LOOKED_AT = 16, 256


class Wrapped(nn.Module):
    """A module inside another that is used in its place: whatever is not found here is looked up in it.

    Methods that are found there are this module's: a `training_step` that calls `self(x)` sees the treatment.
    """

    def __init__(self, model: nn.Module, **buffers: Tensor) -> None:
        super().__init__()
        for name, tensor in buffers.items():  # before the module is inside, which may have the same names
            self.register_buffer(name, tensor)
        self.model = model

    def forward(self, *inputs: Any) -> Any:
        """As the module inside."""
        return self.model(*inputs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            inner = self.__dict__.get("_modules", {}).get("model")
            if inner is None:
                raise
            found = getattr(inner, name)
            if isinstance(found, MethodType) and found.__self__ is inner:
                return MethodType(found.__func__, self)  # what it calls of the model is what is treated
            return found


class Slot(Wrapped):
    """A layer that a treatment puts in, for a call or beside one: other treatments' counts stay right."""

    def __init__(self, model: nn.Module, *, stands_for_one: bool) -> None:
        super().__init__(model)
        self.stands_for_one = stands_for_one

    def forward(self, *inputs: Any) -> Any:
        """As the layer."""
        enter(inputs[0], self.stands_for_one)
        output = self.model(*inputs)
        leave(inputs[0])
        return output


class Followed(Wrapped):
    """A module, and one more that takes its output."""

    def __init__(self, model: nn.Module, then: nn.Module) -> None:
        super().__init__(model)
        self.then = then

    def forward(self, *inputs: Any) -> Any:
        """One, then the other."""
        return self.then(self.model(*inputs))


class Answers(NamedTuple):
    """What is answered to calls of a forward pass.

    `instead` and `after` are by the call's place: a module for its first argument, and one for its result.
    `mode`: dropout and batch normalization obey train() and eval(). `joined`: nothing cuts the gradient.
    `undropped`: dropout lets all through.
    """

    instead: Mapping[int, Callable[[], nn.Module]] = {}
    after: Mapping[int, Callable[[], nn.Module]] = {}
    mode: bool = False
    joined: bool = False
    undropped: bool = False


class Rewired(Wrapped):
    """A module some of whose calls are answered otherwise."""

    def __init__(self, model: nn.Module, answers: Answers) -> None:
        super().__init__(model)
        self.answers = answers._replace(instead={}, after={})
        self.instead = nn.ModuleDict(
            {str(place): Slot(make(), stands_for_one=True) for place, make in answers.instead.items()}
        )
        self.after = nn.ModuleDict(
            {str(place): Slot(make(), stands_for_one=False) for place, make in answers.after.items()}
        )

    def forward(self, *inputs: Any) -> Any:
        """As the module inside, under the answers."""
        with _Answering(self, torch.is_grad_enabled()):
            return self.model(*inputs)


class _Answering(TorchFunctionMode):
    def __init__(self, wrapper: Rewired, differentiates: bool) -> None:
        super().__init__()
        self.wrapper, self.differentiates, self.places = wrapper, differentiates, Places()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, asked = kwargs or {}, self.wrapper.answers
        if func in (enter, leave):
            self.places.marked(func, args)
            return func(*args)
        place = str(self.places.next()) if is_counted(func, args) else ""
        if place in self.wrapper.instead:
            return self.wrapper.instead[place](next(tensors(args)))
        name = name_of(func, args)
        if asked.joined and place and name in CUTTING:  # torch.tensor of anything else has no place
            return _as_asked(next(tensors(args)), kwargs)
        if asked.undropped and name in DROPOUTS:
            return next(tensors(args))
        if asked.mode and (name in DROPOUTS or name == "batch_norm"):
            args, kwargs = _told(name, args, kwargs, self.wrapper.training)
        with torch.set_grad_enabled(self.differentiates if asked.joined else torch.is_grad_enabled()):
            result = func(*args, **kwargs)
        return self.wrapper.after[place](result) if place in self.wrapper.after else result


def _as_asked(given: Tensor, kwargs: Any) -> Tensor:
    """A tensor with its gradient, of the kind that a copy was asked to be."""
    kind = {name: kwargs[name] for name in ("dtype", "device") if kwargs.get(name) is not None}
    return given.to(**kind) if kind else given


def _told(name: str, args: Any, kwargs: Any, training: bool) -> tuple[Any, Any]:
    """A call's arguments with another mode."""
    place = 5 if name == "batch_norm" else 2
    if name == "batch_norm" and (args[1] if len(args) > 1 else kwargs.get("running_mean")) is None:
        return args, kwargs  # it keeps no statistics: there are none to use
    if len(args) > place:
        return (*args[:place], training, *args[place + 1 :]), kwargs
    return args, {**kwargs, ("train" if "train" in kwargs else "training"): training}


def made(model: Callable[[], nn.Module] | nn.Module) -> nn.Module:
    """The module that a training would start from."""
    return copy.deepcopy(model) if isinstance(model, nn.Module) else model()


def operated(model: Callable[[], nn.Module] | nn.Module, operation: Operation) -> nn.Module:
    """That module after an operation."""
    module = made(model)
    return operation(module) or module


def with_model(program: Program, operation: Operation) -> Program:
    """The program whose models are operated on."""
    return replace(program, model=partial(operated, program.model, operation))


class Draft(NamedTuple):
    """A model made to look at, and a batch for it."""

    model: nn.Module
    x: Tensor
    y: Tensor

    def flow(self, *, training: bool = True) -> Flow:
        """Its forward pass."""
        was, before = self.model.training, copy.deepcopy(self.model.state_dict())
        with torch_random.lent(torch.device("cpu")):
            found = flow(self.model.train(training), self.x)
        self.model.load_state_dict(before)
        self.model.train(was)
        return found

    @property
    def output(self) -> Tensor:
        """What the model says of the batch, in evaluation mode."""
        was = self.model.training
        with torch.no_grad(), torch_random.lent(torch.device("cpu")):
            output = self.model.eval()(self.x)
        self.model.train(was)
        return output


def draft(program: Program, facts: Facts) -> Draft:
    """A model of the program with a batch of its training rows; no random stream is moved."""
    with torch_random.lent(torch.device("cpu")):
        torch.manual_seed(torch_seed(0, "weights"))
        model = made(program.model).cpu()
        x, y = batch(program, facts)
    return Draft(model, x, y)


def batch(program: Program, facts: Facts) -> tuple[Tensor, Tensor]:
    """Some training rows, as the model and the loss get them; finite ones if there are any."""
    rows = rows_of(program.train, torch.device("cpu"), "train")
    if not isinstance(rows, Resident):
        return rows.batch(torch.arange(min(_TRIED, len(rows))))
    spread = np.unique(np.linspace(0, len(rows) - 1, min(_LOOKED_AT, len(rows))).astype(np.int64))
    rows = rows.take(spread)
    are_finite = rows.x.reshape(len(rows), -1).isfinite().all(dim=1)
    places = are_finite.nonzero().flatten() if are_finite.any() else torch.arange(len(rows))
    chosen = places[torch.linspace(0, len(places) - 1, min(_TRIED, len(places))).long()]
    x, y = rows.batch(chosen)
    return x.cpu(), y.cpu()


def batch_size(program: Program, facts: Facts) -> int:
    """Rows per step of the program, whatever treatments it has had."""
    own = program.batch_size or getattr(program.train, "batch_size", None)
    return own or min(32, facts.rows["train"])


def put(module: nn.Module, name: str, part: nn.Module) -> nn.Module:
    """Another part at a name, wherever the old one is used; the module, or the part where the name is empty."""
    if not name:
        return part
    old = module.get_submodule(name)
    for owner in [*module.modules()]:
        for key, child in [*vars(owner)["_modules"].items()]:
            if child is old:
                setattr(owner, key, part)
    return module


class Change(NamedTuple):
    """What to do about one call: another module for it, or one after it, and how that reads."""

    call: Call
    make: Callable[[], nn.Module]
    is_after: bool = False


def changed(
    module: nn.Module, changes: tuple[tuple[str, Callable[[], nn.Module], bool], ...], answers: Answers
) -> nn.Module:
    """An operation: parts replaced, or followed, by name; then calls answered otherwise."""
    for name, make, is_after in changes:
        old = module.get_submodule(name)
        if is_after:
            part = Followed(old, Slot(make(), stands_for_one=False))
        else:
            part = make() if _is_put(module, name) else Slot(make(), stands_for_one=True)
        module = put(module, name, part)
    return Rewired(module, answers) if answers != Answers() else module


def _is_put(module: nn.Module, name: str) -> bool:
    """Whether a treatment put the part there."""
    words = name.split(".")
    return any(isinstance(module.get_submodule(".".join(words[:end])), Slot) for end in range(len(words) + 1))


def plan(module: nn.Module, found: Flow, changes: Iterable[Change]) -> Operation | None:
    """The operation that makes all changes: in the module where it makes that call alone, else in the call."""
    todo = [*changes]
    by_call = {change.call.number: change for change in todo}
    parts: dict[str, tuple[str, Callable[[], nn.Module], bool]] = {}
    instead: dict[int, Callable[[], nn.Module]] = {}
    after: dict[int, Callable[[], nn.Module]] = {}
    for change in todo:
        calls = [call for call in found.calls if call.owner == change.call.owner]
        is_own = bool(change.call.owner) and is_layer(module.get_submodule(change.call.owner))
        is_same = all(
            call.number in by_call and by_call[call.number].is_after == change.is_after for call in calls
        )
        if is_own and is_same:
            parts[change.call.owner] = (change.call.owner, change.make, change.is_after)
        else:
            assert change.call.place is not None
            (after if change.is_after else instead)[change.call.place] = change.make
    if not todo:
        return None
    return partial(changed, changes=tuple(parts.values()), answers=Answers(instead, after))


def is_layer(module: nn.Module) -> bool:
    """Whether it is one of torch's own layers, with nothing inside."""
    return type(module).__module__.startswith("torch.nn.modules") and not [*module.children()]


def class_line(module: nn.Module) -> str:
    """A module as code would make it, such as Linear(in_features=4, out_features=2)."""
    return f"nn.{module}" if is_layer(module) else f"{type(module).__name__}(…)"


def site(module: nn.Module, call: Call) -> str:
    """A call as code has it: its layer, or the function by name."""
    part = module.get_submodule(call.owner)
    if call.owner and is_layer(part):
        return f"{call.owner} = nn.{part}"
    where = f"  # in {type(part).__name__}.forward"
    return f"torch.{call.name}(…){where}"


def runs(program: Program, facts: Facts, shape: tuple[int, ...] | None = None) -> bool:
    """Whether the program's model takes a batch, and gives an output of that shape."""
    try:
        look = draft(program, facts)
        with torch.no_grad(), torch_random.lent(torch.device("cpu")):
            output = cast(Tensor, look.model(look.x))
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError):
        return False
    return shape is None or tuple(output.shape) == shape
