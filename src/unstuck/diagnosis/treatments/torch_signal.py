"""Treatments of the signal's way through the layers: how weights start, what bends it, what keeps its size."""

from collections.abc import Mapping
from functools import partial

from torch import Tensor, nn

from unstuck.diagnosis.terms import Treated
from unstuck.diagnosis.treatments.torch_bends import Bend, Bridged, bends
from unstuck.diagnosis.treatments.torch_flow import NORMALIZATIONS, SQUASHING, Call, Flow
from unstuck.diagnosis.treatments.torch_resizing import mended
from unstuck.diagnosis.treatments.torch_surgery import (
    Change,
    Draft,
    Operation,
    batch_size,
    draft,
    plan,
    runs,
    site,
    with_model,
)
from unstuck.evidence.facts import Facts
from unstuck.training.program import Program

# Slope below zero: 0.01, the usual one, lets so little through that deep networks stay stuck
_SLOPE = 0.1
# Rows in a batch from which on its mean and spread are steady enough to normalize by
_BATCH = 8
# Layers between input and output that any start gets a signal through
_SHALLOW = 3
_SIMPLE = ("linear", "conv1d", "conv2d", "conv3d")
_UNFIT = SQUASHING | {"exp", "sin", "cos", "tanhshrink"}
_RECTIFIERS = ("relu", "relu6", "threshold")
# Gains of the activations' variance, as torch.nn.init.calculate_gain has them, by what follows a layer; He et al.
# 2015, arXiv:1502.01852, for what is zero on one side; Glorot & Bengio 2010 for all else
_HE = ("relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "gelu", "silu", "mish", "softplus", "hardswish")


def relu(program: Program, facts: Facts) -> Treated | None:
    """ReLU in the place of hidden activations that flatten out or grow faster than a line, named or not."""
    look = draft(program, facts)
    found, spans = look.flow(), bends(look)
    bent = tuple(bend for bend in spans if bend.is_bad)
    within = {place for bend in spans for place in range(bend.source, bend.target)}
    named = [call for call in found.activations if call.name in _UNFIT and call.feeds and call.place not in within]
    operation = plan(look.model, found, [Change(call, nn.ReLU) for call in named])
    if operation is None and not bent:
        return None
    lines = [text for call in named for text in (f"- {site(look.model, call)}", f"+ {_at(look, call)}nn.ReLU()")]
    places = {call.place: call for call in found.calls}
    for bend in bent:
        lines += [f"  {site(look.model, places[bend.source])}", "+ nn.ReLU()  # in the place of what follows it"]
    treated = with_model(program, operation) if operation else program
    treated = with_model(treated, partial(_bridged, bent)) if bent else treated
    return Treated(treated, tuple(lines) if bent else tuple(dict.fromkeys(lines)))


def _bridged(bent: tuple[Bend, ...], module: nn.Module) -> nn.Module:
    return Bridged(module, bent, nn.ReLU)


def leaky_relu(program: Program, facts: Facts) -> Treated | None:
    """A slope below zero, in the place of hidden activations that are flat there."""
    return _activated(program, facts, frozenset(_RECTIFIERS), nn.LeakyReLU(_SLOPE))


def _activated(program: Program, facts: Facts, names: frozenset[str], better: nn.Module) -> Treated | None:
    look = draft(program, facts)
    found = look.flow()
    old = [call for call in found.activations if call.name in names and call.feeds]
    make = partial(nn.LeakyReLU, _SLOPE) if isinstance(better, nn.LeakyReLU) else type(better)
    operation = plan(look.model, found, [Change(call, make) for call in old])
    if operation is None:
        return None
    lines = [line for call in old for line in (f"- {site(look.model, call)}", f"+ {_at(look, call)}nn.{better}")]
    return Treated(with_model(program, operation), tuple(dict.fromkeys(lines)))


def _at(look: Draft, call: Call) -> str:
    old = site(look.model, call)
    return old.split(" = ")[0] + " = " if " = nn." in old else ""


def add_nonlinearity(program: Program, facts: Facts) -> Treated | None:
    """ReLU between layers that follow each other with nothing between them, which are but one linear layer."""
    look = draft(program, facts)
    found = look.flow()
    straight = {number for call in found.layers for number in call.feeds}
    places = [_end(found, call) for call in found.layers if call.number in straight and call.name in _SIMPLE]
    operation = plan(look.model, found, [Change(call, nn.ReLU, is_after=True) for call in places])
    if operation is None:
        return None
    return Treated(with_model(program, operation), _inserted(look, [(call, "nn.ReLU()") for call in places]))


def _end(found: Flow, layer: Call) -> Call:
    """The normalization that takes a layer's numbers, if there is one; else the layer."""
    return next((call for call in found.after(layer.number) if call.name in NORMALIZATIONS), layer)


def _inserted(look: Draft, new: list[tuple[Call, str]]) -> tuple[str, ...]:
    lines = [line for call, text in new for line in (f"  {site(look.model, call)}", f"+ {text}  # after it")]
    return tuple(dict.fromkeys(lines)) if len(new) == 1 else tuple(lines)


def normalize(program: Program, facts: Facts) -> Treated | None:
    """Normalization of each hidden layer that has none, before its activation.

    Of the batch where that is large enough, else of the row: Ioffe & Szegedy 2015, arXiv:1502.03167;
    Ba et al. 2016, arXiv:1607.06450.
    """
    look = draft(program, facts)
    found = look.flow()
    size, rows = batch_size(program, facts), facts.rows["train"]
    by_batch = size >= _BATCH and rows % size != 1  # a batch of one row has no spread
    bare = [
        call
        for call in found.hidden
        if call.name in _SIMPLE and not any(each.name in NORMALIZATIONS for each in found.after(call.number))
    ]
    changes, new = [], []
    for call in bare:
        if make := _normalization(call, by_batch):
            changes.append(Change(call, make, is_after=True))
            new.append((call, f"nn.{make()}"))
    operation = plan(look.model, found, changes)
    return None if operation is None else Treated(with_model(program, operation), _inserted(look, new))


def _normalization(call: Call, by_batch: bool) -> partial[nn.Module] | None:
    if call.name == "linear":
        width = call.shape[-1]
        if by_batch and len(call.shape) == 2:
            return partial(nn.BatchNorm1d, width)
        return partial(nn.LayerNorm, width) if width >= 4 else None  # of two numbers only the order is left
    kinds = {"conv1d": nn.BatchNorm1d, "conv2d": nn.BatchNorm2d, "conv3d": nn.BatchNorm3d}
    return partial(kinds[call.name], call.shape[1]) if by_batch else partial(nn.GroupNorm, 1, call.shape[1])


def reinitialize(program: Program, facts: Facts) -> Treated:
    """Weights drawn anew with the variance that suits what follows each layer; biases 0."""
    look = draft(program, facts)
    found = look.flow()
    kinds = {call.owner: _start(found, call) for call in found.layers if call.owner}
    named = (("he", "kaiming_normal_"), ("glorot", "xavier_normal_"))
    used = [text for kind, text in named if kind in kinds.values()] or ["xavier_normal_"]
    lines = tuple(f"+ nn.init.{text}(layer.weight); nn.init.zeros_(layer.bias)" for text in used)
    if any(isinstance(part, nn.RNNBase) for part in look.model.modules()):
        lines += ("+ nn.init.orthogonal_(recurrent.weight_hh_l0)",)
    return Treated(with_model(program, partial(_reinitialized, kinds)), lines)


def _start(found: Flow, layer: Call) -> str:
    """he where what follows is zero on one side, glorot elsewhere."""
    return "he" if any(call.name in _HE for call in found.after(layer.number)) else "glorot"


def _reinitialized(kinds: Mapping[str, str], module: nn.Module) -> None:
    drawn: set[int] = set()
    for name, part in module.named_modules():
        for key, value in part.named_parameters(recurse=False):
            if id(value) in drawn or isinstance(part, nn.Embedding) or _normalizes(part):
                continue
            drawn.add(id(value))
            if isinstance(part, nn.RNNBase | nn.RNNCellBase) and key.startswith("weight_hh"):
                for block in value.data.split(part.hidden_size):  # one gate's
                    nn.init.orthogonal_(block)
            elif value.ndim >= 2 and kinds.get(name) == "he":
                nn.init.kaiming_normal_(value, nonlinearity="relu")
            elif value.ndim >= 2:
                nn.init.xavier_normal_(value)
            elif "bias" in key:
                nn.init.zeros_(value)


def _normalizes(part: nn.Module) -> bool:
    return "Norm" in type(part).__name__


def shallower(program: Program, facts: Facts) -> Treated | None:
    """Hidden layers left out, those that keep the shape first, until three are left."""
    look = draft(program, facts)
    found = look.flow()
    hidden = [
        call for call in found.hidden if call.name in _SIMPLE and call.owner and found.owned(call.owner) == 1
    ]
    alike = [call for call in reversed(hidden) if call.shape == call.entered]
    others = [call for call in reversed(hidden[1:]) if call.shape != call.entered]
    gone = (alike + others)[: max(len(hidden) - _SHALLOW, 0)]
    taken = {each.number: each for call in gone for each in (call, *found.after(call.number))}
    operation = plan(look.model, found, [Change(call, nn.Identity) for call in taken.values()])
    if operation is None:
        return None
    treated = with_model(program, partial(_fitted, operation, look.x))
    lines = [f"- {site(look.model, call)}" for _, call in sorted(taken.items())]
    return Treated(treated, tuple(lines)) if runs(treated, facts, found.shape) else None


def _fitted(operation: Operation, x: Tensor, module: nn.Module) -> nn.Module:
    return mended(operation(module) or module, x)
