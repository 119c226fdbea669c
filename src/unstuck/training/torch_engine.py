"""The torch engine: any nn.Module, with its own loss, optimizer and step."""

import copy
import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unstuck.engine import Arrays, Evaluation
from unstuck.errors import ProgramError
from unstuck.network.torch_module import Dropout
from unstuck.rng import torch_seed
from unstuck.training import torch_random
from unstuck.training.program import Program
from unstuck.training.torch_compiled import Compiled
from unstuck.training.torch_loss import WeighedLoss
from unstuck.training.torch_rows import Rows
from unstuck.training.torch_transfer import hold
from unstuck.training.transfer import Thaw

# Rows per block where no gradient is wanted, at least; more, if batches are larger.
_BLOCK = 500


Batch = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How the torch engine works, whatever it trains.

    Args:
        device: where the model and the rows are.
        threads: of the processor.
        precision: float32, or bf16: products in bfloat16 where torch's autocast finds that safe.
        compiled: whether torch.compile makes the model's forward and backward pass.
        clip_norm: longest gradient over all parameters, or None.
        augment: (x, y) → (x, y), a training batch changed at random, or None.
        thaw: which layers are trained when, where some are frozen.
    """

    device: torch.device
    threads: int = 1
    precision: str = "float32"
    compiled: bool = False
    clip_norm: float | None = None
    augment: Batch | None = None
    thaw: Thaw | None = None


@dataclass(eq=False)
class TorchEngine:
    """Trains a module in place, by default as everybody writes it, on data that stay on the device.

    The global random streams are this engine's own while it works, and put back after.
    """

    model: nn.Module
    forward: Callable[[Tensor], Tensor]
    loss: Callable[[Tensor, Tensor], Tensor]
    optimizer: torch.optim.Optimizer
    step: Callable[..., Tensor] | None
    rows: Rows
    batch_size: int
    setting: Setting
    random: dict[str, Tensor]
    scheduled: bool
    name: str = "torch"
    last: Tensor | None = None
    done: int = 0

    @classmethod
    def make(cls, program: Program, rows: Rows, *, batch_size: int, seed: int, setting: Setting) -> "TorchEngine":
        """An engine at the start of training; the model is drawn, or copied, under the stream `weights`."""
        device = setting.device
        with torch_random.lent(device):
            torch.manual_seed(torch_seed(seed, "weights"))
            model = _model(program.model).to(device)
        optimizer = program.optimizer(model.parameters())
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise ProgramError(
                f"optimizer must return a torch optimizer, got {type(optimizer).__name__}. "
                "Try lambda parameters: torch.optim.SGD(parameters, lr=0.1)."
            )
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        return cls(
            model,
            Compiled(model) if setting.compiled else model,
            program.loss.to(device) if isinstance(program.loss, nn.Module) else program.loss,
            optimizer,
            program.step,
            rows,
            batch_size,
            setting,
            torch_random.seeded(seed, device),
            program.schedule is not None,
        )

    @property
    def notes(self) -> list[str]:
        """What precision and compilation came to."""
        notes: list[str] = []
        if self.setting.precision == "bf16":
            notes.append("bf16: matrix products and convolutions of training in bfloat16, all else in float32")
        if isinstance(self.forward, Compiled) and self.forward.note:
            notes.append(self.forward.note)
        return notes

    @property
    def device(self) -> torch.device:
        """Where the model and the rows are."""
        return self.setting.device

    def advance(self, order: np.ndarray, factors: np.ndarray, done: int) -> np.ndarray:
        """Train on consecutive batches, as `Engine` says. With a step of the user's own, or on a GPU, a loss
        that is not finite is seen after its step."""
        batches = torch.from_numpy(order).to(self.device).split(self.batch_size)
        losses = torch.zeros(len(batches), device=self.device)
        step, checked = self.step or self._checked_step, self.step is None and self.device.type == "cpu"
        buffers = [*self.model.buffers()]
        dropouts = [module for module in self.model.modules() if isinstance(module, Dropout)]
        self.done = done
        with self._at_work(training=True):
            for number, rows in enumerate(batches):
                self._set_rate(factors[number])
                if number:
                    self._go_on(done + number)
                for dropout in dropouts:
                    dropout.step = done + number
                put_back = _restorer(buffers) if checked else None
                self.last, y = self.rows.batch(rows)
                if self.setting.augment:
                    self.last, y = self.setting.augment(self.last, y)
                loss = _scalar(step(self.model, self.last, y, self.loss, self.optimizer)).detach()
                losses[number] = loss
                if self.device.type == "cpu" and not math.isfinite(loss):
                    if put_back:
                        put_back()
                    break
        numbers = losses.cpu().numpy().astype(np.float64)
        wrong = ~np.isfinite(numbers)
        return numbers[: wrong.argmax() + 1] if wrong.any() else numbers

    def _checked_step(
        self, model: nn.Module, x: Tensor, y: Tensor, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer
    ) -> Tensor:
        for group in optimizer.param_groups:  # zero_grad, without its profiling hooks (docs/log.md)
            for parameter in group["params"]:
                parameter.grad = None
        with self._cast():
            value = _scalar(loss(self.forward(x), y))
        if self.device.type == "cpu" and not math.isfinite(value.detach()):
            return value.detach()
        value.backward()
        if self.setting.clip_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), self.setting.clip_norm)
        optimizer.step()
        return value.detach()

    def _go_on(self, done: int) -> None:
        self.done = done
        if self.setting.thaw and self.setting.thaw.changes_at(done):
            hold(self.model, self.setting.thaw, done)

    def _cast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.setting.precision == "bf16")

    def _set_rate(self, factor: float) -> None:
        if self.scheduled:
            for group in self.optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor

    def evaluate(self, rows: Any) -> Evaluation:
        """Outputs and mean loss over rows, in evaluation mode."""
        outputs, targets, total, rows_counted = [], [], 0.0, 0.0
        count = self.loss.count if isinstance(self.loss, WeighedLoss) else len
        with self._at_work(training=False), torch.no_grad():
            for block in torch.arange(len(rows), device=self.device).split(max(_BLOCK, self.batch_size)):
                x, y = rows.batch(block)
                output = self.model(x)
                if not isinstance(output, Tensor):
                    raise ProgramError(f"the model must return one tensor, got {type(output).__name__}.")
                total += count(y) * float(_scalar(self.loss(output, y)))
                rows_counted += count(y)
                outputs.append(output.float().cpu().numpy())
                targets.append(y.cpu().numpy())
        return Evaluation(np.concatenate(outputs), np.concatenate(targets), total / rows_counted)

    def outputs(self, x: Any) -> np.ndarray:
        """Outputs (N, …) for inputs (N, …), arrays or tensors."""
        inputs = torch.as_tensor(x)
        inputs = inputs.float() if inputs.dtype == torch.float64 else inputs
        with self._at_work(training=False), torch.no_grad():
            blocks = [self.model(block.to(self.device)).float().cpu() for block in inputs.split(_BLOCK)]
        return torch.cat(blocks).numpy()

    def trouble(self) -> str | None:
        """The first innermost module whose output for the last batch is not finite."""
        found: list[str] = []

        def look(name: str) -> Callable[..., None]:
            def hook(module: nn.Module, inputs: Any, output: Any) -> None:
                if isinstance(output, Tensor) and not output.isfinite().all():
                    found.append(f"layer {name} ({type(module).__name__})" if name else "the model")

            return hook

        inner = [(name, part) for name, part in self.model.named_modules() if not [*part.children()]]
        handles = [part.register_forward_hook(look(name)) for name, part in inner]
        before, random = copy.deepcopy(self.model.state_dict()), self.random
        with self._at_work(training=True), torch.no_grad():
            self.model(self.last)
        self.random = random
        self.model.load_state_dict(before)
        for handle in handles:
            handle.remove()
        return found[0] if found else None

    def weights(self) -> dict[str, np.ndarray]:
        """Copies of parameters and buffers, by their names in the module."""
        return {name: value.detach().cpu().numpy().copy() for name, value in self.model.state_dict().items()}

    def memory(self) -> dict[str, np.ndarray]:
        """Copies of the optimizer's state, by parameter number and name, and of the random stream."""
        kept = {f"random.{name}": state.numpy().copy() for name, state in self.random.items()}
        for number, state in self.optimizer.state_dict()["state"].items():
            for name, value in state.items():
                if value is not None:
                    kept[f"{number}.{name}"] = torch.as_tensor(value).detach().cpu().numpy().copy()
        return kept

    def restore(self, weights: Arrays, memory: Arrays | None = None) -> None:
        """Put weights, and the optimizer's state if given, back in place."""
        self.model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights.items()})
        if memory is None:
            return
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in memory.items():
            owner, _, name = key.partition(".")
            if owner == "random":
                self.random[name] = torch.from_numpy(value.copy())
            else:
                state.setdefault(int(owner), {})[name] = _laid_out(value, parameters[int(owner)])
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})

    @contextmanager
    def _at_work(self, *, training: bool) -> Generator[None]:
        """The right mode and number of threads, and, in training, the engine's own random stream."""
        threads, was_training = torch.get_num_threads(), self.model.training
        torch.set_num_threads(self.setting.threads)
        self.model.train(training)
        if training and self.setting.thaw:
            hold(self.model, self.setting.thaw, self.done)
        try:
            with torch_random.lent(self.device):
                torch_random.put(self.random)
                yield
                if training:
                    self.random = torch_random.current(self.device)
        finally:
            self.model.train(was_training)
            torch.set_num_threads(threads)


def device_named(name: str) -> torch.device:
    """The device; auto is a GPU if there is one."""
    if name not in ("auto", "cpu", "cuda"):
        raise ProgramError(f"device must be auto, cpu or cuda, got {name!r}.")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    elif name == "cuda" and not torch.cuda.is_available():
        raise ProgramError("device must be one that this machine has, got 'cuda'. Try cpu or auto.")
    return torch.device(name)


def _restorer(buffers: list[Tensor]) -> Callable[[], None]:
    """What undoes a forward pass: it draws random numbers, and BatchNorm's moves its statistics."""
    random, values = torch.get_rng_state(), [buffer.clone() for buffer in buffers]

    def put_back() -> None:
        torch.set_rng_state(random)
        for buffer, value in zip(buffers, values, strict=True):
            buffer.copy_(value)

    return put_back


def _laid_out(value: np.ndarray, parameter: Tensor) -> Tensor:
    """A copy whose numbers lie in memory as the parameter's do: fused optimizers pair them by place there."""
    tensor = torch.from_numpy(value.copy())
    if tensor.shape != parameter.shape:
        return tensor
    return torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)


def _model(given: Callable[[], nn.Module] | nn.Module) -> nn.Module:
    if isinstance(given, nn.Module):
        return copy.deepcopy(given)
    model = given()
    if not isinstance(model, nn.Module):
        raise ProgramError(f"model must return an nn.Module, got {type(model).__name__}.")
    return model


def _scalar(loss: Any) -> Tensor:
    if isinstance(loss, Tensor) and loss.numel() == 1:
        return loss
    got = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
    raise ProgramError(
        f"the loss must be a tensor of one number, got {got}. A loss with reduction='mean' returns one."
    )
