"""recipe.model → Network, for data of a shape."""

import math
from typing import Literal

from unstuck.errors import RecipeError
from unstuck.network.convolutional import alexnet, lenet, resnet, vgg
from unstuck.network.layers import Activation, GroupNorm, Layer
from unstuck.network.mlp import autoencoder, mlp
from unstuck.network.network import Network
from unstuck.network.recurrent import recurrent
from unstuck.network.shapes import Shape, inside
from unstuck.recipe.loss import Loss
from unstuck.recipe.model import AlexNet, Autoencoder, LeNet, Mlp, Model, Own, Recurrent, ResNet, Vgg

# What a loss reads its outputs as, when it computes from logits; the other losses take outputs as they are.
LINKS: dict[str, Literal["softmax", "sigmoid"]] = {"cross-entropy": "softmax", "bce": "sigmoid"}


def build(model: Model, loss: Loss, *, shape: Shape, outputs: int, padded: bool = False) -> Network:
    """The network for one row of a shape: (F,), a picture (H, W) or (C, H, W), or a sequence (T, F).

    The loss must not be `auto` any more. `padded` says whether some sequences end before the last step.
    `RecipeError` where model and shape do not fit, or where the model is no network of ours.
    """
    inputs = math.prod(shape)
    layers = _layers(model, shape, outputs, padded=padded)
    _check_normalized(layers, inputs)
    if link := LINKS.get(loss.name):
        return Network(layers, inputs, outputs, link)
    if model.output not in ("auto", "identity"):
        layers = (*layers, Activation(model.output, model.slope if isinstance(model, Mlp) else 0.01))
    return Network(layers, inputs, outputs)


def _check_normalized(layers: tuple[Layer, ...], inputs: int) -> None:
    """One number minus its own mean is 0, whatever it was."""
    for layer, shape in inside(layers, (inputs,)):
        if isinstance(layer, GroupNorm) and math.prod(shape) == layer.groups:
            hint = f"One number is left to normalize of {' x '.join(map(str, shape))}; try batch or layer."
            name = "instance" if layer.groups == layer.features else "group"
            raise RecipeError("model.normalization", "be another for such small pictures", name, hint=hint)


def _layers(model: Model, shape: Shape, outputs: int, *, padded: bool) -> tuple[Layer, ...]:
    match model:
        case Mlp():
            return mlp(model, math.prod(shape), outputs)
        case Autoencoder():
            return autoencoder(model, math.prod(shape))
        case LeNet():
            return lenet(model, picture(model, shape), outputs)
        case AlexNet():
            return alexnet(model, picture(model, shape), outputs)
        case Vgg():
            return vgg(model, picture(model, shape), outputs)
        case ResNet():
            return resnet(model, picture(model, shape), outputs)
        case Recurrent():
            return recurrent(model, sequence(model, shape), outputs, padded=padded)
        case Own():
            raise RecipeError("model.name", "be a network of ours here", model.function)


def picture(model: Model, shape: Shape) -> Shape:
    """(C, H, W) of rows that are pictures (H, W) or (C, H, W)."""
    if len(shape) not in (2, 3):
        raise _misfit(model, "pictures", shape)
    return shape if len(shape) == 3 else (1, *shape)


def sequence(model: Model, shape: Shape) -> Shape:
    """(C, T, F) of rows that are sequences (T, F), or pictures (H, W) or (C, H, W), which are read row by row."""
    if len(shape) not in (2, 3):
        raise _misfit(model, "sequences, or pictures to read row by row", shape)
    return shape if len(shape) == 3 else (1, *shape)


def _misfit(model: Model, wanted: str, shape: Shape) -> RecipeError:
    hint = f"It takes {wanted}; rows here have shape ({', '.join(map(str, shape))})."
    return RecipeError("model.name", "suit the data", model.name, hint=f"{hint} An mlp takes rows of any shape.")
