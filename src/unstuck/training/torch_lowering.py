"""A program of the user's own whose steps the dense engine takes, where these are the same to rounding."""

from dataclasses import dataclass, field, fields
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional

from unstuck.data.dataset import Split
from unstuck.dense.engine import DenseEngine, can_evaluate
from unstuck.engine import Arrays, Evaluation
from unstuck.network.layers import BatchNorm, Dropout, Linear
from unstuck.network.recognize import Inside, Recognized, is_plain, nothing_else, recognized
from unstuck.recipe.loss import Loss
from unstuck.recipe.optimizer import Adagrad, Adam, AdamW, Momentum, Nesterov, Optimizer, RmsProp, Sgd
from unstuck.training.program import Program
from unstuck.training.torch_engine import TorchEngine
from unstuck.training.torch_rows import Resident

# Steps of a training from which on the dense engine is asked. A diagnosis trains a dozen times or more; with fewer
# steps each, torch is through before the compiled code is loaded, a second.
_LEAST_STEPS = 100

_FUNCTIONS: tuple[tuple[Any, Loss], ...] = (
    (functional.cross_entropy, Loss(name="cross-entropy")),
    (functional.binary_cross_entropy_with_logits, Loss(name="bce")),
    (functional.mse_loss, Loss(name="mse")),
    (functional.l1_loss, Loss(name="mae")),
    (functional.huber_loss, Loss(name="huber")),
    (functional.smooth_l1_loss, Loss(name="huber")),
)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What the dense engine goes by. There is no dropout, so that the seed draws nothing."""

    batch_size: int
    loss: Loss
    optimizer: Optimizer
    seed: int = 0


@dataclass(eq=False)
class LoweredEngine(TorchEngine):
    """The torch engine, whose module's parameters lie in the dense engine's vector, which moves them."""

    dense: DenseEngine = field(kw_only=True)
    found: Recognized = field(kw_only=True)
    rule: Rule = field(kw_only=True)
    flat: WeakKeyDictionary[Resident, Split | None] = field(kw_only=True, default_factory=WeakKeyDictionary)

    def advance(self, order: np.ndarray, factors: np.ndarray, done: int) -> np.ndarray:
        """Train on consecutive batches, as `Engine` says."""
        losses = self.dense.advance(order, factors, done)
        if not np.isfinite(losses[-1:]).all():
            failed = (len(losses) - 1) * self.batch_size
            self.last, _ = self.rows.batch(torch.from_numpy(order[failed : failed + self.batch_size]))
        return losses

    def evaluate(self, rows: Any) -> Evaluation:
        """Outputs and mean loss over rows, in evaluation mode: by torch where rows are not as in training."""
        if isinstance(rows, Resident) and rows not in self.flat:
            self.flat[rows] = _known(self.rule.loss, rows, self.found)
        split = self.flat[rows] if isinstance(rows, Resident) else None
        is_weighed = self.rule.loss.class_weights != "none"  # which torch's engine averages by the block
        return super().evaluate(rows) if split is None or is_weighed else self.dense.evaluate(split)

    def memory(self) -> dict[str, np.ndarray]:
        """Copies of the dense engine's moments."""
        return self.dense.memory()

    def restore(self, weights: Arrays, memory: Arrays | None = None) -> None:
        """Put weights, and moments if given, back in place."""
        super().restore(weights)
        if memory is not None:
            self.dense.state.first[:], self.dense.state.second[:] = memory["first"], memory["second"]


def lowered(program: Program, engine: TorchEngine, *, epochs: int, inside: Inside = nothing_else) -> TorchEngine:
    """An engine that does what the given one, at its start, would do, and sooner; or the given one itself.

    Everything must be known in each detail: the module, the loss, the optimizer and its settings, the rows. What
    is drawn at random, of the user's own, or changes on the way stays with torch. So do trainings of few steps.
    """
    rows = engine.rows
    is_usual = program.step is None and program.schedule is None and engine.device.type == "cpu"
    if not is_usual or not isinstance(rows, Resident) or epochs * (len(rows) / engine.batch_size) < _LEAST_STEPS:
        return engine
    found = recognized(engine.model, tuple(rows.x.shape[1:]), inside)
    if found is None or not _is_same_each_time(found, len(rows), engine.batch_size):
        return engine
    loss = _loss(program.loss)
    train = loss and _known(loss, rows, found)
    if train is None or loss is None:
        return engine
    rule = _optimizer(engine.optimizer, engine.model)
    if rule is None or not can_evaluate(found.network, loss) or _is_rounding(found, rule):
        return engine
    return _in_place(engine, found, train, Rule(batch_size=engine.batch_size, loss=loss, optimizer=rule))


def _is_same_each_time(found: Recognized, rows: int, batch_size: int) -> bool:
    """No number is drawn, and no last batch of one row is normalized, which torch refuses."""
    kinds = {type(layer) for layer in found.network.layers}
    return Dropout not in kinds and not (BatchNorm in kinds and (rows - 1) % batch_size == 0)


def _is_rounding(found: Recognized, rule: Optimizer) -> bool:
    """Whether rounding alone moves something that counts: a bias before batch norm, by steps of a scaled gradient.

    Its gradient is 0 but for rounding. Adam and its kin make whole steps of that, which batch norm takes out again
    in training, but not in evaluation, as its running mean is behind.
    """
    layers = found.network.layers
    pairs = zip(layers, layers[1:], strict=False)
    is_scaled = isinstance(rule, Adam | AdamW | RmsProp | Adagrad)
    return is_scaled and any(isinstance(one, Linear) and isinstance(then, BatchNorm) for one, then in pairs)


def _in_place(engine: TorchEngine, found: Recognized, train: Split, rule: Rule) -> LoweredEngine:
    """The module's tensors become views of the dense engine's arrays, with the values that they had."""
    flat = np.zeros(found.network.size, dtype=np.float32)
    dense = DenseEngine.make(found.network, rule, parameters=flat, train=train, factor=1.0)
    with torch.no_grad():
        for name, view in {**found.network.named(flat), **dense.buffers}.items():
            number, _, own = name.rpartition(".")
            held = getattr(found.modules[int(number)], own)
            place = torch.from_numpy(view)
            place.copy_(held)
            held.data = place
    kept: dict[str, Any] = {part.name: getattr(engine, part.name) for part in fields(engine)}
    kept["name"] = dense.name
    return LoweredEngine(**kept, dense=dense, found=found, rule=rule)


def _known(loss: Loss, rows: Resident, found: Recognized) -> Split | None:
    """Rows as the first layer gets them, flat float32 (N, F), and targets; None if one of them does not fit."""
    if rows.x.layout != torch.strided or (rows.factor is None and rows.x.dtype != torch.float32):
        return None
    with torch.no_grad():
        x = rows.x if rows.factor is None else rows.x * rows.factor
        for change in found.ahead:
            x = change(x)
    x = x.reshape(len(x), -1)
    if x.dtype != torch.float32 or x.shape[1] != found.network.inputs:
        return None
    train = Split(x.numpy(), rows.y.numpy(), np.arange(len(x)))
    return train if _fits(loss, train, found) else None


def _loss(loss: Any) -> Loss | None:
    """What a loss is, by its class or as torch's function; None for all others."""
    if not isinstance(loss, nn.Module):
        return next((known for function, known in _FUNCTIONS if function is loss), None)
    if not is_plain(loss) or getattr(loss, "reduction", "mean") != "mean":
        return None
    kind = type(loss)
    match loss:
        case nn.CrossEntropyLoss(weight=weight, label_smoothing=smoothing, ignore_index=ignored) if (
            kind is nn.CrossEntropyLoss and ignored < 0
        ):
            return _cross_entropy(weight, smoothing)
        case nn.BCEWithLogitsLoss(weight=None, pos_weight=None) if kind is nn.BCEWithLogitsLoss:
            return Loss(name="bce")
        case nn.MSELoss() if kind is nn.MSELoss:
            return Loss(name="mse")
        case nn.L1Loss() if kind is nn.L1Loss:
            return Loss(name="mae")
        case nn.HuberLoss(delta=delta) if kind is nn.HuberLoss:
            return Loss(name="huber", delta=delta)
        case nn.SmoothL1Loss(beta=1) if kind is nn.SmoothL1Loss:
            return Loss(name="huber")
        case _:
            return None


def _cross_entropy(weight: Tensor | None, smoothing: float) -> Loss | None:
    if smoothing >= 1:
        return None
    if weight is None:
        return Loss(name="cross-entropy", label_smoothing=smoothing)
    if weight.dtype != torch.float32 or not bool(((weight > 0) & weight.isfinite()).all()):
        return None
    return Loss(name="cross-entropy", label_smoothing=smoothing, class_weights=tuple(weight.tolist()))


def _fits(loss: Loss, train: Split, found: Recognized) -> bool:
    """Whether targets are as this loss compares them in both engines: none is broadcast, skipped or refused."""
    outputs = found.network.outputs
    if loss.name == "cross-entropy":
        is_weighed = loss.class_weights == "none" or len(loss.class_weights) == outputs
        is_class = train.y.dtype == np.int64 and train.y.ndim == 1
        return is_weighed and is_class and train.y.min() >= 0 and train.y.max() < outputs
    return train.y.dtype == np.float32 and train.y.shape == (len(train), outputs)


def _optimizer(optimizer: torch.optim.Optimizer, model: nn.Module) -> Optimizer | None:
    """What an optimizer is that moves all parameters alike from the start; None if it is another."""
    if len(optimizer.param_groups) != 1 or not _does_as_its_class(optimizer) or _remembers(optimizer):
        return None
    group = optimizer.param_groups[0]
    if [*map(id, group["params"])] != [*map(id, model.parameters())]:
        return None
    if type(group["lr"]) is not float or group.get("maximize") or group.get("differentiable"):
        return None
    try:
        return _rule(type(optimizer), group)
    except ValidationError:  # a setting that no recipe has, such as an eps of 0
        return None


def _does_as_its_class(optimizer: torch.optim.Optimizer) -> bool:
    own: dict[str, Any] = vars(optimizer)
    hooks = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")
    return not any(name in own for name in ("step", "zero_grad")) and not any(own.get(name) for name in hooks)


def _remembers(optimizer: torch.optim.Optimizer) -> bool:
    """Whether it has steps behind it, or begins with sums other than 0."""
    numbers = [torch.as_tensor(value) for state in optimizer.state.values() for value in state.values()]
    return any(bool(number.any()) for number in numbers)


def _rule(kind: type[Any], group: dict[str, Any]) -> Optimizer | None:
    """By the settings of the only group, in the recipe's words."""
    lr, decay = group["lr"], group.get("weight_decay")
    if decay is None:
        return None
    if kind is torch.optim.SGD and not group["dampening"]:
        if not group["momentum"]:
            return Sgd(lr=lr, weight_decay=decay)
        rule = Nesterov if group["nesterov"] else Momentum
        return rule(lr=lr, weight_decay=decay, momentum=group["momentum"])
    if kind in (torch.optim.Adam, torch.optim.AdamW) and not group["amsgrad"]:
        beta1, beta2 = group["betas"]
        rule = AdamW if group.get("decoupled_weight_decay", kind is torch.optim.AdamW) else Adam
        return rule(lr=lr, weight_decay=decay, beta1=beta1, beta2=beta2, eps=group["eps"])
    if kind is torch.optim.RMSprop and not group["momentum"] and not group["centered"]:
        return RmsProp(lr=lr, weight_decay=decay, alpha=group["alpha"], eps=group["eps"])
    if kind is torch.optim.Adagrad and not group["lr_decay"] and not group["initial_accumulator_value"]:
        return Adagrad(lr=lr, weight_decay=decay, eps=group["eps"])
    return None
