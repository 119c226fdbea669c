"""How a program is wired: its step, its parameters, its outputs, its objective; measured on copies of its own."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules import module as modules

from unstuck.errors import REFUSALS
from unstuck.evidence.evidence import Column, Evidence, word
from unstuck.evidence.facts import Facts
from unstuck.evidence.torch_facts import quiet, spread
from unstuck.evidence.torch_gradient import of_gradient
from unstuck.evidence.torch_optimizer import held_by
from unstuck.evidence.torch_outputs import of_outputs
from unstuck.evidence.torch_sense import of_sense
from unstuck.evidence.torch_steps import Call, Spy, Vector, engine_of, of_steps
from unstuck.evidence.torch_unsaid import of_unsaid
from unstuck.training import torch_random
from unstuck.training.program import Program

_LOOKED_AT = 64  # rows whose outputs are looked at
_MOVED = 0.1  # of a parameter's size, to see whether outputs feel it


def of_wiring(program: Program, facts: Facts, *, seed: int) -> Evidence:
    """Two updates of the program's own step on copies, what its parameters do, and what its outputs can be.

    Neither the user's objects nor the global random streams are touched.
    """
    spy = Spy(program, seed)
    engine = engine_of(program, seed)
    x, y = engine.rows.batch(torch.from_numpy(spread(len(engine.rows), _LOOKED_AT)).to(engine.device))
    return (
        of_steps(spy)
        | _of_parameters(spy)
        | _of_statistics(spy, facts)
        | _of_loss(spy, facts)
        | of_outputs(engine.model, x, y, facts)
        | _of_objective(facts, y)
        | of_sense(engine.loss, y, facts)
        | of_unsaid(engine.loss, _compared(spy, y), facts, spy.calls[0].compared)
        | of_gradient(program, seed=seed)
    )


def _of_parameters(spy: Spy) -> Evidence:
    model = spy.engine.model
    named = dict(model.named_parameters())
    held = {id(part) for group in spy.engine.optimizer.param_groups for part in group["params"]}
    moved = held_by(spy.engine.optimizer)
    called, strange, loose = _reached(spy.twin, spy.calls[0])
    now = {name: part.detach() for name, part in named.items()}
    measured = {
        "parameter_numbers": ([part.numel() for part in named.values()], "numbers"),
        "parameter_trainable": ([part.requires_grad for part in named.values()], "whether"),
        "parameter_optimized": ([id(part) in moved for part in named.values()], "whether"),
        "parameter_used": ([_owner(name) in called or name in loose for name in named], "whether"),
        "parameter_gradient": ([_length(spy.plain, name) for name in named], "length"),
        "parameter_moved": ([_change(now[name], spy.start[name]) for name in named], "share of its length"),
    }
    ours = {id(part) for part in named.values()}
    columns = {name: Column(np.array(values, float), unit, (*named,)) for name, (values, unit) in measured.items()}
    columns["optimizer_strangers"] = Column(np.array(float(len(held - ours))), "parameters")
    reached = {name for vector in (*spy.plain, *(one.came for one in spy.updates)) for name in vector}
    cut = [name for name, part in named.items() if part.requires_grad and name not in reached]
    columns["cut_felt"] = Column(np.array(_felt(spy.twin, spy.calls[0], cut)), "share of outputs' spread")
    columns["unregistered"] = Column(np.array([float(count) for _, count in strange]), "numbers", _names(strange))
    return Evidence(columns)


def _of_statistics(spy: Spy, facts: Facts) -> Evidence:
    """Of batch normalizations that train: what a training leaves of their first statistics, and their momentum."""
    found: dict[str, tuple[float, float]] = {}
    if all(mode for call in spy.calls for mode in call.modes) and spy.updates:
        called, *_ = _reached(spy.twin, spy.calls[0])
        now = spy.engine.model.state_dict()
        for name, part in spy.engine.model.named_modules():
            if {f"{name}.running_mean", f"{name}.running_var"} <= {*now} and part.training and name in called:
                momentum = getattr(part, "momentum", None)
                found[name] = _left(spy, facts, name, now), np.nan if momentum is None else float(momentum)
    values = np.array([*found.values()], float).reshape(-1, 2)
    return Evidence(
        {
            "statistics_left": Column(values[:, 0], "share of what they began with", (*found,)),
            "statistics_momentum": Column(values[:, 1], "share of a batch's", (*found,)),
        }
    )


def _left(spy: Spy, facts: Facts, name: str, now: dict[str, Tensor]) -> float:
    """After all training, in which each step makes as many passes as those seen; 1 where nothing moved."""
    keys = f"{name}.running_mean", f"{name}.running_var"
    if all(torch.equal(now[key], spy.start[key]) for key in keys):
        return 1.0
    counter = f"{name}.num_batches_tracked"
    passes = float(now[counter] - spy.start[counter]) / len(spy.calls) if counter in now else 1.0
    part = spy.engine.model.get_submodule(name)
    mean, variance = (spy.start[key] for key in keys)
    return left_of(part, mean, variance, passes=passes * facts.steps_per_epoch * facts.epochs)


def left_of(part: nn.Module, mean: Tensor, variance: Tensor, *, passes: float) -> float:
    """Share of a normalization's first statistics that passes leave, each of them 1 - momentum of it.

    It is 0 where they were learned before, and where momentum is None: then they are the mean over all passes.
    """
    momentum = getattr(part, "momentum", None)
    if momentum is None or mean.any() or (variance != 1).any():
        return 0.0
    return float(1 - momentum) ** passes if 0 <= momentum < 1 else 0.0


def _names(strange: list[tuple[str, int]]) -> tuple[str, ...]:
    return tuple(name for name, _ in strange)


def _owner(name: str) -> str:
    return name.rpartition(".")[0]


def _length(plain: list[Vector], name: str) -> float:
    """Of the longest gradient; NaN where no loss depends on the parameter."""
    return max((float(vector[name].norm()) for vector in plain if name in vector), default=np.nan)


def _felt(model: nn.Module, call: Call, names: list[str]) -> float:
    """By how much outputs change when parameters that no gradient reaches are moved; 0 if there are none."""
    if not names:
        return 0.0
    outputs: list[Tensor] = []
    for share in (0.0, _MOVED):
        model.load_state_dict(call.before)
        model.train(all(call.modes))
        with quiet(), torch_random.lent(call.x.device), torch.no_grad():
            torch_random.put(call.random)
            for name in names:
                part = model.get_parameter(name)
                size = part.abs().square().mean().sqrt()
                part += share * torch.where(size > 0, size, 1) * torch.randn_like(part)
            torch_random.put(call.random)
            outputs.append(model(call.x).double())
    before, after = outputs
    return float((after - before).abs().max() / before.std().clamp_min(1e-12)) if before.numel() > 1 else 0.0


def _change(now: Tensor, before: Tensor) -> float:
    length = float(before.double().norm())
    moved = float((now.double() - before.double()).norm())
    return moved / length if length else moved


def _reached(model: nn.Module, call: Call) -> tuple[set[str], list[tuple[str, int]], set[str]]:
    """Modules that a forward pass calls; what learns in it, or could, and is not the model's; parameters that
    the outputs depend on."""
    names = {id(part): name for name, part in model.named_modules()}
    owned = {id(part): name for name, part in model.named_parameters()}
    called, strange, seen = set[str](), dict[int, tuple[str, int]](), set[int]()

    def note(module: nn.Module, inputs: Any, outputs: Any) -> None:
        if id(module) in names:
            called.add(names[id(module)])
            return
        learned = [part for part in module.parameters() if part.requires_grad and id(part) not in owned]
        count = sum(part.numel() for part in learned)
        if count and not seen & {id(part) for part in module.parameters()}:
            strange[id(module)] = (type(module).__name__, count)
            seen.update(id(part) for part in module.parameters())

    model.load_state_dict(call.before)
    model.train(all(call.modes))
    with quiet(), torch_random.lent(call.x.device), torch.enable_grad():
        torch_random.put(call.random)
        hook = modules.register_module_forward_hook(note)
        try:
            outputs = model(call.x)
        finally:
            hook.remove()
    leaves = _leaves(outputs)
    for leaf in leaves.values():
        if id(leaf) not in owned and id(leaf) not in seen:
            strange[id(leaf)] = ("a tensor", leaf.numel())
    return called, [*strange.values()], {owned[key] for key in leaves if key in owned}


def _leaves(outputs: Tensor) -> dict[int, Tensor]:
    """Tensors with a gradient of their own that outputs were made from, by the graph of autograd."""
    found: dict[int, Tensor] = {}
    waiting: list[Any] = [outputs.grad_fn]
    seen = set[Any]()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if (leaf := getattr(node, "variable", None)) is not None:
            found[id(leaf)] = leaf
        waiting += [after for after, _ in node.next_functions]
    return found


def _of_loss(spy: Spy, facts: Facts) -> Evidence:
    """The loss of a batch beside its rows' losses, their mean or sum as it does, and of the batch twice over."""
    call = spy.calls[0]
    if call.compared is None:
        return Evidence()
    outputs, targets = call.compared
    loss = spy.engine.loss
    with quiet(), torch_random.lent(call.x.device), torch.no_grad():
        whole = float(loss(outputs, targets))
        twice = float(loss(torch.cat([outputs, outputs]), torch.cat([targets, targets])))
        rows = len(targets) if twice > 1.5 * whole else 1
        shares = [rows * _rows_loss(loss, said, targets) for said in (outputs, *_nearer(outputs, targets))]
    differ = outputs.shape != targets.shape and facts.kind != "classes"
    return Evidence(
        {
            "loss_doubled": Column(np.array(twice / whole if whole else np.nan), "times the loss of it once"),
            "loss_of_rows": Column(np.array(_farthest(shares)), "times the loss of the batch"),
            "shapes_differ": Column(np.array(float(differ)), "whether"),
        }
    )


def _compared(spy: Spy, y: Tensor) -> Tensor:
    """Targets as the loss gets them: a step of one's own may write them otherwise."""
    call = spy.calls[0]
    return y if spy.engine.step is None or call.compared is None else call.compared[1]


def _nearer(outputs: Tensor, targets: Tensor) -> list[Tensor]:
    """Outputs that go with their targets: a new network's may not, and then all rows and its own lose alike."""
    if outputs.shape == targets.shape or outputs.numel() != targets.numel() or not outputs.is_floating_point():
        return []
    return [outputs + targets.reshape(outputs.shape).to(outputs.dtype)]


def _farthest(shares: list[float]) -> float:
    """From 1, of those that are numbers."""
    return max((one for one in shares if np.isfinite(one)), key=lambda one: abs(one - 1), default=np.nan)


def _rows_loss(loss: Any, outputs: Tensor, targets: Tensor) -> float:
    """The mean of the losses of single rows, per that of all; NaN where the loss takes none."""
    try:
        whole = float(loss(outputs, targets))
        alone = [float(loss(outputs[row : row + 1], targets[row : row + 1])) for row in range(len(targets))]
    except REFUSALS:
        return np.nan
    return float(np.mean(alone)) / whole if whole else np.nan


def _of_objective(facts: Facts, y: Tensor) -> Evidence:
    """What the objective is, in words, and what targets are."""
    values = y.detach().cpu().numpy().astype(np.float64).reshape(len(y), -1)
    finite = values[np.isfinite(values)]
    span = (finite.min(), finite.max()) if finite.size else (np.nan, np.nan)
    whole = np.unique(facts.train.y).size if not (facts.train.y % 1).any() else np.nan
    sums = values.sum(axis=1) if values.shape[1] > 1 else np.ones(len(y))
    return Evidence(
        {
            "target_kind": word(facts.kind),
            "loss_name": word(facts.loss),
            "loss_takes": word(facts.takes),
            "loss_reduction": word(facts.reduction),
            "output_units": Column(np.array(float(facts.outputs)), "numbers per row"),
            "classes": Column(np.array(float(facts.classes)), "classes"),
            "class_axis": Column(np.array(float(_class_axis(facts))), "axis of the outputs, 0: not known"),
            "targets_range": Column(np.array(span, float), "", ("least", "most")),
            "target_values": Column(np.array(float(whole)), "different whole numbers"),
            "targets_sum": Column(np.array((sums.min(), sums.max())), "over a row's targets", ("least", "most")),
        }
    )


def _class_axis(facts: Facts) -> int:
    """0 where another axis of the outputs is as long: which of them runs over classes, shapes do not tell."""
    return facts.class_axis if facts.output_shape.count(facts.classes) == 1 else 0
