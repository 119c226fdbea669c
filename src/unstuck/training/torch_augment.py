"""A recipe's augmentation in torch: whole batches on their device, each row changed by draws of its own.

kornia moves, flips, crops and erases pictures. Draws come from torch's global streams, which the engine lends its
own: they follow from the seed, and a checkpoint keeps where they stand.
"""

from collections.abc import Callable
from dataclasses import dataclass

import kornia.augmentation as kornia
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unstuck.data.dataset import Dataset
from unstuck.recipe.augment import Augment
from unstuck.rng import torch_seed
from unstuck.training import torch_random

# Shares of the area and the sides' ratio of what is erased: Zhong et al. 2020, arXiv:1708.04896, section 4.1.
_ERASED, _RATIO = (0.02, 0.4), (0.3, 1 / 0.3)

Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """Flat rows (B, C · H · W) as pictures of which 0 is blank, in one unit for all pixels, and back.

    Where each pixel was scaled by its own mean and deviation, a scaled picture cannot be moved: its pixels would
    come to stand on others' means.
    """

    shape: tuple[int, ...]
    factor: Tensor
    offset: Tensor

    @classmethod
    def of(cls, dataset: Dataset, device: torch.device) -> "Pictures":
        """Blank is 0 of bytes, and of other numbers the least that occurs."""
        shape = dataset.shape if len(dataset.shape) == 3 else (1, *dataset.shape)
        scaling, x = dataset.inputs, dataset.train.x
        blank = 0.0 if x.dtype == np.uint8 else float(scaling.undo(x.min(axis=0)).min())
        factor, offset = scaling.factor, scaling.shift - np.float32(blank)
        if factor.ndim == 0:  # one scale for all: it need not be undone
            factor, offset = np.ones_like(factor), offset * factor
        factor, offset = (part.reshape(shape) if part.ndim else part for part in (factor, offset))
        return cls(
            shape=shape, factor=torch.tensor(factor, device=device), offset=torch.tensor(offset, device=device)
        )

    def of_rows(self, x: Tensor) -> Tensor:
        """(B, C · H · W) → (B, C, H, W)."""
        return x.reshape(-1, *self.shape) / self.factor + self.offset

    def rows(self, pictures: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C · H · W)."""
        return ((pictures - self.offset) * self.factor).flatten(1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Augmentation:
    """A batch (x, y) → (x, y), changed at random; what is given stays as it is.

    Shapes: x (B, F), scaled; y (B,) classes, or (B, O) numbers. Mixup makes probabilities (B, classes) of
    classes, so that the loss of such a step is that of mixed targets.

    Args:
        pictures: what rows are, if they are pictures that change.
        moves: changes of pictures (B, C, H, W) that leave what they show.
        erasing: the change that leaves a part of it.
        noise: standard deviation, in the scaled unit.
        mixup: α of Beta(α, α).
        classes: how many; None where numbers are predicted.
        learns_itself: the targets are the inputs, which move along; noise and what is erased are to be made good.
    """

    pictures: Pictures | None
    moves: tuple[Change, ...]
    erasing: Change | None
    noise: float
    mixup: float
    classes: int | None
    learns_itself: bool = False

    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The batch, changed."""
        if self.pictures:
            shown = self.pictures.of_rows(x)
            for change in self.moves:
                shown = change(shown)
            if self.learns_itself:
                y = self.pictures.rows(shown)
            x = self.pictures.rows(self.erasing(shown) if self.erasing else shown)
        if self.noise:
            x = x + self.noise * torch.randn_like(x)
        return self._mixed(x, y) if self.mixup else (x, y)

    def _mixed(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Each row with another of the batch: λ of the one and 1 - λ of the other.

        λ is the larger share, as in Berthelot et al. 2019, arXiv:1905.02249: pairs are drawn in either order, so
        that the mixtures are the same, and each row stays the nearest to its own.
        """
        alpha = torch.tensor(self.mixup)
        share = torch.distributions.Beta(alpha, alpha).sample((len(x), 1)).to(x.device)
        share = torch.maximum(share, 1 - share)
        other = torch.randperm(len(x), device=x.device)
        targets = y if self.classes is None else functional.one_hot(y, self.classes).to(x.dtype)
        return share * x + (1 - share) * x[other], share * targets + (1 - share) * targets[other]


def augmentation(
    spec: Augment, dataset: Dataset, device: torch.device, *, learns_itself: bool = False
) -> Augmentation:
    """What a recipe's `augment` does to the training batches of a data set."""
    pictures = Pictures.of(dataset, device) if spec.of_pictures else None
    return Augmentation(
        pictures=pictures,
        moves=_moves(spec, *pictures.shape[1:]) if pictures else (),
        erasing=kornia.RandomErasing(_ERASED, _RATIO, p=spec.erasing) if spec.erasing else None,
        noise=spec.noise,
        mixup=float(spec.mixup),
        classes=len(dataset.classes) if dataset.classes else None,
        learns_itself=learns_itself,
    )


def _moves(spec: Augment, height: int, width: int) -> tuple[Change, ...]:
    changes: list[Change] = []
    if spec.shift or spec.zoom or spec.rotation:
        shift, scale = (spec.shift, spec.shift), (1 - spec.zoom, 1 + spec.zoom)
        changes.append(kornia.RandomAffine(spec.rotation, shift, scale, p=1.0))
    if spec.flip in ("horizontal", "both"):
        changes.append(kornia.RandomHorizontalFlip())
    if spec.flip in ("vertical", "both"):
        changes.append(kornia.RandomVerticalFlip())
    if spec.crop < 1:
        ratio = (width / height, width / height)
        changes.append(
            kornia.RandomResizedCrop((height, width), (spec.crop, 1.0), ratio, cropping_mode="resample")
        )
    return tuple(changes)


def versions_of(
    spec: Augment, dataset: Dataset, index: np.ndarray, *, times: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """What becomes of some training rows, by their place (R,), each changed so many times, to be looked at.

    Shapes: inputs in the unit of their source (R, times, *shape), and targets (R, times), (R, times, O) or, after
    mixup, which mixes these rows with each other, probabilities (R, times, classes).
    """
    cpu = torch.device("cpu")
    split, change = dataset.train.take(index), augmentation(spec, dataset, cpu)
    scaled = dataset.inputs.apply(split.x) if split.x.dtype == np.uint8 else split.x
    x, y = torch.from_numpy(scaled.reshape(len(split), -1)), torch.from_numpy(split.y)
    with torch_random.lent(cpu):
        torch.manual_seed(torch_seed(seed, "augmentation"))
        drawn = [change(x, y) for _ in range(times)]
    inputs, targets = (torch.stack(part, dim=1).numpy() for part in zip(*drawn, strict=True))
    return dataset.inputs.undo(inputs.reshape(len(split), times, *dataset.shape)), targets
