"""Network → nn.Module."""

import numpy as np
import torch
from torch import nn

from unstuck.network.layers import Activation, Layer, LayerNorm, Linear, Network

_ACTIVATIONS = {"identity": nn.Identity, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}


def torch_module(network: Network, parameters: np.ndarray) -> nn.Sequential:
    """The same network in torch, with copies of the flat parameters (size,); names are the places' names."""
    module = nn.Sequential(*map(_layer, network.layers))
    with torch.no_grad():
        for name, value in network.named(parameters).items():
            module.get_parameter(name).copy_(torch.from_numpy(value.copy()))
    return module


def _layer(layer: Layer) -> nn.Module:
    match layer:
        case Linear(inputs=inputs, outputs=outputs):
            return nn.utils.skip_init(nn.Linear, inputs, outputs)
        case LayerNorm(features=features, eps=eps):
            return nn.LayerNorm(features, eps=eps)
        case Activation(name="softmax"):
            return nn.Softmax(dim=1)
        case Activation(name="leaky-relu", slope=slope):
            return nn.LeakyReLU(slope)
        case Activation(name=name):
            return _ACTIVATIONS[name]()
        case _:
            return nn.Dropout(layer.share)
