"""Changes of a module that rivals know: other activations, norms, weights drawn otherwise; not unstuck's."""

import copy
from collections.abc import Callable

from torch import Tensor, nn

from unstuck.training.program import Program

ACTIVATIONS = (
    nn.ReLU,
    nn.Sigmoid,
    nn.Tanh,
    nn.LeakyReLU,
    nn.ELU,
    nn.GELU,
    nn.SiLU,
    nn.SELU,
    nn.Softplus,
    nn.Softmax,
)
WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)

Change = Callable[[nn.Module], bool]
"""Changes a module in place; whether there was anything to change."""


def changed(program: Program, change: Change) -> Program | None:
    """The program with every new model changed; None where there is nothing to change."""
    given = program.model

    def make() -> nn.Module:
        model = copy.deepcopy(given) if isinstance(given, nn.Module) else given()
        change(model)
        return model

    trial = copy.deepcopy(given) if isinstance(given, nn.Module) else given()
    if not change(trial):
        return None
    return Program(**{**vars(program), "model": make})


def last_weighted(model: nn.Module) -> nn.Module | None:
    """The last layer with weights, as they are registered: what comes after it makes the answer."""
    layers = [module for module in model.modules() if isinstance(module, WEIGHTED)]
    return layers[-1] if layers else None


def activations(new: Callable[[], nn.Module]) -> Change:
    """Every activation module before the last layer is another one."""

    def change(model: nn.Module) -> bool:
        last, count = last_weighted(model), 0
        for parent in model.modules():
            for name, child in parent.named_children():
                if child is last:
                    return count > 0
                if isinstance(child, ACTIVATIONS):
                    setattr(parent, name, new())
                    count += 1
        return count > 0

    return change


def weights(draw: Callable[[Tensor], object]) -> Change:
    """Weights of all layers but the last are drawn anew, biases are zero."""

    def change(model: nn.Module) -> bool:
        last, count = last_weighted(model), 0
        for module in model.modules():
            if isinstance(module, WEIGHTED) and module is not last:
                draw(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
                count += 1
        return count > 0

    return change


def norms(model: nn.Module) -> bool:
    """Batch norm after every layer with weights but the last, where layers stand in a Sequential."""
    last, count = last_weighted(model), 0
    for parent in [module for module in model.modules() if isinstance(module, nn.Sequential)]:
        layers = list(parent)
        for place in range(len(layers) - 1, -1, -1):
            norm = _norm_for(layers[place])
            follows = layers[place + 1] if place + 1 < len(layers) else None
            if norm is None or layers[place] is last or isinstance(follows, nn.BatchNorm1d | nn.BatchNorm2d):
                continue
            parent.insert(place + 1, norm)
            count += 1
    return count > 0


def _norm_for(layer: nn.Module) -> nn.Module | None:
    if isinstance(layer, nn.Linear):
        return nn.BatchNorm1d(layer.out_features)
    kinds = {nn.Conv1d: nn.BatchNorm1d, nn.Conv2d: nn.BatchNorm2d, nn.Conv3d: nn.BatchNorm3d}
    return kinds[type(layer)](layer.out_channels) if type(layer) in kinds else None


def both(*changes: Change) -> Change:
    """One after the other."""
    return lambda model: all([change(model) for change in changes])
