"""Treatments of the wiring: who moves which parameters, by whose gradient, in which mode."""

import inspect
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from unstuck.diagnosis.symptoms.wiring import MOMENTUM, UNLEARNT, lengthened, penalised, shortened
from unstuck.diagnosis.terms import Treated
from unstuck.diagnosis.treatments.torch_flow import CUTTING, DROPOUTS, STEPWISE, Call
from unstuck.diagnosis.treatments.torch_losses import Negated, PerRow, Reshaped, keep_score
from unstuck.diagnosis.treatments.torch_optimization import Maker, line_of, sample
from unstuck.diagnosis.treatments.torch_surgery import Answers, Rewired, draft, site, with_model
from unstuck.evidence.facts import Facts
from unstuck.evidence.torch_gradient import of_gradient
from unstuck.evidence.torch_optimizer import held_by
from unstuck.evidence.torch_steps import Spy, of_steps
from unstuck.evidence.torch_wiring import left_of
from unstuck.training.program import Program


def plain_step(program: Program, facts: Facts) -> Treated | None:
    """The usual training step in the place of the user's own."""
    if program.step is None:
        return None
    name = getattr(program.step, "__name__", type(program.step).__name__)
    usual = ("optimizer.zero_grad()", "loss(model(x), y).backward()", "optimizer.step()")
    return Treated(replace(program, step=None), (f"- step = {name}", *(f"+ {line}" for line in usual)))


def plain_length(program: Program, facts: Facts) -> Treated | None:
    """The usual step, where the user's own has the plain gradient's direction and another length."""
    if program.step is None:
        return None
    measured = of_steps(Spy(program, 0)) | of_gradient(program, seed=0)
    return plain_step(program, facts) if shortened(measured) or lengthened(measured) else None


def no_penalty(program: Program, facts: Facts) -> Treated | None:
    """The usual step, where the user's own adds what depends on the weights alone."""
    return plain_step(program, facts) if penalised(of_gradient(program, seed=0)) else None


def optimize_all(program: Program, facts: Facts) -> Treated | None:
    """An optimizer of all the model's parameters, at a rate above 0; nothing where it has them."""
    look = draft(program, facts)
    optimizer = program.optimizer(look.model.parameters())
    held = held_by(optimizer)
    missing = [
        name for name, value in look.model.named_parameters() if value.requires_grad and id(value) not in held
    ]
    if not missing:
        return None
    lines = (f"- {line_of(optimizer)}  # without {', '.join(missing[:3])}{' …' if missing[3:] else ''}",)
    whole = _of_all(program.optimizer, look.model.parameters())
    lines += (f"+ {line_of(whole).replace('(parameters', '(model.parameters()')}",)
    return Treated(replace(program, optimizer=partial(_of_all, program.optimizer)), lines)


def _of_all(make: Maker, parameters: Iterable[nn.Parameter]) -> Optimizer:
    wanted = [*parameters]
    optimizer = make(iter(wanted))
    rates = [group.get("initial_lr") or group["lr"] for group in optimizer.param_groups]
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        if not rate:
            group["lr"] = group["initial_lr"] = max(rates) or optimizer.defaults.get("lr") or 1e-3
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    if held <= {id(parameter) for parameter in wanted}:
        missing = [parameter for parameter in wanted if id(parameter) not in held]
        if missing:
            first = {key: value for key, value in optimizer.param_groups[0].items() if key != "params"}
            optimizer.add_param_group({**first, "params": missing})
        return optimizer
    known = inspect.signature(type(optimizer)).parameters  # it holds parameters of some other model
    settings = {**optimizer.defaults, **optimizer.param_groups[0]}
    return type(optimizer)(wanted, **{key: settings[key] for key in known if key in settings and key != "params"})


def unfreeze(program: Program, facts: Facts) -> Treated | None:
    """Every parameter is trained."""
    frozen = [name for name, value in draft(program, facts).model.named_parameters() if not value.requires_grad]
    if not frozen:
        return None
    lines = tuple(f"- {name}.requires_grad = False" for name in frozen[:3])
    return Treated(with_model(program, _unfrozen), (*lines, "+ model.requires_grad_(True)"))


def _unfrozen(module: nn.Module) -> None:
    module.requires_grad_(True)


def reconnect(program: Program, facts: Facts) -> Treated | None:
    """Nothing on the way from parameters to the output cuts the gradient: no detach(), no_grad() or round()."""
    look = draft(program, facts)
    cut = [call for call in look.flow().calls if call.cut]
    if not cut:
        return None
    lines = tuple(dict.fromkeys(f"- {_cut(look.model, call)}" for call in cut))
    steps = {call.place: nn.Identity for call in cut if call.name in STEPWISE and call.place is not None}
    answers = Answers(instead=steps, joined=any(call.name not in STEPWISE for call in cut))
    return Treated(with_model(program, partial(_joined, answers)), lines)


def _cut(model: nn.Module, call: Call) -> str:
    if call.name in CUTTING:
        return f"{CUTTING[call.name]}  # in {type(model).__name__}.forward"
    if call.name in STEPWISE:
        return f"{site(model, call)}, whose derivative is 0"
    return f"with torch.no_grad():  # around {site(model, call)}"


def _joined(answers: Answers, module: nn.Module) -> nn.Module:
    return Rewired(module, answers)


def register_modules(program: Program, facts: Facts) -> Treated | None:
    """Modules and parameters that attributes hold are given to nn.Module to keep, so that it trains them."""
    loose = [*_loose(draft(program, facts).model)]
    if not loose:
        return None
    lines = [line for where, old, new in loose for line in (f"- self.{where} = {old}", f"+ self.{where} = {new}")]
    return Treated(with_model(program, _registered), tuple(lines))


def _loose(module: nn.Module) -> Iterable[tuple[str, str, str]]:
    for part in _own_modules(module):
        for name, value in [*vars(part).items()]:
            if name not in _OF_TORCH and (kept := _kept(value)) is not None:
                yield name, f"{type(value).__name__}(…)", f"nn.{type(kept).__name__}(…)"


def _own_modules(module: nn.Module) -> list[nn.Module]:
    """Those that the user wrote: torch's own have lists of theirs."""
    return [part for part in module.modules() if not type(part).__module__.startswith("torch.")]


# What nn.Module itself keeps among its attributes
_OF_TORCH = frozenset(vars(nn.Module()))


def _registered(module: nn.Module) -> nn.Module:
    for part in _own_modules(module):
        for name, value in [*vars(part).items()]:
            if name not in _OF_TORCH and (kept := _kept(value)) is not None:
                del part.__dict__[name]
                setattr(part, name, kept)
                if isinstance(kept, nn.Module):
                    _registered(kept)
    return module


def _kept(value: Any) -> nn.Module | nn.Parameter | None:
    """What nn.Module would keep in the place of a value; nothing where there is nothing to keep."""
    if isinstance(value, nn.Module | nn.Parameter):
        return value
    if isinstance(value, Tensor):
        return nn.Parameter(value.detach().clone()) if value.requires_grad and value.is_leaf else None
    if isinstance(value, list | tuple) and value:
        if all(isinstance(each, nn.Module) for each in value):
            return nn.ModuleList(value)
        if all(isinstance(each, Tensor) and each.requires_grad and each.is_leaf for each in value):
            return nn.ParameterList([nn.Parameter(each.detach().clone()) for each in value])
    if isinstance(value, dict) and value and all(isinstance(each, nn.Module) for each in value.values()):
        return nn.ModuleDict(value) if all(isinstance(key, str) and "." not in key for key in value) else None
    return None


def respect_mode(program: Program, facts: Facts) -> Treated | None:
    """Dropout and batch normalization train in training and rest in evaluation, whatever flags they hold."""
    look = draft(program, facts)
    wrong = [
        (call, training)
        for training in (True, False)
        for call in look.flow(training=training).calls
        if call.training is not None and call.training != training and _has_modes(look.model, call)
    ]
    steps = facts.steps_per_epoch * facts.epochs
    still = {name: part for name, part in look.model.named_modules() if _is_still(part, steps)}
    if not wrong and not still:
        return None
    flag = "training=self.training"
    lines = [line for call, _ in wrong for line in (f"- {site(look.model, call)}", f"+ {call.name}(…, {flag})")]
    for name, part in still.items():
        lines += [f"- {name}.momentum = {part.momentum:g}", f"+ {name}.momentum = {MOMENTUM:g}"]
    operation = partial(_obeying, is_wrong=bool(wrong), steps=steps)
    return Treated(with_model(program, operation), tuple(dict.fromkeys(lines)))


def _is_still(part: nn.Module, steps: int) -> bool:
    """Whether it has statistics that no batch moves, or all batches too little."""
    mean, variance = getattr(part, "running_mean", None), getattr(part, "running_var", None)
    momentum = getattr(part, "momentum", None)
    if mean is None or variance is None or momentum is None or momentum >= MOMENTUM:
        return False
    return momentum == 0 or left_of(part, mean, variance, passes=steps) > UNLEARNT


def _has_modes(model: nn.Module, call: Call) -> bool:
    """Whether the call could do otherwise: batch normalization without statistics has one way only."""
    part = model.get_submodule(call.owner)
    is_statistical = getattr(part, "track_running_stats", True) and getattr(part, "running_mean", 0) is not None
    return call.name in DROPOUTS or is_statistical


def _obeying(module: nn.Module, *, is_wrong: bool, steps: int) -> nn.Module:
    for part in module.modules():
        if _is_still(part, steps):
            vars(part)["momentum"] = MOMENTUM
    return Rewired(module, Answers(mode=True)) if is_wrong else module


def flip_sign(program: Program, facts: Facts) -> Treated | None:
    """Down the loss: an optimizer that climbs descends, hooks on gradients go, or else the loss is negated.

    Nothing where the loss is one of torch's and nothing turns its gradient round.
    """
    if any(group.get("maximize") for group in sample(program, facts).param_groups):
        return Treated(
            replace(program, optimizer=partial(_descending, program.optimizer)),
            ("- maximize = True", "+ maximize = False"),
        )
    if any(value._backward_hooks for value in draft(program, facts).model.parameters()):
        return Treated(with_model(program, _unhooked), ("- parameter.register_hook(…)",))
    if type(program.loss).__module__ == "torch.nn.modules.loss" or program.loss in _OWN_LOSSES:
        return None
    look = draft(program, facts)
    treated = replace(program, loss=Negated(program.loss))
    return Treated(keep_score(treated, program, look.y, look.output), ("- loss", "+ -loss"))


_OWN_LOSSES = tuple(
    value for name, value in vars(nn.functional).items() if callable(value) and name.endswith(("loss", "entropy"))
)


def _descending(make: Maker, parameters: Iterable[nn.Parameter]) -> Optimizer:
    optimizer = make(parameters)
    for group in optimizer.param_groups:
        group["maximize"] = False
    return optimizer


def _unhooked(module: nn.Module) -> None:
    for parameter in module.parameters():
        if parameter._backward_hooks:
            parameter._backward_hooks.clear()


def match_shapes(program: Program, facts: Facts) -> Treated | None:
    """Outputs take the targets' shape before the loss; nothing where they have it, or differ in size."""
    look = draft(program, facts)
    output = look.output
    if output.shape == look.y.shape or output.numel() != look.y.numel():
        return None
    shown = f"{tuple(output.shape[1:])} against {tuple(look.y.shape[1:])} per row"
    lines = (f"- loss(outputs, targets)  # {shown}", "+ loss(outputs.view_as(targets), targets)")
    treated = replace(program, loss=Reshaped(program.loss))
    return Treated(keep_score(treated, program, look.y, output), lines)


def batch_first(program: Program, facts: Facts) -> Treated | None:
    """Recurrent layers and attention find rows along the first axis, where the data have them."""
    look = draft(program, facts)
    given = {
        call.owner for call in look.flow().layers if len(call.entered) == 3 and call.entered[0] == len(look.y)
    }
    parts = {
        name: part
        for name, part in look.model.named_modules()
        if name in given and isinstance(part, (nn.RNNBase, nn.MultiheadAttention)) and not part.batch_first
    }
    if not parts:
        return None
    lines = tuple(
        f"+ batch_first=True  # of {name or 'the model'}, {type(part).__name__}" for name, part in parts.items()
    )
    return Treated(with_model(program, partial(_turned, tuple(parts))), lines)


def _turned(names: tuple[str, ...], module: nn.Module) -> None:
    for name in names:
        part: Any = module.get_submodule(name)
        part.batch_first = True


def mean_loss(program: Program, facts: Facts) -> Treated | None:
    """The loss per row, not the sum over rows, so that the rate does not depend on the batch's size."""
    if facts.reduction != "sum" or isinstance(program.loss, PerRow):
        return None
    lines = ("- loss(outputs, targets)  # a sum", "+ loss(outputs, targets) / targets.numel()")
    look = draft(program, facts)
    treated = replace(program, loss=PerRow(program.loss))
    return Treated(keep_score(treated, program, look.y, look.output), lines)
