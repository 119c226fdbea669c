"""Treatments of the objective: what comes out of the model, what the loss takes, and how targets are written."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from unstuck.diagnosis.terms import Treated
from unstuck.diagnosis.treatments.torch_flow import SQUASHING, Call, Flow
from unstuck.diagnosis.treatments.torch_losses import (
    Balanced,
    Code,
    Encoded,
    Likeliest,
    Loss,
    Numbered,
    OfProbabilities,
    Reshaped,
    Score,
    Through,
    explained,
    implied_score,
    keep_score,
    numbers_of,
    same,
    share_right,
)
from unstuck.diagnosis.treatments.torch_resizing import remake
from unstuck.diagnosis.treatments.torch_surgery import Change, Draft, Followed, draft, plan, site, with_model
from unstuck.diagnosis.treatments.torch_targets import Written, best_code, classes_in, opposites, two_values
from unstuck.errors import REFUSALS
from unstuck.evidence.facts import Facts, kind_of
from unstuck.evidence.torch_objective import Objective, objective_of
from unstuck.evidence.torch_unsaid import silent_values
from unstuck.rng import stream
from unstuck.training.program import Program

_LINKS = ("softmax", "log_softmax", "sigmoid", "softmin", "logsigmoid")
_BOUNDED = SQUASHING | {
    "log_softmax",
    "relu",
    "relu6",
    "threshold",
    "softplus",
    "exp",
    "gelu",
    "elu",
    "leaky_relu",
}


class Look(NamedTuple):
    """A draft with what its objective is at present, whatever treatments it has had."""

    draft: Draft
    flow: Flow
    output: Tensor
    kind: str
    axis: int
    objective: Objective

    @property
    def ending(self) -> tuple[Call, ...]:
        """Activations that the output ends with."""
        return self.flow.ending

    @property
    def links(self) -> tuple[str, ...]:
        """Those that make probabilities."""
        return tuple(call.name for call in self.ending if call.name in _LINKS)


def looked_at(program: Program, facts: Facts) -> Look:
    """The program's objective, by its type and by what the loss does to numbers."""
    look = draft(program, facts)
    found, output, y = look.flow(), look.output, facts.train.y
    kind, axis = kind_of(np.broadcast_to(np.float32(0), (len(y), *output.shape[1:])), y)
    count = min(8, len(look.y))
    said = objective_of(program.loss, output[:count], look.y[:count], kind, axis)
    return Look(look, found, output, kind, axis, said)


def output_logits(program: Program, facts: Facts) -> Treated | None:
    """Probabilities no longer go into a loss that makes probabilities of what it gets."""
    look = looked_at(program, facts)
    if look.objective.takes != "logits" or not look.links or look.links == ("log_softmax",):
        return None
    link = "sigmoid" if "sigmoid" in look.links else "softmax"
    return _linked(program, look, link, program.loss, ())


def sigmoid_unit(program: Program, facts: Facts) -> Treated | None:
    """A sigmoid for each output, where another activation stands, or nothing makes probabilities."""
    look = looked_at(program, facts)
    y = facts.train.y
    if set(np.unique(y).tolist()) - {0, 1} or look.output.numel() != look.draft.y.numel():
        return None
    return _activated(program, look, "sigmoid")


def softmax_over_classes(program: Program, facts: Facts) -> Treated | None:
    """A softmax along the classes, where another activation stands or runs along something else."""
    look = looked_at(program, facts)
    if look.kind != "classes" or not look.axis:
        return None
    return _activated(program, look, "softmax")


def _activated(program: Program, look: Look, link: str) -> Treated | None:
    takes = look.objective.takes
    if _ends_in(look, link) or (takes == "logits" and not look.ending):
        return None
    if takes == "logits":
        return _linked(program, look, link, program.loss, ())
    wanted = "log_softmax" if takes == "log-probabilities" and link == "softmax" else link
    if look.ending and _ends_in(look, wanted):
        return None
    module = _module_of(wanted, look.axis)
    treated = _ended(program, look, module)
    treated = keep_score(treated, program, look.draft.y, look.output)
    return Treated(treated, (*_removed(look), f"+ nn.{module}  # of the output"))


def _ends_in(look: Look, link: str) -> bool:
    """Whether the output is the link's alone, along the classes."""
    if [call.name for call in look.ending] != [link]:
        return False
    if link == "sigmoid":
        return True
    sums = look.output.double().exp() if link == "log_softmax" else look.output.double()
    return torch.allclose(sums.sum(dim=look.axis or -1), torch.ones((), dtype=torch.float64), atol=1e-3)


def linear_output(program: Program, facts: Facts) -> Treated | None:
    """Outputs that can be any number, where targets are numbers or the loss takes logits."""
    look = looked_at(program, facts)
    bounded = [call for call in look.ending if call.name in _BOUNDED]
    if not bounded or look.objective.takes in ("probabilities", "log-probabilities"):
        return None
    treated = keep_score(_ended(program, look, None), program, look.draft.y, look.output)
    return Treated(treated, _removed(look))


def cross_entropy(program: Program, facts: Facts) -> Treated | None:
    """The cross-entropy of logits, one output per class."""
    look = looked_at(program, facts)
    written = classes_in(facts.train.y, look.output.shape)
    is_paired = look.output.numel() == look.draft.y.numel()
    if written is None or (written.classes == 2 and is_paired):
        return None
    if is_paired and look.output.numel() == len(look.output) and look.objective.loss != "cross-entropy":
        return _with_classes(program, look, written)
    if look.objective.loss == "cross-entropy" and look.output.shape[written.axis] >= written.classes:
        return None
    axis = written.axis
    loss: Loss = nn.CrossEntropyLoss()
    if written.code or axis > 1:
        loss = Encoded(loss, written.code or same, axis)
    said = f"+ loss = nn.CrossEntropyLoss(){written.says}"
    wanted = None if look.output.shape[axis] >= written.classes else written.classes
    return _linked(program, look, "softmax", loss, (_minus(program.loss), said), outputs=wanted, code=written.code)


def _with_classes(program: Program, look: Look, written: Written) -> Treated:
    """Logits of classes from a model that gave one number; scored by the number of the likeliest one."""
    values = written.code.values if isinstance(written.code, Numbered) else range(written.classes)
    loss: Loss = Encoded(nn.CrossEntropyLoss(), written.code or same)
    treated = replace(_ended(_with_outputs(program, look, written.classes), look, None), loss=loss)
    score = Through(program.score or explained, Likeliest(values, look.output.shape[1:]))
    said = (
        "- 1 outputs",
        f"+ {written.classes} outputs",
        "+ outputs.argmax(dim=1)  # is the class, in scores",
    )
    lines = (*_removed(look), *said, _minus(program.loss), f"+ loss = nn.CrossEntropyLoss(){written.says}")
    return Treated(replace(treated, score=score), lines)


def bce(program: Program, facts: Facts) -> Treated | None:
    """The binary cross-entropy of logits, each output for itself."""
    look = looked_at(program, facts)
    y = facts.train.y
    written = two_values(y)
    width = int(np.prod(y.shape[1:]))
    many = look.output[0].numel()
    if written is None or (many != width and not (width == 1 and many == 2 and look.output.ndim == 2)):
        return None
    if look.kind == "classes" and look.objective.loss == "cross-entropy":
        return None  # one-hot rows: each has one class
    fits = look.objective.loss in ("bce", "bce-logits") and written.code is None
    if fits and ((look.objective.takes == "logits") != bool(look.ending)):
        return None
    loss: Loss = Reshaped(Encoded(nn.BCEWithLogitsLoss(), written.code or numbers_of))
    lines = (_minus(program.loss), f"+ loss = nn.BCEWithLogitsLoss(){written.says}")
    return _linked(program, look, "sigmoid", loss, lines, outputs=None if many == width else 1, code=written.code)


def mse(program: Program, facts: Facts) -> Treated | None:
    """The mean squared error, of as many outputs as there are targets."""
    look = looked_at(program, facts)
    y = facts.train.y
    is_whole = y.dtype.kind in "biu" and len(np.unique(y)) <= 20
    if is_whole or facts.is_one_hot or two_values(y) is not None:
        return None
    width, many = int(np.prod(y.shape[1:])), look.output[0].numel()
    if (look.objective.loss == "mse" and many == width) or (many != width and look.output.ndim != 2):
        return None
    loss = Reshaped(Encoded(nn.MSELoss(), numbers_of))
    treated = replace(program if many == width else _with_outputs(program, look, width), loss=loss)
    output = look.output if many == width else look.output.new_zeros(len(look.output), width)
    lines = (_minus(program.loss), "+ loss = nn.MSELoss()")
    lines += () if many == width else (f"- {many} outputs", f"+ {width} outputs")
    return Treated(keep_score(treated, program, look.draft.y, output), lines)


def encode_targets(program: Program, facts: Facts) -> Treated | None:
    """Targets in the code that the loss and the outputs expect; the data stay as they are."""
    look = looked_at(program, facts)
    ending = look.ending[-1].name if look.ending else ""
    written = _heard(program, look) or best_code(facts.train.y, look.output.shape, look.objective, ending)
    if written is None or written.code is None or isinstance(program.loss, Encoded):
        return None
    treated = replace(program, loss=Encoded(program.loss, written.code, written.axis))
    score = program.score or _coded_score(program, look, written)
    return Treated(replace(treated, score=score), ("- loss(outputs, y)", f"+ loss(outputs, y){written.says}"))


def _heard(program: Program, look: Look) -> Written | None:
    """-1 and 1 for two values, if the loss says nothing of one of them and something of both in that code."""
    y = look.draft.y
    written = opposites(y.cpu().numpy()) if look.output.numel() == y.numel() else None
    if written is None or written.code is None:
        return None
    try:
        codes = (y, written.code(y).reshape(y.shape))
        plain, coded = (silent_values(program.loss, look.output.shape, one, None) for one in codes)
    except REFUSALS:
        return None
    return written if plain and not coded else None


def _coded_score(program: Program, look: Look, written: Written) -> Score:
    assert written.code is not None
    coded = written.code(look.draft.y)
    if coded.is_floating_point() and coded.min() < 0:  # of -1 and 1: the sign says which
        return Through(
            implied_score(program, (coded > 0).float(), look.output), nn.Hardtanh(0, 1), _Positive(written.code)
        )
    score = share_right if look.output.ndim > 1 and look.output.shape[-1] > 1 else None
    return Through(score or implied_score(program, coded, look.output), None, written.code)


class _Positive(NamedTuple):
    code: Code

    def __call__(self, targets: Tensor) -> Tensor:
        return (self.code(targets) > 0).float()


def class_weights(program: Program, facts: Facts) -> Treated | None:
    """Every class counts alike in the loss, however few rows it has; nothing where they have about as many."""
    y = facts.train.y
    classes = y.argmax(axis=1) if y.ndim > 1 and y.shape[1] > 1 and facts.is_one_hot else y.reshape(-1)
    if facts.kind not in ("classes", "binary") or len(classes) != len(y) or isinstance(program.loss, Balanced):
        return None
    values, counts = np.unique(classes[np.isfinite(classes)], return_counts=True)
    if not 2 <= len(values) <= 100 or counts.max() < 1.5 * counts.min():
        return None
    weights = counts.sum() / (len(counts) * counts)
    look = draft(program, facts)
    treated = replace(program, loss=Balanced(program.loss, values.tolist(), weights.tolist()))
    shown = ", ".join(f"{weight:.3g}" for weight in weights[:6]) + (", …" if len(weights) > 6 else "")
    lines = (f"+ weight = torch.tensor([{shown}])  # of the classes, in the loss",)
    return Treated(keep_score(treated, program, look.y, look.output), lines)


def _linked(
    program: Program,
    look: Look,
    link: str,
    loss: Loss,
    lines: tuple[str, ...],
    *,
    outputs: int | None = None,
    code: Code | None = None,
) -> Treated | None:
    """A loss of logits, with a model that gives them; or, if the user's score would then say otherwise, one that
    gives probabilities, of which the loss takes the logits. Nothing where that score cannot read them either.
    """
    base = program if outputs is None else _with_outputs(program, look, outputs)
    shape = look.output.shape if outputs is None else (*look.output.shape[:-1], outputs)
    module = _module_of(link, look.axis)
    said = () if outputs is None else (f"- {look.output.shape[-1]} outputs", f"+ {outputs} outputs")
    unchanged = program.score is None or _means_the_same(program.score, module, look.draft.y, shape)
    if unchanged is None:
        return None
    if unchanged:
        treated = replace(_ended(base, look, None), loss=loss)
        if program.score is None:
            coded = code(look.draft.y) if code else look.draft.y
            plain = replace(program, loss=nn.L1Loss())  # a limit of one half, after the link
            score = implied_score(plain, coded, torch.zeros(shape))
            treated = replace(treated, score=Through(score, module, code))
        return Treated(treated, (*_removed(look), *said, *lines))
    treated = replace(_ended(base, look, module), loss=OfProbabilities(loss, link))
    inverse = "outputs.logit()" if link == "sigmoid" else "outputs.log()"
    shown = (f"+ nn.{module}  # of the output, in evaluation; the loss takes {inverse}",)
    return Treated(treated, (*_removed(look), *said, *lines, *shown))


def _means_the_same(score: Score, link: nn.Module, targets: Tensor, shape: tuple[int, ...]) -> bool | None:
    """Whether a user's score says the same of logits as of the probabilities that they stand for; None where it
    takes neither."""
    for number in range(4):
        drawn = stream(0, "probe", number).normal(size=(len(targets), *shape[1:])).astype(np.float32)
        logits = torch.from_numpy(drawn)
        raw, linked = _said(score, logits, targets), _said(score, link(logits), targets)
        if linked is None:
            return None
        if raw is None or abs(raw - linked) > 1e-6:
            return False
    return True


def _said(score: Score, outputs: Tensor, targets: Tensor) -> float | None:
    try:
        return float(score(outputs, targets))
    except (RuntimeError, ValueError, TypeError, IndexError):
        return None


def _ended(program: Program, look: Look, end: nn.Module | None) -> Program:
    """The program whose model ends otherwise: without its activations, then with another, or none."""
    gone = plan(look.draft.model, look.flow, [Change(call, nn.Identity) for call in look.ending])
    treated = with_model(program, gone) if gone else program
    return with_model(treated, partial(Followed, then=end)) if end is not None else treated


def _module_of(link: str, axis: int) -> nn.Module:
    kinds: dict[str, Callable[[], nn.Module]] = {
        "sigmoid": nn.Sigmoid,
        "softmax": partial(nn.Softmax, dim=axis or -1),
        "log_softmax": partial(nn.LogSoftmax, dim=axis or -1),
    }
    return kinds[link]()


def _with_outputs(program: Program, look: Look, count: int) -> Program:
    """The program whose last linear layer has so many units, which start in the same style."""
    ends = look.flow.output | {number for call in look.ending for number in call.feeds}
    names = [call.owner for call in look.flow.layers if call.number in ends]
    return with_model(program, partial(_outputs_set, names, count))


def _outputs_set(names: list[str], count: int, module: nn.Module) -> None:
    for name in names:
        part = module.get_submodule(name)
        if isinstance(part, nn.Linear):
            remake(part, out_features=count)


def _removed(look: Look) -> tuple[str, ...]:
    return tuple(f"- {site(look.draft.model, call)}  # of the output" for call in look.ending)


def _minus(loss: Loss) -> str:
    name = getattr(loss, "__name__", type(loss).__name__)
    return f"- loss = {f'nn.{name}()' if type(loss).__module__.startswith('torch.nn') else name}"
