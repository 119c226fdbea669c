"""A program: live objects that an engine can train. A user's own, or made from a recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer


@dataclass(frozen=True, kw_only=True, eq=False)
class Program:
    """Your own PyTorch code, as it is.

    Args:
        model: () → nn.Module, which draws its weights; or an nn.Module, of which every training starts a copy.
        train: (x, y) arrays or tensors with rows first; a torch Dataset; or a DataLoader, of which the data
            set, the way batches are put together and, unless given here, the batch size are taken. An epoch's
            last batch may be shorter, whatever its drop_last.
        validation: likewise, to choose by; or nothing.
        test: likewise, for the final score; or nothing.
        loss: (outputs, targets) → scalar.
        optimizer: (parameters) → torch optimizer.
        batch_size: rows per step; nothing: the DataLoader's, else 32.
        epochs: times that every training row is seen.
        patience: epochs in a row without a lower validation loss that end the training; nothing: none do.
        schedule: (step) → factor of the learning rate, as LambdaLR has it; nothing: the rate is left alone.
        step: (model, x, y, loss, optimizer) → loss, your own training step; nothing: the usual one.
        score: (outputs, targets) → float, higher is better; nothing: accuracy for classes, R² for numbers.
    """

    model: Callable[[], nn.Module] | nn.Module
    train: Any
    validation: Any = None
    test: Any = None
    loss: Callable[[Tensor, Tensor], Tensor]
    optimizer: Callable[[Iterable[nn.Parameter]], Optimizer]
    batch_size: int | None = None
    epochs: int = 20
    patience: int | None = None
    schedule: Callable[[int], float] | None = None
    step: Callable[[nn.Module, Tensor, Tensor, Callable[..., Tensor], Optimizer], Tensor] | None = None
    score: Callable[[Tensor, Tensor], float] | None = None
