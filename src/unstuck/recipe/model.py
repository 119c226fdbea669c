"""recipe.model: the networks that can be named, and anyone's own by `package.module:function`."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from unstuck.recipe.initializer import Initializer, Scaled
from unstuck.recipe.part import Canonical, Count, Fraction, Listed, Part, named

Activation = Literal["identity", "sigmoid", "tanh", "relu", "leaky-relu", "elu", "selu", "gelu", "softmax"]
Output = Literal["auto", "identity", "sigmoid", "tanh", "relu", "leaky-relu", "elu", "selu", "gelu", "softmax"]
Normalization = Literal["none", "batch", "layer", "group", "instance"]
Form = Literal["auto", "published", "small"]

_Activation = Annotated[Activation, Canonical]
_Normalization = Annotated[Normalization, Canonical]
_Widths = Annotated[tuple[Count, ...], Listed]


class Mlp(Part):
    """A multi-layer perceptron: fully connected layers, each followed by its activation."""

    name: Literal["mlp"] = "mlp"
    hidden: _Widths = (128, 64)
    """Widths of the hidden layers, in units; none makes a linear model."""
    activation: _Activation = "relu"
    """After each hidden layer."""
    slope: Fraction = 0.01
    """Slope of leaky-relu below zero, in [0, 1)."""
    normalization: _Normalization = "none"
    """Normalization of each hidden layer."""
    normalization_place: Literal["before", "after"] = "before"
    """Whether normalization stands before or after the activation."""
    dropout: Fraction = 0.0
    """Share of the hidden units dropped in training, in [0, 1)."""
    input_dropout: Fraction = 0.0
    """Share of the inputs dropped in training, in [0, 1)."""
    output: Annotated[Output, Canonical] = "auto"
    """Activation of the last layer; auto is what the loss expects."""
    initializer: Initializer = Scaled()
    """How weights start."""


class LeNet(Part):
    """LeNet-5, LeCun et al. 1998, Proc. IEEE 86(11): two convolutions with pooling, three dense layers."""

    name: Literal["lenet"] = "lenet"
    activation: _Activation = "relu"
    """After each layer but the last; the paper's is a tanh."""
    pooling: Literal["max", "average"] = "max"
    """How each 2 x 2 pixels become one; the paper averages."""
    normalization: _Normalization = "none"
    """Normalization of each convolution."""
    dropout: Fraction = 0.0
    """Share of the units of the dense layers dropped in training, in [0, 1)."""
    output: Annotated[Output, Canonical] = "auto"
    """Activation of the last layer; auto is what the loss expects."""
    initializer: Initializer = Scaled()
    """How weights start."""


class AlexNet(Part):
    """AlexNet, Krizhevsky et al. 2012, NIPS: five convolutions, three in two groups, then three dense layers."""

    name: Literal["alexnet"] = "alexnet"
    form: Form = "auto"
    """published: the paper's, for 224 x 224; small: a quarter of the widths, for 28 x 28; auto: what suits."""
    activation: _Activation = "relu"
    """After each layer but the last."""
    normalization: _Normalization = "none"
    """Normalization of each convolution."""
    dropout: Fraction = 0.5
    """Share of the units before the first two dense layers dropped in training, in [0, 1)."""
    output: Annotated[Output, Canonical] = "auto"
    """Activation of the last layer; auto is what the loss expects."""
    initializer: Initializer = Scaled(name="he-normal")
    """How weights start."""


class Vgg(Part):
    """VGG, Simonyan & Zisserman 2015, arXiv:1409.1556, table 1: 3 x 3 convolutions, then three dense layers."""

    name: Literal["vgg11", "vgg13", "vgg16", "vgg19"] = "vgg11"
    form: Form = "auto"
    """published: the paper's, for 224 x 224; small: a quarter of the widths, for 28 x 28; auto: what suits."""
    activation: _Activation = "relu"
    """After each layer but the last."""
    normalization: _Normalization = "none"
    """Normalization of each convolution; the paper has none."""
    dropout: Fraction = 0.5
    """Share of the units after the first two dense layers dropped in training, in [0, 1)."""
    output: Annotated[Output, Canonical] = "auto"
    """Activation of the last layer; auto is what the loss expects."""
    initializer: Initializer = Scaled(name="he-normal")
    """How weights start."""


class ResNet(Part):
    """A residual network for small pictures, He et al. 2016, arXiv:1512.03385, 4.2: 6 n + 2 layers."""

    name: Literal["resnet"] = "resnet"
    depth: Literal[8, 14, 20, 32, 44, 56, 110] = 20
    """Layers with weights: 6 n + 2, n blocks in each of three stages."""
    width: Count = 16
    """Channels of the first stage; the second has twice, the third four times as many."""
    activation: _Activation = "relu"
    """After each convolution, and after each sum."""
    normalization: _Normalization = "batch"
    """Normalization of each convolution."""
    output: Annotated[Output, Canonical] = "auto"
    """Activation of the last layer; auto is what the loss expects."""
    initializer: Initializer = Scaled(name="he-normal")
    """How weights start."""


class Recurrent(Part):
    """A network that reads a sequence step by step: plain (rnn), Hochreiter & Schmidhuber's lstm, or Cho's gru."""

    name: Literal["rnn", "lstm", "gru"] = "lstm"
    hidden: Count = 128
    """Units of each layer and direction."""
    layers: Count = 1
    """Recurrent layers, one on top of the other."""
    directions: Literal[1, 2] = 1
    """2: also reads from the end to the start."""
    dropout: Fraction = 0.0
    """Share of the units dropped between layers and before the last one in training, in [0, 1)."""
    output: Annotated[Output, Canonical] = "auto"
    """Activation of the last layer; auto is what the loss expects."""
    initializer: Initializer = Scaled()
    """How weights start."""


class Autoencoder(Part):
    """Learns to give back its input through a narrow middle: its targets are its inputs."""

    name: Literal["autoencoder"] = "autoencoder"
    hidden: _Widths = (128, 32)
    """Widths of the encoder, in units; the last is the code, and the decoder is the encoder backwards."""
    activation: _Activation = "relu"
    """After each layer but the code and the last."""
    dropout: Fraction = 0.0
    """Share of the hidden units dropped in training, in [0, 1)."""
    input_dropout: Fraction = 0.0
    """Share of the inputs dropped in training, in [0, 1): a denoising autoencoder."""
    output: Annotated[Output, Canonical] = "auto"
    """Activation of the last layer; auto is what the loss expects."""
    initializer: Initializer = Scaled()
    """How weights start."""


# Whose networks are named as `timm:resnet18`
LIBRARIES = ("timm", "torchvision")


class Own(Part):
    """Anyone's module: a function or class of yours that returns an nn.Module."""

    name: Literal["own"] = "own"
    function: Annotated[str, Field(pattern=r"^[\w.]+:[\w.]+$")]
    """`package.module:function`; called with shape=(…) and outputs=… if it has arguments of these names."""
    output: Annotated[Output, Canonical] = "auto"
    """What its outputs are; auto is what the loss expects, logits for classes."""

    @property
    def is_library(self) -> bool:
        """Whether it is a published network, timm:NAME or torchvision:NAME, and no code of the user's."""
        return self.function.partition(":")[0] in LIBRARIES


def _own(value: Any) -> Any:
    """`"package.module:function"` stands for `{ name = "own", function = "package.module:function" }`."""
    name = value.get("name") if isinstance(value, dict) else value
    if isinstance(name, str) and ":" in name:
        return {"name": "own", "function": name}
    return value


# The kinds whose names pydantic tells apart by; VGG is four, the recurrent ones three of them.
Model = Annotated[
    Mlp | LeNet | AlexNet | Vgg | ResNet | Recurrent | Autoencoder | Own,
    Field(discriminator="name"),
    named("mlp"),
    BeforeValidator(_own),
]
