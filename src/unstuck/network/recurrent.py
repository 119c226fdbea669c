"""Networks that read sequences step by step."""

from unstuck.network.layers import Dropout, Layer, Linear, Recurrent, Sequence
from unstuck.network.shapes import Shape
from unstuck.recipe import model as recipe


def recurrent(model: recipe.Recurrent, shape: Shape, outputs: int, *, padded: bool) -> tuple[Layer, ...]:
    """A recurrent network for sequences (C, T, F); `padded` says whether some end before the last step."""
    channels, steps, features = shape
    reader = Recurrent(
        model.name,
        channels * features,
        model.hidden,
        layers=model.layers,
        directions=model.directions,
        dropout=model.dropout if model.layers > 1 else 0.0,  # between layers
        padded=padded,
    )
    dropout = [Dropout(model.dropout)] if model.dropout else []
    return (
        Sequence(steps, features, channels),
        reader,
        *dropout,
        Linear(model.hidden * model.directions, outputs),
    )
