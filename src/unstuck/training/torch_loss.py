"""A recipe's loss in torch: classes or numbers, label smoothing, weights of classes."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from unstuck.recipe.loss import Loss


class WeighedLoss(nn.Module):
    """A recipe's loss: (outputs, targets) → scalar, the mean over rows, each by its class's weight.

    Shapes: outputs (B, O); targets (B,) int64 classes, or (B, O) numbers, or probabilities of classes.
    """

    weights: Tensor | None

    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.spec = loss
        self.register_buffer("weights", None if loss.class_weights == "none" else torch.tensor(loss.class_weights))

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """As torch's cross_entropy defines weights and label smoothing; the other losses after its example."""
        smoothing = self.spec.label_smoothing
        if self.spec.name == "cross-entropy":
            if self.weights is None or not targets.is_floating_point():
                return functional.cross_entropy(outputs, targets, self.weights, label_smoothing=smoothing)
            # of probabilities torch's mean is over the rows, not over their weights
            total = functional.cross_entropy(
                outputs, targets, self.weights, label_smoothing=smoothing, reduction="sum"
            )
            return total / self._of_rows(targets).sum()
        numbers = targets
        if not targets.is_floating_point():
            numbers = functional.one_hot(targets, outputs.shape[1]).to(outputs.dtype)
        if smoothing:
            numbers = numbers * (1 - smoothing) + smoothing / outputs.shape[1]
        if self.weights is None:
            return self._compared(outputs, numbers, "mean")
        weights = self._of_rows(targets)
        return (self._compared(outputs, numbers, "none").mean(dim=1) * weights).sum() / weights.sum()

    def _of_rows(self, targets: Tensor) -> Tensor:
        assert self.weights is not None
        return targets @ self.weights if targets.is_floating_point() else self.weights[targets]

    def _compared(self, outputs: Tensor, targets: Tensor, reduction: str) -> Tensor:
        match self.spec.name:
            case "bce":
                return functional.binary_cross_entropy_with_logits(outputs, targets, reduction=reduction)
            case "mae":
                return functional.l1_loss(outputs, targets, reduction=reduction)
            case "huber":
                return functional.huber_loss(outputs, targets, reduction=reduction, delta=self.spec.delta)
            case _:
                return functional.mse_loss(outputs, targets, reduction=reduction)

    def count(self, targets: Tensor) -> float:
        """How much these rows count in a mean over several batches."""
        return float(len(targets)) if self.weights is None else float(self._of_rows(targets).sum())
