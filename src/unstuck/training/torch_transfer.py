"""Transfer in torch: weights read from files in which no code is run, and layers that move or do not."""

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from unstuck.errors import RunError
from unstuck.recipe.spec import Recipe
from unstuck.recipe.transfer import Transfer
from unstuck.rng import torch_seed
from unstuck.training import torch_random, torch_vision, transfer
from unstuck.training.program import Program
from unstuck.training.transfer import Part, Thaw, Trained, layers_of

# What torch and safetensors raise on content that is not what it should be, however it was made up.
_DAMAGE = (
    SafetensorError,
    UnpicklingError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
)
# Where others put the state dict, and what wrappers put before its names.
_INSIDE = ("state_dict", "model_state_dict", "model")
_BEFORE = ("module.", "_orig_mod.", "weights:")


def trained(spec: Transfer) -> Trained:
    """What a recipe's source gives; one that is missing, damaged or no weights is a `RunError`."""
    if transfer.is_library(spec.source):
        return torch_vision.trained(spec.source)
    if transfer.is_file(spec.source):
        return _of_file(Path(spec.source).expanduser())
    return transfer.of_run(Path(spec.source).expanduser())


def _of_file(path: Path) -> Trained:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}.") from None
    try:
        if path.suffix.lower() == ".safetensors":
            said: Any = load_safetensors(content)
        else:
            said = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except UnpicklingError:
        said = "holds more than weights, or is damaged, and no code of it is run"
        raise RunError(f"{path} {said}. Save model.state_dict(), and give that.") from None
    except _DAMAGE as error:
        raise RunError(f"{path} is damaged ({' '.join(str(error).split())}).") from None
    return Trained(weights=_arrays(said, path), sha256=hashlib.sha256(content).hexdigest())


def _arrays(said: Any, path: Path) -> dict[str, np.ndarray]:
    for name in _INSIDE:
        if isinstance(said, Mapping) and isinstance(said.get(name), Mapping):
            said = said[name]
    if not isinstance(said, Mapping) or not said:
        raise RunError(f"{path} must hold weights by name, as model.state_dict() gives them.")
    for name, value in said.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            got = type(value).__name__
            raise RunError(f"{path} must hold a tensor for each name, got {got} for {name!r}.")
    arrays = {name: torch_vision.array(value) for name, value in said.items()}
    grouped = {name: value for name, value in arrays.items() if name.startswith("weights:")}  # of a run of ours
    arrays = grouped or arrays
    for prefix in _BEFORE:
        if all(name.startswith(prefix) for name in arrays):
            arrays = {name.removeprefix(prefix): value for name, value in arrays.items()}
    return arrays


def parts_of(model: nn.Module) -> list[Part]:
    """A module's inner parts that keep something, or have none inside them, in order."""
    found: list[Part] = []
    for name, module in model.named_modules():
        own = dict(module.named_parameters(recurse=False))
        shapes = {key: tuple(value.shape) for key, value in own.items()}
        buffers = tuple(key for key, _ in module.named_buffers(recurse=False))
        if own or buffers or not [*module.children()]:
            found.append(Part(name, shapes, buffers, tuple(key for key in own if not own[key].requires_grad)))
    return found


def transferred(program: Program, recipe: Recipe, given: Trained | None, *, steps: int) -> tuple[Program, Thaw]:
    """A recipe's program that starts from a source's weights, and when its layers move.

    Without a source its weights are put in afterwards. `steps` are those of an epoch.
    """
    assert recipe.transfer is not None
    model = program.model
    if not isinstance(model, nn.Module):
        with torch_random.lent(torch.device("cpu")):
            torch.manual_seed(torch_seed(recipe.seed, "weights"))
            model = model()
    thaw = Thaw.of(recipe.transfer, layers_of(parts_of(model)), steps)
    if given:
        put_weights(model, thaw, given)
    grouped = groups(model, thaw, recipe.optimizer.lr)
    return replace(program, model=model, optimizer=lambda parameters: program.optimizer(grouped(parameters))), thaw


def put_weights(model: nn.Module, thaw: Thaw, given: Trained) -> None:
    """Put a source's weights into all but the head, or nothing where one does not fit."""
    state = model.state_dict()
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    found = transfer.fitting(given.weights, shapes, thaw.head.names())
    with torch.no_grad():
        for name, value in found.items():
            state[name].copy_(torch.from_numpy(np.array(value)))


def groups(model: nn.Module, thaw: Thaw, lr: float) -> Callable[[Iterable[nn.Parameter]], Any]:
    """What an optimizer is to be given for the parameters of a copy of the model: the backbone at its own rate."""
    names = [name for name, _ in model.named_parameters()]
    head = {*thaw.head.names()}

    def grouped(parameters: Iterable[nn.Parameter]) -> Any:
        named = dict(zip(names, parameters, strict=True))
        return [
            {"params": [value for name, value in named.items() if name not in head], "lr": lr * thaw.rate},
            {"params": [value for name, value in named.items() if name in head], "lr": lr},
        ]

    return grouped


def hold(model: nn.Module, thaw: Thaw, step: int) -> None:
    """Let move what is trained in this step, and nothing else: the model is in training mode before.

    A frozen parameter has no gradient, and what has none the optimizer passes by, decay and momentum too.
    """
    modules = dict(model.named_modules())
    for layer, is_trained in zip(thaw.layers, thaw.trained(step), strict=True):
        for part in layer.parts:
            modules[part.name].training = is_trained
            for name in part.parameters.keys() - part.fixed:
                modules[part.name].get_parameter(name).requires_grad_(is_trained)
    named = {part.name for layer in thaw.layers for part in layer.parts}
    for name, module in modules.items():  # what only holds others may still drop units by itself
        if name not in named and any(True for _ in module.parameters()):
            module.training = any(parameter.requires_grad for parameter in module.parameters())
