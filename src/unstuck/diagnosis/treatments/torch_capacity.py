"""Treatments of capacity: how many units there are, and how much they are held back."""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from unstuck.diagnosis.terms import Treated
from unstuck.diagnosis.treatments.torch_flow import DROPOUTS
from unstuck.diagnosis.treatments.torch_resizing import RESIZABLE, mended, one_hidden, remake, width_name, width_of
from unstuck.diagnosis.treatments.torch_surgery import (
    Answers,
    Change,
    Draft,
    Rewired,
    draft,
    plan,
    put,
    runs,
    site,
    with_model,
)
from unstuck.evidence.facts import Facts
from unstuck.evidence.sample import is_reconstruction
from unstuck.training.program import Program

_FACTOR = 4
# Widths that wider makes at least and at most, and narrower at least
_LEAST, _MOST, _NARROW = 16, 4096, 4
# Width of a hidden layer where there was none
_FIRST = 128
# Share dropped; Srivastava et al. 2014, JMLR 15, find 0.4 to 0.8 kept alike for hidden units
_SHARE = 0.4


def wider(program: Program, facts: Facts) -> Treated | None:
    """Four times the units in each hidden layer; a linear model gets a hidden layer.

    Not of an autoencoder: that a layer is narrow is its point.
    """
    if is_reconstruction(facts.train.x, facts.train.y):
        return None
    return _resized(program, facts, lambda width: min(max(width * _FACTOR, _LEAST), max(_MOST, width)), first=True)


def narrower(program: Program, facts: Facts) -> Treated | None:
    """A quarter of the units in each hidden layer."""
    return _resized(program, facts, lambda width: min(max(width // _FACTOR, _NARROW), width), first=False)


def _resized(program: Program, facts: Facts, to: Callable[[int], int], *, first: bool) -> Treated | None:
    look = draft(program, facts)
    found = look.flow()
    names = [call.owner for call in found.hidden if call.owner and found.owned(call.owner) >= 1]
    parts = {name: look.model.get_submodule(name) for name in dict.fromkeys(names)}
    widths = {
        name: (width_of(part), to(width_of(part)))
        for name, part in parts.items()
        if isinstance(part, RESIZABLE) and getattr(part, "groups", 1) == 1 and width_of(part) != to(width_of(part))
    }
    if not widths:
        return _with_hidden(program, facts, look) if first and not found.hidden else None
    sizes = {name: new for name, (_, new) in widths.items()}
    treated = with_model(program, partial(_widths_set, sizes, look.x))
    lines = tuple(
        f"{sign} {name}: {pair[i]} units" for name, pair in widths.items() for i, sign in enumerate("-+")
    )
    return Treated(treated, lines) if runs(treated, facts, found.shape) else None


def _widths_set(sizes: dict[str, int], x: Tensor, module: nn.Module) -> nn.Module:
    for name, size in sizes.items():
        part = module.get_submodule(name)
        remake(part, **{width_name(part): size})
    return mended(module, x)


def _with_hidden(program: Program, facts: Facts, look: Draft) -> Treated | None:
    linear = [name for name, part in look.model.named_modules() if type(part) is nn.Linear]
    if len(linear) != 1:
        return None
    treated = with_model(program, partial(_hidden_put, linear[0]))
    old = look.model.get_submodule(linear[0])
    lines = (
        f"- nn.{old}",
        f"+ nn.Linear({old.in_features}, {_FIRST}), nn.ReLU(), nn.Linear({_FIRST}, {old.out_features})",
    )
    return Treated(treated, lines) if runs(treated, facts) else None


def _hidden_put(name: str, module: nn.Module) -> nn.Module:
    old = module.get_submodule(name)
    assert isinstance(old, nn.Linear)
    return put(module, name, one_hidden(old.in_features, old.out_features, hasattr(old.bias, "data"), _FIRST))


def no_dropout(program: Program, facts: Facts) -> Treated | None:
    """Nothing is dropped; neither by layers, nor in the forward's code, nor between recurrent layers."""
    look = draft(program, facts)
    found = look.flow()
    drops = [call for call in found.calls if call.name in DROPOUTS and _drops(look, call.owner)]
    recurrent = [
        name for name, part in look.model.named_modules() if isinstance(part, nn.RNNBase) and part.dropout
    ]
    if not drops and not recurrent:
        return None
    by_code = any(not isinstance(look.model.get_submodule(call.owner), _LAYERS) for call in drops)
    lines = [f"- {site(look.model, call)}" for call in drops] + [f"+ {name}.dropout = 0" for name in recurrent]
    return Treated(with_model(program, partial(_undropped, by_code)), tuple(dict.fromkeys(lines)))


def _drops(look: Draft, owner: str) -> bool:
    part = look.model.get_submodule(owner)
    return not isinstance(part, _LAYERS) or part.p > 0


def _undropped(by_code: bool, module: nn.Module) -> nn.Module | None:
    for part in module.modules():
        if isinstance(part, _LAYERS):
            part.p = 0.0
        elif isinstance(part, nn.RNNBase | nn.MultiheadAttention):
            part.dropout = 0.0
    return Rewired(module, Answers(undropped=True)) if by_code else None


_LAYERS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


def dropout(program: Program, facts: Facts) -> Treated | None:
    """Units are dropped after each hidden activation; nothing where any are already."""
    look = draft(program, facts)
    found = look.flow()
    if any(call.name in DROPOUTS for call in found.calls):
        return None
    places = [call for call in found.activations if call.feeds and call.name != "softmax"]
    operation = plan(
        look.model, found, [Change(call, partial(nn.Dropout, _SHARE), is_after=True) for call in places]
    )
    if operation is None:
        return None
    lines = [
        line for call in places for line in (f"  {site(look.model, call)}", f"+ nn.Dropout({_SHARE})  # after it")
    ]
    return Treated(with_model(program, operation), tuple(lines))
