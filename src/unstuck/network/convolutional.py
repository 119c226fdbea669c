"""Networks for pictures: LeNet-5, AlexNet, VGG and a residual one, each from its paper, and small forms of them.

The small forms have a quarter of the widths and leave out what pictures of 28 x 28 pixels are too small for.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Literal

from unstuck.errors import RecipeError
from unstuck.network.layers import (
    Activation,
    Average,
    BatchNorm,
    Convolution,
    Dropout,
    Flatten,
    GroupNorm,
    Layer,
    Linear,
    Picture,
    Pool,
    Residual,
    Shortcut,
)
from unstuck.network.mlp import groups_of
from unstuck.network.shapes import Shape, along
from unstuck.recipe.model import AlexNet, LeNet, ResNet, Vgg

# Output channels of each 3 x 3 convolution, and where pixels are pooled: arXiv:1409.1556, table 1, A, B, D, E
POOL = "pool"
VGG: dict[str, tuple[int | Literal["pool"], ...]] = {
    "vgg11": (64, POOL, 128, POOL, 256, 256, POOL, 512, 512, POOL, 512, 512, POOL),
    "vgg13": (64, 64, POOL, 128, 128, POOL, 256, 256, POOL, 512, 512, POOL, 512, 512, POOL),
    "vgg16": (64, 64, POOL, 128, 128, POOL, *(256,) * 3, POOL, *(512,) * 3, POOL, *(512,) * 3, POOL),
    "vgg19": (64, 64, POOL, 128, 128, POOL, *(256,) * 4, POOL, *(512,) * 4, POOL, *(512,) * 4, POOL),
}
# A form is published from so many pixels a side on, if the recipe leaves it open: above, the small one sees too
# little of the picture at once; below, the published one has nothing left to pool.
PUBLISHED_FROM = 128
SMALLER = 4


def lenet(model: LeNet, shape: Shape, outputs: int) -> tuple[Layer, ...]:
    """LeNet-5 for pictures (C, H, W): 6 and 16 kernels of 5 x 5, then 120, 84 and the outputs.

    61 706 parameters for 28 x 28 gray pixels and 10 classes. Each map sees all of those before it, and the
    last layer is a linear one, where the paper has a table of connections and radial basis functions.
    """
    layers: list[Layer] = [Picture(*shape)]
    for inputs, width, padding in ((shape[0], 6, 2), (6, 16, 0)):
        layers += _convolved(model, Convolution(inputs, width, kernel=5, padding=padding))
        layers.append(Pool(model.pooling, 2, 2))
    size = math.prod(_end(layers, shape, "LeNet-5"))
    return (*layers, Flatten(), *_head(model, size, (120, 84), outputs))


def alexnet(model: AlexNet, shape: Shape, outputs: int) -> tuple[Layer, ...]:
    """AlexNet for pictures (C, H, W), without its local response normalization, which VGG's paper found useless.

    60 965 224 parameters in the published form for three colors and 1000 classes.
    """
    layers: list[Layer] = [Picture(*shape)]
    if published := _is_published(model.form, shape):
        widths, units, pool = (96, 256, 384, 384, 256), 4096, Pool("max", 3, 2)
        first = Convolution(shape[0], widths[0], kernel=11, stride=4, padding=2)
        groups = (2, 1, 2, 2)
    else:
        widths, units, pool = (24, 64, 96, 96, 64), 1024, Pool("max", 3, 2)
        first, groups = Convolution(shape[0], widths[0], kernel=5, padding=2), (1, 1, 1, 1)
    layers += [*_convolved(model, first), pool]
    for number, (inputs, width, count) in enumerate(zip(widths, widths[1:], groups, strict=False)):
        kernel = 5 if number == 0 else 3
        layers += _convolved(model, Convolution(inputs, width, kernel, padding=kernel // 2, groups=count))
        if number in (0, 3):
            layers.append(pool)
    layers += _leveled(_end(layers, shape, "AlexNet"), 6 if published else None)
    size = math.prod(_end(layers, shape, "AlexNet"))
    layers += [Flatten(), *_dropped(model.dropout)]
    return (*layers, *_head(model, size, (units, units), outputs, last_dropout=False))


def vgg(model: Vgg, shape: Shape, outputs: int) -> tuple[Layer, ...]:
    """VGG for pictures (C, H, W): a list of widths.

    138 357 544 parameters in the published form of VGG-16 for three colors and 1000 classes.
    """
    published = _is_published(model.form, shape)
    layers: list[Layer] = [Picture(*shape)]
    channels, sides = shape[0], min(shape[1:])
    for item in VGG[model.name]:
        if item != POOL:
            width = item if published else item // SMALLER
            layers += _convolved(model, Convolution(channels, width, kernel=3, padding=1))
            channels = width
        elif published or sides > 1:
            layers.append(Pool("max", 2, 2))
            sides //= 2
    layers += _leveled(_end(layers, shape, model.name), 7 if published else None)
    size, units = math.prod(_end(layers, shape, model.name)), 4096 if published else 128
    return (*layers, Flatten(), *_head(model, size, (units, units), outputs))


def resnet(model: ResNet, shape: Shape, outputs: int) -> tuple[Layer, ...]:
    """The paper's residual network for small pictures (C, H, W), with its shortcuts without weights (option A).

    Depth 20: 269 722 parameters for three colors and 10 classes.
    """
    blocks = (model.depth - 2) // 6
    layers: list[Layer] = [Picture(*shape), *_convolved(model, _plain(shape[0], model.width))]
    channels = model.width
    for stage in range(3):
        for block in range(blocks):
            width, stride = model.width * 2**stage, 2 if stage and not block else 1
            inner = [*_convolved(model, _plain(channels, width, stride))]
            inner += _normalized(model.normalization, _plain(width, width))
            shortcut = Shortcut(channels, width, stride) if channels != width else None
            layers += [Residual(tuple(inner), shortcut), Activation(model.activation)]
            channels = width
    _end(layers, shape, "resnet")
    return (*layers, Average(1), Flatten(), Linear(channels, outputs))


def _plain(inputs: int, outputs: int, stride: int = 1) -> Convolution:
    return Convolution(inputs, outputs, kernel=3, stride=stride, padding=1, bias=False)


def _convolved(model: LeNet | AlexNet | Vgg | ResNet, convolution: Convolution) -> Iterator[Layer]:
    yield from _normalized(model.normalization, convolution)
    yield Activation(model.activation)


def _normalized(name: str, convolution: Convolution) -> Iterator[Layer]:
    yield convolution
    features = convolution.outputs
    match name:
        case "batch":
            yield BatchNorm(features, pictures=True)
        case "layer":
            yield GroupNorm(1, features)
        case "group":
            yield GroupNorm(groups_of(features, least=2), features)  # one channel each is instance norm
        case "instance":
            yield GroupNorm(features, features)
        case _:
            return


def _head(
    model: LeNet | AlexNet | Vgg, inputs: int, units: Sequence[int], outputs: int, *, last_dropout: bool = True
) -> Iterator[Layer]:
    """Dense layers with their activation and dropout, then the outputs."""
    for number, width in enumerate(units):
        yield Linear(inputs, width)
        yield Activation(model.activation)
        if last_dropout or number < len(units) - 1:
            yield from _dropped(model.dropout)
        inputs = width
    yield Linear(inputs, outputs)


def _dropped(share: float) -> list[Layer]:
    return [Dropout(share)] if share else []


def _is_published(form: str, shape: Shape) -> bool:
    return form == "published" or (form == "auto" and min(shape[1:]) >= PUBLISHED_FROM)


def _leveled(end: Shape, sides: int | None) -> list[Layer]:
    """A published form's dense layers take what is left of 224 x 224 pixels; other pictures are averaged to it."""
    return [] if sides is None or end[1:] == (sides, sides) else [Average(sides)]


def _end(layers: Sequence[Layer], shape: Shape, name: str) -> Shape:
    """The shape after the layers; `RecipeError` if no pixel is left on the way."""
    sizes = along(tuple(layers), shape)
    if any(side < 1 for size in sizes for side in size[1:]):
        hint = f"Nothing is left of them inside {name}. Enlarge them: data.size does, for a folder of pictures."
        got = " x ".join(map(str, shape[1:]))
        raise RecipeError("the pictures", f"be larger for {name}", f"{got} pixels", hint=hint)
    return sizes[-1]
