"""Networks that timm or torchvision publish, with their weights, where one of them is installed."""

import hashlib
import importlib
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unstuck.engine import Arrays
from unstuck.errors import ProgramError, RunError
from unstuck.training.transfer import Trained

# Of ImageNet's pictures, by color: what torchvision's weights, and most of timm's, were trained with.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_MEND = {
    "timm": "pip install timm",
    "torchvision": "pip install torchvision, from the index that torch is from, "
    "such as --index-url https://download.pytorch.org/whl/cpu",
}


class Published(nn.Module):
    """A published network for pictures in [0, 1], grey ones too: it is given them as it was trained."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).reshape(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, 1 or 3, H, W) → (B, outputs)."""
        return self.network((x.expand(-1, 3, -1, -1) - self.mean) / self.std)


def made(name: str, shape: tuple[int, ...], outputs: int) -> Published:
    """The network `timm:NAME` or `torchvision:NAME`, its weights drawn, for pictures (H, W) or (C, H, W)."""
    colors = shape[0] if len(shape) == 3 else 1
    if len(shape) not in (2, 3) or colors not in (1, 3):
        raise ProgramError(f"{name} must be given pictures, grey or of three colors, got rows of shape {shape}.")
    network = _created(name, pretrained=False, outputs=outputs)
    told = getattr(network, "default_cfg", {})
    return Published(network, told.get("mean", _MEAN), told.get("std", _STD))


def trained(name: str) -> Trained:
    """The weights that are published under the name, fetched by the library that publishes them."""
    state = _created(name, pretrained=True).state_dict()
    weights = {key: array(value) for key, value in state.items()}
    return Trained(weights=weights, sha256=_sha256(weights))


def array(value: Tensor) -> np.ndarray:
    """A copy; half precision, some of which NumPy does not know, as float32."""
    value = value.detach().cpu()
    return (value.float() if value.is_floating_point() else value).numpy().copy()


def _created(name: str, *, pretrained: bool, outputs: int | None = None) -> nn.Module:
    library, _, model = name.partition(":")
    if not re.fullmatch(r"[\w.-]+", model):  # timm also takes addresses and folders there, of anyone's making
        raise RunError(f"{name} must be {library}:NAME, the name of a network that {library} publishes.")
    found = _library(library)
    wanted = {} if outputs is None else {"num_classes": outputs}
    if library == "timm":
        make = partial(found.create_model, model, pretrained=pretrained, **wanted)
    else:
        make = partial(found.models.get_model, model, weights="DEFAULT" if pretrained else None, **wanted)
    try:
        return make()
    except (OSError, RuntimeError, ValueError, LookupError, TypeError) as error:
        said = " ".join(str(error).split())
        what = "weights that can be fetched" if pretrained else "a network"
        raise RunError(f"{name} must name {what}; {library} said: {said}") from error


def _library(name: str) -> Any:
    """The library; one that was built for another torch may raise a `RuntimeError`, as torchvision does."""
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError, AttributeError, OSError) as error:
        said = " ".join(str(error).split())
        raise RunError(f"{name} cannot be imported ({said}). Try {_MEND[name]}") from error


def _sha256(weights: Arrays) -> str:
    digest = hashlib.sha256()
    for name, value in weights.items():
        digest.update(f"{name} {value.dtype.str} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
